// Probes of chapters 4, 5, 7 and 10: one question each, asked of the reader with a slider. They share the lanes of the
// microscope.
import { beamSearch, bestPath, collapse, labelLogProb } from "../page/decode.js";
import { WIDTH } from "../page/images.js";
import { spoil } from "../pad/pad.js";
import { element, latest, percent, setText, slider } from "../page/dom.js";
import { chooser, createLane, heat, inkCanvas, inspect, inspectImage } from "../page/lanes.js";
import { largestGaps, movedMass, neededSteps, pooledSize, sightOf, stepsThatSee, stripOf, tempered } from "../page/sight.js";

const DAMAGES = {
  rotation: { name: "Rotation", min: -20, max: 20, step: 1, unit: "°" },
  soft: { name: "Blur", min: 0, max: 3, step: 0.1, unit: " px" },
  lines: { name: "Noise lines", min: 0, max: 8, step: 1, unit: "" },
  cover: { name: "Cover: width", min: 0, max: 48, step: 1, unit: " px" },
  from: { name: "Cover: left edge", min: 0, max: 120, step: 1, unit: " px" },
};
const POINTS = 13; // of a curve, at most
const CURVE = { width: 768, height: 300, left: 96, right: 28, top: 20, bottom: 76 };
const POOLS = ["2,2", "2,1", "1,1", "1,2", "2,4"];

/** The frame of a probe: reading, message, chooser. `draw(picture)` runs, one at a time, at each change. */
function probeFrame({ root, model }, draw, reads = true) {
  const view = {
    picture: null,
    text: element("strong", { "data-crnn": "text", "aria-live": "polite", "aria-atomic": "true" }),
    confidence: element("span", { "data-crnn": "confidence" }),
    answer: element("p", { class: "crnn-answer", "data-crnn": "answer" }),
    message: element("p", { class: "crnn-message", role: "status", "data-crnn": "message" }),
  };
  view.redraw = latest(async () => {
    await draw(view);
    root.dataset.crnnRead = String(Number(root.dataset.crnnRead ?? 0) + 1);
  }, (error) => {
    view.message.classList.add("crnn-error");
    setText(view.message, `This could not be read: ${error.message}`);
  });
  view.source = chooser({ model, message: view.message, onpicture: (given) => ((view.picture = given), view.redraw()) });
  view.reading = element("p", { class: "crnn-reading" }, element("span", { class: "crnn-note" }, "It reads "), view.text, " ", view.confidence);
  root.append(view.source.node, ...(reads ? [view.reading] : []));
  return view;
}

const probability = (logProbs, K, classes) => Math.min(Math.exp(labelLogProb(logProbs, K, classes)), 1);
const row = (...nodes) => element("div", { class: "crnn-controls crnn-sliders" }, ...nodes);
const note = (words) => element("p", { class: "crnn-note" }, words);

/** A picture damaged as the sliders say; the cover has the grey of the paper. @param {Grey} grey */
export function damage(grey, { rotation, soft, lines, cover, from }) {
  const spoilt = spoil(grey, { rotation, soft, lines });
  if (!cover) return spoilt;
  const paper = Float32Array.from(grey.data).sort()[Math.floor(grey.data.length / 2)];
  const [left, right] = [from, from + cover].map((x) => Math.round((x * grey.width) / WIDTH));
  return { ...spoilt, data: spoilt.data.map((v, i) => (i % grey.width >= left && i % grey.width < right ? paper : v)) };
}

