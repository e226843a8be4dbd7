// The training replay: scrub through a recorded run, beside a variant of it, from the all-blank plateau to sharp peaks;
// in a notebook the same view follows a run in progress.
import { fromBase64 } from "../page/engine.js";
import { bestPath, collapse } from "../page/decode.js";
import { CURVES, DASHES, createCurves, decimals, frameAt, share } from "../page/chart.js";
import { element, greyCanvas, keepWhileScrolling, setText, svgElement } from "../page/dom.js";
import { heat } from "../page/lanes.js";
import { loadSample } from "../page/sources.js";

export const kind = "replay";
export const name = "Training replay";
const FILM = { pace: 400, calm: 1200, quiet: 600 }; // milliseconds: a frame, one for who wants no motion, before speaking
const ROW = 0.84; // rem: a class's row in a heat map
/** Whether a recording can be shown: it may come from a damaged file. @param {any} recording */
export function isRecording(recording) {
  const number = (v) => typeof v === "number" && Number.isFinite(v);
  const words = (list) => Array.isArray(list) && list.every((v) => typeof v === "string");
  const frame = (f, samples) =>
    [f?.step, f?.loss, f?.blank, f?.exact].every(number) && (f.gradient === null || number(f.gradient)) && words(f.texts) && f.texts.length === samples.length;
  const run = (r) =>
    typeof r?.what === "string" && typeof r.posteriors === "string" && number(r.validation_images) && words(r.samples) &&
    Array.isArray(r.floors ?? []) && (r.floors ?? []).every(number) && Array.isArray(r.frames) && r.frames.length > 0 &&
    r.frames.every((f) => frame(f, r.samples)) && Array.isArray(r.shape) && r.shape.length === 4 && r.shape.every((n) => number(n) && n >= 0) &&
    r.shape[0] === r.frames.length && r.shape[1] === r.samples.length && r.shape[3] === [...recording.symbols].length + 1 &&
    r.posteriors.length === 4 * Math.ceil(r.shape.reduce((a, b) => a * b, 1) / 3);
  return typeof recording?.symbols === "string" && Array.isArray(recording.runs) && recording.runs.every(run);
}

/** The picture that a sample of a run is, where it is known: (H, W) grey levels. */
async function pictureOf(run, name) {
  if (run.pictures?.[name]) return { ...run.pictures[name], data: fromBase64(run.pictures[name].pixels) };
  return loadSample(name).catch(() => null);
}

