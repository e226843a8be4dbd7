// A training in the page, in small slices of work: images are drawn, steps taken, and what is read of unseen images is noted.
import { repeats } from "../page/ctc.js";
import { bestPath, collapse } from "../page/decode.js";
import { createKernel } from "../page/memory.js";
import { randomFrom } from "../page/random.js";
import { createTraining } from "../page/train.js";
import { measures } from "../page/train_network.js";
import { libraryFile } from "../page/train_weights.js";
import { recipeOf, shapeOf } from "./choices.js";
import { createExamples, createLabels, imageOf } from "./examples.js";
import { floorsOf } from "./floors.js";

/** @typedef {import("./choices.js").Choices} Choices @typedef {import("./examples.js").Example} Example */
/** @typedef {{image: Example, logProbs: number[][], path: number[], text: string}} Seen a fixed image, as it is read now */
/**
 * @typedef {{step: number, loss: number, blank: number, exact: number, doubled: number | null,
 *   plain: number | null, trained: number | null}} Frame
 *   loss: of unseen images; blank: share of their steps that say blank; exact: share of them that is read exactly; doubled,
 *   plain: of those with and without doubled letters; trained: of the images trained on
 */

export const UNSEEN = 64; // images that are watched, never trained on
const FIXED = 3; // of them, those that are shown
const LABELS = 500; // of which the prior is taken
export const EVERY = 10; // steps between frames
const [DRAWN, PARTS] = [4, 16]; // images drawn, and images read, in a slice
const LAYERS = { // of the norms, by the names of the parameters
  "conv 1": /^blocks\.0/,
  "conv 2": /^blocks\.1/,
  "conv 3": /^blocks\.2/,
  columns: /^(project|normalise)/,
  LSTM: /^lstm/,
  output: /^classify/,
};

const mean = (/** @type {number[]} */ values) =>
  values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
const share = (/** @type {boolean[]} */ values) => mean(values.map(Number));

/** The gradient's norm by layer. @param {Object<string, number>} norms by parameter @returns {[string, number][]} */
function byLayer(norms) {
  const found = Object.entries(LAYERS).map(([layer, pattern]) => {
    const parts = Object.entries(norms).filter(([name]) => pattern.test(name)).map(([, norm]) => norm);
    return /** @type {[string, number]} */ ([layer, parts.length ? Math.hypot(...parts) : NaN]);
  });
  return found.filter(([, norm]) => !Number.isNaN(norm) || Object.values(norms).some(Number.isNaN));
}

