// The door: `render` for anywidget, the element <crnn-widget> for a static page.
import { createBackend } from "./backend.js";
import { element } from "./dom.js";
import { fromBase64 } from "./base64.js";
import { followed } from "./model.js";

/**
 * @typedef {{root: HTMLElement, model: import("./model.js").Model, backend: import("./backend.js").Backend, signal: AbortSignal}} Place
 *   what a widget fills, its fields, what it asks readers of, and when it ends
 * @typedef {{kind: string, name: string, mount: (place: Place) => Promise<void>}} Widget
 *   a widget's module; name: what a screen reader calls it; mount is over when the first reading is shown
 */

/** @type {Map<string, Widget>} */
const WIDGETS = new Map();

/** What bundle.py calls with the module of each registered widget. @param {Widget} widget */
export function register(widget) {
  WIDGETS.set(widget.kind, widget);
}

/** A widget of `kind` in a new root element, which is placed when it shows its first reading. */
async function mount(kind, fields, backend, signal, place) {
  const widget = WIDGETS.get(kind);
  if (!widget) throw new Error(`there is no widget "${kind}"`);
  const attributes = { "data-crnn-widget": kind, role: "group", "aria-label": widget.name };
  const root = element("div", { class: "crnn-widget", ...attributes });
  await widget.mount({ root, model: followed(fields, signal), backend, signal });
  if (!signal.aborted) place(root);
}

/** Say in the widget's place why there is none. @param {HTMLElement} place @param {any} error */
function complain(place, error, words = "") {
  place.append(element("p", { class: "crnn-widget crnn-error", role: "alert" }, words + error.message));
}

/** anywidget's entry: a live model, whose `files` name other models of its kernel that hold weights and recordings. */
export async function render({ model, el }) {
  const load = async (name) => {
    const file = await model.widget_manager.get_model(model.get("files")[name].slice("IPY_MODEL_".length));
    const { buffer, byteOffset, byteLength } = file.get("content");
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
  const data = async (name) => JSON.parse(new TextDecoder().decode(await load(name)));
  const backend = createBackend({ readers: model.get("readers"), load, data });
  const view = new AbortController();
  followed(model, view.signal).on(["files"], backend.renew);
  try {
    await mount(model.get("kind"), model, backend, view.signal, (root) => el.replaceChildren(root));
  } catch (error) {
    complain(el, error);
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

/**
 * Define <crnn-widget kind state>, which starts when it comes near the viewport; until then it shows what is inside
 * it, a sentence and, where there is one, the picture that the widget starts from. Weights come by classic script, the one kind that loads from a file.
 * @param {string[]} readers
 */
export function defineElement(readers) {
  const own = /** @type {HTMLScriptElement} */ (document.currentScript);
  const folder = own.src.replace(/[^/]*$/, "");
  const script = (file, found) =>
    new Promise((resolve, reject) => {
      const tag = element("script", { src: `${folder}${file}` });
      tag.addEventListener("load", () => resolve(found()));
      tag.addEventListener("error", () => reject(new Error(`"${file}" cannot be loaded`)));
      document.head.append(tag);
    });
  const load = (name) => script(`crnn-weights-${name}.js`, () => fromBase64(globalThis.crnnWeights[name]));
  const data = (name) => script(`crnn-data-${name}.js`, () => globalThis.crnnData[name]);
  const backend = createBackend({ readers, load, data });

  class Mount extends HTMLElement {
    view = new AbortController();

    connectedCallback() {
      this.view = new AbortController();
      const watch = new IntersectionObserver((entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        watch.disconnect();
        this.start(this.view.signal);
      }, { rootMargin: "400px" });
      this.view.signal.addEventListener("abort", () => watch.disconnect());
      watch.observe(this);
    }

    disconnectedCallback() {
      this.view.abort();
    }

    async start(signal) {
      try {
        const fields = pageModel(JSON.parse(this.getAttribute("state") || "{}"));
        await mount(this.getAttribute("kind"), fields, backend, signal, (root) => this.replaceChildren(root));
        if (!signal.aborted) this.setAttribute("live", "");
      } catch (error) {
        if (!signal.aborted) complain(this, error, "The widget did not start: ");
      }
    }
  }
  if (!customElements.get("crnn-widget")) customElements.define("crnn-widget", Mount);
}