/** Chapter 10: how much damage a reading stands, live, and the whole curve of the slider that was moved last. */
export async function mountRobustness({ root, model, backend }) {
  const settings = { rotation: 0, soft: 0, lines: 0, cover: 0, from: 40 };
  let moved = "rotation";
  let drawn = 0; // number of the curve that is being computed
  const lane = createLane({ label: "The picture as the reader gets it", height: 192 });
  const chart = element("canvas", { class: "crnn-curve", width: CURVE.width, height: CURVE.height, role: "img", "aria-label": "Probability of the true text along the slider" });
  const curve = element("p", { class: "crnn-note", "data-crnn": "curve" });
  const sliders = Object.entries(DAMAGES).map(([key, options]) => slider({ ...options, value: settings[key], onchange: (value) => ((settings[key] = value), (moved = key), view.redraw()) }));
  const reset = element("button", { type: "button", onclick: undamaged }, "Undamaged");
  function undamaged() {
    Object.assign(settings, { rotation: 0, soft: 0, lines: 0, cover: 0 });
    Object.keys(DAMAGES).forEach((key, i) => sliders[i].show(settings[key]));
    view.redraw();
  }

  async function judge(picture, values, truth) {
    const read = await inspect(backend, { ...picture, grey: damage(picture.grey, values) });
    const logProbs = read.stages.log_probs.data;
    const classes = collapse(bestPath(logProbs, read.K));
    const reading = read.spell(classes);
    const true_ = truth ?? reading;
    const known = [...true_].every((symbol) => read.config.alphabet.includes(symbol));
    const p = known ? probability(logProbs, read.K, [...true_].map((symbol) => read.symbols.indexOf(symbol))) : 0;
    return { read, reading, p, own: probability(logProbs, read.K, classes) };
  }

  const view = probeFrame({ root, model }, async ({ picture, text, confidence, answer }) => {
    const number = ++drawn;
    const key = moved;
    picture.truth ??= (await judge(picture, { rotation: 0, soft: 0, lines: 0, cover: 0 })).reading;
    const now = await judge(picture, settings, picture.truth);
    lane.show(inkCanvas(now.read.image, now.read.config.height, now.read.config.width));
    setText(text, now.reading || "(nothing)");
    setText(confidence, percent(now.own));
    setText(answer, `${now.reading === picture.truth ? "Right" : "Wrong"}: the text is ${picture.truth}, and the reader gives it ${percent(now.p)}.`);
    void sweep(picture, key, number, now).catch((error) => setText(curve, error.message));
  });

  /** The curve along one slider, point by point, given up as soon as something else is wanted. */
  async function sweep(picture, key, number, now) {
    const { min, max, step, unit, name } = DAMAGES[key];
    const points = [];
    const last = Math.min(POINTS, (max - min) / step + 1) - 1;
    for (let i = 0; i <= last; i++) {
      await new Promise((resolve) => setTimeout(resolve));
      if (number !== drawn) return;
      const x = Math.round((min + ((max - min) * i) / last) / step) * step;
      const { p, reading } = await judge(picture, { ...settings, [key]: x }, picture.truth);
      points.push({ x, p, right: reading === picture.truth });
    }
    if (number !== drawn) return;
    drawCurve(chart, DAMAGES[key], points, { x: settings[key], p: now.p });
    const places = points.flatMap(({ right }, i) => (right ? [i] : []));
    const [from, to] = [places[0], places[places.length - 1]].map((i) => `${Number(points[i]?.x.toFixed(1))}${unit}`);
    const where = !places.length ? "" : places.length === 1 ? ` (${from})` : places[places.length - 1] - places[0] === places.length - 1 ? ` (${from} to ${to})` : ` (with gaps, ${from} to ${to})`;
    setText(curve, `Along ${name.toLowerCase()}: right at ${places.length} of ${points.length} points${where}. Filled: read right; hollow: wrong; the ring is where you are.`);
    root.dataset.crnnCurve = String(number);
  }

  root.append(lane.node, row(...sliders.map((s) => s.node)), element("div", { class: "crnn-controls" }, reset), view.answer, chart, curve, view.message);
  await view.source.start();
  return () => ((drawn = -1), view.source.takeDown());
}

