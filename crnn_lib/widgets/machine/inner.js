// The two details that look into the network's weights: a convolution under the lens, and one cell's gates.
import { slider } from "../page/controls.js";
import { ARROWS, element, onPoint, setText, svgElement } from "../page/dom.js";
import { sigmoid } from "../page/plain.js";
import { equation, fixed } from "../page/nine.js";
import { paintFloor } from "./paint.js";
import { within } from "./pointing.js";

/** @typedef {import("./details.js").Given} Given @typedef {import("./words.js").Here} Here */

const [HIGH, ROOM] = [40, 3]; // a curve's view box, and what is left free in it

/** The first convolution, at one pixel of one map, as an equation in a row. @param {(here: Here) => void} go */
export function createLens(go) {
  /** @type {Given | null} */
  let now = null;
  let [x, y] = [-1, -1];
  const picture = element("canvas", { "aria-hidden": "true" });
  const frame = element("div", { class: "machine-window" });
  const words = { role: "slider", tabindex: 0, "aria-label": "Window: arrow keys move it", "aria-valuemin": 0 };
  const point = element("div", { class: "machine-point", ...words });
  const lens = element("div", { class: "machine-lens" }, picture, frame, point);
  const maps = slider({ name: "Map", min: 0, max: 15, step: 1, value: 0 }, (map) => to(x, y, map));
  const row = element("div", { class: "crnn-equation" });
  const says = element("p", { class: "machine-note" }, "The network's weights are loading.");

  function to(nextX, nextY, map = now?.here.map ?? 0) {
    if (!now) return;
    const { W, T, config: { height } } = now.seen;
    [x, y] = [within(nextX, W), within(nextY, height)];
    go({ stage: "maps", t: within(Math.floor((x * T) / W), T), map });
  }
  onPoint(point, (event) => {
    const box = point.getBoundingClientRect();
    const { W, config: { height } } = /** @type {Given} */ (now).seen;
    const parts = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    to(Math.floor(parts[0] * W), Math.floor(parts[1] * height));
  }, true);
  point.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (!way) return;
    event.preventDefault();
    to(x + way[0], y + way[1]);
  });

  async function show(/** @type {Given} */ given) {
    now = given;
    const { image, W, T, config: { height: H, channels: [C] } } = given.seen;
    if (x < 0) [x, y] = [Math.floor(((given.here.t + 0.5) * W) / T), H >> 1];
    [x, y] = [within(x, W), within(y, H)];
    const map = Math.min(given.here.map ?? 0, C - 1);
    maps.input.max = String(C - 1);
    maps.show(map);
    paintFloor(picture, image, H, W);
    const place = { left: (x - 1) / W, top: (y - 1) / H, width: 3 / W, height: 3 / H };
    for (const [side, part] of Object.entries(place)) frame.style[side] = `${100 * part}%`;
    point.setAttribute("aria-valuemax", String(W - 1));
    point.setAttribute("aria-valuenow", String(x));
    point.setAttribute("aria-valuetext", `row ${y}, column ${x}`);
    const { convolutions: [{ weight, bias }] } = await given.network();
    const ways = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [y + dy, x + dx]));
    const patch = ways.map(([i, j]) => (i < 0 || j < 0 || i >= H || j >= W ? 0 : image[i * W + j]));
    const kernel = Array.from(weight.subarray(9 * map, 9 * map + 9));
    const products = patch.map((v, i) => v * kernel[i]);
    const sum = products.reduce((a, b) => a + b, bias[map]);
    const [sum9, offset] = [fixed(sum - bias[map]), fixed(bias[map])];
    const total = [element("span", {}, `sum ${sum9}`), element("span", {}, `bias ${offset}`)];
    row.replaceChildren(
      ...equation([[patch, "image"], [kernel, `kernel ${map}`], [products, "products"]], fixed, total),
      element("output", { "data-crnn": "sum" }, fixed(Math.max(sum, 0))),
    );
    setText(
      says,
      `The nine products sum to ${sum9}; with the bias ${offset} that is ${fixed(sum)}. What is ` +
        `below zero becomes 0. The window slides over every pixel, and its results are map ${map} of block 1. Later ` +
        "blocks do the same with all maps of the block before.",
    );
  }
  return { node: element("div", { class: "machine-simple" }, lens, maps.node, row, says), show };
}

