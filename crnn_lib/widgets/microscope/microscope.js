// The microscope: every stage of one reading under each other, and one time step that goes through all of them.
import { createChooser } from "../page/chooser.js";
import { choice, field, fill, slider } from "../page/controls.js";
import { element, markup, painter, part, setText } from "../page/dom.js";
import { percent } from "../page/words.js";
import { createLane, heat, inkCanvas, pathCanvas } from "../page/lanes.js";
import { createReading, greedy, inspect, latestReading } from "../page/reading.js";
import { microscopes, receive } from "../page/sources.js";
import { sightOf, spansOf, stageSight, stripOf, topClasses } from "../page/sight.js";

export const kind = "microscope";
export const name = "Microscope";
const [GRID, GAP, LOW] = [768, 8, 24]; // canvas pixels: the tiles of the feature maps, between two, a tile's least height
const TITLES = {
  image: "Image: what the step sees",
  maps: "Feature maps: what the convolutions find",
  columns: "Columns: the maps cut into steps",
  states: "BiLSTM states: what it knows of both sides",
  probabilities: "Probabilities: a class for each step",
  path: "Best path, merged, text",
};

/** A class in words. @param {string[]} signs @param {number} c */
const spoken = (signs, c) => (c === 0 ? "blank" : signs[c] === "␣" ? "space" : signs[c]);

/** "step 4" or "steps 4 to 6". @param {number} from @param {number} to */
const stepsInWords = (from, to) => (from === to ? `step ${from}` : `steps ${from} to ${to}`);

const caption = (words) => element("p", { class: "crnn-note crnn-caption" }, words);

/** @param {Float32Array} values all at least 0 */
const largest = (values) => values.reduce((a, b) => Math.max(a, b), 1e-9);

/**
 * All maps of a stage (C, H, W) as one picture of tiles, each on its own scale.
 * @param {import("../page/engine.js").Tensor} stage @param {number} ratio width to height, of the image
 */
function tiles({ data, dims: [, C, H, W] }, ratio) {
  const layout = tilesFor(ratio);
  const { across, width, height } = layout;
  const canvas = element("canvas", { width: GRID, height: Math.ceil(C / across) * (height + GAP) - GAP });
  const context = painter(canvas);
  for (let c = 0; c < C; c++) context.drawImage(mapCanvas(data, c, H, W), ...corner(layout, c), width, height);
  return Object.assign(canvas, { layout });
}

/** How many tiles stand side by side, and their size, for an image so many times as wide as it is high. */
function tilesFor(/** @type {number} */ ratio) {
  const across = ratio > 8 ? 2 : 4;
  const width = (GRID + GAP) / across - GAP;
  return { across, width, height: Math.max(LOW, Math.floor(width / ratio)) };
}

/** @param {ReturnType<typeof tilesFor>} layout @param {number} c @returns {[number, number]} */
function corner({ across, width, height }, c) {
  return [(c % across) * (width + GAP), Math.floor(c / across) * (height + GAP)];
}

/** Map `c` alone, dark for nothing, yellow for its own largest value. @param {Float32Array} data */
function mapCanvas(data, c, H, W) {
  const map = data.subarray(c * H * W, (c + 1) * H * W);
  const most = largest(map);
  return heat(H, W, "viridis", (y, x) => map[y * W + x] / most);
}

/** The lanes of all stages, which lead to the step that is pointed at. @param {(place: number) => void} onplace */
function createLanes(onplace) {
  const lane = (label, options) => createLane({ label, onplace, ...options });
  const lanes = {
    image: lane("The image; outside of what the step sees it is dimmed"),
    map: lane("The chosen feature map over the image"),
    columns: lane("Columns: one for each step, a row for each map pixel", { css: "9rem" }),
    features: lane("The same after projection: what the BiLSTM gets", { css: "9rem" }),
    forward: lane("States of the forward direction, which reads from left to right", { css: "7rem" }),
    backward: lane("States of the backward direction, which reads from right to left", { css: "7rem" }),
    probabilities: lane("Probability of each class at each step; yellow is probable", { height: 400 }),
    path: lane("Best path, and below it what is left after merging", { height: 120 }),
  };
  lanes.path.node.classList.add("crnn-smooth"); // letters, no pixels
  return lanes;
}

