// The door: `render` for anywidget, the element <crnn-widget> for a static page.
import { fromBase64 } from "./engine.js";
import { createBackend } from "./backend.js";
import { element } from "./dom.js";
/** @typedef {{kind: string, name: string, mount: (place: {root: HTMLElement, model: any, backend: any}) => Promise<any>}} Widget
 *  a widget's module: `name` is what a screen reader calls it */
/** @type {Map<string, Widget>} */
const WIDGETS = new Map();

/** What bundle.py calls with the module of each registered widget. @param {Widget} widget */
export function register(widget) {
  WIDGETS.set(widget.kind, widget);
}

/** A widget of `kind` in a new root element. The root is returned when it shows its first reading. */
async function mount(kind, model, backend, place) {
  const widget = WIDGETS.get(kind);
  if (!widget) throw new Error(`there is no widget "${kind}"`);
  const root = element("div", { class: "crnn-widget", "data-crnn-widget": kind, role: "group", "aria-label": widget.name });
  const takeDown = await widget.mount({ root, model, backend });
  place(root);
  return takeDown;
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
  try {
    return await mount(model.get("kind"), model, backend, (root) => el.replaceChildren(root));
  } catch (error) {
    el.append(element("p", { class: "crnn-widget crnn-error", role: "alert" }, error.message));
  }
}

/** A page has no kernel: the state of the element's attribute, and nobody who listens. */
function pageModel(state) {
  return { get: (name) => state[name], set: (name, value) => (state[name] = value), save_changes() {}, on() {}, off() {} };
}

/**
 * Define <crnn-widget kind state>, which starts when it comes near the viewport; what stands inside it (a picture of
 * the widget) stays until then. Weights come by classic script, the one kind that loads from a file.
 * @param {string[]} readers
 */
export function defineElement(readers) {
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
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
    connectedCallback() {
      if (this.watch) return;
      this.watch = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && this.start(), { rootMargin: "400px" });
      this.watch.observe(this);
    }

    async start() {
      this.watch.disconnect();
      try {
        const model = pageModel(JSON.parse(this.getAttribute("state") || "{}"));
        await mount(this.getAttribute("kind"), model, backend, (root) => this.replaceChildren(root));
        this.setAttribute("live", "");
      } catch (error) {
        this.append(element("p", { class: "crnn-widget crnn-error", role: "alert" }, `The widget did not start: ${error.message}`));
      }
    }
  }
  if (!customElements.get("crnn-widget")) customElements.define("crnn-widget", Mount);
}
