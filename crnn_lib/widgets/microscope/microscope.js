// The microscope: every stage of one reading as a lane, and one time step that goes through all of them.
import { createChooser } from "../page/chooser.js";
import { slider } from "../page/controls.js";
import { element, part, setText } from "../page/dom.js";
import { letterAt } from "../page/letters.js";
import { percent, spoken, stepsInWords } from "../page/words.js";
import { createLane, heat, inkCanvas, largest, legend, pathCells } from "../page/lanes.js";
import { createReading, greedy, inspect, latestReading } from "../page/reading.js";
import { microscopes, receive } from "../page/sources.js";
import { sightOf, spansOf, stripOf, topClasses } from "../page/sight.js";
import { createMaps } from "./maps.js";

export const kind = "microscope";
export const name = "Microscope";

/** The lanes from the image to the text: their titles, what a screen reader hears of them, how they are made, their scale.
 *  @type {Object<string, {title: string, label: string, css?: string, scale?: Parameters<typeof legend>}>} */
const LANES = {
  image: { title: "Image", label: "The image; outside of what the step sees it is dimmed" },
  map: { title: "One map", label: "The chosen feature map over the image", scale: ["0", "most"] },
  columns: {
    title: "Columns",
    label: "Columns: one for each step, a row for each map pixel",
    css: "3.5rem",
    scale: ["0", "most"],
  },
  features: {
    title: "Features",
    label: "The columns after projection: what the BiLSTM gets",
    css: "3.5rem",
    scale: ["0", "most"],
  },
  forward: {
    title: "LSTM →",
    label: "States of the forward direction, which reads from left to right",
    css: "3.5rem",
    scale: ["−1", "1", "puor"],
  },
  backward: {
    title: "LSTM ←",
    label: "States of the backward direction, from right to left",
    css: "3.5rem",
    scale: ["−1", "1", "puor"],
  },
  probabilities: {
    title: "Probabilities",
    label: "Probability of each class at each step; yellow is probable",
    scale: ["0", "1"],
  },
  path: {
    title: "Path, text",
    label: "Best path, and below it what is left after merging",
    css: "3.6rem",
  },
};

/** What each lane shows at step `t`, in words; the maps say it themselves. */
function explain({ config: { pools, height }, W, T, K, signs, stages, logProbs, path, text }, t) {
  const [down, along] = [sightOf(pools.map(([v]) => v)), sightOf(pools.map(([, h]) => h))];
  const [first, last] = stripOf(pools, W, t);
  const { data, dims: [, , size] } = stages.columns;
  const features = stages.features.dims[2];
  const positive = data.subarray(t * size, (t + 1) * size).filter((v) => v > 0).length;
  const likely = topClasses(logProbs.subarray(t * K, (t + 1) * K), 5);
  const colours = "Brown is towards −1, white is 0, purple towards 1.";
  return {
    image: `Step ${t} stands for pixel columns ${t * along.stride} to ${(t + 1) * along.stride - 1}. Through the ` +
      `convolutions it sees columns ${first} to ${last}, which are not dimmed: its full field is ${along.size} columns ` +
      `wide and ${down.size} rows high, on an image of ${W} × ${height}. The rest reaches it through the BiLSTM.`,
    columns: `Column ${t}: ${size} numbers, ${positive} of them above zero.`,
    features: `The projection makes ${features} numbers of the ${size} of column ${t}: these go into the BiLSTM.`,
    forward: `The forward state at ${t} has read steps 0 to ${t}. ${colours}`,
    backward: `The backward state at ${t} has read steps ${T - 1} down to ${t}. ${colours}`,
    probabilities:
      `Step ${t}: ${likely.map(({ symbol, p }) => `${spoken(signs, symbol)} ${percent(p)}`).join(", ")}. ` +
      `Rows are the classes that are probable anywhere, the blank (${signs[0]}) at the bottom.`,
    path: `Path: ${path.map((c) => signs[c]).join("")}. ` +
      `Equal neighbours merge, then blanks (${signs[0]}) go: ${text || "nothing is left"}.`,
  };
}

/** Paint what depends on the picture alone. */
function paintLanes(lanes, { T, signs, logProbs, K, stages, path, spans }) {
  for (const name of ["columns", "features"]) {
    const { data, dims: [, , size] } = stages[name];
    const most = largest(data);
    lanes[name].show(heat(size, T, "viridis", (row, step) => data[step * size + row] / most));
  }
  const { data, dims: [, , size] } = stages.states;
  const half = (from) => heat(size / 2, T, "puor", (row, step) => 0.5 + 0.5 * data[step * size + from + row]);
  lanes.forward.show(half(0));
  lanes.backward.show(half(size / 2));
  lanes.probabilities.showClasses(signs, T, (step, c) => Math.exp(logProbs[step * K + c]), true);
  lanes.path.show(pathCells(path, spans, signs));
}

/** Mark step `t` in the lanes, and the steps of a letter: the strip is what these see. */
function markLanes(/** @type {Object<string, any>} */ { image, ...others }, { config: { pools }, W, T }, t, span) {
  const step = { from: t / T, to: (t + 1) / T, style: "step" };
  const [first, last] = stripOf(pools, W, span?.from ?? t, span?.to ?? t);
  const also = span ? [{ from: span.from / T, to: (span.to + 1) / T, style: "span" }] : [];
  image.draw([{ from: first / W, to: (last + 1) / W, style: "strip" }, step, ...also]);
  for (const { draw } of Object.values(others)) draw([step, ...also]);
}

