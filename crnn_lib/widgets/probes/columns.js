// Chapter 4: what a time step sees, for pools of your choice, and whether a label still fits.
import { button, choice, field, slider, textInput } from "../page/controls.js";
import { markup, part, setText } from "../page/dom.js";
import { createLane, inkCanvas } from "../page/lanes.js";
import { neededSteps, sightOf, stripOf } from "../page/sight.js";
import { pooledSize } from "../page/weights.js";
import { createProbe } from "../page/probe.js";

export const kind = "probe-columns";
export const name = "What a time step sees";
const POOLS = ["2,2", "2,1", "1,1", "1,2", "2,4"];

/** @param {import("../page/main.js").Place} place */
export async function mount(place) {
  const { model, backend, root } = place;
  const own = (await backend.reader(backend.readers[0])).config;
  let t = model.get("step") ?? 16;
  let pools = own.pools;
  const go = (/** @type {number} */ step) => step !== t && ((t = step), redraw());
  let width = own.width;
  const steps = () => pooledSize(width, pools.map(([, h]) => h));
  const lane = createLane({
    label: "The image cut into time steps; outside of the strip it is dimmed",
    onplace: (place) => go(Math.floor(place * steps())),
  });
  const label = textInput(model.get("label") ?? "mm22m", 24, () => redraw());
  const selects = own.pools.map(([v, h]) => {
    const known = [...new Set([...POOLS, `${v},${h}`])];
    return choice(known.map((pool) => [pool, pool.replace(",", " × ")]), `${v},${h}`, gather);
  });
  function gather() {
    pools = selects.map((select) => select.value.split(",").map(Number));
    redraw();
  }
  function reset() {
    selects.forEach((select, i) => (select.value = own.pools[i].join(",")));
    gather();
  }
  const tune = slider({ name: "Time step t", min: 0, max: steps() - 1, step: 1, value: t }, go);
  tune.input.dataset.crnn = "step";
  const fits = part("fits", "p", { class: "crnn-answer", role: "status" });
  const { chooser, redraw, answer } = createProbe(place, ({ image, W }) => {
    const { height } = own;
    width = W;
    const T = steps();
    lane.fit(T);
    tune.input.max = String(Math.max(T - 1, 0));
    t = Math.min(t, Math.max(T - 1, 0));
    tune.show(t);
    const [first, last] = stripOf(pools, width, t);
    const { size, stride } = sightOf(pools.map(([, h]) => h));
    const down = pools.map(([v]) => v);
    const cell = (i, style) => ({ from: (i * stride) / width, to: ((i + 1) * stride) / width, style });
    const borders = Array.from({ length: T }, (_, i) => cell(i, "cell"));
    const strip = { from: first / width, to: (last + 1) / width, style: "strip" };
    lane.show(inkCanvas(image, height, width), [strip, ...borders, cell(t, "step")]);
    const sees = `Step ${t} sees pixel columns ${first} to ${last}; its full field is ${size} columns wide`;
    const none = " But these pools leave no row of the image: such a model cannot be built.";
    const rows = `${sightOf(down).size} rows high.${pooledSize(height, down) < 1 ? none : ""}`;
    setText(answer, `T = ${T} steps, one every ${stride} pixels. ${sees} and ${rows}`);
    const need = neededSteps(label.value);
    const U = [...label.value].length;
    const verdict = need <= T ? `it fits T = ${T}` : `it does not fit T = ${T}, no path spells it`;
    setText(fits, `"${label.value}" needs U + r = ${U} + ${need - U} = ${need} steps: ${verdict}.`);
  });
  root.append(...markup`${chooser.node}${lane.node}${tune.node}${answer}
    <div class="crnn-controls">${selects.map((select, i) => field(`Pool ${i + 1}`, select))}
      ${button("The model's own", reset)}${field("Label", label)}</div>
    <p class="crnn-note">A pool is written rows × columns: only its second number makes T smaller.</p>
    ${fits}${chooser.message.node}`);
  await chooser.start();
}
