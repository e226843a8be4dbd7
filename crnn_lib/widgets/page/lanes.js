// Lanes: pictures as wide as the image. What is at one place of the text line is above and below each other in
// all of them, and one mark goes through all. Where a line has so many time steps that they would become too narrow to
// touch, its lanes are wider than the page's column, and those of a widget scroll together.
import { colourOf, hueOf, ramp } from "./colours.js";
import { element, greyCanvas, onPoint, painter } from "./dom.js";

const ACROSS = 768; // CSS pixels of a lane in the page's column
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

/** What the colours of a map mean, from its lowest number to its highest.
 *  @param {string} low @param {string} high @param {import("./colours.js").Palette} [palette] */
export function legend(low, high, palette = "viridis") {
  const bar = element("i", { style: `background:${ramp(palette)}` });
  return element("p", { class: "crnn-legend" }, `${low} `, bar, ` ${high}`);
}

/** The names of the rows of a map of classes, the blank at the bottom. @param {string[]} names */
export function classNames(names) {
  const last = names.length - 1;
  return names.map((name, i) => element("span", { class: i === last ? "crnn-empty" : null }, name));
}

/**
 * The path in the upper row, in the lower one what is left when repeats are merged and blanks dropped.
 * @param {number[]} path @param {{symbol: number, from: number, to: number}[]} spans @param {string[]} signs
 */
export function pathCells(path, spans, signs) {
  const cell = (c, row, from, to) => {
    const style = `grid-area:${row}/${from + 1}/auto/${to + 2};${c ? `--crnn-hue:${hueOf(c)}` : ""}`;
    return element("span", { class: c ? "crnn-hued" : "crnn-empty", style }, signs[c]);
  };
  const letters = spans.map(({ symbol, from, to }) => cell(symbol, 2, from, to));
  const style = `--crnn-steps:${path.length}`;
  return element("div", { class: "crnn-path", style }, ...path.map((c, t) => cell(c, 1, t, t)), ...letters);
}

/** @typedef {{from: number, to: number, style: string, top?: number, bottom?: number}} Mark
 *  from .. bottom in parts of the width and height; style: "step" (outlined), "strip" (all else veiled), "span" (bars at
 *  the rims), "cell" (a line at its end), "cover" (what is hidden) */

/** @param {Mark} mark */
function markOf({ from, to, style, top = 0, bottom = 1 }) {
  const place = Object.entries({ left: from, right: 1 - to, top, bottom: 1 - bottom });
  const css = place.map(([side, part]) => `${side}:${(100 * part).toFixed(3)}%`).join(";");
  return element("div", { class: `crnn-mark crnn-${style}`, style: css });
}

/**
 * A lane with a gutter of row names on its left, which is seen once it has any.
 * @param {{label: string, css?: string, row?: number, onplace?: (part: number) => void}} options css: a fixed height,
 *   without it the lane has the proportions of its picture; row: a class's height in rem; onplace: pointed at, 0 (left)
 *   .. 1 (right)
 */
export function createLane({ label, css, row = ROW, onplace }) {
  const face = element("div", { class: "crnn-face", style: css ? `height:${css}` : null });
  const gutter = element("div", { class: "crnn-gutter", "aria-hidden": "true" });
  const roll = element("div", { class: "crnn-roll" }, face);
  const node = element("div", { class: "crnn-lane" }, gutter, roll);
  /** @type {HTMLElement[]} */
  let shown = [];
  /** @type {number[]} the classes of its rows */
  let rows = [];
  function point(/** @type {PointerEvent} */ event) {
    const scrolls = roll.classList.contains("crnn-long") && event.pointerType !== "mouse";
    if (scrolls && event.type === "pointermove") return; // a finger that moves across
    const box = face.getBoundingClientRect();
    onplace?.(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 0.9999));
  }
  if (onplace) onPoint(face, point, true);
  roll.addEventListener("scroll", () => {
    const all = roll.closest(".crnn-widget")?.querySelectorAll(".crnn-roll") ?? [];
    for (const other of all) other.scrollLeft = roll.scrollLeft;
  });

  /** Make room for T steps. @param {number} T */
  function fit(T) {
    face.style.setProperty("--crnn-least", `${T * STEP}px`);
    const long = T * STEP > ACROSS / 2; // on a telephone it scrolls: by keyboard too
    roll.classList.toggle("crnn-long", long);
    for (const [name, value] of Object.entries({ tabindex: "0", role: "group", "aria-label": label })) {
      if (long) roll.setAttribute(name, value);
      else roll.removeAttribute(name);
    }
  }

  /** Scroll as far as it takes to see all of a mark. @param {Mark} mark */
  function follow({ from, to }) {
    if (!roll.classList.contains("crnn-long")) return;
    const [left, right] = [from * face.clientWidth, to * face.clientWidth];
    if (left < roll.scrollLeft) roll.scrollLeft = left;
    else if (right > roll.scrollLeft + roll.clientWidth) roll.scrollLeft = right - roll.clientWidth;
  }

  /** Mark places, these alone. @param {Mark[]} marks */
  function draw(marks) {
    for (const old of shown) old.remove();
    shown = marks.map(markOf);
    face.append(...shown);
    marks.filter(({ style }) => style === "step" || style === "cover").forEach(follow);
  }

  /** @param {HTMLElement} picture @param {Mark[]} [marks] */
  function show(picture, marks = []) {
    if (!picture.hasAttribute("role")) {
      picture.setAttribute("role", "img");
      picture.setAttribute("aria-label", label);
    }
    face.replaceChildren(picture);
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
    rows = [...classes.slice(1), 0];
    node.classList.add("crnn-named");
    gutter.replaceChildren(...classNames(rows.map((c) => signs[c])));
    for (const { style } of [face, gutter]) style.height = `${rows.length * row}rem`;
    face.classList.add("crnn-classes");
    face.style.setProperty("--crnn-rows", String(rows.length));
    show(classHeat(rows.length, T, (t, i) => value(t, classes[i])));
  }

  /** The place of a class in steps of a map of classes. @param {number} c @param {number} from @param {number} to */
  function cells(c, from, to, style = "step") {
    const at = rows.indexOf(c);
    return { from, to, style, top: at / rows.length, bottom: (at + 1) / rows.length };
  }
  /** Another name. @param {string} given */
  function rename(given) {
    label = given;
    face.firstElementChild?.setAttribute("aria-label", label);
  }
  return { node, fit, draw, show, showClasses, cells, rename };
}
