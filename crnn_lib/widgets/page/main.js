// The door: `render` for anywidget, `bring` for a static page.
import { createBackend, createReaders } from "./backend.js";
import { element } from "./dom.js";
import { followed } from "./model.js";

/**
 * @typedef {(kind: string, fields: Object<string, any>, place: HTMLElement) => Promise<void>} Open
 * @typedef {{root: HTMLElement, model: import("./model.js").Model, backend: import("./backend.js").Backend, signal: AbortSignal, open: Open}} Place
 *   what a widget fills, its fields, what it asks readers of, when it ends, and how it shows another widget within itself
 * @typedef {{kind: string, name: string, mount: (place: Place) => Promise<void>}} Widget
 *   a widget's module; name: what a screen reader calls it; mount is over when the first reading is shown
 */

/** @type {Map<string, Widget>} */
const WIDGETS = new Map();

/** What bundle.py calls with the module of each registered widget. @param {Widget} widget */
export function register(widget) {
  WIDGETS.set(widget.kind, widget);
}

/**
 * A widget of `kind` in a new root element, which is placed when it shows its first reading.
 * @param {(kind: string) => Promise<void>} load brings another widget's module
 */
async function mount(kind, fields, backend, signal, load, place) {
  const widget = WIDGETS.get(kind);
  if (!widget) throw new Error(`there is no widget "${kind}"`);
  const attributes = { "data-crnn-widget": kind, role: "group", "aria-label": widget.name };
  const root = element("div", { class: `crnn-widget crnn-${kind}`, ...attributes });
  /** @type {Open} */
  async function open(other, given, room) {
    await load(other);
    await mount(other, pageModel(given), backend, signal, load, (made) => room.replaceChildren(made));
  }
  await widget.mount({ root, model: followed(fields, signal), backend, signal, open });
  if (!signal.aborted) place(root);
}

/** anywidget's entry: a live model, whose `files` name other models of its kernel that hold weights and recordings. */
export async function render({ model, el }) {
  const load = async (name) => {
    const file = await model.widget_manager.get_model(model.get("files")[name].slice("IPY_MODEL_".length));
    const { buffer, byteOffset, byteLength } = file.get("content");
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
  const data = async (name) => JSON.parse(new TextDecoder().decode(await load(name)));
  const backend = createBackend({ readers: model.get("readers"), made: createReaders(load), data });
  const view = new AbortController();
  followed(model, view.signal).on(["files"], backend.renew);
  try {
    const here = async () => {}; // every widget's module is
    await mount(model.get("kind"), model, backend, view.signal, here, (root) => el.replaceChildren(root));
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    el.append(element("p", { class: "crnn-widget crnn-error", role: "alert" }, message));
  }
  return () => view.abort();
}

/** A page has no kernel: the state of the element's attribute, and no listeners. */
function pageModel(state) {
  return {
    get: (name) => state[name],
    set: (name, value) => (state[name] = value),
    save_changes() {},
    on() {},
    off() {},
  };
}

/** The readers that all widgets of a page share. @type {ReturnType<typeof createReaders> | null} */
let shared = null;

/**
 * A page's widget, in the place of what its element held.
 * @param {HTMLElement} place the element, with its `kind` and `state`
 * @param {{readers: string[], load: (name: string) => Promise<Uint8Array>, data: (name: string) => Promise<any>,
 *   records?: Object<string, import("./backend.js").Record>, widget: (kind: string) => Promise<void>}} host
 * @param {AbortSignal} signal
 */
export async function bring(place, { load, widget, ...host }, signal) {
  shared ??= createReaders(load);
  const backend = createBackend({ made: shared, ...host });
  const fields = pageModel(JSON.parse(place.getAttribute("state") || "{}"));
  await mount(place.getAttribute("kind"), fields, backend, signal, widget, (root) => {
    const height = /** @type {HTMLElement | null} */ (place.querySelector(".crnn-room"))?.offsetHeight ?? 0;
    root.style.minHeight = `${height}px`; // what comes a moment later, as a curve, finds its room
    place.replaceChildren(root);
    for (const touched of ["pointerdown", "focusin", "paste", "drop"]) {
      root.addEventListener(touched, () => {
        root.style.minHeight = "";
        backend.wake();
      }, { signal, capture: true });
    }
  });
}
