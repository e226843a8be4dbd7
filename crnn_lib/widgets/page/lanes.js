// Lanes: pictures as wide as the image. What is at one place of the text line is above and below each other in
// all of them, and one mark goes through all. Where a line has so many time steps that they would become too narrow to
// touch, its lanes are wider than the page's column, and those of a widget scroll together.
import { element, greyCanvas, onPoint, painter } from "./dom.js";
import { colourOf } from "./sight.js";

const ACROSS = 768; // a lane's canvas pixels at least; the page stretches them
export const STEP = 8; // CSS pixels of a time step at least
const ROW = 0.8; // rem: a class's row
const CLASSES = 40; // more of them are not all shown
const LIKELY = 0.05; // only those that are anywhere as probable as this

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

/** @param {Float32Array} values all at least 0 */
export const largest = (values) => values.reduce((a, b) => Math.max(a, b), 1e-9);

/** Probabilities of K classes at T steps, the blank at the bottom. @param {(t: number, c: number) => number} value */
export function classHeat(K, T, value) {
  return heat(K, T, "viridis", (y, t) => value(t, (y + 1) % K));
}

/** A standardised image (H, W) as dark ink on white. @param {Float32Array} image */
export function inkCanvas(image, H, W) {
  const [low, high] = image.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  return greyCanvas(Array.from(image, (v) => 255 - (255 * (v - low)) / (high - low || 1)), H, W);
}

/**
 * The path in the upper row, in the lower one what is left when repeats are merged and blanks dropped.
 * @param {number[]} path @param {{symbol: number, from: number, to: number}[]} spans @param {string[]} signs
 */
export function pathCanvas(path, spans, signs) {
  const across = Math.max(ACROSS, path.length * STEP);
  const [cell, half] = [across / path.length, 56];
  const canvas = element("canvas", { width: across, height: 2 * half + 8 });
  const context = painter(canvas);
  const font = `bold ${Math.min(30, Math.round(cell * 1.2))}px monospace`;
  Object.assign(context, { font, textAlign: "center", textBaseline: "middle" });
  const box = (from, to, y, c) => {
    context.fillStyle = c ? "#fde725" : "#e4e7ea";
    context.fillRect(from * cell + 1, y, (to - from) * cell - 2, half);
    context.fillStyle = c ? "#111" : "#4b5560";
    context.fillText(signs[c], ((from + to) / 2) * cell, y + half / 2);
  };
  path.forEach((c, t) => box(t, t + 1, 0, c));
  for (const { symbol, from, to } of spans) box(from, to + 1, half + 8, symbol);
  return canvas;
}

/** @typedef {{from: number, to: number, style: string, top?: number, bottom?: number}} Mark
 *  from .. bottom in parts of the width and height; style: "step" (outlined), "strip" (all else dimmed), "span" (bars at
 *  the rims), "cell" (a line at its end), "cover" (outlined in another colour) */