/** @param {Choices} choices that can be trained: `complaint` has none */
export function createRun(choices) {
  const shape = shapeOf(choices);
  const { T } = measures(shape);
  const symbols = [...shape.alphabet];
  const { batch, images, seed, prior } = choices;
  /** @type {ReturnType<typeof createTraining> | null} */
  let training = null;
  let isReady = false;
  const nextSeen = createExamples(choices);
  const nextUnseen = createExamples(choices, seed + 1_000_003);
  /** @type {Example[]} */
  const unseen = [];
  /** @type {Example[]} */
  const kept = []; // those that are trained on again and again
  /** @type {Example[]} */
  const taught = []; // somebody's own
  /** @type {Frame[]} */
  const frames = [];
  const facts = {
    steps: 0,
    milliseconds: 0, // of work
    /** @type {number[] | null} */
    floors: null,
    /** @type {[number, number][]} */
    losses: [], // by step, each the mean of the last ten batches
    /** @type {[string, number][]} */
    norms: [],
    /** @type {{step: number, letter: string} | null} */
    first: null, // the letter that broke through
    failed: "",
  };
  /** @type {number[]} */
  const recent = []; // the last batches' losses
  let busy = false; // within a step, when the network must not be used for anything else
  let dark = false; // whether an unseen image was read as nothing but blanks, all of them
  const work = begin();

  /** What there is before the first step, in slices: an untrained network, and the images that are shown. */
  function* setUp() {
    createKernel(); // compiled once in a page, which takes a slice of its own
    yield;
    training = createTraining(shape, recipeOf(choices), { batch: Math.max(batch, PARTS), seed });
    facts.norms = byLayer(training.norms());
    yield;
    yield* draw(unseen, nextUnseen, FIXED);
    if (prior) {
      const next = createLabels(choices, randomFrom(1 + seed));
      const targets = Array.from({ length: LABELS }, () => Array.from(next(), (symbol) => 1 + symbols.indexOf(symbol)));
      training.startAtPrior(targets);
    }
    yield;
    isReady = true;
  }
  /** The training, which is set up now if it was not. */
  function ready() {
    while (!isReady) advance();
    return /** @type {ReturnType<typeof createTraining>} */ (training);
  }

  /** What is read of examples. @param {Example[]} examples @returns {Seen[]} */
  function read(examples) {
    while (busy) advance();
    return ready().read(examples.map(({ image }) => image)).map((logProbs, n) => {
      const path = bestPath(logProbs.flat(), symbols.length + 1);
      const text = collapse(path).map((c) => symbols[c - 1]).join("");
      return { image: examples[n], logProbs, path, text };
    });
  }

  /** The same of many, in slices. @param {Example[]} examples @returns {Generator<void, Seen[], void>} */
  function* readAll(examples) {
    const found = [];
    for (let i = 0; i < examples.length; i += PARTS) {
      found.push(...read(examples.slice(i, i + PARTS)));
      yield;
    }
    return found;
  }

  /** Mark the first letter after nothing but blanks. @param {Seen[]} found */
  function watch(found) {
    if (found.every(({ text }) => !text)) dark = true;
    else if (dark && !facts.first) {
      const letters = found.flatMap(({ text }) => [...text]);
      const often = (/** @type {string} */ letter) => letters.filter((other) => other === letter).length;
      facts.first = { step: facts.steps, letter: symbols.reduce((a, b) => (often(b) > often(a) ? b : a)) };
    }
  }

  function* look() {
    const found = yield* readAll(unseen);
    const lost = [];
    for (const { logProbs, image: { target } } of found) {
      lost.push(ready().lossOf(logProbs, target));
      if (lost.length % PARTS === 0) yield;
    }
    const right = (/** @type {Seen} */ { text, image }) => text === image.label;
    const withRepeats = ({ image }) => repeats(image.target) > 0;
    watch(found);
    frames.push({
      step: facts.steps,
      loss: mean(lost) ?? NaN,
      blank: share(found.flatMap(({ path }) => path.map((c) => c === 0))) ?? NaN,
      exact: share(found.map(right)) ?? NaN,
      doubled: share(found.filter(withRepeats).map(right)),
      plain: share(found.filter((one) => !withRepeats(one)).map(right)),
      trained: kept.length ? share((yield* readAll(kept.slice(0, UNSEEN))).map(right)) : null,
    });
  }

  /** As many examples, drawn in slices. @param {Example[]} list @param {() => Example} next */
  function* draw(list, next, count) {
    while (list.length < count) {
      list.push(next());
      if (list.length % DRAWN === 0) yield;
    }
  }

  function* begin() {
    yield* setUp();
    yield* draw(unseen, nextUnseen, UNSEEN);
    if (images !== null) yield* draw(kept, nextSeen, images);
    yield* look();
    facts.floors = yield* floorsOf(choices);
    while (!facts.failed) {
      /** @type {Example[]} */
      const examples = [];
      let at = facts.steps * batch;
      const next = kept.length ? () => kept[at++ % kept.length] : nextSeen;
      yield* draw(examples, next, kept.length ? Math.min(batch, kept.length) : batch);
      const own = Math.min(taught.length, Math.ceil(batch / 4));
      for (let i = 0; i < own; i++) examples[i] = taught[(facts.steps * own + i) % taught.length];
      busy = true;
      const found = yield* ready().stepping(examples);
      busy = false;
      note(found);
      yield;
      if (facts.steps % EVERY === 0) yield* look();
    }
  }

  /** What a step came to. @param {{loss: number, norms: Object<string, number>}} found */
  function note({ loss, norms }) {
    facts.steps++;
    recent.push(loss);
    if (recent.length > EVERY) recent.shift();
    facts.norms = byLayer(norms);
    facts.losses.push([facts.steps, mean(recent) ?? NaN]);
    if (!Number.isFinite(loss) || !Object.values(norms).every(Number.isFinite)) {
      facts.failed =
        `Step ${facts.steps} gave a loss of ${loss}, not a number to continue with: the weights have been thrown too ` +
        `far. The learning rate is ${choices.rate}; divide it by ten and begin again.`;
    }
  }

  /** Train on a picture of somebody's own too: such pictures are up to a quarter of each batch. */
  function teach(/** @type {import("../page/images.js").Grey} */ grey, /** @type {string} */ label) {
    const target = Array.from(label, (symbol) => 1 + symbols.indexOf(symbol));
    const [U, r] = [target.length, repeats(target)];
    if (!U) throw new Error("Type what your drawing says.");
    if (target.includes(0)) throw new Error(`This network reads only ${shape.alphabet}.`);
    if (U + r > T) {
      throw new Error(`“${label}” needs U + r = ${U} + ${r} = ${U + r} time steps, and there are T = ${T}.`);
    }
    taught.push({ label, target, grey, image: imageOf(grey, choices.standardise) });
    return taught.length;
  }

  /** A small slice of work, some milliseconds; whether there is more. */
  function advance() {
    const began = Date.now();
    const { done } = work.next();
    facts.milliseconds += Date.now() - began;
    return !done;
  }

  /** Whether there is work to do up to a step, what is read after it included. @param {number} goal */
  function behind(goal) {
    const last = frames[frames.length - 1]?.step ?? -1;
    return !facts.failed && (facts.steps < goal || (goal % EVERY === 0 && last < goal));
  }

  /** Why the weights cannot be the library's, or "". */
  function unfit() {
    if (!measures(shape).directions.length) {
      return "The library's network has an LSTM: one without cannot be saved for it.";
    }
    return choices.standardise
      ? ""
      : "The library standardises every image: a network that never saw one so would misread it.";
  }

  /** The file that `crnn_lib.reader.load` reads. @returns {Uint8Array} */
  function file() {
    if (unfit()) throw new Error(unfit());
    return libraryFile(shape, ready().state(), { recipe: "trained in the page", steps: facts.steps, choices });
  }

  /** The images that are always shown, as they are read now. */
  const fixed = () => read(unseen.slice(0, FIXED));
  return {
    choices,
    shape,
    T,
    symbols,
    facts,
    frames,
    advance,
    behind,
    teach,
    fixed,
    read,
    file,
    unfit,
    isReady: () => isReady,
    load: (/** @type {any} */ weights) => ready().load(weights),
  };
}
