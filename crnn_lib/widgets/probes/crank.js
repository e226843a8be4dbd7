// Probes of chapter 3: a convolution and a pooling turned by hand, window by window, over numbers from a picture.
import { HEIGHT, WIDTH, resize } from "../page/images.js";
import { element, greyCanvas, onPoint, setText, slider } from "../page/dom.js";
import { chooser, createLane } from "../page/lanes.js";
import { colourOf, poolPairs, slideKernel, windowAt } from "../page/sight.js";

const [PATCH_ROWS, PATCH_COLUMNS, PATCH_TOP] = [8, 12, 11]; // the patch, and the image row where it begins
const KERNELS = {
  "edges: ink begins, from left to right": [-1, 0, 1, -1, 0, 1, -1, 0, 1],
  "edges: ink begins, from top to bottom": [-1, -1, -1, 0, 0, 0, 1, 1, 1],
  "blur: the sum of all nine": [1, 1, 1, 1, 1, 1, 1, 1, 1],
  "sharpen": [0, -1, 0, -1, 5, -1, 0, -1, 0],
  "copy": [0, 0, 0, 0, 1, 0, 0, 0, 0],
};

/** One decimal at most, and a true minus sign. @param {number} v */
function figure(v) {
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
function createCells(label, { onpoint, onkeydown } = {}) {
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
async function crank({ root, model, size, stride, draw, extra = [] }) {
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
function patchOf({ digits, left, shift }) {
  return digits.slice(PATCH_TOP, PATCH_TOP + PATCH_ROWS).map((row) => row.slice(left - shift, left - shift + PATCH_COLUMNS));
}

/** The picture as the network's input sees it, moved to the right by `shift` pixels. @param {Grey} grey */
function moved(grey, shift) {
  const canvas = greyCanvas(resize(grey, HEIGHT, WIDTH).data, HEIGHT, WIDTH);
  canvas.getContext("2d").drawImage(canvas, shift, 0);
  return canvas;
}

/** What was visited of a map, the rest null. */
function visitedPart(map, { visited, across }) {
  return map.map((row, y) => row.map((v, x) => (visited.has(y * across + x) ? v : null)));
}

/** Chapter 3: nine products and their sum, and the map that grows. The model's `kernels`: the reader's own, nine numbers each. */
export async function mountConvolution({ root, model }) {
  let kernel = Object.values(KERNELS)[0].slice();
  const map = createCells("The map: one sum for each window visited");
  const learned = Object.fromEntries((model.get("kernels") ?? []).map((k, i) => [`the reader's own, map ${i} (rounded)`, k]));
  const presets = { ...KERNELS, ...learned };
  const preset = element("select", { onchange: () => presets[preset.value] && fill(presets[preset.value]) });
  preset.append(...Object.keys(presets).map((name) => element("option", { value: name }, name)), element("option", { value: "" }, "your own"));
  const inputs = kernel.map((v, i) => element("input", {
    type: "number", step: "any", value: v, "aria-label": `Kernel, row ${Math.floor(i / 3) + 1}, column ${(i % 3) + 1}`,
    oninput: () => {
      kernel = inputs.map((input) => Number(input.value) || 0);
      preset.value = "";
      parts.redraw();
    },
  }));
  const fill = (numbers) => {
    kernel = numbers.slice();
    inputs.forEach((input, i) => (input.value = String(numbers[i])));
    parts.redraw();
  };
  const note = (words) => element("p", { class: "crnn-note" }, words);
  const extra = [element("div", { class: "crnn-controls" }, element("label", { class: "crnn-field" }, element("span", {}, "Kernel"), preset))];
  function draw(state, { patch, answer }) {
    const rows = patchOf(state);
    const sums = slideKernel(rows, kernel);
    const most = Math.max(1e-9, ...sums.flat().map(Math.abs));
    const inside = (y, x) => (y >= state.y && y < state.y + 3 && x >= state.x && x < state.x + 3 ? "crnn-in" : "");
    patch.show(rows, "grey", (v) => v / 9, inside);
    map.show(visitedPart(sums, state), "puor", (v) => 0.5 + v / most / 2, (y, x) => (y === state.y && x === state.x ? "crnn-in" : ""));
    const products = windowAt(rows, state.y, state.x, 3).map((v, i) => `${v}·${kernel[i] < 0 ? `(${figure(kernel[i])})` : figure(kernel[i])}`);
    setText(answer, `Window at row ${state.y}, column ${state.x}: ${products.join(" + ")} = ${figure(sums[state.y][state.x])}`);
  }
  const parts = await crank({ root, model, size: 3, stride: 1, draw, extra });
  root.append(element("div", { class: "crnn-crank" },
    element("div", {}, note("Patch"), parts.patch.node), element("div", {}, note("Kernel (type into it)"), element("div", { class: "crnn-kernel" }, ...inputs)),
    element("div", {}, note("Map: purple above zero, brown below"), map.node)), parts.message);
  await parts.source.start();
  return parts.source.takeDown;
}

/** Chapter 3: the largest of each 2 x 2 window, and what becomes of it when the picture moves. */
export async function mountPooling({ root, model }) {
  const now = createCells("Pooled: the largest of each window visited");
  const before = createCells("Pooled before the picture moved");
  const verdict = element("p", { class: "crnn-note", "aria-live": "polite", "data-crnn": "lost" });
  const shift = slider({ name: "Move the picture to the right by", min: 0, max: 2, step: 1, value: 0, unit: " px", onchange: (value) => ((parts.state.shift = value), parts.redraw()) });
  function draw(state, { patch, answer }) {
    const rows = patchOf(state);
    const still = poolPairs(patchOf({ ...state, shift: 0 }));
    const pooled = poolPairs(rows);
    const ink = (v) => v / 9;
    const inside = (y, x) => Math.floor(y / 2) === state.y && Math.floor(x / 2) === state.x;
    const lost = (y, x) => pooled[y][x] !== still[y][x];
    patch.show(rows, "grey", ink, (y, x) => (inside(y, x) ? "crnn-in" : ""));
    now.show(visitedPart(pooled, state), "grey", ink, (y, x) => [y === state.y && x === state.x ? "crnn-in" : "", state.visited.has(y * state.across + x) && lost(y, x) ? "crnn-lost" : ""].join(" "));
    before.show(still, "grey", ink);
    const four = windowAt(rows, 2 * state.y, 2 * state.x, 2);
    setText(answer, `Window at row ${2 * state.y}, column ${2 * state.x}: the largest of ${four.join(", ")} is ${pooled[state.y][state.x]}; three numbers are gone.`);
    const cells = pooled.flatMap((row, y) => row.map((_, x) => [y, x]));
    const changed = cells.filter(([y, x]) => lost(y, x)).length;
    const apart = cells.filter(([y, x]) => x > 0 && pooled[y][x] !== still[y][x - 1]).length;
    setText(verdict, state.shift === 0 ? "The picture has not moved." : `Moved by ${state.shift} px: ${changed} of ${cells.length} pooled numbers are not what they were (outlined). ${
      state.shift === 2 ? `Set beside their left neighbour of before, ${apart} differ: the pooled map has moved by one, whole.` : "One pixel is half a window, so this is no movement of the pooled map: its numbers are new ones."}`);
  }
  const parts = await crank({ root, model, size: 2, stride: 2, draw, extra: [shift.node] });
  const note = (words) => element("p", { class: "crnn-note" }, words);
  root.append(element("div", { class: "crnn-crank" }, element("div", {}, note("Patch"), parts.patch.node),
    element("div", {}, note("Pooled"), now.node), element("div", {}, note("Pooled before it moved"), before.node)), verdict, parts.message);
  await parts.source.start();
  return parts.source.takeDown;
}
