// The training replay: scrub through a recorded run, beside a variant of it, from the all-blank plateau to sharp peaks;
// in a notebook the same view follows a run in progress.
import { createChart, DASHES } from "../page/chart.js";
import { bestPath } from "../page/decode.js";
import { button, choice, createMessage, fill, slider } from "../page/controls.js";
import { element, greyCanvas, markup, part, setText, svgElement } from "../page/dom.js";
import { fromBase64 } from "../page/base64.js";
import { createLane, legend, pathCells } from "../page/lanes.js";
import { createLetters, letterAt } from "../page/letters.js";
import { CURVES, curvesOf, decimals, firstLetter, frameAt, share } from "../page/runs.js";
import { spansOf } from "../page/sight.js";
import { loadSample } from "../page/sources.js";

export const kind = "replay";
export const name = "Training replay";
const FILM = { pace: 400, calm: 1200, quiet: 600 }; // milliseconds: a frame, one for who wants no motion, before speaking
const LEGEND = "In each map a row is a class, the blank - at the bottom; a column is a time step. " +
  "Floor (a) is the best loss that ignores the image and is the same at every time step, floor (b) the best that " +
  "ignores the image alone. A diamond marks the step from which on a run reads letters.";
const ROW = 0.6; // rem: a class's row in a heat map

/** @typedef {import("../page/runs.js").Curves & {samples: string[], shape: number[], posteriors: string, pictures?: any}} Run */

const number = (v) => typeof v === "number" && Number.isFinite(v);
const listOf = (list, sound) => Array.isArray(list) && list.every(sound);
const isText = (v) => typeof v === "string";

/** Whether a frame can be shown. @param {any} f @param {number} samples */
function isFrame(f, samples) {
  const figures = [f?.step, f?.loss, f?.blank, f?.exact, f?.gradient ?? 0];
  return figures.every(number) && f.gradient !== undefined && listOf(f.texts, isText) && f.texts.length === samples;
}

/** Whether a run can be shown, of `classes` with the blank. @param {any} r @param {number} classes */
function isRun(r, classes) {
  return [r?.what, r?.posteriors].every(isText) && number(r.validation_images) && listOf(r.samples, isText) &&
    listOf(r.floors ?? [], number) && listOf(r.frames, (f) => isFrame(f, r.samples.length)) && r.frames.length > 0 &&
    listOf(r.shape, (n) => number(n) && n >= 0) && r.shape.length === 4 && r.shape[0] === r.frames.length &&
    r.shape[1] === r.samples.length && r.shape[3] === classes &&
    r.posteriors.length === 4 * Math.ceil(r.shape.reduce((a, b) => a * b, 1) / 3);
}

/** Whether a recording can be shown: it may come from a damaged file. @param {any} recording */
export function isRecording(recording) {
  if (!isText(recording?.symbols)) return false;
  return listOf(recording.runs, (run) => isRun(run, [...recording.symbols].length + 1));
}

/** The picture that a sample of a run is, where it is known: (H, W) grey levels. @param {Run} run */
function pictureOf(run, sample) {
  const own = run.pictures?.[sample];
  return own ? { ...own, data: fromBase64(own.pixels) } : loadSample(sample).catch(() => null);
}

