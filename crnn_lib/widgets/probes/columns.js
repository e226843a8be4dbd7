// Chapter 4: what a time step sees.
import { element, setText, slider } from "../page/dom.js";
import { createLane, inkCanvas, inspect } from "../page/lanes.js";
import { neededSteps, pooledSize, sightOf, stripOf } from "../page/sight.js";
import { note, probeFrame } from "./frame.js";

export const kind = "probe-columns";
export const name = "What a time step sees";

const POOLS = ["2,2", "2,1", "1,1", "1,2", "2,4"];

/** Chapter 4: what a time step sees, for pools of your choice, and whether a label still fits. */
export async function mount({ root, model, backend }) {
  const own = (await backend.reader(backend.readers[0])).config;
  let t = model.get("step") ?? 16;
  let pools = own.pools;
  let known = null; // the picture as the reader gets it
  const lane = createLane({ label: "The image cut into time steps; outside of the strip it is dimmed", height: 192, onplace: (part) => go(Math.floor(part * steps())) });
  const steps = () => pooledSize(own.width, pools.map(([, h]) => h));
  const label = element("input", { type: "text", maxlength: 24, value: model.get("label") ?? "mm22m", autocomplete: "off", spellcheck: "false", autocapitalize: "none", oninput: () => view.redraw() });
  const selects = own.pools.map(([v, h], i) => {
    const select = element("select", { onchange: () => (gather(), view.redraw()) });
    select.append(...[...new Set([...POOLS, `${v},${h}`])].map((pool) => element("option", { value: pool }, pool.replace(",", " × "))));
    select.value = `${v},${h}`;
    return element("label", { class: "crnn-field" }, element("span", {}, `Pool ${i + 1}`), select);
  });
  const gather = () => (pools = selects.map((node) => node.querySelector("select").value.split(",").map(Number)));
  const tune = slider({ name: "Time step t", min: 0, max: steps() - 1, step: 1, value: t, onchange: (value) => go(value) });
  const input = tune.node.querySelector("input");
  input.dataset.crnn = "step";
  const fits = element("p", { class: "crnn-answer", role: "status", "data-crnn": "fits" });
  const reset = element("button", { type: "button", onclick: () => (selects.forEach((node, i) => (node.querySelector("select").value = own.pools[i].join(","))), gather(), view.redraw()) }, "The reader's own");
  function go(value) {
    if (value === t) return;
    t = value;
    view.redraw();
  }
  const view = probeFrame({ root, model }, async ({ picture, answer }) => {
    const { image } = known?.picture === picture ? known : (known = { picture, ...(await inspect(backend, picture)) });
    const T = steps();
    const rows = pooledSize(own.height, pools.map(([v]) => v));
    input.max = String(Math.max(T - 1, 0));
    t = Math.min(t, Math.max(T - 1, 0));
    tune.show(t);
    const [first, last] = stripOf(pools, own.width, t);
    const { size, stride } = sightOf(pools.map(([, h]) => h));
    const high = sightOf(pools.map(([v]) => v)).size;
    const width = own.width;
    const borders = Array.from({ length: T }, (_, i) => ({ from: (i * stride) / width, to: ((i + 1) * stride) / width, style: "cell" }));
    lane.show(inkCanvas(image, own.height, width), [{ from: first / width, to: (last + 1) / width, style: "strip" }, ...borders, { from: (t * stride) / width, to: ((t + 1) * stride) / width, style: "step" }]);
    setText(answer, `T = ${T} steps, one every ${stride} pixels. Step ${t} sees pixel columns ${first} to ${last}; its full field is ${size} columns wide and ${high} rows high.${rows < 1 ? " But these pools leave no row of the image: such a reader cannot be built." : ""}`);
    const need = neededSteps(label.value);
    const U = [...label.value].length;
    setText(fits, `"${label.value}" needs U + r = ${U} + ${need - U} = ${need} steps: ${need <= T ? `it fits T = ${T}` : `it does not fit T = ${T}, no path spells it`}.`);
  }, false);
  root.append(lane.node, tune.node, view.answer, element("div", { class: "crnn-controls" }, ...selects, reset, element("label", { class: "crnn-field" }, element("span", {}, "Label"), label)),
    note("A pool is written rows × columns: only its second number makes T smaller."), fits, view.message);
  await view.source.start();
  return view.source.takeDown;
}
