// Building elements, pointing at them, painting on them.
import { visible } from "./words.js";

const TAP = 8; // pixels that a finger may move in a tap
const FOCUSED = new Set(["a", "button", "input", "select", "summary"]); // take the keys, as does what has a tabindex

/** How each arrow key leads on: to the right, and down. */
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * An element with attributes and children; a property `on…` is a listener, `null` and `false` leave an attribute out.
 * What takes the keys keeps them from JupyterLab, whose shortcuts would delete the cell by `d d`.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Object<string, any>} [attributes] @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  if (FOCUSED.has(tag) || "tabindex" in attributes) made.setAttribute("data-lm-suppress-shortcuts", "true");
  made.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
  return made;
}

const HOLE = "\uE000"; // where a value stands in the markup
const MARKUP = /<(\/?)(\w+)((?:\s+[\w-]+(?:="[^"]*"|=\uE000)?)*)\s*>|([^<]+)/g;

/**
 * Elements from markup that a module writes out: markup`<p class="crnn-note">${words}</p>`. Tags are always closed
 * (but for <input>), a line end between them is not a space, and values are nodes, texts, lists of these, or attributes.
 * @param {TemplateStringsArray} strings @param {...any} values @returns {any[]}
 */
export function markup(strings, ...values) {
  /** @type {any[]} */
  const made = [];
  /** @type {{append: (...nodes: any[]) => void}[]} */
  const open = [{ append: (...nodes) => made.push(...nodes) }];
  for (const [, closing, tag, given, text] of strings.join(HOLE).matchAll(MARKUP)) {
    if (closing) open.shift();
    else if (text) {
      const words = text.replace(/\s*\n\s*/g, "").split(HOLE);
      const nodes = words.flatMap((piece, i) => [...(i ? [values.shift()].flat(2) : []), piece]);
      const shown = nodes.filter((node) => node || node === 0);
      open[0].append(...shown.map((node) => (node instanceof Object ? node : visible(String(node)))));
    } else {
      const named = [...given.matchAll(/([\w-]+)(?:="([^"]*)"|(=))?/g)];
      const attributes = named.map(([, name, words, hole]) => [name, hole ? values.shift() : words ?? true]);
      const node = element(/** @type {"div"} */ (tag), Object.fromEntries(attributes));
      open[0].append(node);
      if (tag !== "input") open.unshift(node);
    }
  }
  return made;
}

/** What others find by its name. @param {string} name @param {keyof HTMLElementTagNameMap} [tag] */
export function part(name, tag = "span", more = {}) {
  return element(tag, { "data-crnn": name, ...more });
}

/** Tell, for who waits, that another reading is shown. @param {HTMLElement} root */
export function count(root) {
  root.dataset.crnnRead = String(Number(root.dataset.crnnRead ?? 0) + 1);
}

/** A canvas to paint on, whose pixels stay pixels. @param {HTMLCanvasElement} canvas @param {CanvasRenderingContext2DSettings} [settings] */
export function painter(canvas, settings) {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("this browser has no canvas to draw on");
  context.imageSmoothingEnabled = false;
  return context;
}

/** Set the text only where it differs, so that a live region is not announced twice. */
export function setText(node, text) {
  const shown = visible(text);
  if (node.textContent !== shown) node.textContent = shown;
}

/**
 * Call `act` with each event that points at `node`: a mouse that is pressed there (with `hover`: or passes), a tap, and a
 * finger that moves across. What else a finger does scrolls the page (the style has touch-action: pan-y).
 * @param {HTMLElement | SVGElement} node @param {(event: PointerEvent) => void} act
 */
export function onPoint(node, act, hover = false) {
  /** @type {PointerEvent | null} where the finger came down */
  let from = null;
  let across = false;
  const far = ({ clientX, clientY }) =>
    from ? [Math.abs(clientX - from.clientX), Math.abs(clientY - from.clientY)] : [Infinity, Infinity];
  const listen = (name, listener) => node.addEventListener(name, listener);
  const mouse = (event) => event.pointerType === "mouse";
  listen("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    if (mouse(event)) act(event);
    else [from, across] = [event, false];
  });
  listen("pointermove", (event) => {
    if (mouse(event)) return void ((hover || event.buttons & 1) && act(event));
    if (!from || !event.isPrimary) return;
    const [dx, dy] = far(event);
    across ||= dx > TAP && dx > dy;
    if (across) act(event);
  });
  listen("pointerup", (event) => {
    if (from && event.isPrimary && !across && Math.max(...far(event)) <= TAP) act(event);
    from = null;
  });
  listen("pointercancel", () => (from = null));
}

/** An element of a drawing. */
export function svgElement(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
  return made;
}

/** Hand a file on to whoever sits before the page. @param {Uint8Array} bytes @param {string} name */
export function download(bytes, name) {
  const address = URL.createObjectURL(new Blob([/** @type {any} */ (bytes)]));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A grey picture (H, W) on a canvas of its own size. @param {ArrayLike<number>} data */
export function greyCanvas(data, H, W) {
  const canvas = element("canvas", { width: W, height: H });
  const pixels = new ImageData(W, H);
  for (let i = 0; i < H * W; i++) pixels.data.set([data[i], data[i], data[i], 255], 4 * i);
  painter(canvas).putImageData(pixels, 0, 0);
  return canvas;
}

/** Run `task` soon; while it runs, any number of further calls lead to one more run. @param {() => Promise<void>} task */
export function latest(task, onerror) {
  let wanted = false;
  let running = null;
  return () => {
    wanted = true;
    running ??= (async () => {
      try {
        while (wanted) {
          await new Promise((resolve) => (document.hidden ? setTimeout(resolve) : requestAnimationFrame(resolve)));
          wanted = false;
          try {
            await task();
          } catch (error) {
            if (!wanted) onerror(error); // else the next run says what is so
          }
        }
      } finally {
        running = null;
      }
    })();
    return running;
  };
}