/** One run's panel: its name, a sample's picture, heat map (class by time step) and path, and the text read at that moment. */
function createPanel(number) {
  const attributes = { class: `crnn-curve crnn-run${number}`, "stroke-dasharray": DASHES[number] };
  const line = svgElement("line", { x1: 0, x2: 34, y1: 4, y2: 4, ...attributes });
  const swatch = svgElement("svg", { viewBox: "0 0 34 8", class: "replay-swatch", "aria-hidden": "true" }, line);
  const [run_, text] = [part("run", "strong"), part("text", "strong", { class: "crnn-text" })];
  const [step, loss, blank, exact, gradient] = ["step", "loss", "blank", "exact", "gradient"].map((hook) => part(hook));
  const sample = part("sample", "code");
  const point = (/** @type {number} */ at) => light(letterAt(spans, Math.floor(at * T)), Math.floor(at * T));
  const lanes = {
    picture: createLane({ label: "The picture", onplace: point }),
    map: createLane({ label: "Class probabilities", row: ROW, onplace: point }),
    path: createLane({ label: "Best path, and below it what is left after merging", css: "3rem", onplace: point }),
  };
  for (const { node } of Object.values(lanes)) node.classList.add("crnn-named");
  lanes.map.node.classList.add("replay-map");
  lanes.picture.node.classList.add("replay-picture");
  const letters = createLetters(text, (letter) => light(letter));
  const steps = element("span");
  const [node] = markup`<div class="replay-run" role="group">
    <p class="replay-title">${swatch}${run_}</p>
    <div class="replay-film">${Object.values(lanes).map((lane) => lane.node)}<p>sample ${sample}, ${steps}</p></div>
    <p class="replay-reads">it reads: ${text}</p>
    <p class="crnn-note">step ${step}: loss ${loss}, blanks ${blank}, read exactly ${exact}, gradient norm ${gradient}</p>
    </div>`;
  let drawn = "";
  let pictured = Promise.resolve(); // when the sample's picture is there
  /** @type {import("../page/letters.js").Span[]} */
  let spans = [];
  let [T, was] = [1, ""];

  async function showPicture(run, seen) {
    if (drawn === seen) return;
    drawn = seen;
    const found = await pictureOf(run, seen);
    if (drawn !== seen) return;
    lanes.picture.node.hidden = !found;
    if (found) lanes.picture.show(greyCanvas(found.data, found.height, found.width));
  }

  /** Light a letter's steps everywhere, or step `t` alone. @param {number} letter @param {number} [t] */
  function light(letter, t) {
    letters.light(letter);
    const span = spans[letter] ?? (t === undefined ? null : { from: t, to: t, symbol: -1 });
    const place = span && { from: span.from / T, to: (span.to + 1) / T };
    const marks = (style) => (place ? [{ ...place, style }] : []);
    const cell = place && span.symbol > 0 ? [lanes.map.cells(span.symbol, place.from, place.to)] : [];
    lanes.picture.draw(marks("strip"));
    lanes.map.draw([...marks("span"), ...cell]);
    lanes.path.draw(marks("span"));
  }

  /** The film's column for one sample, (T, K) in 0 .. 255, as a map. @param {Uint8Array} values @param {string[]} signs */
  function showMap(values, signs, words) {
    const K = signs.length;
    const path = bestPath(values, K);
    [T, spans] = [path.length, spansOf(path)];
    const blanks = path.filter((c) => c === 0).length;
    lanes.map.rename(
      `Class probabilities of ${words}: ${blanks} of ${T} time steps say blank, ${spans.length} letters stand out`,
    );
    lanes.map.showClasses(signs, T, (t, c) => values[t * K + c] / 255, false);
    lanes.path.show(pathCells(path, spans, signs));
  }

  /** @param {Run} run @param {Uint8Array} bytes the film, (frames, samples, T, K) @param {string} symbols without the blank */
  function show(run, bytes, wanted, moment, symbols) {
    const [, samples, T, K] = run.shape;
    const [at, index] = [frameAt(run, moment), Math.max(run.samples.indexOf(wanted), 0)];
    const [now, seen] = [run.frames[at], run.samples[index]];
    const from = (at * samples + index) * T * K;
    const signs = ["-", ...symbols];
    showMap(bytes.subarray(from, from + T * K), signs, `${seen} under ${run.what}`);
    pictured = showPicture(run, seen);
    setText(run_, run.what);
    setText(sample, seen);
    const read = now.texts[index] || "(nothing)";
    const same = `${read} ${spans.map(({ from, to }) => `${from} ${to}`)}`;
    if (same !== was) letters.show(read, [...now.texts[index]].length === spans.length ? spans : [], signs);
    was = same;
    light(letters.picked());
    setText(step, String(now.step));
    setText(loss, decimals(now.loss));
    setText(blank, share(now.blank));
    setText(exact, `${now.exact} of ${run.validation_images}`);
    setText(gradient, now.gradient === null ? "none yet" : decimals(now.gradient));
    setText(steps, `${T} time steps, left to right${seen === wanted ? "" : `; only ${seen} was filmed here`}`);
    node.setAttribute("aria-label", run.what);
    return `${run.what}, step ${now.step}: reads ${now.texts[index] || "nothing"}, loss ${decimals(now.loss)}`;
  }
  return { node, show, pictured: () => pictured };
}

/** A film that can be played: which frame is shown, and whether it moves.
 *  @param {() => number} last @param {() => void} show */
function createReel(last, show) {
  /** @type {any} */
  let timer = null;
  const reel = {
    frame: 0,
    play: button("Play", () => (timer ? pause() : start())),
    playing: () => timer !== null,
    atEnd: () => reel.frame >= last(),
    stop: () => clearInterval(timer),
    move(to) {
      reel.frame = Math.min(Math.max(to, 0), last());
      show();
    },
    /** Stop the film, and go to a frame. */
    go(to) {
      pause();
      reel.move(to);
    },
  };
  function pause() {
    if (!timer) return;
    reel.stop();
    timer = null;
    setText(reel.play, "Play");
    show();
  }
  function start() {
    if (reel.atEnd()) reel.frame = 0;
    const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? FILM.calm : FILM.pace;
    timer = setInterval(() => (reel.atEnd() ? pause() : reel.move(reel.frame + 1)), pace);
    setText(reel.play, "Pause");
    show();
  }
  return reel;
}

/** The frame of a run nearest to a training step, on the chart's scale. @param {Run} run */
function nearest(run, step) {
  const away = run.frames.map((f) => Math.abs(Math.sqrt(f.step) - Math.sqrt(step)));
  return away.indexOf(Math.min(...away));
}