/** A curve of probabilities on its own white ground, read the same on a dark page. */
function drawCurve(canvas, { min, max, name, unit }, points, here) {
  const { width, height, left, right, top, bottom } = CURVE;
  const at = ({ x, p }) => [left + ((x - min) / (max - min)) * (width - left - right), top + (1 - p) * (height - top - bottom)];
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  Object.assign(context, { font: "27px sans-serif", textAlign: "right", textBaseline: "middle", lineWidth: 1, strokeStyle: "#6b7280" });
  for (const p of [0, 0.5, 1]) {
    const [, y] = at({ x: min, p });
    context.strokeRect(left, y, width - left - right, 0);
    context.fillStyle = "#1f2933";
    context.fillText(`${100 * p} %`, left - 8, y);
  }
  Object.assign(context, { textAlign: "center" });
  for (let i = 0; i <= 4; i++) context.fillText(String(Number((min + ((max - min) * i) / 4).toFixed(2))), left + (i / 4) * (width - left - right), height - bottom + 24);
  context.fillText(`${name}${unit.trim() ? ` (${unit.trim()})` : ""}`, (left + width - right) / 2, height - 18);
  Object.assign(context, { strokeStyle: "#0b4f8f", fillStyle: "#0b4f8f", lineWidth: 3 });
  context.beginPath();
  points.forEach((point) => context.lineTo(...at(point)));
  context.stroke();
  const dot = (point, radius, fill) => {
    context.beginPath();
    context.arc(...at(point), radius, 0, 2 * Math.PI);
    context.fillStyle = fill;
    if (fill) context.fill();
    context.stroke();
  };
  for (const point of points) dot(point, 6, point.right ? "#0b4f8f" : "#fff");
  context.strokeStyle = "#b35806";
  dot(here, 12, "");
}

