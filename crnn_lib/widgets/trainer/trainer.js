// The trainer: a small CRNN that learns in the page, with the knobs that decide whether it ever leaves the plateau.
import { createChart } from "../page/chart.js";
import { button, choice, createMessage, field } from "../page/controls.js";
import { count, markup, setText } from "../page/dom.js";
import { curvesOf } from "../page/runs.js";
import { caution, complaint, DEFAULTS } from "./choices.js";
import { createClock } from "../page/clock.js";
import { EXPERIMENTS } from "./experiments.js";
import { createGuide } from "./guide.js";
import { createKeeper, opened } from "./keep.js";
import { createBench, createBeside, inWords } from "./knobs.js";
import { createPanel } from "./panel.js";
import { createRun } from "./run.js";

export const kind = "trainer";
export const name = "Trainer";

/** @typedef {ReturnType<typeof createRun>} Run @typedef {import("./choices.js").Choices} Choices */

const CURVE_NAMES = [["loss", "loss"], ["blank", "share of blanks"], ["exact", "share read exactly"]];
const MOST_POINTS = 300; // of a curve
const LEGEND =
  "In each map a row is a class, the blank - at the bottom; a column is a time step; dark is 0, yellow is 1. " +
  "The loss is that of CTC, divided by the label's length. Floor (a) is the best loss of an output that is the same at every " +
  "step of every image, floor (b) of one that is the same for every image. The vertical line marks the step by which, after " +
  "nothing but blanks, a letter broke through.";

/** A run's curves as recorded ones have them. @param {Run} run @param {string} what @param {string} curve */
function curvesFrom({ facts: { losses, floors }, frames }, what, curve) {
  const every = Math.ceil(losses.length / MOST_POINTS);
  const some = losses.filter((_, i) => i % every === 0 || i === losses.length - 1);
  const own = curve === "loss" ? some.map(([step, loss]) => ({ step, loss })) : frames;
  return /** @type {any} */ ({ variant: what, what, floors, validation_images: 1, frames: own });
}

/**
 * Put a trainer into `root`. The model's fields: experiment, the one chosen at first; the trainer sets trained, the file of
 * the trained weights, whenever a training pauses.
 * @param {import("../page/main.js").Place} place
 */