/** The feature maps of a stage: one over the image, all as tiles. */
function createMaps(model, lane, onchange) {
  let map = model.get("map") ?? 0;
  /** @type {any} the stages of the reading */
  let all = {};
  const tell = "All maps of the stage; click one to enlarge it";
  const grid = element("canvas", { class: "crnn-grid", width: 768, height: 200, role: "img", "aria-label": tell });
  const stages = choice([], "", () => pick(0));
  const mapSlider = slider({ name: "Map", min: 0, max: 15, step: 1, value: map }, pick);
  const nodes = markup`<div class="crnn-controls">${field("Stage", stages)}${mapSlider.node}</div>${lane.node}${grid}`;
  const stage = () => all[stages.value];

  function pick(c) {
    map = c;
    onchange();
  }
  grid.addEventListener("click", (event) => {
    const box = grid.getBoundingClientRect();
    const { across } = stage().tiles.layout;
    const column = Math.floor(((event.clientX - box.left) / box.width) * across);
    const row = Math.floor(((event.clientY - box.top) / box.height) * Math.ceil(stage().dims[1] / across));
    const c = row * across + column;
    if (c < stage().dims[1]) pick(c);
  });

  /** Offer the stages of another reading. */
  function offer(found) {
    all = found;
    const names = Object.keys(all).filter((stage) => /^(conv|pool)\d/.test(stage));
    const chosen = stages.value || model.get("stage") || "conv1";
    const sized = (stage) => [stage, `${stage} (${all[stage].dims.slice(1).join(" × ")})`];
    fill(stages, names.map(sized), names.includes(chosen) ? chosen : names[0]);
  }

  /** The chosen map over the image. @param {HTMLCanvasElement} ink */
  function show(ink) {
    const { data, dims: [, C, H, W] } = stage();
    map = Math.min(map, C - 1);
    mapSlider.input.max = String(C - 1);
    mapSlider.show(map);
    const over = element("canvas", { width: 6 * ink.width, height: 6 * ink.height });
    const context = painter(over);
    context.drawImage(ink, 0, 0, over.width, over.height);
    context.globalAlpha = 0.75;
    context.drawImage(mapCanvas(data, map, H, W), 0, 0, over.width, over.height);
    lane.show(over);
    stage().tiles ??= tiles(stage(), ink.width / ink.height);
  }

  /** The step's own columns in every tile, and a frame around the chosen map. */
  function mark({ from, to }) {
    const picture = stage().tiles;
    const { width, height } = picture.layout;
    Object.assign(grid, { width: picture.width, height: picture.height });
    const context = painter(grid);
    context.drawImage(picture, 0, 0);
    Object.assign(context, { lineWidth: 1.5, strokeStyle: "#fff" });
    for (let c = 0; c < stage().dims[1]; c++) {
      const [x, y] = corner(picture.layout, c);
      context.strokeRect(x + from * width, y + 1, (to - from) * width, height - 2);
    }
    const [x, y] = corner(picture.layout, map);
    Object.assign(context, { lineWidth: 6, strokeStyle: "#e08214" });
    context.strokeRect(x + 2, y + 2, width - 4, height - 4);
  }

  function explain(pools) {
    const { dims: [, , H, W] } = stage();
    const sight = stageSight(pools, stages.value);
    return `Map ${map} of ${stages.value} is ${W} × ${H}. One of its pixels sees ${sight.along.size} × ` +
      `${sight.down.size} pixels of the image, and its neighbour looks ${sight.along.stride} further right. ` +
      "Yellow is strong, dark is nothing; each map has its own scale.";
  }
  return { nodes, stage, offer, show, mark, explain };
}

/** The stages under their titles, folded or open. @returns {Object<string, HTMLDetailsElement>} */
function createFolds(model, lanes, maps, top, words, onopen) {
  const inside = {
    image: [lanes.image.node],
    maps: maps.nodes,
    columns: [caption("Columns"), lanes.columns.node, caption("Projected to features"), lanes.features.node],
    states: [caption("Forward →"), lanes.forward.node, caption("← Backward"), lanes.backward.node],
    probabilities: [lanes.probabilities.node, top],
    path: [lanes.path.node],
  };
  const unfolded = (model.get("unfold") || "image").split(/\s+/);
  const fold = ([key, title]) => {
    const attributes = { class: "crnn-fold", "data-crnn-stage": key, open: unfolded.includes(key) };
    const node = element("details", attributes, element("summary", {}, title), ...inside[key], words[key]);
    node.addEventListener("toggle", () => node.open && onopen());
    return [key, node];
  };
  return Object.fromEntries(Object.entries(TITLES).map(fold));
}

