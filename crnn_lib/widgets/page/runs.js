// Recorded training runs: their frames, and their curves on a chart and in words.

/** @typedef {{step: number, loss: number, blank: number, exact: number, gradient: number | null, texts: string[]}} Frame */
/** @typedef {{variant: string, what: string, floors?: number[], validation_images: number, frames: Frame[]}} Curves */

const STEPS = [0, 5, 10, 20, 50, 100, 200, 400, 800, 1500, 3000, 6000, 12000, 24000, 50000];
const SHARES = [0, 0.25, 0.5, 0.75, 1];
const UNITS = [0, 1, 2, 3, 4, 5, 6];
export const decimals = (/** @type {number} */ v) => v.toFixed(2);
export const share = (/** @type {number} */ v) => `${(100 * v).toFixed(1)} %`;
/** @type {Object<string, import("./chart.js").Up & {value: (frame: Frame, run: Curves) => number | null}>} */
export const CURVES = {
  loss: { name: "CTC loss", top: 5, ticks: UNITS.slice(0, 6), value: (f) => f.loss, say: decimals },
  blank: { name: "share of blanks", top: 1, ticks: SHARES, shares: true, value: (f) => f.blank, say: share },
  exact: {
    name: "share read exactly",
    top: 1,
    ticks: SHARES,
    shares: true,
    value: (f, run) => f.exact / run.validation_images,
    say: share,
  },
  gradient: { name: "gradient norm, as clipped", top: 6, ticks: UNITS, value: (f) => f.gradient, say: decimals },
};

/** The last frame of a run at `step` or before it. @param {Curves} run @param {number} step */
export function frameAt(run, step) {
  const after = run.frames.findIndex((f) => f.step > step);
  return after < 0 ? run.frames.length - 1 : Math.max(after - 1, 0);
}

/**
 * The frame from which on a run reads letters: the one after the last at which every text was empty. A fresh network may
 * read letters everywhere, and lose them. @param {Curves} run @returns {Frame | null}
 */
export function firstLetter({ frames }) {
  const silent = frames.findLastIndex(({ texts }) => texts.every((text) => !text));
  return silent < 0 ? null : frames[silent + 1] ?? null;
}

/** A run's known [step, value]s. @param {Curves} run @returns {number[][]} */
function pointsOf(run, value) {
  return run.frames.map((f) => [f.step, value(f, run)]).filter(([, v]) => v !== null);
}

/** A run's curve in words: some values from first to last. @param {Curves} run */
function curveInWords(run, { value, say }) {
  const known = pointsOf(run, value);
  const every = Math.max(Math.ceil(known.length / 8), 1);
  const some = known.filter((_, i) => i % every === 0 || i === known.length - 1);
  return `${run.what}: ${some.map(([step, v]) => `${say(v)} at step ${step}`).join(", ") || "nothing yet"}`;
}

/**
 * The curves of runs for a chart, under the loss the plateau's two floors, and a line at the present step (null: none);
 * letters: the frame at which each begins to read them, to be marked.
 * A root scale across gives the dense beginning room.
 * @param {Curves[]} runs @param {string} kind one of CURVES @param {number | null} step @returns {import("./chart.js").Shown}
 */
export function curvesOf(runs, kind, step, letters = /** @type {(Frame | null)[]} */ ([])) {
  const up = CURVES[kind];
  const last = Math.max(1, ...runs.flatMap((run) => run.frames.map((f) => f.step)));
  const floors = (kind === "loss" && runs[0].floors) || [];
  const lines = floors.map((
    floor,
    i,
  ) => /** @type {[number, string]} */ ([floor, `floor (${"ab"[i]}): ${decimals(floor)}`]));
  const curves = runs.map((run, i) => {
    const points = pointsOf(run, up.value);
    const at = step === null || !run.frames.length ? null : run.frames[frameAt(run, step)].step;
    const letter = letters[i]?.step;
    const place = (/** @type {number | null | undefined} */ step) => points.find(([s]) => s === step) ?? null;
    return { points, here: place(at), marked: place(letter), mark: String(letter) };
  });
  const begins = letters.map((frame) => (frame ? `; it begins to read letters at step ${frame.step}` : ""));
  const told = runs.map((run, i) => curveInWords(run, up) + (begins[i] ?? "")).join(". ");
  const ends = floors.length ? `. Floors: (a) ${decimals(floors[0])}, (b) ${decimals(floors[1])}` : "";
  const across = {
    name: "training step, on a root scale",
    ticks: STEPS.filter((s) => s <= last),
    part: (s) => Math.sqrt(s / last),
    value: (part) => last * part ** 2,
  };
  return { words: `Curves: ${up.name} by training step. ${told}${ends}`, curves, across, up, now: step, lines };
}
