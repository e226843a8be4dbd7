// What convolution and pooling by hand share: a window turned over numbers from a picture.
import { HEIGHT, WIDTH, resize } from "../page/images.js";
import { element, greyCanvas, onPoint, setText, slider } from "../page/dom.js";
import { chooser, createLane } from "../page/lanes.js";
import { colourOf } from "../page/sight.js";

const [PATCH_ROWS, PATCH_COLUMNS, PATCH_TOP] = [8, 12, 11]; // the patch, and the image row where it begins
/** One decimal at most, and a true minus sign. @param {number} v */
export function figure(v) {
  const text = String(Math.round(v * 10) / 10 + 0);
  return text.replace("-", "−");
}

/** The ink of a picture in whole numbers, 0 (its palest pixel) to 9 (its darkest), as rows. @param {Grey} grey */
export function inkDigits(grey) {
  const { data } = resize(grey, HEIGHT, WIDTH);
  const [low, high] = data.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const digit = (v) => Math.round((9 * (high - v)) / (high - low || 1));
  return Array.from({ length: HEIGHT }, (_, y) => Array.from(data.subarray(y * WIDTH, (y + 1) * WIDTH), digit));
}

/** A grid of numbers as coloured cells; `null` is not filled yet. */
export function createCells(label, { onpoint, onkeydown } = {}) {
  const node = element("div", { class: "crnn-cells", "aria-label": label, ...(onkeydown ? { role: "application", tabindex: 0, onkeydown } : { role: "img" }) });
  let rows = [];
  const point = ({ clientX, clientY }) => {
    const i = [...node.children].indexOf(document.elementFromPoint(clientX, clientY));
    if (i >= 0) onpoint(Math.floor(i / rows[0].length), i % rows[0].length);
  };
  if (onpoint) onPoint(node, point, true);
  function show(given, palette, colour, marked = () => "") {
    rows = given;
    node.style.gridTemplateColumns = `repeat(${rows[0].length}, minmax(0, 1.5rem))`;
    const values = rows.flat();
    while (node.children.length < values.length) node.append(element("span"));
    while (node.children.length > values.length) node.lastChild.remove();
    values.forEach((v, i) => {
      const cell = node.children[i];
      const rgb = v === null ? null : colourOf(palette, colour(v));
      const light = rgb && (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) > 128;
      cell.style.background = rgb ? `rgb(${rgb})` : "repeating-linear-gradient(45deg, #8888 0 1px, #0000 1px 6px)";
      cell.style.color = light ? "#000" : "#fff";
      cell.className = marked(Math.floor(i / rows[0].length), i % rows[0].length);
      setText(cell, v === null ? "" : figure(figure(v).length > 3 ? Math.round(v) : v)); // three signs fit
    });
  }
  return { node, show };
}

/**
 * What both probes share: the patch, the window on it, the buttons that move it, and which windows were visited.
 * @param {{size: number, stride: number, draw: () => void}} options the window's side and how far it goes in a step
 */
export async function createCrank({ root, model, size, stride, draw, extra = [] }) {
  const [down, across] = [(PATCH_ROWS - size) / stride + 1, (PATCH_COLUMNS - size) / stride + 1];
  const state = { digits: null, left: model.get("left") ?? 16, shift: 0, y: 0, x: 0, visited: new Set([0]), down, across };
  const message = element("p", { class: "crnn-message", role: "status", "data-crnn": "message" });
  const answer = element("p", { class: "crnn-answer", "aria-live": "polite", "data-crnn": "answer" });
  const where = createLane({ label: "The picture, with the patch outlined", height: 192 });
  const to = (at, most) => Math.floor(Math.min(at, most - size) / stride);
  const onpoint = (y, x) => go(to(y, PATCH_ROWS), to(x, PATCH_COLUMNS));
  const patch = createCells("The patch, ink from 0 to 9: arrow keys move the window", { onpoint, onkeydown });
  function onkeydown(event) {
    const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!way) return;
    event.preventDefault();
    go(state.y + way[0], state.x + way[1]);
  }
  function go(y, x) {
    if (y < 0 || x < 0 || y >= down || x >= across || (y === state.y && x === state.x)) return;
    Object.assign(state, { y, x });
    state.visited.add(y * across + x);
    draw(state, { patch, answer });
  }
  const step = () => {
    const next = (state.y * across + state.x + 1) % (down * across);
    go(Math.floor(next / across), next % across);
  };
  const all = () => {
    for (let i = 0; i < down * across; i++) state.visited.add(i);
    draw(state, { patch, answer });
  };
  const again = () => {
    Object.assign(state, { y: 0, x: 0, visited: new Set([0]) });
    draw(state, { patch, answer });
  };
  const redraw = () => {
    if (!state.digits) return;
    const [left, top] = [state.left / WIDTH, PATCH_TOP / HEIGHT];
    where.show(moved(state.grey, state.shift), [{ from: left, to: left + PATCH_COLUMNS / WIDTH, top, bottom: top + PATCH_ROWS / HEIGHT, style: "cover" }]);
    draw(state, { patch, answer });
  };
  const from = slider({ name: "Patch from pixel column", min: 2, max: WIDTH - PATCH_COLUMNS, step: 1, value: state.left, onchange: (value) => ((state.left = value), redraw()) });
  const source = chooser({ model, message, onpicture: ({ grey }) => (Object.assign(state, { grey, digits: inkDigits(grey) }), redraw()) });
  const button = (name, onclick) => element("button", { type: "button", onclick }, name);
  root.append(source.node, where.node, from.node, ...extra,
    element("div", { class: "crnn-controls" }, button("Step", step), button("Run all", all), button("Start again", again)), answer);
  return { state, patch, message, source, redraw };
}

/** The rows of the patch. */
export function patchOf({ digits, left, shift }) {
  return digits.slice(PATCH_TOP, PATCH_TOP + PATCH_ROWS).map((row) => row.slice(left - shift, left - shift + PATCH_COLUMNS));
}

/** The picture as the network's input sees it, moved to the right by `shift` pixels. @param {Grey} grey */
function moved(grey, shift) {
  const canvas = greyCanvas(resize(grey, HEIGHT, WIDTH).data, HEIGHT, WIDTH);
  canvas.getContext("2d").drawImage(canvas, shift, 0);
  return canvas;
}

/** What was visited of a map, the rest null. */
export function visitedPart(map, { visited, across }) {
  return map.map((row, y) => row.map((v, x) => (visited.has(y * across + x) ? v : null)));
}