/** What the stages show at step `t`, in words; the maps say it themselves. */
function explain({ config: { pools, height }, W, T, signs, stages, path, text }, t) {
  const [down, along] = [sightOf(pools.map(([v]) => v)), sightOf(pools.map(([, h]) => h))];
  const [first, last] = stripOf(pools, W, t);
  const { data, dims: [, , size] } = stages.columns;
  const positive = data.subarray(t * size, (t + 1) * size).filter((v) => v > 0).length;
  return {
    image: `Step ${t} stands for pixel columns ${t * along.stride} to ${(t + 1) * along.stride - 1}. Through the ` +
      `convolutions it sees columns ${first} to ${last}, which are not dimmed: its full field is ${along.size} columns ` +
      `wide and ${down.size} rows high, on an image of ${W} × ${height}. The BiLSTM tells it of the rest.`,
    columns: `Column ${t}: ${size} numbers, ${positive} of them above zero; the projection makes ` +
      `${stages.features.dims[2]} of them.`,
    states: `The forward state at ${t} has read steps 0 to ${t}, the backward state ${t} to ${T - 1}. ` +
      "Brown is towards -1, white is 0, purple towards 1.",
    probabilities: `The five likeliest classes at step ${t}. Rows are classes, the blank (${signs[0]}) at the bottom.`,
    path: `Path: ${path.map((c) => signs[c]).join("")}. ` +
      `Equal neighbours merge, then blanks (${signs[0]}) go: ${text || "nothing is left"}.`,
  };
}

/** Paint what depends on the picture alone, in the unfolded stages. */
function paintLanes(lanes, folds, { T, signs, logProbs, K, stages, path, spans }) {
  if (folds.columns.open) {
    for (const name of ["columns", "features"]) {
      const { data, dims: [, , size] } = stages[name];
      const most = largest(data);
      lanes[name].show(heat(size, T, "viridis", (row, step) => data[step * size + row] / most));
    }
  }
  if (folds.states.open) {
    const { data, dims: [, , size] } = stages.states;
    const half = (from) => heat(size / 2, T, "puor", (row, step) => 0.5 + 0.5 * data[step * size + from + row]);
    lanes.forward.show(half(0));
    lanes.backward.show(half(size / 2));
  }
  if (folds.probabilities.open) {
    lanes.probabilities.showClasses(signs, T, (step, c) => Math.exp(logProbs[step * K + c]));
  }
  if (folds.path.open) lanes.path.show(pathCanvas(path, spans, signs));
}

/** Mark step `t` in the lanes, and the steps of a character. */
function markLanes({ image, ...others }, { config: { pools }, W, T }, t, span) {
  const step = { from: t / T, to: (t + 1) / T, style: "step" };
  const [first, last] = stripOf(pools, W, t);
  const also = span ? [{ from: span.from / T, to: (span.to + 1) / T, style: "span" }] : [];
  image.draw([{ from: first / W, to: (last + 1) / W, style: "strip" }, step, ...also]);
  for (const { draw } of Object.values(others)) draw([step, ...also]);
}

/**
 * Put a microscope into `root`. The model's fields: sample, strokes, grey, unfold (names of stages, open at the start), step,
 * stage and map (the feature maps shown first); it sets step, steps, reading and confidence.
 * @param {import("../page/main.js").Place} place
 */
