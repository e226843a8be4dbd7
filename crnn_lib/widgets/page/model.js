// A widget's fields, kept in step with everything else that holds them: the kernel and other views of the widget.

/**
 * @param {any} model anywidget's: get, set, save_changes, on, off @param {AbortSignal} signal ends the listening
 * @returns {Model}
 */
export function followed(model, signal) {
  let saving = false;
  return {
    get: (name) => model.get(name),
    save(fields) {
      saving = true;
      try {
        for (const [name, value] of Object.entries(fields)) model.set(name, value);
        model.save_changes();
      } finally {
        saving = false;
      }
    },
    on(names, act) {
      for (const event of names.map((name) => `change:${name}`)) {
        const listener = () => void (saving || act());
        model.on(event, listener);
        signal.addEventListener("abort", () => model.off(event, listener));
      }
    },
  };
}

/**
 * @typedef {{get: (name: string) => any, save: (fields: Object<string, any>) => void, on: (names: string[], act: () => void) => void}} Model
 *   save sets fields; on calls `act` when somebody else has set one of these
 */
