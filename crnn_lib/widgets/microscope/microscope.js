// The microscope: every stage of one reading under each other, and one time step that goes through all of them.
import { bestPath, collapse, labelLogProb } from "../page/decode.js";
import { element, latest, percent, setText, slider } from "../page/dom.js";
import { chooser, createLane, heat, inkCanvas, inspect } from "../page/lanes.js";
import { sightOf, spansOf, stageSight, stripOf, topClasses } from "../page/sight.js";

export const kind = "microscope";
export const name = "Microscope";
const TILES = { across: 4, width: 186, height: 46, gap: 8 }; // tiles of the feature maps, canvas pixels
const EACH = 0.8; // rem: a class's row in the probabilities
const TITLES = {
  image: "Image: what the step sees", maps: "Feature maps: what the convolutions find", columns: "Columns: the maps cut into steps",
  states: "BiLSTM states: what it knows of both sides", probabilities: "Probabilities: a class for each step", path: "Best path, merged, text",
};

/** A class in words. @param {string} symbol */
const spoken = (symbol) => (symbol === "-" ? "blank" : symbol);

/** All maps of a stage (C, H, W) as one picture of tiles, each on its own scale. */
function tiles({ data, dims: [, C, H, W] }) {
  const { across, width, height, gap } = TILES;
  const canvas = element("canvas", { width: across * (width + gap) - gap, height: Math.ceil(C / across) * (height + gap) - gap });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  for (let c = 0; c < C; c++) context.drawImage(mapCanvas(data, c, H, W), ...corner(c), width, height);
  return canvas;
}

function corner(c) {
  return [(c % TILES.across) * (TILES.width + TILES.gap), Math.floor(c / TILES.across) * (TILES.height + TILES.gap)];
}

/** Map `c` alone, dark for nothing, yellow for its own largest value. */
function mapCanvas(data, c, H, W) {
  const map = data.subarray(c * H * W, (c + 1) * H * W);
  const most = map.reduce((a, b) => Math.max(a, b), 1e-9);
  return heat(H, W, "viridis", (y, x) => map[y * W + x] / most);
}

/** The path in the upper row, in the lower one what is left when repeats are merged and blanks dropped. */
function pathCanvas(path, spans, symbols) {
  const [cell, half] = [768 / path.length, 56];
  const canvas = element("canvas", { width: 768, height: 2 * half + 8 });
  const context = canvas.getContext("2d");
  context.font = `bold ${Math.min(30, Math.round(cell * 1.2))}px monospace`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const box = (from, to, y, text, fill, ink) => {
    context.fillStyle = fill;
    context.fillRect(from * cell + 1, y, (to - from) * cell - 2, half);
    context.fillStyle = ink;
    context.fillText(text, ((from + to) / 2) * cell, y + half / 2);
  };
  path.forEach((c, t) => box(t, t + 1, 0, symbols[c], c ? "#fde725" : "#e4e7ea", c ? "#111" : "#4b5560"));
  for (const { symbol, from, to } of spans) box(from, to + 1, half + 8, symbols[symbol], "#fde725", "#111");
  return canvas;
}

/**
 * Put a microscope into `root`. The model's fields: sample, strokes, grey, unfold (names of stages, open at the start), step,
 * stage and map (the feature maps shown first); it sets step, reading and confidence.
 */