/**
 * Put a microscope into `root`. The model's fields: sample, strokes, grey, step, stage and map (the feature maps shown
 * first); it sets step, steps, reading and confidence.
 * @param {import("../page/main.js").Place} place
 */
export async function mount({ root, model, backend, signal }) {
  /** @type {any} what is seen: the reading, its path and spans */
  let seen = null;
  /** @type {any} */
  let picture = null;
  let t = model.get("step") ?? 12;
  let lit = -1; // the letter of the text that is pointed at
  let pointed = "image"; // the lane that is explained

  const reading = createReading("It reads ", (letter) => {
    lit = letter;
    if (letter < 0 || letter !== reading.letters.picked()) return mark();
    t = seen.spans[letter].from;
    mark();
    model.save({ step: t });
  });
  const stepSlider = slider({ name: "Time step t", min: 0, max: 31, step: 1, value: t }, (value) => go(value));
  stepSlider.input.dataset.crnn = "step";
  const brief = part("answer", "p", { class: "crnn-note" });
  const says = part("says", "p", { class: "crnn-note crnn-says" });
  const lanes = Object.fromEntries(
    Object.entries(LANES).map(([key, { title: _, scale: __, ...options }]) => [
      key,
      createLane({ ...options, onplace: (place) => seen && point(key, Math.floor(place * seen.T)) }),
    ]),
  );
  const maps = createMaps(model, lanes.map, () => {
    pointed = "map";
    show();
  });
  const titles = Object.fromEntries(
    Object.entries(LANES).map(([key, { title }]) => [
      key,
      element("button", { type: "button", class: "crnn-lane-title", onclick: () => seen && point(key, t) }, title),
    ]),
  );
  const rows = Object.entries(LANES).map(([key, { scale }]) =>
    element(
      "div",
      { class: `crnn-row crnn-row-${key}`, "data-crnn-stage": key },
      element(
        "div",
        { class: "crnn-lane-head" },
        titles[key],
        ...(scale ? [legend(...scale)] : []),
      ),
      element("div", {}, ...(key === "map" ? [maps.grid] : []), lanes[key].node),
    )
  );
  const cursor = element("div", { class: "crnn-cursor", "aria-hidden": "true" });
  const stack = element("div", { class: "crnn-lanes" }, cursor, ...rows);
  const chooser = createChooser({
    model,
    signal,
    own: { root, backend },
    onpicture: (given) => ((picture = given), read()),
  });
  const controls = element("div", { class: "crnn-controls" }, stepSlider.node, ...maps.controls);
  root.append(reading.node, controls, brief, says, stack, chooser.node, chooser.message.node);

  /** Move to a step of a lane. @param {string} lane @param {number} step */
  function point(lane, step) {
    if (lane !== pointed) {
      pointed = lane;
      if (step === t) mark();
    }
    go(step);
  }

  /** Move to a step; a letter stays lit only while its steps hold it. */
  function go(step) {
    if (!seen || step === t) return;
    t = step;
    if (letterAt(seen.spans, t) !== lit) {
      reading.letters.release();
      lit = -1;
    }
    mark();
    model.save({ step: t });
  }

  const read = latestReading(root, chooser.message, async () => {
    const found = await inspect(backend, picture);
    const { path, text, p } = greedy(found);
    seen = { ...found, path, spans: spansOf(path), text };
    t = Math.min(t, seen.T - 1);
    lit = -1;
    stepSlider.input.max = String(seen.T - 1);
    reading.show(text || "(nothing)", p, undefined, seen.spans, seen.signs);
    maps.offer(seen.stages);
    show();
    model.save({ reading: text, confidence: p, steps: seen.T });
  });

  /** Whether all that is shown is known: of a recorded reading that is only what was so at the start. */
  function complete() {
    const { columns, features, states } = seen.stages;
    return [maps.stage(), columns, features, states].every(({ data }) => data);
  }

  function show() {
    if (!complete()) {
      backend.wake();
      return void read();
    }
    const { image, W, T, config: { height } } = seen;
    const ink = inkCanvas(image, height, W);
    for (const lane of Object.values(lanes)) lane.fit(T);
    lanes.image.show(ink);
    maps.show(ink);
    paintLanes(lanes, seen);
    mark();
  }

  /** Mark the step, and the steps of the letter that is pointed at, everywhere, and say it in words. */
  function mark() {
    const { config, T, K, signs, logProbs, spans } = seen;
    const span = spans[lit];
    markLanes(lanes, seen, t, span);
    maps.mark({ from: t / T, to: (t + 1) / T });
    stack.style.setProperty("--crnn-from", String(t / T));
    stack.style.setProperty("--crnn-to", String((t + 1) / T));
    reading.letters.light(lit < 0 ? letterAt(spans, t) : lit);
    const [{ symbol, p }] = topClasses(logProbs.subarray(t * K, (t + 1) * K), 1);
    const best = [spoken(signs, symbol), percent(p)];
    stepSlider.show(t);
    stepSlider.input.setAttribute("aria-valuetext", `${t}: ${best.join(", ")}`);
    const whose = span ? ` The ${signs[span.symbol]} comes from ${stepsInWords(span.from, span.to)}.` : "";
    setText(brief, `Step ${t} of 0 to ${T - 1} says ${best.join(" with ")}.${whose}`);
    setText(says, pointed === "map" ? maps.explain(config.pools) : explain(seen, t)[pointed]);
    for (const [key, node] of Object.entries(titles)) node.setAttribute("aria-pressed", String(key === pointed));
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