export async function mount({ root, model, signal, open }) {
  /** @type {Choices} */
  let choices = { ...DEFAULTS };
  /** @type {import("./knobs.js").Beside | null} */
  let beside = null;
  /** @type {Run[]} */
  let runs = [];
  /** @type {string[]} */
  let names = [];
  let ready = Promise.resolve(); // when all runs are set up
  let touched = false; // before that, a page that is only read has nothing to compute
  let goal = Infinity; // the step at which to pause
  let curve = "loss";
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  const message = createMessage();
  const panels = [createPanel(0), createPanel(1)];
  const chart = createChart();
  const curves = choice(CURVE_NAMES, curve, (next) => ((curve = next), show()));
  const start = button("Start", () => (clock.running() ? clock.stop() : go(Infinity)), { class: "trainer-start" });
  const look = button("Look now", () => show());
  const clock = createClock({ work, show: () => !still && show(), ended }, signal);
  const bench = createBench(choices, (change) => choose({ ...choices, ...change }));
  const second = createBeside((next) => choose(choices, next));
  const guide = createGuide(chooseExperiment, () => again() && go(guide.chosen()?.steps ?? Infinity));
  const keeper = createKeeper({ run: () => runs[0] ?? null, take, open });

  /** The choices of each run that is to be. @returns {Choices[]} */
  const wanted = () => [choices, ...(beside ? [{ ...choices, [beside.key]: beside.value }] : [])];
  const refusal = () => wanted().map(complaint).find(Boolean) ?? "";

  /** Other choices: a run that has begun keeps its own. @param {Choices} next */
  function choose(next, other = beside) {
    [choices, beside] = [next, other];
    bench.show(choices);
    if (refusal()) return message.say(refusal(), true);
    const careful = wanted().map(caution).find(Boolean) ?? "";
    if (!runs.some(({ facts }) => facts.steps)) return begin(careful);
    message.say(`${careful} The run continues with the choices that it began with; Again begins with these.`);
  }

  /** New runs of these choices, if they can be trained. */
  function begin(words = "") {
    if (refusal()) {
      message.say(refusal(), true);
      return false;
    }
    runs = wanted().map(createRun);
    names = ["Your choices", beside ? `Beside it, ${inWords(beside.key, beside.value)}` : ""];
    message.say(words);
    show();
    if (touched) ready = prepare(runs);
    return true;
  }
  /** Set new runs up, a little at a time, and show what they begin with. @param {Run[]} begun */
  async function prepare(begun) {
    for (const run of begun) {
      while (!run.isReady()) {
        run.advance();
        await new Promise((done) => setTimeout(done));
        if (begun !== runs) return;
      }
      show();
    }
  }
  function again() {
    clock.stop();
    return begin();
  }
  function chooseExperiment(/** @type {string} */ id) {
    clock.stop();
    const experiment = EXPERIMENTS[id];
    second.set(experiment?.beside ?? null);
    [choices, beside] = [{ ...DEFAULTS, ...experiment?.choices, seed: choices.seed }, experiment?.beside ?? null];
    bench.show(choices);
    begin();
  }

  /** Train until so many steps are taken. @param {number} steps */
  function go(steps) {
    const begun = runs.some(({ facts }) => facts.steps);
    if ((refusal() && !begun || !runs.length) && !begin()) return;
    goal = steps;
    message.say("");
    clock.start();
    tell();
  }
  /** So many steps more. @param {number} steps */
  function more(steps) {
    clock.stop();
    go(Math.max(0, ...runs.map(({ facts }) => facts.steps)) + steps);
  }

  /** A slice of work of the run that is behind; whether there is more. */
  function work() {
    const behind = runs.filter((run) => run.behind(goal));
    if (!behind.length) return false;
    behind.reduce((a, b) => (b.facts.steps < a.facts.steps ? b : a)).advance();
    return true;
  }
  function ended() {
    show();
    tell();
    if (runs.every((run) => !run.behind(guide.chosen()?.steps ?? 0))) guide.conclude(runs);
    if (runs[0]?.facts.steps && !runs[0].unfit() && !runs[0].facts.failed) {
      model.save({ trained: new DataView(runs[0].file().buffer) });
    }
    count(root);
  }
  /** Go on with the weights of a file. @param {Uint8Array} bytes */
  function take(bytes) {
    const { choices: found, weights } = opened(bytes);
    clock.stop();
    guide.show("");
    second.set(null);
    [choices, beside] = [{ ...choices, ...found, standardise: true }, null];
    bench.show(choices);
    [runs, names] = [[createRun(choices)], ["The loaded model"]];
    runs[0].load(weights);
    show();
    message.say("");
    return "The model is here, with the choices that it needs. It reads what you draw; Start trains it further.";
  }

  function tell() {
    setText(start, clock.running() ? "Pause" : "Start");
    look.hidden = !still;
  }
  function show() {
    panels.forEach((panel, i) => {
      panel.node.hidden = !runs[i];
      if (runs[i]) panel.show(runs[i], names[i]);
    });
    if (runs.length) {
      const first = runs[0].facts.first?.step ?? null;
      chart.show(curvesOf(runs.map((run, i) => curvesFrom(run, names[i], curve)), curve, first));
    }
    keeper.look();
  }

  const knobs = bench.groups.map(({ group, nodes }) =>
    markup`<fieldset class="trainer-group"><legend>${group}</legend><div class="crnn-controls">${nodes}</div></fieldset>`
  );
  root.append(...markup`
    <div class="crnn-controls">${guide.node}</div>${guide.card}
    <div class="crnn-controls">${start}${button("One step", () => more(1))}${button("Ten steps", () => more(10))}
      ${button("Again", again)}${look}</div>${message.node}
    <details class="crnn-fold"><summary>The knobs</summary>${knobs}<div class="crnn-controls">${second.nodes}</div></details>
    <div class="trainer-runs">${panels.map(({ node }) => node)}</div>
    <div class="crnn-controls">${field("Curve", curves)}</div>${chart.node}<p class="crnn-note">${LEGEND}</p>
    ${keeper.node}`);
  await new Promise((done) => setTimeout(done)); // a task of its own for what the page's visitor does meanwhile
  function touch() {
    if (touched) return;
    touched = true;
    if (runs.length) ready = prepare(runs);
  }
  for (const event of ["pointerenter", "pointerdown", "focusin"]) root.addEventListener(event, touch, { signal });
  const experiment = model.get("experiment");
  if (experiment) {
    guide.show(experiment);
    chooseExperiment(experiment);
  } else begin();
  signal.addEventListener("abort", () => (runs = []));
  tell();
  return ready;
}
