// Chapter 3: nine products and their sum, and the map that grows.
import { element, setText } from "../page/dom.js";
import { slideKernel, windowAt } from "../page/sight.js";
import { createCells, createCrank, figure, patchOf, visitedPart } from "./crank.js";

export const kind = "probe-convolution";
export const name = "Convolution by hand";

const KERNELS = {
  "edges: ink begins, from left to right": [-1, 0, 1, -1, 0, 1, -1, 0, 1],
  "edges: ink begins, from top to bottom": [-1, -1, -1, 0, 0, 0, 1, 1, 1],
  "blur: the sum of all nine": [1, 1, 1, 1, 1, 1, 1, 1, 1],
  "sharpen": [0, -1, 0, -1, 5, -1, 0, -1, 0],
  "copy": [0, 0, 0, 0, 1, 0, 0, 0, 0],
};

/** Chapter 3: nine products and their sum, and the map that grows. The model's `kernels`: the reader's own, nine numbers each. */
export async function mount({ root, model }) {
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
  const parts = await createCrank({ root, model, size: 3, stride: 1, draw, extra });
  root.append(element("div", { class: "crnn-crank" },
    element("div", {}, note("Patch"), parts.patch.node), element("div", {}, note("Kernel (type into it)"), element("div", { class: "crnn-kernel" }, ...inputs)),
    element("div", {}, note("Map: purple above zero, brown below"), map.node)), parts.message);
  await parts.source.start();
  return parts.source.takeDown;
}