export async function mount({ root, model, backend }) {
  /** @type {any} what is seen: the reading, its path and spans */
  let seen = null;
  let picture = null;
  let t = model.get("step") ?? 12;
  let picked = -1; // a character of the text
  let map = model.get("map") ?? 0;
  let saving = false;

  const text = element("strong", { "data-crnn": "text", "aria-live": "polite", "aria-atomic": "true" });
  const confidence = element("span", { "data-crnn": "confidence" });
  const message = element("p", { class: "crnn-message", role: "status", "data-crnn": "message" });
  const characters = element("div", { class: "crnn-controls", role: "group", "aria-label": "Characters of the text" });
  const stepSlider = slider({ name: "Time step t", min: 0, max: 31, step: 1, value: t, onchange: (value) => go(value) });
  const stepInput = stepSlider.node.querySelector("input");
  stepInput.dataset.crnn = "step";
  const brief = element("p", { class: "crnn-note", "data-crnn": "answer" });
  const words = Object.fromEntries(Object.keys(TITLES).map((key) => [key, element("p", { class: "crnn-note" })]));
  const lane = (label, options) => createLane({ label, height: 192, onplace: (part) => seen && go(Math.floor(part * seen.T)), ...options });
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
  const grid = element("canvas", { class: "crnn-grid", width: 768, height: 200, role: "img", "aria-label": "All maps of the stage; click one to enlarge it" });
  const stages = element("select", { onchange: () => ((map = 0), dress(), mark()) });
  const mapSlider = slider({ name: "Map", min: 0, max: 15, step: 1, value: map, onchange: (value) => ((map = value), dress(), mark()) });
  const top = element("ol", { class: "crnn-top", "data-crnn": "top" });
  const inside = {
    image: [lanes.image.node],
    maps: [element("div", { class: "crnn-controls" }, element("label", { class: "crnn-field" }, element("span", {}, "Stage"), stages), mapSlider.node), lanes.map.node, grid],
    columns: [caption("Columns"), lanes.columns.node, caption("Projected to features"), lanes.features.node],
    states: [caption("Forward →"), lanes.forward.node, caption("← Backward"), lanes.backward.node],
    probabilities: [lanes.probabilities.node, top],
    path: [lanes.path.node],
  };
  const unfolded = (model.get("unfold") || "image").split(/\s+/);
  const folds = Object.fromEntries(Object.entries(TITLES).map(([key, title]) => {
    const fold = element("details", { class: "crnn-fold", "data-crnn-stage": key, open: unfolded.includes(key), ontoggle: () => fold.open && seen && (dress(), mark()) },
      element("summary", {}, title), ...inside[key], words[key]);
    return [key, fold];
  }));
  const source = chooser({ model, message, pen: true, onpicture: (given) => ((picture = given), read()) });
  root.append(source.node,
    element("p", { class: "crnn-reading" }, element("span", { class: "crnn-note" }, "It reads "), text, " ", confidence),
    characters, stepSlider.node, brief, message, ...Object.values(folds));

  function caption(name) {
    return element("p", { class: "crnn-note crnn-caption" }, name);
  }

  grid.addEventListener("click", (event) => {
    const box = grid.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * TILES.across);
    const row = Math.floor(((event.clientY - box.top) / box.height) * Math.ceil(stage().dims[1] / TILES.across));
    const c = row * TILES.across + column;
    if (c >= stage().dims[1]) return;
    map = c;
    dress();
    mark();
  });

  const stage = () => seen.stages[stages.value];

  /** Move to a step; a picked character stays only while its steps hold it. */
  function go(step) {
    if (!seen || step === t) return;
    t = step;
    const span = seen.spans[picked];
    if (span && (t < span.from || t > span.to)) picked = -1;
    mark();
    save({ step: t });
  }

  function pick(i) {
    picked = picked === i ? -1 : i;
    t = seen.spans[i].from;
    mark();
    save({ step: t });
  }

  function save(fields) {
    saving = true;
    for (const [name, value] of Object.entries(fields)) model.set(name, value);
    model.save_changes();
    saving = false;
  }

  const fail = (error) => {
    message.classList.add("crnn-error");
    setText(message, `This could not be read: ${error.message}`);
  };

  const read = latest(async () => {
    const read = await inspect(backend, picture);
    const path = bestPath(read.stages.log_probs.data, read.K);
    const reading = read.spell(collapse(path));
    const p = Math.min(Math.exp(labelLogProb(read.stages.log_probs.data, read.K, collapse(path))), 1);
    seen = { ...read, path, spans: spansOf(path), reading };
    t = Math.min(t, read.T - 1);
    picked = -1;
    stepInput.max = String(read.T - 1);
    setText(text, reading || "(nothing)");
    setText(confidence, percent(p));
    characters.replaceChildren(...seen.spans.map(({ symbol, from, to }, i) => element("button", {
      type: "button", class: "crnn-character", "aria-pressed": "false", "aria-label": `${read.symbols[symbol]}: ${from === to ? `step ${from}` : `steps ${from} to ${to}`}`, onclick: () => pick(i),
    }, read.symbols[symbol])));
    const names = Object.keys(read.stages).filter((name) => /^(conv|pool)\d/.test(name));
    const chosen = stages.value || model.get("stage") || "conv1";
    stages.replaceChildren(...names.map((name) => element("option", { value: name }, `${name} (${read.stages[name].dims.slice(1).join(" × ")})`)));
    stages.value = names.includes(chosen) ? chosen : names[0];
    dress();
    mark();
    root.dataset.crnnRead = String(Number(root.dataset.crnnRead ?? 0) + 1);
    save({ reading, confidence: p });
  }, fail);

  /** Paint what depends on the picture and the chosen map, in the unfolded stages. */
  function dress() {
    const { config, image, T, K, symbols, stages: all, path, spans } = seen;
    const ink = inkCanvas(image, config.height, config.width);
    lanes.image.show(ink);
    if (folds.maps.open) {
      const { data, dims: [, C, H, W] } = stage();
      map = Math.min(map, C - 1);
      mapSlider.node.querySelector("input").max = String(C - 1);
      mapSlider.show(map);
      const over = element("canvas", { width: 768, height: 192 });
      const context = over.getContext("2d");
      context.imageSmoothingEnabled = false;
      context.drawImage(ink, 0, 0, 768, 192);
      context.globalAlpha = 0.75;
      context.drawImage(mapCanvas(data, map, H, W), 0, 0, 768, 192);
      lanes.map.show(over);
      stage().tiles ??= tiles(stage());
    }
    if (folds.columns.open)
      for (const name of ["columns", "features"]) {
        const { data, dims: [, , size] } = all[name];
        const most = data.reduce((a, b) => Math.max(a, b), 1e-9);
        lanes[name].show(heat(size, T, "viridis", (row, step) => data[step * size + row] / most));
      }
    if (folds.states.open) {
      const { data, dims: [, , size] } = all.states;
      const half = (from) => heat(size / 2, T, "puor", (row, step) => 0.5 + 0.5 * data[step * size + from + row]);
      lanes.forward.show(half(0));
      lanes.backward.show(half(size / 2));
    }
    if (folds.probabilities.open) {
      const row = (y) => (y + 1) % K; // the blank at the bottom
      lanes.probabilities.name(symbols.map((_, y) => symbols[row(y)]), EACH);
      lanes.probabilities.show(heat(K, T, "viridis", (y, step) => Math.exp(all.log_probs.data[step * K + row(y)])));
    }
    if (folds.path.open) lanes.path.show(pathCanvas(path, spans, symbols));
  }

  /** Mark the step, and the picked character's steps, everywhere, and say it in words. */
  function mark() {
    const { config: { pools, width, height }, T, K, symbols, stages: all, path, spans } = seen;
    const step = { from: t / T, to: (t + 1) / T, style: "step" };
    const [first, last] = stripOf(pools, width, t);
    const strip = { from: first / width, to: (last + 1) / width, style: "strip" };
    const span = spans[picked] && { from: spans[picked].from / T, to: (spans[picked].to + 1) / T, style: "span" };
    const also = span ? [span] : [];
    lanes.image.draw([strip, step, ...also]);
    lanes.map.draw([step, ...also]);
    for (const name of ["columns", "features", "forward", "backward", "probabilities", "path"]) lanes[name].draw([step, ...also]);
    if (folds.maps.open) markGrid(step);
    [...characters.children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === picked)));
    const best = topClasses(all.log_probs.data.subarray(t * K, (t + 1) * K), 5).map(({ symbol, p }) => [symbols[symbol], p]);
    stepSlider.show(t);
    stepInput.setAttribute("aria-valuetext", `${t}: ${spoken(best[0][0])}, ${percent(best[0][1])}`);
    const [down, along] = [sightOf(pools.map(([v]) => v)), sightOf(pools.map(([, h]) => h))];
    setText(brief, `Step ${t} of 0 to ${T - 1} says ${spoken(best[0][0])} with ${percent(best[0][1])}.${span ? ` The ${symbols[spans[picked].symbol]} comes from ${range("step", spans[picked].from, spans[picked].to)}.` : ""}`);
    setText(words.image, `Step ${t} stands for pixel columns ${t * along.stride} to ${(t + 1) * along.stride - 1}. Through the convolutions it sees columns ${first} to ${last}, which are not dimmed: its full field is ${along.size} columns wide and ${down.size} rows high, on an image of ${width} × ${height}. The BiLSTM tells it of the rest.`);
    if (folds.maps.open) {
      const { dims: [, , H, W] } = stage();
      const sight = stageSight(pools, stages.value);
      setText(words.maps, `Map ${map} of ${stages.value} is ${W} × ${H}. One of its pixels sees ${sight.along.size} × ${sight.down.size} pixels of the image, and its neighbour looks ${sight.along.stride} further right. Yellow is strong, dark is nothing; each map has its own scale.`);
    }
    const column = all.columns.data.subarray(t * all.columns.dims[2], (t + 1) * all.columns.dims[2]);
    const positive = column.reduce((n, v) => n + (v > 0), 0);
    setText(words.columns, `Column ${t}: ${column.length} numbers, ${positive} of them above zero; the projection makes ${all.features.dims[2]} of them.`);
    setText(words.states, `The forward state at ${t} has read steps 0 to ${t}, the backward state ${t} to ${T - 1}. Brown is towards -1, white is 0, purple towards 1.`);
    if (folds.probabilities.open) top.replaceChildren(...best.map(([symbol, p]) => element("li", {}, element("strong", {}, spoken(symbol)), ` ${percent(p)}`)));
    setText(words.probabilities, `The five likeliest classes at step ${t}. Rows are classes, the blank (-) at the bottom.`);
    setText(words.path, `Path: ${path.map((c) => symbols[c]).join("")}. Equal neighbours merge, then blanks (-) go: ${seen.reading || "nothing is left"}.`);
  }

  /** The step's own columns in every tile, and a frame around the chosen map. */
  function markGrid({ from, to }) {
    const picture = stage().tiles;
    grid.width = picture.width;
    grid.height = picture.height;
    const context = grid.getContext("2d");
    context.drawImage(picture, 0, 0);
    context.lineWidth = 1.5;
    context.strokeStyle = "#fff";
    for (let c = 0; c < stage().dims[1]; c++) {
      const [x, y] = corner(c);
      context.strokeRect(x + from * TILES.width, y + 1, (to - from) * TILES.width, TILES.height - 2);
    }
    const [x, y] = corner(map);
    context.lineWidth = 6;
    context.strokeStyle = "#e08214";
    context.strokeRect(x + 2, y + 2, TILES.width - 4, TILES.height - 4);
  }

  const follow = () => saving || go(Math.min(Math.max(model.get("step"), 0), seen.T - 1));
  const other = () => saving || source.start();
  model.on("change:step", follow);
  model.on("change:sample", other);
  await source.start();
  return () => {
    source.takeDown();
    model.off("change:step", follow);
    model.off("change:sample", other);
  };
}

/** "step 4" or "steps 4 to 6". @param {string} noun */
function range(noun, from, to) {
  return from === to ? `${noun} ${from}` : `${noun}s ${from} to ${to}`;
}
