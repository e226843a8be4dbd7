// Chapter 3: nine products and their sum, and the map that grows.
import { choice, field, fill } from "../page/controls.js";
import { element, markup } from "../page/dom.js";
import { equation } from "../page/nine.js";
import { slideKernel, windowAt } from "../page/sight.js";
import { createCells, createCrank, figure, visitedPart } from "./crank.js";

export const kind = "probe-convolution";
export const name = "Convolution by hand";
const KERNELS = {
  "edges: ink begins, from left to right": [-1, 0, 1, -1, 0, 1, -1, 0, 1],
  "edges: ink begins, from top to bottom": [-1, -1, -1, 0, 0, 0, 1, 1, 1],
  "blur: the sum of all nine": [1, 1, 1, 1, 1, 1, 1, 1, 1],
  "sharpen": [0, -1, 0, -1, 5, -1, 0, -1, 0],
  "copy": [0, 0, 0, 0, 1, 0, 0, 0, 0],
};

/** The widget's `kernels`: those of the CRNN, nine numbers each. @param {import("../page/main.js").Place} place */
export async function mount(place) {
  let kernel = Object.values(KERNELS)[0].slice();
  const map = createCells("The map: one sum for each window visited");
  /** @type {Object<string, number[]>} */
  let presets = {};
  const preset = choice([], "", (chosen) => {
    if (!chosen) return;
    kernel = presets[chosen].slice();
    inputs.forEach((input, i) => (input.value = String(kernel[i])));
    crank.redraw();
  });
  function offer(chosen) {
    const learned = (place.model.get("kernels") ?? []).map((k, i) => [`the model's own, map ${i} (rounded)`, k]);
    presets = { ...KERNELS, ...Object.fromEntries(learned) };
    fill(preset, [...Object.keys(presets).map((known) => [known, known]), ["", "your own"]], chosen);
  }
  offer(Object.keys(KERNELS)[0]);
  place.model.on(["kernels"], () => offer(""));
  const inputs = kernel.map((value, i) => {
    const label = `Kernel, row ${Math.floor(i / 3) + 1}, column ${(i % 3) + 1}`;
    return element("input", { type: "number", step: "any", value, "aria-label": label, oninput: typed });
  });
  function typed() {
    kernel = inputs.map((input) => Number(input.value) || 0);
    preset.value = "";
    crank.redraw();
  }
  const signed = (v) => (v < 0 ? `(${figure(v)})` : figure(v));
  function draw(state, rows) {
    const sums = slideKernel(rows, kernel);
    const most = Math.max(1e-9, ...sums.flat().map(Math.abs));
    const inside = (y, x) => y >= state.y && y < state.y + 3 && x >= state.x && x < state.x + 3;
    const here = (y, x) => (y === state.y && x === state.x ? "crnn-in" : "");
    crank.patch.show(rows, "grey", (v) => v / 9, (y, x) => (inside(y, x) ? "crnn-in" : ""));
    map.show(visitedPart(sums, state), "puor", (v) => 0.5 + v / most / 2, here);
    const patch = windowAt(rows, state.y, state.x, 3);
    const sum = figure(sums[state.y][state.x]);
    const products = patch.map((v, i) => `${v}·${signed(kernel[i])}`).join(" + ");
    crank.say(`Window at row ${state.y}, column ${state.x}: ${products} = ${sum}`);
    const factors = [[patch, "window"], [kernel, "kernel"], [patch.map((v, i) => v * kernel[i]), "products"]];
    row.replaceChildren(...equation(/** @type {any} */ (factors), figure, []), element("b", {}, sum));
  }
  const row = element("div", { class: "crnn-equation", "aria-hidden": "true" }); // the answer says the same
  const more = markup`<div class="crnn-controls">${field("Kernel", preset)}</div>`;
  const crank = createCrank(place, { size: 3, stride: 1, draw, more });
  place.root.append(
    ...crank.nodes,
    ...markup`<div class="crnn-crank">
      <div><p class="crnn-note">Patch</p>${crank.patch.node}</div>
      <div><p class="crnn-note">Kernel (type into it)</p><div class="crnn-kernel">${inputs}</div></div>
      <div><p class="crnn-note">Map: purple above zero, brown below</p>${map.node}</div>
    </div>${row}${crank.chooser.message.node}`,
  );
  await crank.chooser.start();
}
