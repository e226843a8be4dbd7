// Small helpers for building a widget's elements.

const MOST_SHOWN = 4000; // characters shown of a text
const TAP = 8; // pixels that a finger may move in a tap
const FOCUSED = new Set(["a", "button", "input", "select", "summary"]); // take the keys, as does what has a tabindex

/**
 * Text as it is shown, of whatever origin: line ends, control characters and marks that turn the direction of writing
 * are spelt out, and of a very long one the first part is shown. @param {string} text
 */
export function visible(text) {
  const shown = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)} ... and ${text.length - MOST_SHOWN} characters more` : text;
  return shown.replace(/[\p{C}\u2028\u2029]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

/**
 * An element with attributes and children; a property `on…` is a listener, `null` and `false` leave an attribute out.
 * What takes the keys keeps them from JupyterLab, whose shortcuts would delete the cell by `d d`.
 * @param {string} tag @param {Object<string, any>} [attributes] @param {...(Node | string)} children
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

/** Set the text only where it differs, so that a live region is not announced twice. */
export function setText(node, text) {
  const shown = visible(text);
  if (node.textContent !== shown) node.textContent = shown;
}

/**
 * Call `act` with each event that points at `node`: a mouse that is pressed there (with `hover`: or passes), a tap, and a
 * finger that moves across. What else a finger does scrolls the page (the style has touch-action: pan-y).
 * @param {Element} node @param {(event: PointerEvent) => void} act
 */
export function onPoint(node, act, hover = false) {
  let [from, across] = [null, false]; // where the finger came down
  const farFrom = (event) => [Math.abs(event.clientX - from.clientX), Math.abs(event.clientY - from.clientY)];
  const mouse = (event) => event.pointerType === "mouse";
  node.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    if (mouse(event)) act(event);
    else [from, across] = [event, false];
  });
  node.addEventListener("pointermove", (event) => {
    if (mouse(event)) return void ((hover || event.buttons & 1) && act(event));
    if (!from || !event.isPrimary) return;
    const [dx, dy] = farFrom(event);
    across ||= dx > TAP && dx > dy;
    if (across) act(event);
  });
  node.addEventListener("pointerup", (event) => {
    if (from && event.isPrimary && !across && Math.max(...farFrom(event)) <= TAP) act(event);
    from = null;
  });
  node.addEventListener("pointercancel", () => (from = null));
}

/** A slider's value where the finger on it turns out to scroll the page: as before. @param {HTMLInputElement} input */
export function keepWhileScrolling(input) {
  let before = input.value;
  input.addEventListener("pointerdown", () => (before = input.value));
  input.addEventListener("pointercancel", () => {
    if (input.value === before) return;
    input.value = before;
    input.dispatchEvent(new Event("input"));
  });
}

/** A slider with its name and its value in words. @param {{name: string, min: number, max: number, step: number,
 *  value: number, unit?: string, onchange: (value: number) => void}} options */
export function slider({ name, min, max, step, value, unit = "", onchange }) {
  const output = element("output", {}, `${value}${unit}`);
  const input = element("input", {
    type: "range", min, max, step, value, "aria-label": name, "aria-valuetext": `${value}${unit}`,
    oninput: () => {
      show(Number(input.value));
      onchange(Number(input.value));
    },
  });
  function show(v) {
    input.value = String(v);
    input.setAttribute("aria-valuetext", `${v}${unit}`);
    setText(output, `${v}${unit}`);
  }
  keepWhileScrolling(input);
  return { node: element("div", { class: "crnn-slider" }, element("span", {}, name), output, input), show };
}

/** A probability in words: 97.3 %, and never 0 % for what is only small. @param {number} p */
export function percent(p) {
  return p < 0.001 ? "< 0.1 %" : p > 0.9995 ? "> 99.9 %" : `${(100 * p).toFixed(1)} %`;
}

/** A number for people: three digits, never a misleading 0. */
export function shortNumber(v) {
  if (v === 0) return "0";
  if (!Number.isFinite(v)) return v > 0 ? "∞" : "−∞";
  const text = Math.abs(v) >= 0.001 && Math.abs(v) < 1e5 ? String(Number(v.toPrecision(3))) : v.toExponential(1);
  return text.replace(/-/g, "−");
}

/** An element of a drawing. */
export function svgElement(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
  return made;
}

/** A grey picture (H, W) on a canvas of its own size. @param {ArrayLike<number>} data */
export function greyCanvas(data, H, W) {
  const canvas = document.createElement("canvas");
  canvas.width = W;
  canvas.height = H;
  const pixels = new ImageData(W, H);
  for (let i = 0; i < H * W; i++) pixels.data.set([data[i], data[i], data[i], 255], 4 * i);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
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
          await task();
        }
      } catch (error) {
        onerror(error);
      } finally {
        running = null;
      }
    })();
    return running;
  };
}
