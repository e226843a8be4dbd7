// Small helpers for building a widget's elements.

const MOST_SHOWN = 4000; // characters shown of a text

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
 * @param {string} tag @param {Object<string, any>} [attributes] @param {...(Node | string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
  return made;
}

/** Set the text only where it differs, so that a live region is not announced twice. */
export function setText(node, text) {
  const shown = visible(text);
  if (node.textContent !== shown) node.textContent = shown;
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
  return { node: element("div", { class: "crnn-slider" }, element("span", {}, name), output, input), show };
}

/** A probability in words: 97.3 %, and never 0 % for what is only small. @param {number} p */
export function percent(p) {
  return p < 0.001 ? "< 0.1 %" : p > 0.9995 ? "> 99.9 %" : `${(100 * p).toFixed(1)} %`;
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
