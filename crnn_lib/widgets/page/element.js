// The element <crnn-widget kind state> of a static page. It starts when it comes near the viewport, and loads then what
// its widget needs; until then it shows what is inside it, a sentence and, where there is one, the picture that the
// widget starts from, in a box of the widget's size. All comes by classic script, the one kind that loads from a file.
import { visible } from "./words.js";

/** Define the element. @param {string[]} readers names of the page's models */
export function defineElement(readers) {
  const own = /** @type {HTMLScriptElement} */ (document.currentScript);
  const folder = own.src.replace(/[^/]*$/, "");
  /** @type {Map<string, Promise<void>>} */
  const asked = new Map();

  /** Run a script of the folder, once; a failure is not remembered. @param {string} name @returns {Promise<void>} */
  function script(name) {
    const known = asked.get(name);
    if (known) return known;
    const tag = document.createElement("script");
    Object.assign(tag, { src: `${folder}crnn-${name}.js`, async: false });
    const promise = new Promise((resolve, reject) => {
      tag.addEventListener("load", () => resolve(undefined));
      tag.addEventListener("error", () => reject(new Error(`"crnn-${name}.js" cannot be loaded`)));
    });
    promise.catch(() => asked.delete(name));
    asked.set(name, promise);
    document.head.append(tag);
    return promise;
  }

  /** What the scripts leave: modules by path, and data by name. */
  const [crnn, crnnData] = [globalThis.crnn ??= {}, globalThis.crnnData ??= {}];
  const data = (name) => script(name).then(() => crnnData[name]);
  const load = async (name) => crnn["page/base64.js"].fromBase64(await data(`weights-${name}`));

  class Mount extends HTMLElement {
    view = new AbortController();

    connectedCallback() {
      this.view = new AbortController();
      const { signal } = this.view;
      const watch = new IntersectionObserver((entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        watch.disconnect();
        this.start(signal);
      }, { rootMargin: "400px" });
      signal.addEventListener("abort", () => watch.disconnect());
      watch.observe(this);
    }

    disconnectedCallback() {
      this.view.abort();
    }

    /** @param {AbortSignal} signal */
    async start(signal) {
      const kind = this.getAttribute("kind") ?? "";
      const recorded = this.getAttribute("recorded");
      try {
        if (!/^[a-z-]+$/.test(kind)) throw new Error(`there is no widget "${kind}"`);
        const widget = (name) => script(`widget-${name}`);
        const [records] = await Promise.all([
          recorded ? data(`recorded-${recorded}`) : {},
          script("shared"),
          widget(kind),
        ]);
        await crnn["page/main.js"].bring(this, { readers, load, data, records, widget }, signal);
        if (!signal.aborted) this.setAttribute("live", "");
      } catch (error) {
        if (!signal.aborted) this.complain(/** @type {Error} */ (error));
      }
    }

    /** Say why there is no widget. @param {Error} error */
    complain({ message }) {
      const words = document.createElement("p");
      Object.assign(words, { className: "crnn-widget crnn-error", role: "alert" });
      words.textContent = visible(`The widget did not start: ${message}`);
      this.append(words);
    }
  }
  if (!customElements.get("crnn-widget")) customElements.define("crnn-widget", Mount);
}