/**
 * Put a replay into `root`. The model's fields: `recording`, like crnn_lib/assets/replay.json (empty: that one); where
 * `trainable`, a run that `running` starts and stops, and `finished` and `status` tell about.
 * @param {import("../page/main.js").Place} place
 */
export async function mount({ root, model, backend, signal }) {
  const trainable = Boolean(model.get("trainable"));
  let recording = model.get("recording");
  if (!recording?.runs && !trainable) recording = await backend.data("replay");
  if (recording?.runs && !isRecording(recording)) throw new Error("the recording is damaged");
  /** @type {Run[]} */
  let runs = recording?.runs ?? [];
  const films = new WeakMap();
  const filmOf = (run) => films.get(run) ?? films.set(run, fromBase64(run.posteriors)).get(run);
  let [wanted, other, curve] = [runs[0]?.samples[0], runs[1]?.variant ?? "", "loss"];
  /** @type {any} */
  let later = null;

  const panels = [createPanel(0), createPanel(1)];
  const last = () => Math.max((runs[0]?.frames.length ?? 0) - 1, 0);
  const reel = createReel(last, show);
  const chart = createChart((step) => reel.go(nearest(runs[0], step)));
  const said = element("p", { class: "replay-unseen", "aria-live": "polite" });
  const time = slider({ name: "Training step", min: 0, max: 0, step: 1, value: 0 }, reel.go);
  const others = () => [["", "nothing"], ...runs.slice(1).map((run) => [run.variant, run.what])];
  const samples = () => (runs[0]?.samples ?? []).map((s) => [s, s]);
  const beside = choice(others(), other, (value) => show(() => (other = value)));
  const pictures = choice(samples(), wanted, (value) => show(() => (wanted = value)));
  const kinds = Object.entries(CURVES).map(([k, { name }]) => [k, name]);
  const lines = choice(kinds, curve, (value) => show(() => (curve = value)));

  /** Show the present frame, after a change. @param {() => void} [change] */
  function show(change) {
    change?.();
    const step = runs[0]?.frames[reel.frame]?.step ?? 0;
    const beside = runs.find((run, i) => i && run.variant === other);
    const shown = runs.slice(0, 1).concat(beside ?? []);
    panels.forEach((panel, i) => (panel.node.hidden = !shown[i]));
    const words = shown.map((run, i) => panels[i].show(run, filmOf(run), wanted, step, recording.symbols));
    time.input.max = String(last());
    time.show(reel.frame, `step ${step}`);
    if (shown.length) chart.show(curvesOf(shown, curve, step, shown.map(firstLetter)));
    clearTimeout(later);
    if (!reel.playing() && !model.get("running")) later = setTimeout(() => setText(said, words.join(". ")), FILM.quiet);
  }

  const train = button("", () => {
    model.save({ running: !model.get("running") });
    tell();
  });
  const message = createMessage();
  const named = (label, node) => element("label", {}, label, node);
  const compared = named("Beside it", beside);
  const [film] = markup`<div>
    <div class="crnn-controls replay-choice">${compared}${named("Sample", pictures)}${named("Curve", lines)}</div>
    <div class="replay-runs" tabindex="0" role="group" aria-label="The runs">${panels.map(({ node }) => node)}</div>
    <div class="crnn-controls">${reel.play}${button("Back", () => reel.go(reel.frame - 1))}
      ${button("Forward", () => reel.go(reel.frame + 1))}${time.node}</div>
    ${chart.node}</div>`;
  const scale = legend("0", "1");
  root.append(...markup`${trainable && markup`<div class="crnn-controls">${train}</div>${message.node}`}${film}
    ${scale}<p class="crnn-note">${LEGEND}</p>${said}`);

  /** A run in progress: the recording grows, and the film stays at its end if it stood there. */
  function grown() {
    const stood = reel.atEnd();
    const before = runs[0];
    if (!isRecording(model.get("recording"))) return message.say("The recording is damaged.");
    recording = model.get("recording");
    runs = recording.runs;
    if (!runs[0]?.samples.includes(wanted)) wanted = runs[0]?.samples[0];
    if (before?.variant !== runs[0]?.variant || !before) fill(pictures, samples(), wanted);
    if (!runs.some((run) => run.variant === other)) other = "";
    fill(beside, others(), other);
    tell();
    reel.move(stood && !reel.playing() ? last() : reel.frame);
  }
  function tell() {
    film.hidden = !runs.length;
    compared.hidden = runs.length < 2;
    setText(train, model.get("running") ? "Stop training" : model.get("finished") ? "Start afresh" : "Start training");
    message.say(model.get("status") ?? "");
  }
  model.on(["recording"], grown);
  model.on(["running", "finished", "status"], tell);
  signal.addEventListener("abort", () => {
    reel.stop();
    clearTimeout(later);
  });
  tell();
  show();
  await Promise.all(panels.map((panel) => panel.pictured()));
}