/** What one unit of a direction does at every step: its three gates, its proposal, its memory and its state. */
function gatesOf({ stages, T }, layer, unit, reverse) {
  const { features: { data: input, dims: [, , F] }, states: { data: states, dims: [, , both] } } = stages;
  const hidden = both / 2;
  const width = F + hidden;
  const order = Array.from({ length: T }, (_, i) => (reverse ? T - 1 - i : i));
  const found = { input: [], forget: [], output: [], proposal: [], memory: [], state: [] };
  let memory = 0;
  order.forEach((t, i) => {
    const before = order[i - 1];
    const gate = (k) => {
      const row = (k * hidden + unit) * width;
      let z = layer.bias[k * hidden + unit];
      for (let f = 0; f < F; f++) z += layer.weight[row + f] * input[t * F + f];
      for (let h = 0; h < hidden && i; h++) {
        z += layer.weight[row + F + h] * states[before * both + h + (reverse ? hidden : 0)];
      }
      return z;
    };
    const [taken, kept, proposal, shown] = [sigmoid(gate(0)), sigmoid(gate(1)), Math.tanh(gate(2)), sigmoid(gate(3))];
    memory = kept * memory + taken * proposal;
    const now = { input: taken, forget: kept, output: shown, proposal, memory, state: shown * Math.tanh(memory) };
    for (const [name, value] of Object.entries(now)) found[name][t] = value;
  });
  return found;
}

const TRACES = {
  forget: ["Forget gate", "how much of its memory it keeps"],
  input: ["Input gate", "how much of the proposal it takes in"],
  proposal: ["Proposal", "what is new at this step"],
  memory: ["Memory", "forget × memory + input × proposal"],
  output: ["Output gate", "how much of the memory it shows"],
  state: ["State", "what the next layer gets"],
};

/** A number over all steps as a curve, the present step marked. @param {number[]} values */
function curve(values, t) {
  const most = values.reduce((a, v) => Math.max(a, Math.abs(v)), 1);
  const signed = values.some((v) => v < 0);
  const y = (v) => (signed ? HIGH / 2 - (v / most) * (HIGH / 2 - ROOM) : HIGH - ROOM - (v / most) * (HIGH - 2 * ROOM));
  const points = values.map((v, i) => `${i + 0.5},${y(v).toFixed(2)}`).join(" ");
  return svgElement(
    "svg",
    { viewBox: `0 0 ${values.length} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svgElement("rect", { x: t, y: 0, width: 1, height: HIGH, class: "machine-now" }),
    svgElement("line", { x1: 0, x2: values.length, y1: y(0), y2: y(0), class: "machine-zero" }),
    svgElement("polyline", { points, class: "machine-trace" }),
  );
}

/** One cell of the BiLSTM over all steps. @param {(here: Here) => void} go */
export function createCell(go) {
  /** @type {Given | null} */
  let now = null;
  const units = slider(
    { name: "Unit", min: 0, max: 127, step: 1, value: 0 },
    (unit) => now && go({ ...now.here, stage: "lstm", unit }),
  );
  const rows = element("div", { class: "machine-gates" });
  const says = element("p", { class: "machine-note" }, "The network's weights are loading.");

  async function show(/** @type {Given} */ given) {
    now = given;
    const { seen, here: { t, unit = 0 } } = given;
    const hidden = seen.stages.states.dims[2] / 2;
    units.input.max = String(2 * hidden - 1);
    units.show(unit, unit < hidden ? `${unit} forward` : `${unit - hidden} backward`);
    const { forward, reverse } = await given.network();
    const back = unit >= hidden;
    const found = gatesOf(seen, back ? reverse : forward, unit % hidden, back);
    rows.classList.toggle("machine-backwards", back);
    rows.replaceChildren(
      ...Object.entries(TRACES).flatMap(([name, [title, what]]) => [
        element("b", {}, title, element("small", {}, what)),
        curve(found[name], t),
        element("output", { "data-crnn": name }, fixed(found[name][t])),
      ]),
    );
    const before = back ? t + 1 : t - 1;
    const old = found.memory[before] ?? 0;
    setText(
      says,
      `Step ${t}, coming from step ${back ? Math.min(before, seen.T) : before < 0 ? "none" : before}: memory ` +
        `${fixed(found.forget[t])} × ${fixed(old)} + ${fixed(found.input[t])} × ${fixed(found.proposal[t])} = ` +
        `${fixed(found.memory[t])}, and the state ${fixed(found.output[t])} × tanh of that = ${fixed(found.state[t])}.`,
    );
  }
  return { node: element("div", { class: "machine-simple" }, units.node, rows, says), show };
}
