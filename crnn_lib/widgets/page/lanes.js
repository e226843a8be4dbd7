// Lanes: pictures as wide as the image. Whatever lies at one place of the text line stands above and below each other in
// all of them, and one mark goes through all.
import { element, greyCanvas, onPoint, painter } from "./dom.js";
import { colourOf } from "./sight.js";

const ACROSS = 768; // a lane's canvas pixels; the page stretches them
const ROW = 0.8; // rem: a class's row

/** Values 0 .. 1 of (rows, columns) on a canvas of that size. @param {(y: number, x: number) => number} value */
export function heat(rows, columns, palette, value) {
  const canvas = element("canvas", { width: columns, height: rows });
  const pixels = new ImageData(columns, rows);
  for (let y = 0, i = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, i += 4) {
      const [r, g, b] = colourOf(palette, value(y, x));
      pixels.data.set([r, g, b, 255], i);
    }
  }
  painter(canvas).putImageData(pixels, 0, 0);
  return canvas;
}

/** Probabilities of K classes at T steps, the blank at the bottom. @param {(t: number, c: number) => number} value */
export function classHeat(K, T, value) {
  return heat(K, T, "viridis", (y, t) => value(t, (y + 1) % K));
}

/** A standardised image (H, W) as dark ink on white. @param {Float32Array} image */
export function inkCanvas(image, H, W) {
  const [low, high] = image.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  return greyCanvas(Array.from(image, (v) => 255 - (255 * (v - low)) / (high - low || 1)), H, W);
}

/** @typedef {{from: number, to: number, style: string, top?: number, bottom?: number}} Mark
 *  from .. bottom in parts of the width and height; style: "step" (outlined), "strip" (all else dimmed), "span" (bars at
 *  the rims), "cell" (a line at its end), "cover" (outlined in another colour) */

/** @param {CanvasRenderingContext2D} context @param {number} height @param {Mark} mark */
function drawMark(context, height, { from, to, style, top = 0, bottom = 1 }) {
  const [left, width] = [from * ACROSS, (to - from) * ACROSS];
  const fill = (colour, ...boxes) => {
    context.fillStyle = colour;
    for (const [x, y, w, h] of boxes) context.fillRect(x, y, w, h);
  };
  const outline = (colour, thick) => {
    Object.assign(context, { strokeStyle: colour, lineWidth: thick });
    context.strokeRect(left, 1 + top * (height - 2), width, (bottom - top) * (height - 2));
  };
  const rims = (thick) => [[left, 0, width, thick], [left, height - thick, width, thick]];
  if (style === "strip") fill("rgba(40, 48, 60, 0.55)", [0, 0, left, height], [left + width, 0, ACROSS, height]);
  else if (style === "cell") fill("rgba(11, 79, 143, 0.75)", [left + width - 1, 0, 2, height]);
  else if (style === "span") {
    fill("#fff", ...rims(12));
    fill("#b35806", ...rims(8));
  } else {
    outline("#fff", 5);
    outline(style === "cover" ? "#b35806" : "#111", 2);
  }
}

/**
 * A lane with a gutter of row names on its left, which is seen once it has any.
 * @param {{label: string, height: number, css?: string, onplace?: (part: number) => void}} options
 *   height in canvas pixels, css: a fixed height on the page; onplace: pointed at, 0 (left) .. 1 (right)
 */
export function createLane({ label, height, css, onplace }) {
  const style = css ? `height:${css}` : null;
  const canvas = element("canvas", { width: ACROSS, height, role: "img", "aria-label": label, style });
  const gutter = element("div", { class: "crnn-gutter", "aria-hidden": "true" });
  const node = element("div", { class: "crnn-lane" }, gutter, canvas);
  /** @type {HTMLCanvasElement | null} */
  let base = null;
  function point(event) {
    const box = canvas.getBoundingClientRect();
    onplace?.(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 0.9999));
  }
  if (onplace) onPoint(canvas, point, true);

  /** @param {Mark[]} [marks] */
  function draw(marks = []) {
    const context = painter(canvas);
    context.clearRect(0, 0, ACROSS, height);
    if (base) context.drawImage(base, 0, 0, ACROSS, height);
    for (const mark of marks) drawMark(context, height, mark);
  }

  /** @param {HTMLCanvasElement} picture @param {Mark[]} [marks] */
  function show(picture, marks) {
    base = picture;
    draw(marks);
  }

  /** Probabilities under their classes' names. @param {string[]} symbols @param {(t: number, c: number) => number} value */
  function showClasses(symbols, T, value) {
    const names = [...symbols.slice(1), symbols[0]];
    node.classList.add("crnn-named");
    gutter.replaceChildren(...names.map((text) => element("span", {}, text)));
    canvas.style.height = `${names.length * ROW}rem`;
    show(classHeat(names.length, T, value));
  }
  return { node, draw, show, showClasses };
}