/** One run's panel: its name, a sample's picture over its heat map (class by time step), and the text read at that moment. */
function createPanel(number) {
  const swatch = svgElement("svg", { viewBox: "0 0 34 8", class: "learn-swatch", "aria-hidden": "true" }, svgElement("line", { x1: 0, x2: 34, y1: 4, y2: 4, class: `learn-curve learn-run${number}`, "stroke-dasharray": DASHES[number] }));
  const part = (name, tag = "span") => element(tag, { "data-crnn": name });
  const [name, sample, text, ...numbers] = [part("run", "strong"), part("sample", "code"), part("text", "strong"), ...["step", "loss", "blank", "exact", "gradient"].map((n) => part(n))];
  const [picture, map] = [element("div", { class: "learn-picture" }), element("div", { class: "learn-map" })];
  const rows = element("div", { class: "learn-rows", "aria-hidden": "true" });
  const [step, loss, blank, exact, gradient] = numbers;
  const steps = element("span", {});
  const node = element("div", { class: "learn-run", role: "group" },
    element("p", { class: "learn-title" }, swatch, name), element("p", { class: "crnn-note" }, "sample ", sample, ", step ", step),
    element("div", { class: "learn-film" }, element("span"), picture, rows, map, element("span"), steps),
    element("p", {}, "it reads: ", text),
    element("p", { class: "crnn-note" }, "loss ", loss, ", blanks ", blank, ", read exactly ", exact, ", gradient norm ", gradient));
  let drawn = "";

  async function showPicture(run, seen) {
    if (drawn === seen) return;
    drawn = seen;
    const found = await pictureOf(run, seen);
    if (drawn === seen) picture.replaceChildren(...(found ? [greyCanvas(found.data, found.height, found.width)] : []));
  }

  /** @param {Uint8Array} bytes the film, (frames, samples, T, K) in 0 .. 255; symbols: without the blank */
  function show(run, bytes, wanted, step_, symbols) {
    const [, samples, T, K] = run.shape;
    const [at, index] = [frameAt(run, step_), Math.max(run.samples.indexOf(wanted), 0)];
    const from = (at * samples + index) * T * K;
    const values = bytes.subarray(from, from + T * K);
    const [now, seen] = [run.frames[at], run.samples[index]];
    const canvas = heat(K, T, "viridis", (y, t) => values[t * K + ((y + 1) % K)] / 255); // the blank at the bottom
    const path = bestPath(values, K);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Class probabilities of ${seen} under ${run.what}: ${path.filter((c) => c === 0).length} of ${T} time steps say blank, ${collapse(path).length} letters stand out`);
    canvas.style.height = `${K * ROW}rem`;
    map.replaceChildren(canvas);
    if (rows.childElementCount !== K) rows.replaceChildren(...[...symbols, "-"].map((s) => element("span", {}, s)));
    showPicture(run, seen);
    const words = [
      [name, run.what], [sample, seen], [text, now.texts[index] || "(nothing)"], [step, String(now.step)], [loss, decimals(now.loss)],
      [blank, share(now.blank)], [exact, `${now.exact} of ${run.validation_images}`], [gradient, now.gradient === null ? "none yet" : decimals(now.gradient)],
      [steps, `${T} time steps, left to right${seen === wanted ? "" : `; only ${seen} was filmed here`}`],
    ];
    words.forEach(([node_, said]) => setText(node_, said));
    node.setAttribute("aria-label", run.what);
    return `${run.what}, step ${now.step}: reads ${now.texts[index] || "nothing"}, loss ${decimals(now.loss)}`;
  }
  return { node, show };
}

/** A choice with its name. @param {[value: any, text: string][]} options */
function createChoice(name, options, value, onchange) {
  const select = element("select", { onchange: () => onchange(select.value) });
  const fill = (entries, chosen) => select.replaceChildren(...entries.map(([v, text]) => element("option", { value: v, selected: String(v) === String(chosen) }, text)));
  fill(options, value);
  return { node: element("label", {}, name, select), fill };
}

/**
 * Put a replay into `root`. The model's fields: `recording`, like crnn_lib/assets/replay.json (empty: that one); where
 * `trainable`, a run that `running` starts and stops, and `finished` and `status` tell about.
 * @param {{root: HTMLElement, model: any, backend: any}} surroundings
 */
export async function mount({ root, model, backend }) {
  const trainable = Boolean(model.get("trainable"));
  let recording = model.get("recording");
  if (!recording?.runs && !trainable) recording = await backend.data("replay");
  if (recording?.runs && !isRecording(recording)) throw new Error("the recording is damaged");
  let runs = recording?.runs ?? [];
  const films = new WeakMap();
  const filmOf = (run) => films.get(run) ?? films.set(run, fromBase64(run.posteriors)).get(run);
  let [frame, wanted, other, kind, timer, later] = [0, runs[0]?.samples[0], runs[1]?.variant ?? "", "loss", null, null];

  const panels = [createPanel(0), createPanel(1)];
  const curves = createCurves((step) => { pause(); go(nearest(step)); });
  const said = element("p", { class: "learn-unseen", "aria-live": "polite" });
  const [at, time] = [element("output"), element("input", { type: "range", min: 0, step: 1, value: 0, "aria-label": "Training step", oninput: () => { pause(); go(Number(time.value)); } })];
  keepWhileScrolling(time);
  const play = element("button", { type: "button", onclick: () => (timer ? pause() : start()) }, "Play");
  const move = (by, name) => element("button", { type: "button", onclick: () => { pause(); go(frame + by); } }, name);
  const others = () => [["", "nothing"], ...runs.slice(1).map((run) => [run.variant, run.what])];
  const samples = () => (runs[0]?.samples ?? []).map((s) => [s, s]);
  const beside = createChoice("Beside it", others(), other, (v) => { other = v; show(); });
  const pictures = createChoice("Sample", samples(), wanted, (v) => { wanted = v; show(); });
  const lines = createChoice("Curve", Object.entries(CURVES).map(([k, { name }]) => [k, name]), kind, (v) => { kind = v; show(); });

  const last = () => (runs[0]?.frames.length ?? 0) - 1;
  function nearest(step) {
    const away = runs[0].frames.map((f) => Math.abs(Math.sqrt(f.step) - Math.sqrt(step)));
    return away.indexOf(Math.min(...away));
  }
  function go(to) {
    frame = Math.min(Math.max(to, 0), Math.max(last(), 0));
    show();
  }
  function pause() {
    if (!timer) return;
    clearInterval(timer);
    timer = null;
    setText(play, "Play");
    show();
  }
  function start() {
    if (frame >= last()) frame = 0;
    const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? FILM.calm : FILM.pace;
    timer = setInterval(() => (frame >= last() ? pause() : go(frame + 1)), pace);
    setText(play, "Pause");
    show();
  }

  function show() {
    const step = runs[0]?.frames[frame]?.step ?? 0;
    const shown = runs.length ? [runs[0], runs.find((run, i) => i && run.variant === other)].filter(Boolean) : [];
    panels.forEach((panel, i) => { panel.node.hidden = !shown[i]; });
    const words = shown.map((run, i) => panels[i].show(run, filmOf(run), wanted, step, recording.symbols));
    time.max = String(Math.max(last(), 0));
    time.value = String(frame);
    time.setAttribute("aria-valuetext", `step ${step}`);
    setText(at, `step ${step}`);
    if (shown.length) curves.show(shown, kind, step);
    clearTimeout(later);
    if (!timer && !model.get("running")) later = setTimeout(() => setText(said, words.join(". ")), FILM.quiet);
  }

  const train = trainable && element("button", { type: "button", onclick: () => { model.set("running", !model.get("running")); model.save_changes(); } });
  const status = element("p", { class: "crnn-message", role: "status" });
  const film = element("div", {},
    element("div", { class: "crnn-controls" }, play, move(-1, "Back"), move(1, "Forward"),
      element("div", { class: "crnn-slider" }, element("span", {}, "Training step"), at, time)),
    element("div", { class: "learn-runs" }, ...panels.map((p) => p.node)),
    element("div", { class: "crnn-controls learn-choice" }, beside.node, pictures.node, lines.node), curves.node);
  root.append(
    ...(train ? [element("div", { class: "crnn-controls" }, train), status] : []), film,
    element("p", { class: "crnn-note" }, "In each map a row is a class, the blank - at the bottom; a column is a time step; dark is 0, yellow is 1. Floor (a) is the best loss that ignores the image and is the same at every time step, floor (b) the best that ignores the image alone."),
    said,
  );

  /** A run in progress: the recording grows, and the film stays at its end if it stood there. */
  const grown = () => {
    const stood = frame >= last();
    const before = runs[0];
    if (!isRecording(model.get("recording"))) return setText(status, "The recording is damaged.");
    recording = model.get("recording");
    runs = recording?.runs ?? [];
    if (!runs[0]?.samples.includes(wanted)) wanted = runs[0]?.samples[0];
    if (before?.variant !== runs[0]?.variant || !before) pictures.fill(samples(), wanted);
    if (!runs.some((run) => run.variant === other)) other = "";
    beside.fill(others(), other);
    tell();
    go(stood && !timer ? last() : frame);
  };
  function tell() {
    film.hidden = !runs.length;
    beside.node.hidden = runs.length < 2;
    if (train) setText(train, model.get("running") ? "Stop training" : model.get("finished") ? "Start afresh" : "Start training");
    setText(status, model.get("status") ?? "");
  }
  const listeners = { "change:recording": grown, "change:running": tell, "change:finished": tell, "change:status": tell };
  Object.entries(listeners).forEach(([event, listener]) => model.on(event, listener));
  tell();
  show();
  return () => {
    clearInterval(timer);
    clearTimeout(later);
    Object.entries(listeners).forEach(([event, listener]) => model.off(event, listener));
  };
}
