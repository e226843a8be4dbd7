// Chapter 3: nine products and their sum, and the map that grows.
import { choice, field, fill } from "../page/controls.js";
import { element, markup, setText } from "../page/dom.js";
import { legend } from "../page/lanes.js";
import { nine } from "../page/nine.js";
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
    crank.patch.show(rows, "grey", (v) => v / 9);
    crank.patch.slide(state.y, state.x, 3);
    map.show(visitedPart(sums, state), "puor", (v) => 0.5 + v / most / 2);
    map.slide(state.y, state.x, 1);
    const patch = windowAt(rows, state.y, state.x, 3);
    const sum = figure(sums[state.y][state.x]);
    const products = patch.map((v, i) => `${v}·${signed(kernel[i])}`).join(" + ");
    crank.say(`Window at row ${state.y}, column ${state.x}: ${products} = ${sum}`);
    const nineProducts = nine(patch.map((v, i) => v * kernel[i]), "their products", figure);
    row.products.replaceChildren(nineProducts);
    setText(row.sum, sum);
    row.scale.replaceChildren(legend(figure(-most), figure(most), "puor"));
  }
  const row = {
    products: element("div", { "aria-hidden": "true" }), // the answer says the same
    sum: element("b"),
    scale: element("div"),
  };
  const sign = (/** @type {string} */ words) =>
    element("span", { class: "crnn-operator", "aria-hidden": "true" }, words);
  const more = markup`<div class="crnn-controls">${field("Kernel", preset)}</div>`;
  const crank = createCrank(place, { size: 3, stride: 1, draw, more });
  place.root.append(
    ...crank.nodes,
    ...markup`<div class="conv-row">
      <figure class="conv-patch">${crank.patch.node}<figcaption>patch, the window on it</figcaption></figure>${
      sign("×")
    }
      <figure><div class="crnn-kernel">${inputs}</div><figcaption>kernel: type into it</figcaption></figure>${sign("=")}
      ${row.products}
      <figure class="conv-sum" aria-hidden="true"><p>sum ${row.sum} →</p></figure>
      <figure class="conv-map">${map.node}<figcaption>map ${row.scale}</figcaption></figure>
    </div>${crank.chooser.message.node}`,
  );
  await crank.chooser.start();
}
