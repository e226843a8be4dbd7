// The training replay: scrub through a recorded run, beside a variant of it, from the all-blank plateau to sharp peaks.
import { fromBase64 } from "./engine.js";
import { bestPath, collapse } from "./decode.js";
import { element, percent, setText, svg } from "./dom.js";

const PACE = 300; // milliseconds a frame while it plays
const CURVES = {
  loss: ["CTC loss", (f) => f.loss], blank: ["share of blanks", (f) => f.blank],
  exact: ["read exactly", (f, run) => f.exact / run.validation_images], gradient: ["gradient norm", (f) => f.gradient ?? 0],
};
export const CHART = { width: 640, height: 230, left: 46, right: 12, top: 10, bottom: 34 };
const DASHES = ["", "7 4"]; // the first run, the second: told apart without colour

/** Viridis at nine points, for a probability 0 .. 1. @param {number} p @returns {number[]} red, green, blue */
export function viridis(p) {
  const stops = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [144, 215, 67], [253, 231, 37]];
  const at = Math.min(Math.max(p, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  return stops[low].map((v, i) => Math.round(v + (stops[low + 1][i] - v) * (at - low)));
}

/** The probabilities (T, K) of one sample in one frame, 0 .. 255. @param {Uint8Array} bytes */
function posterior(run, bytes, frame, sample) {
  const [, samples, T, K] = run.shape;
  const from = (frame * samples + sample) * T * K;
  return bytes.subarray(from, from + T * K);
}

/** Paint (T, K) as K rows of T cells, the blank at the bottom. @param {HTMLCanvasElement} canvas */
function paint(canvas, values, T, K) {
  canvas.width = T;
  canvas.height = K;
  const pixels = new ImageData(T, K);
  for (let t = 0; t < T; t++)
    for (let k = 0; k < K; k++) {
      const y = k === 0 ? K - 1 : k - 1;
      pixels.data.set([...viridis(values[t * K + k] / 255), 255], 4 * (y * T + t));
    }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** Where a step stands on the chart: a root scale, so that the dense beginning has room. */
function across(step, last) {
  const { width, left, right } = CHART;
  return left + (width - left - right) * Math.sqrt(step / Math.max(last, 1));
}

/** The curves of the shown runs, with the plateau's floors under the loss, and a line at the present frame. */
export function drawChart(chart, runs, kind, frame) {
  const { width, height, left, right, top, bottom } = CHART;
  const value = CURVES[kind][1];
  const last = Math.max(...runs.map((run) => run.frames[run.frames.length - 1].step));
  const highest = kind === "loss" ? 5 : kind === "gradient" ? 5 : 1;
  const up = (v) => height - bottom - (height - bottom - top) * Math.min(v / highest, 1);
  const parts = [svg("line", { x1: left, x2: width - right, y1: up(0), y2: up(0), class: "axis" })];
  for (let i = 0; i <= 4; i++) {
    const v = (highest * i) / 4;
    parts.push(svg("text", { x: left - 6, y: up(v) + 4, class: "tick", "text-anchor": "end" }, `${v}`));
  }
  const shown = [0, 10, 50, 100, 200, 400, 800].filter((step) => step <= last);
  for (const step of shown) parts.push(svg("text", { x: across(step, last), y: height - 16, class: "tick", "text-anchor": "middle" }, `${step}`));
  parts.push(svg("text", { x: width - right, y: height - 2, class: "tick", "text-anchor": "end" }, "training steps"));
  if (kind === "loss")
    ["ignores the image and the place", "ignores the image"].forEach((name, i) => {
      const y = up(runs[0].floors[i]);
      parts.push(svg("line", { x1: left, x2: width - right, y1: y, y2: y, class: "floor" }));
      parts.push(svg("text", { x: width - right, y: i ? y + 13 : y - 4, class: "tick", "text-anchor": "end" }, `${name}: at best ${runs[0].floors[i].toFixed(2)}`));
    });
  runs.forEach((run, i) => {
    const points = run.frames.map((f) => `${across(f.step, last).toFixed(1)},${up(value(f, run)).toFixed(1)}`).join(" ");
    parts.push(svg("polyline", { points, class: `curve run${i}`, "stroke-dasharray": DASHES[i] }));
    const now = run.frames[Math.min(frame, run.frames.length - 1)];
    parts.push(svg("circle", { cx: across(now.step, last), cy: up(value(now, run)), r: 5, class: `dot run${i}` }));
  });
  const x = across(runs[0].frames[Math.min(frame, runs[0].frames.length - 1)].step, last);
  parts.push(svg("line", { x1: x, x2: x, y1: top, y2: height - bottom, class: "now" }));
  chart.replaceChildren(...parts);
  chart.setAttribute("aria-label", `${CURVES[kind][0]} over training steps, for ${runs.map((run) => run.what).join(" and ")}`);
}

/** One run's panel: its name, the heat map of a sample with its symbols, and the text read at that moment. */
function panel(symbols) {
  const name = element("h4", {});
  const canvas = element("canvas", { role: "img" });
  const text = element("strong", { "data-crnn": "text" });
  const numbers = element("p", { class: "crnn-note" });
  const labels = element("div", { class: "crnn-rows", "aria-hidden": "true" }, ...[...symbols, "-"].map((s) => element("span", {}, s)));
  const node = element("section", { class: "crnn-run" }, name, element("div", { class: "crnn-map" }, labels, canvas), element("p", {}, "read: ", text), numbers);
  return { node, name, canvas, text, numbers };
}

/**
 * Put a replay into `root`. The model's fields: `runs`, a recording like data/results/replay.json (default: that one).
 * @param {{root: HTMLElement, model: any, backend: any}} surroundings
 */
export async function mountReplay({ root, model, backend }) {
  let recording = model.get("recording");
  if (!recording?.runs) recording = await backend.data("replay");
  let { runs, symbols } = recording;
  const bytes = new Map();
  let [frame, sample, other, kind, timer] = [0, 0, runs[1] ? 1 : -1, "loss", null];

  const chart = svg("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "img", class: "crnn-chart" });
  const panels = [panel(symbols), panel(symbols)];
  const said = element("p", { class: "crnn-message", "aria-live": "polite" });
  const time = element("input", { type: "range", min: 0, step: 1, value: 0, "aria-label": "Frame of the film", oninput: () => go(Number(time.value)) });
  const play = element("button", { type: "button", onclick: () => (timer ? pause() : start()) }, "Play");
  const choice = (name, options, value, onchange) => {
    const select = element("select", { onchange: () => onchange(select.value) });
    const fill = (entries, chosen) => select.replaceChildren(...entries.map(([v, text]) => element("option", { value: v, selected: String(v) === String(chosen) }, text)));
    fill(options, value);
    return { node: element("label", {}, name, select), fill };
  };
  const others = () => [[-1, "nothing"], ...runs.slice(1).map((run, i) => [i + 1, run.what])];
  const beside = choice("Beside it", others(), other, (v) => { other = Number(v); show(); });
  const pictures = choice("Sample", runs[0].samples.map((s, i) => [i, s]), 0, (v) => { sample = Number(v); show(); });
  const curves = choice("Curve", Object.entries(CURVES).map(([k, [text]]) => [k, text]), kind, (v) => { kind = v; show(); });

  const last = () => Math.max(...runs.map((run) => run.frames.length)) - 1;
  function go(to) {
    frame = Math.min(Math.max(to, 0), last());
    show();
  }
  function pause() {
    clearInterval(timer);
    timer = null;
    setText(play, "Play");
    show();
  }
  function start() {
    if (frame >= last()) frame = 0;
    timer = setInterval(() => (frame >= last() ? pause() : go(frame + 1)), PACE);
    setText(play, "Pause");
  }

  function showRun(run, place, number) {
    place.node.hidden = !run;
    if (!run) return "";
    if (!bytes.has(run)) bytes.set(run, fromBase64(run.posteriors));
    const at = Math.min(frame, run.frames.length - 1);
    const now = run.frames[at];
    const [, samples, T, K] = run.shape;
    const index = Math.min(sample, samples - 1);
    const values = posterior(run, bytes.get(run), at, index);
    paint(place.canvas, values, T, K);
    place.node.className = `crnn-run run${number}`;
    const text = now.texts[index] || "(nothing)";
    setText(place.name, run.what);
    setText(place.text, text);
    const seen = run.samples[index];
    const path = bestPath(values, K);
    const blanks = path.filter((c) => c === 0).length;
    place.canvas.setAttribute("aria-label", `Class probabilities of ${seen}: ${blanks} of ${T} time steps say blank, ${collapse(path).length} symbols stand out`);
    setText(place.numbers, `sample ${seen}, step ${now.step}: loss ${now.loss.toFixed(2)}, ${percent(now.blank)} blanks, ${now.exact} of ${run.validation_images} read exactly`);
    return `${run.what}, step ${now.step}: reads ${text}, loss ${now.loss.toFixed(2)}`;
  }

  function show() {
    time.max = String(last());
    time.value = String(frame);
    const shown = [runs[0], other > 0 ? runs[other] : null];
    const words = shown.map((run, i) => showRun(run, panels[i], i)).filter(Boolean);
    time.setAttribute("aria-valuetext", `step ${runs[0].frames[Math.min(frame, runs[0].frames.length - 1)].step}`);
    drawChart(chart, shown.filter(Boolean), kind, frame);
    if (!timer) setText(said, words.join(". "));
  }

  const step = (by, name) => element("button", { type: "button", onclick: () => { pause(); go(frame + by); } }, name);
  root.append(
    element("div", { class: "crnn-controls" }, play, step(-1, "Back"), step(1, "Forward"), pictures.node, beside.node, curves.node),
    time, element("div", { class: "crnn-runs" }, ...panels.map((p) => p.node)), chart, said,
  );
  /** A run in progress: the recording grows, and the film stays at its end if it stood there. */
  const grown = () => {
    const stood = frame >= last();
    recording = model.get("recording");
    if (!recording?.runs?.length) return;
    ({ runs, symbols } = recording);
    beside.fill(others(), other);
    go(stood ? last() : frame);
  };
  model.on("change:recording", grown);
  show();
  return () => {
    clearInterval(timer);
    model.off("change:recording", grown);
  };
}
