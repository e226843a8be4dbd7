// What convolution and pooling by hand share: a window turned over numbers from a picture.
import { createChooser } from "../page/chooser.js";
import { button, slider } from "../page/controls.js";
import { element, greyCanvas, markup, onPoint, painter, part, setText } from "../page/dom.js";
import { HEIGHT, naturalWidth, resize } from "../page/images.js";
import { createLane } from "../page/lanes.js";
import { colourOf, tint } from "../page/colours.js";

/** @typedef {import("../page/images.js").Grey} Grey */

const [ROWS, COLUMNS, TOP] = [8, 12, 11]; // of the patch, and the image row where it begins
const WAYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** One decimal at most, and a true minus sign. @param {number} v */
export function figure(v) {
  return String(Math.round(v * 10) / 10 + 0).replace("-", "−");
}

/** The ink of a picture in whole numbers, 0 (its palest pixel) to 9 (its darkest), as rows. @param {Grey} grey */
export function inkDigits(grey) {
  const W = naturalWidth(grey);
  const { data } = resize(grey, HEIGHT, W);
  const [low, high] = data.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const digit = (v) => Math.round((9 * (high - v)) / (high - low || 1));
  return Array.from({ length: HEIGHT }, (_, y) => Array.from(data.subarray(y * W, (y + 1) * W), digit));
}

/** A grid of numbers as coloured cells; `null` is not filled yet. @param {string} label @param {Object<string, any>} acts */
export function createCells(label, { onpoint, onkeydown } = {}) {
  const role = onkeydown ? { role: "application", tabindex: 0, onkeydown } : { role: "img" };
  const node = element("div", { class: "crnn-cells", "aria-label": label, ...role });
  /** @type {(number | null)[][]} */
  let rows = [];
  /** @type {HTMLElement[]} */
  let spans = [];
  const frame = element("i", { class: "crnn-window", hidden: true });
  const point = ({ clientX, clientY }) => {
    const i = spans.findIndex((cell) => cell === document.elementFromPoint(clientX, clientY));
    if (i >= 0) onpoint(Math.floor(i / rows[0].length), i % rows[0].length);
  };
  if (onpoint) onPoint(node, point, true);

  /** @param {(v: number) => number} colour @param {(y: number, x: number) => string} marked a cell's class */
  function show(given, palette, colour, marked = () => "") {
    rows = given;
    node.style.gridTemplateColumns = `repeat(${rows[0].length}, minmax(0, 1fr))`;
    node.style.width = `calc(${rows[0].length} * (1.5rem + 1px) - 1px)`;
    const values = rows.flat();
    if (spans.length !== values.length) {
      spans = values.map(() => element("span"));
      node.replaceChildren(...spans, frame);
    }
    values.forEach((v, i) => {
      const cell = spans[i];
      tint(cell, v === null ? null : colourOf(palette, colour(v)));
      cell.className = marked(Math.floor(i / rows[0].length), i % rows[0].length);
      setText(cell, v === null ? "" : figure(figure(v).length > 3 ? Math.round(v) : v)); // three signs fit
    });
  }
  /** Slide the frame over a window of `size` by `size` cells. @param {number} y @param {number} x */
  function slide(y, x, size) {
    const part = (/** @type {number} */ at, all) => `calc((100% + 1px) * ${at} / ${all})`;
    const [down, across] = [rows.length, rows[0].length];
    const place = { left: part(x, across), top: part(y, down), width: part(size, across), height: part(size, down) };
    Object.assign(frame.style, place);
    frame.hidden = false;
  }
  return { node, show, slide };
}

/**
 * The patch, the window on it, the buttons that move it, and which windows were visited. The probe puts `nodes` and its
 * own parts on the page.
 * @param {import("../page/main.js").Place} place
 * @param {{size: number, stride: number, draw: (state: any, rows: number[][]) => void, more?: Element[]}} options
 *   size, stride: the window's side and how far it goes in a step; draw: shows the patch's rows; more: controls
 */
export function createCrank({ model, signal }, { size, stride, draw, more = [] }) {
  const [down, across] = [(ROWS - size) / stride + 1, (COLUMNS - size) / stride + 1];
  const state = { y: 0, x: 0, visited: new Set([0]), down, across, shift: 0 };
  let left = model.get("left") ?? 16;
  /** @type {any} the picture, and its ink in digits */
  let [grey, digits] = [null, null];
  const answer = part("answer", "p", { class: "crnn-answer", "aria-live": "polite" });
  const where = createLane({ label: "The picture, with the patch outlined" });
  const to = (at, most) => Math.floor(Math.min(at, most - size) / stride);
  const patch = createCells("The patch, ink from 0 to 9: arrow keys move the window", {
    onpoint: (y, x) => go(to(y, ROWS), to(x, COLUMNS)),
    onkeydown(event) {
      const way = WAYS[event.key];
      if (!way) return;
      event.preventDefault();
      go(state.y + way[0], state.x + way[1]);
    },
  });

  /** The rows of the patch, of the picture moved by `shift`. */
  function rowsAt(shift = state.shift) {
    return digits.slice(TOP, TOP + ROWS).map((row) => row.slice(left - shift, left - shift + COLUMNS));
  }
  const show = () => draw(state, rowsAt());
  function go(y, x) {
    if (y < 0 || x < 0 || y >= down || x >= across || (y === state.y && x === state.x)) return;
    Object.assign(state, { y, x });
    state.visited.add(y * across + x);
    show();
  }
  function step() {
    const next = (state.y * across + state.x + 1) % (down * across);
    go(Math.floor(next / across), next % across);
  }
  function all() {
    for (let i = 0; i < down * across; i++) state.visited.add(i);
    show();
  }
  function again() {
    Object.assign(state, { y: 0, x: 0, visited: new Set([0]) });
    show();
  }
  function redraw() {
    if (!digits) return;
    const wide = digits[0].length;
    left = Math.min(left, wide - COLUMNS);
    lefts.input.max = String(wide - COLUMNS);
    lefts.show(left);
    const [from, to, top] = [left / wide, (left + COLUMNS) / wide, TOP / HEIGHT];
    const mark = { from, to, top, bottom: top + ROWS / HEIGHT, style: "step" };
    where.fit(wide / 4);
    where.show(moved(grey, state.shift), [mark]);
    show();
  }
  const chooser = createChooser({
    model,
    signal,
    onpicture(given) {
      grey = given.grey;
      digits = inkDigits(grey);
      redraw();
    },
  });
  const options = { name: "Patch from pixel column", min: 2, max: left, step: 1, value: left };
  const lefts = slider(options, (value) => {
    left = value;
    redraw();
  });
  const nodes = markup`${chooser.node}${where.node}${lefts.node}${more}
    <div class="crnn-controls">${button("Step", step)}${button("Run all", all)}${button("Start again", again)}</div>
    ${answer}`;
  return { nodes, state, patch, chooser, redraw, rowsAt, say: (words) => setText(answer, words) };
}

/** The picture as the network's input sees it, moved to the right by `shift` pixels. @param {Grey} grey */
function moved(grey, shift) {
  const W = naturalWidth(grey);
  const canvas = greyCanvas(resize(grey, HEIGHT, W).data, HEIGHT, W);
  painter(canvas).drawImage(canvas, shift, 0);
  return canvas;
}

/** What was visited of a map, the rest null. @param {number[][]} map */
export function visitedPart(map, { visited, across }) {
  return map.map((row, y) => row.map((v, x) => (visited.has(y * across + x) ? v : null)));
}
