// What the widgets compute with: readers and recordings by name, each loaded once.
import { createReader } from "./engine.js";

/** @typedef {ReturnType<typeof createBackend>} Backend */

/**
 * @param {{readers: string[], load: (name: string) => Promise<Uint8Array>, data: (name: string) => Promise<any>}} host
 *   readers: names; load: a reader's page weights; data: a recording
 */
export function createBackend({ readers, load, data }) {
  /** @type {Map<string, Promise<import("./engine.js").Reader>>} */
  const made = new Map();
  /** @type {Set<() => void>} */
  const listeners = new Set();

  /** The reader of that name; a failure is not remembered. @param {string} name */
  function reader(name) {
    const known = made.get(name);
    if (known) return known;
    const promise = load(name).then(createReader);
    promise.catch(() => made.get(name) === promise && made.delete(name));
    made.set(name, promise);
    return promise;
  }

  /** Forget the readers, since their weights have changed, and tell the listeners. */
  function renew() {
    made.clear();
    for (const act of listeners) act();
  }

  /** @param {() => void} act what is done after `renew`, until the signal ends it @param {AbortSignal} signal */
  function onrenew(act, signal) {
    listeners.add(act);
    signal.addEventListener("abort", () => listeners.delete(act));
  }

  return { readers, reader, data, renew, onrenew };
}