/** Chapter 7: greedy against beam search, with a temperature that makes the reader more or less certain. */
export async function mountDecoding({ root, model, backend }) {
  let [temperature, width] = [model.get("temperature") ?? 1, model.get("width") ?? 8];
  const lane = createLane({ label: "Probability of each class at each step; yellow is probable", height: 400 });
  const table = element("tbody", { "data-crnn": "beam" });
  const greedy = element("strong", { "data-crnn": "greedy" });
  const greedyP = element("span");
  let known = null; // the network's answer, which neither slider changes
  const view = probeFrame({ root, model }, async ({ picture, text, confidence, answer }) => {
    if (known?.picture !== picture) known = { picture, read: await inspect(backend, picture) };
    const { stages, K, T, symbols, spell } = known.read;
    const logProbs = tempered(stages.logits.data, K, temperature);
    const first = collapse(bestPath(logProbs, K));
    const found = beamSearch(logProbs, K, width, 5);
    const order = (y) => (y + 1) % K;
    lane.name(symbols.map((_, y) => symbols[order(y)]), 0.8);
    lane.show(heat(K, T, "viridis", (y, t) => Math.exp(logProbs[t * K + order(y)])));
    const words = (classes) => spell(classes) || "(nothing)";
    const p = probability(logProbs, K, first);
    setText(greedy, words(first));
    setText(greedyP, percent(p));
    setText(text, words(found[0].classes));
    setText(confidence, percent(Math.exp(found[0].logProb)));
    table.replaceChildren(...found.map(({ classes, logProb }) => element("tr", {}, element("td", {}, words(classes)), element("td", {}, percent(Math.exp(logProb))))));
    const gain = Math.exp(found[0].logProb) - p;
    const verdict = spell(first) === spell(found[0].classes) ? "Greedy and beam agree." : gain > 0 ? `They differ: the beam's text is ${(Math.exp(found[0].logProb) / p).toFixed(2)} times as probable.` : "They differ, and greedy's text is the more probable one: this beam is too narrow.";
    setText(answer, `${verdict} ${picture.truth ? `The true text is ${picture.truth}. ` : ""}${p > 0.5 ? "Above one half no other text can win." : "Below one half another text may win."}`);
  });
  view.reading.firstChild.textContent = "Beam search reads ";
  root.append(
    element("p", {}, element("span", { class: "crnn-note" }, "Greedy reads "), greedy, " ", greedyP),
    row(slider({ name: "Temperature", min: 0.2, max: 5, step: 0.1, value: temperature, onchange: (v) => ((temperature = v), view.redraw()) }).node,
      slider({ name: "Beam width", min: 1, max: 20, step: 1, value: width, onchange: (v) => ((width = v), view.redraw()) }).node),
    view.answer, lane.node, note("The most probable texts that the beam keeps:"),
    element("table", { class: "crnn-table" }, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Text"), element("th", { scope: "col" }, "Probability"))), table), view.message);
  await view.source.start();
  return view.source.takeDown;
}

/** Chapter 5: hide some pixel columns, and see which states and outputs hear of it. */
export async function mountContext({ root, model, backend }) {
  let [from, size] = [model.get("left") ?? 48, model.get("size") ?? 12];
  let known = null; // the reading with nothing hidden
  const lanes = {
    image: createLane({ label: "The image, with the hidden columns outlined", height: 192 }),
    forward: createLane({ label: "How much each forward state changed", height: 96, css: "5rem" }),
    backward: createLane({ label: "How much each backward state changed", height: 96, css: "5rem" }),
    outputs: createLane({ label: "How much probability moved at each step", height: 48, css: "2rem" }),
  };
  const view = probeFrame({ root, model }, async ({ picture, text, confidence, answer }) => {
    if (known?.picture !== picture) known = { picture, read: await inspect(backend, picture) };
    const { config, image, stages: before, T, K, reader, spell } = known.read;
    const { width, pools } = config;
    const to = Math.min(from + size, width);
    const paper = Float32Array.from(image).sort()[Math.floor(image.length / 2)];
    const hidden = image.map((v, i) => (i % width >= from && i % width < to ? paper : v));
    const { stages: after } = await inspectImage(backend, reader, config, hidden);
    const cover = { from: from / width, to: to / width, style: "cover" };
    lanes.image.show(inkCanvas(hidden, config.height, width), size ? [cover] : []);
    const units = config.hidden;
    const moved = (half) => heat(units, T, "viridis", (u, t) => Math.abs(after.states.data[(2 * t + half) * units + u] - before.states.data[(2 * t + half) * units + u]));
    const shift = movedMass(before.log_probs.data, after.log_probs.data, K);
    const mark = size ? [cover] : [];
    lanes.forward.show(moved(0), mark);
    lanes.backward.show(moved(1), mark);
    lanes.outputs.show(heat(1, T, "viridis", (_, t) => shift[t]), mark);
    const classes = collapse(bestPath(after.log_probs.data, K));
    setText(text, spell(classes) || "(nothing)");
    setText(confidence, percent(probability(after.log_probs.data, K, classes)));
    const sees = size ? stepsThatSee(pools, width, from, to - 1) : null;
    const beyond = (gaps, least) => gaps.flatMap((gap, t) => (gap > least ? [t] : []));
    const span = (steps) => (steps.length ? `steps ${steps[0]} to ${steps[steps.length - 1]}` : "no step");
    const gaps = (half) => beyond(largestGaps(before.states.data, after.states.data, 2 * units, half * units, (half + 1) * units), 0.01);
    setText(answer, sees ? `Hidden: pixel columns ${from} to ${to - 1}. Through the convolutions steps ${sees[0]} to ${sees[1]} can see them. By more than 0.01 the forward states change at ${span(gaps(0))}, the backward states at ${span(gaps(1))}. More than 1 % of the probability moves at ${span(beyond(shift, 0.01))}.` : "Nothing is hidden, and nothing changes.");
  });
  root.append(lanes.image.node,
    row(slider({ name: "Hide from column", min: 0, max: WIDTH - 1, step: 1, value: from, onchange: (v) => ((from = v), view.redraw()) }).node,
      slider({ name: "How many", min: 0, max: 48, step: 1, value: size, unit: " px", onchange: (v) => ((size = v), view.redraw()) }).node),
    view.answer, note("Change of the forward states →"), lanes.forward.node, note("← Change of the backward states"), lanes.backward.node,
    note("Probability moved"), lanes.outputs.node, note("Dark: as before. Yellow: changed by 1 or more. The outline marks the hidden columns."), view.message);
  await view.source.start();
  return view.source.takeDown;
}

/** Chapter 4: what a time step sees, for pools of your choice, and whether a label still fits. */
export async function mountColumns({ root, model, backend }) {
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