export async function mount({ root, model, backend, signal }) {
  /** @type {any} what is seen: the reading, its path and spans */
  let seen = null;
  /** @type {any} */
  let picture = null;
  let t = model.get("step") ?? 12;
  let picked = -1; // a character of the text

  const reading = createReading();
  const [characters] = markup`<div class="crnn-controls" role="group" aria-label="Characters of the text"></div>`;
  const stepSlider = slider({ name: "Time step t", min: 0, max: 31, step: 1, value: t }, (value) => go(value));
  stepSlider.input.dataset.crnn = "step";
  const brief = part("answer", "p", { class: "crnn-note" });
  const lanes = createLanes((place) => seen && go(Math.floor(place * seen.T)));
  const maps = createMaps(model, lanes.map, show);
  const top = part("top", "ol", { class: "crnn-top" });
  const words = Object.fromEntries(Object.keys(TITLES).map((key) => [key, element("p", { class: "crnn-note" })]));
  const folds = createFolds(model, lanes, maps, top, words, () => seen && show());
  const chooser = createChooser({
    model,
    signal,
    own: { root, backend },
    onpicture: (given) => ((picture = given), read()),
  });
  const nodes = [reading.node, characters, stepSlider.node, brief, chooser.message.node];
  root.append(chooser.node, ...nodes, ...Object.values(folds));

  /** Move to a step; a picked character stays only while its steps hold it. */
  function go(step) {
    if (!seen || step === t) return;
    t = step;
    const span = seen.spans[picked];
    if (span && (t < span.from || t > span.to)) picked = -1;
    mark();
    model.save({ step: t });
  }

  function pick(i) {
    picked = picked === i ? -1 : i;
    t = seen.spans[i].from;
    mark();
    model.save({ step: t });
  }

  /** A button for a character of the text. */
  function character({ symbol, from, to }, i) {
    const label = `${spoken(seen.signs, symbol)}: ${stepsInWords(from, to)}`;
    const attributes = { type: "button", class: "crnn-character", "aria-pressed": "false", "aria-label": label };
    return element("button", { ...attributes, onclick: () => pick(i) }, seen.signs[symbol]);
  }

  const read = latestReading(root, chooser.message, async () => {
    const found = await inspect(backend, picture);
    const { path, text, p } = greedy(found);
    seen = { ...found, path, spans: spansOf(path), text };
    t = Math.min(t, seen.T - 1);
    picked = -1;
    stepSlider.input.max = String(seen.T - 1);
    reading.show(text || "(nothing)", p);
    characters.replaceChildren(...seen.spans.map(character));
    maps.offer(seen.stages);
    show();
    model.save({ reading: text, confidence: p, steps: seen.T });
  });

  /** Whether all that is unfolded is known: of a recorded reading that is only what was so at the start. */
  function complete() {
    const { columns, features, states } = seen.stages;
    const needed = { maps: [maps.stage()], columns: [columns, features], states: [states] };
    return Object.entries(needed).every(([key, stages]) => !folds[key].open || stages.every(({ data }) => data));
  }

  function show() {
    if (!complete()) {
      backend.wake();
      return void read();
    }
    const { image, W, T, config: { height } } = seen;
    const ink = inkCanvas(image, height, W);
    for (const lane of Object.values(lanes)) lane.fit(T, W / height);
    lanes.image.show(ink);
    if (folds.maps.open) maps.show(ink);
    paintLanes(lanes, folds, seen);
    mark();
  }

  /** Mark the step, and the picked character's steps, everywhere, and say it in words. */
  function mark() {
    const { config, T, K, signs, logProbs, spans } = seen;
    const span = spans[picked];
    markLanes(lanes, seen, t, span);
    [...characters.children].forEach((node, i) => node.setAttribute("aria-pressed", String(i === picked)));
    const likely = topClasses(logProbs.subarray(t * K, (t + 1) * K), 5);
    const best = likely.map(({ symbol, p }) => [spoken(signs, symbol), percent(p)]);
    stepSlider.show(t);
    stepSlider.input.setAttribute("aria-valuetext", `${t}: ${best[0].join(", ")}`);
    const whose = span ? ` The ${signs[span.symbol]} comes from ${stepsInWords(span.from, span.to)}.` : "";
    setText(brief, `Step ${t} of 0 to ${T - 1} says ${best[0].join(" with ")}.${whose}`);
    for (const [key, said] of Object.entries(explain(seen, t))) setText(words[key], said);
    if (folds.maps.open) {
      maps.mark({ from: t / T, to: (t + 1) / T });
      setText(words.maps, maps.explain(config.pools));
    }
    if (folds.probabilities.open) {
      top.replaceChildren(...best.flatMap(([symbol, p]) => markup`<li><strong>${symbol}</strong> ${p}</li>`));
    }
  }

  receive(
    (handed) => {
      chooser.attempt(() => handed);
      root.scrollIntoView({ block: "nearest" });
    },
    signal,
    microscopes,
  );
  model.on(["step"], () => go(Math.min(Math.max(model.get("step"), 0), seen.T - 1)));
  backend.onrenew(read, signal);
  await chooser.start();
}