/** @param {HTMLCanvasElement} canvas @param {Mark} mark */
function drawMark(canvas, { from, to, style, top = 0, bottom = 1 }) {
  const { width: across, height } = canvas;
  const context = painter(canvas);
  const [left, width] = [from * across, (to - from) * across];
  const fill = (colour, ...boxes) => {
    context.fillStyle = colour;
    for (const [x, y, w, h] of boxes) context.fillRect(x, y, w, h);
  };
  const outline = (colour, thick) => {
    Object.assign(context, { strokeStyle: colour, lineWidth: thick });
    context.strokeRect(left, 1 + top * (height - 2), width, (bottom - top) * (height - 2));
  };
  const rims = (thick) => [[left, 0, width, thick], [left, height - thick, width, thick]];
  if (style === "strip") fill("rgba(40, 48, 60, 0.55)", [0, 0, left, height], [left + width, 0, across, height]);
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
 * @param {{label: string, height?: number, css?: string, onplace?: (part: number) => void}} options
 *   height in canvas pixels, without it the lane has the proportions of the image; css: a fixed height on the page;
 *   onplace: pointed at, 0 (left) .. 1 (right)
 */
export function createLane({ label, height, css, onplace }) {
  const style = css ? `height:${css}` : null;
  const canvas = element("canvas", { width: ACROSS, height: height ?? 192, role: "img", "aria-label": label, style });
  const gutter = element("div", { class: "crnn-gutter", "aria-hidden": "true" });
  const roll = element("div", { class: "crnn-roll" }, canvas);
  const node = element("div", { class: "crnn-lane" }, gutter, roll);
  /** @type {HTMLCanvasElement | null} */
  let base = null;
  function point(/** @type {PointerEvent} */ event) {
    const scrolls = roll.classList.contains("crnn-long") && event.pointerType !== "mouse";
    if (scrolls && event.type === "pointermove") return; // a finger that moves across
    const box = canvas.getBoundingClientRect();
    onplace?.(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 0.9999));
  }
  if (onplace) onPoint(canvas, point, true);
  roll.addEventListener("scroll", () => {
    const all = roll.closest(".crnn-widget")?.querySelectorAll(".crnn-roll") ?? [];
    for (const other of all) other.scrollLeft = roll.scrollLeft;
  });

  /** Make room for T steps of an image so many times as wide as it is high. @param {number} T @param {number} ratio */
  function fit(T, ratio) {
    const width = Math.max(ACROSS, T * STEP);
    const high = height ?? Math.round(width / ratio);
    if (canvas.width !== width || canvas.height !== high) Object.assign(canvas, { width, height: high });
    canvas.style.setProperty("--crnn-least", `${T * STEP}px`);
    const long = T * STEP > ACROSS / 2; // on a telephone it scrolls: by keyboard too
    roll.classList.toggle("crnn-long", long);
    for (const [name, value] of Object.entries({ tabindex: "0", role: "group", "aria-label": label })) {
      if (long) roll.setAttribute(name, value);
      else roll.removeAttribute(name);
    }
  }

  /** Scroll as far as it takes to see all of a mark. @param {Mark} mark */
  function follow({ from, to }) {
    const [left, right] = [from * canvas.clientWidth, to * canvas.clientWidth];
    if (left < roll.scrollLeft) roll.scrollLeft = left;
    else if (right > roll.scrollLeft + roll.clientWidth) roll.scrollLeft = right - roll.clientWidth;
  }

  /** @param {Mark[]} [marks] */
  function draw(marks = []) {
    const context = painter(canvas);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (base) context.drawImage(base, 0, 0, canvas.width, canvas.height);
    for (const mark of marks) {
      drawMark(canvas, mark);
      if (mark.style === "step" || mark.style === "cover") follow(mark);
    }
  }

  /** @param {HTMLCanvasElement} picture @param {Mark[]} [marks] */
  function show(picture, marks) {
    base = picture;
    draw(marks);
  }

  /**
   * Probabilities under their classes' names; of many classes, or with `few`, those that are likely somewhere.
   * @param {string[]} signs @param {(t: number, c: number) => number} value
   */
  function showClasses(signs, T, value, few = signs.length > CLASSES) {
    const likely = (c) => Array.from({ length: T }, (_, t) => value(t, c)).some((p) => p >= LIKELY);
    const all = signs.map((_, c) => c);
    const classes = few ? all.filter((c) => c === 0 || likely(c)) : all;
    const names = [...classes.slice(1), 0].map((c) => signs[c]);
    node.classList.add("crnn-named");
    gutter.replaceChildren(...names.map((text) => element("span", {}, text)));
    for (const { style } of [canvas, gutter]) style.height = `${names.length * ROW}rem`;
    show(classHeat(classes.length, T, (t, i) => value(t, classes[i])));
  }
  return { node, fit, draw, show, showClasses };
}
