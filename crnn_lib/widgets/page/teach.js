// Teaching a reader a hand: crnn_lib/teaching.py in the page, which explains it. From the same stored weights both learn the
// same, but for the last digits (tests/test_teaching_page.py).
import { ctcLossAndGradient, logSoftmax, repeats } from "./ctc.js";
import { distort } from "./distortion.js";
import { SKELETONS } from "./embedded.js";
import { standardise } from "./images.js";
import { parametersOf, withLearnt } from "./last_layers.js";
import { createArena, createKernel } from "./memory.js";
import { randomFrom } from "./random.js";
import { columnsOf } from "./sight.js";
import { imageFor, quantise } from "./strokes.js";
import { createAdam } from "./train.js";
import { sequences, setSteps, stepsOf } from "./train_maps.js";
import { createSequence, measures } from "./train_network.js";
import { createTwin } from "./twin.js";
import { pooledSize } from "./weights.js";
import { writeText } from "./write.js";

/** @typedef {import("./strokes.js").Strokes} Strokes @typedef {import("./engine.js").Config} Config */
/** @typedef {import("./engine.js").Network} Network @typedef {import("./engine.js").Reader} Reader */
/** @typedef {{strokes: Strokes, text: string}} Taught a drawing, and what it says */
/** @typedef {{features: Float32Array, steps: number}} Seen features (T, F) of a drawing */
/** @typedef {Seen & {answer: number[][]}} Rehearsed answer: the log-probabilities before any lesson, T rows of K */

export const MOST = 40; // drawings in a lesson
const [COPIES, MILD] = [3, 0.5]; // distorted ones of each drawing, and how strongly
const [REHEARSED, WILD] = [128, 2.5]; // generated drawings, and how strongly they are distorted
const LONGEST = 6; // characters of a generated drawing
export const STEPS = 12;
const [RATE, EPSILON] = [4e-3, 1e-3]; // Adam's
const AT_ONCE = 32; // drawings that are rehearsed in a step
const REHEARSAL = 6; // the weight of a rehearsed drawing's divergence beside a taught one's loss

/** The symbols in another order (Fisher and Yates). @param {string[]} symbols @param {() => number} random */
function shuffled(symbols, random) {
  const order = [...symbols];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.trunc(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** What is rehearsed: every symbol that the pen writes about equally often. @returns {Generator<Strokes>} */
export function* generated() {
  const random = randomFrom(0);
  /** @type {string[]} */
  let left = [];
  for (let i = 0; i < REHEARSED; i++) {
    const length = 2 + Math.trunc(random() * (LONGEST - 1));
    while (left.length < length) left = [...left, ...shuffled(Object.keys(SKELETONS), random)];
    const text = left.slice(0, length).join("");
    left = left.slice(length);
    const strokes = writeText(text, 64, 8 * random());
    yield distort(strokes, WILD, random);
  }
}

/** A drawing and its copies; `number`: its place in the lesson. @param {Strokes} strokes @param {number} number */
function forms(strokes, number) {
  const random = randomFrom(number + 1);
  return [strokes, ...Array.from({ length: COPIES }, () => distort(strokes, MILD, random))];
}

/** A drawing as the network gets it. @param {Config} config @param {Strokes} strokes */
function inputOf(config, strokes) {
  const grey = imageFor(config, strokes);
  return standardise(grey, config.height, columnsOf(config, grey));
}

/** Refuse what cannot be taught, with the reason. @param {Config} config @param {Taught} taught */
export function check(config, { strokes, text }) {
  const symbols = [...config.alphabet];
  const stranger = [...text].find((symbol) => !symbols.includes(symbol));
  if (!quantise(strokes).length) throw new Error("There is nothing to learn from: draw something first.");
  if (!text) throw new Error("Type what the drawing says: there is no text to learn.");
  if (stranger !== undefined) throw new Error(`The network does not know “${stranger}”, only ${config.alphabet}`);
  const [U, r] = [[...text].length, repeats([...text])];
  const columns = inputOf(config, strokes).length / config.height;
  const T = pooledSize(columns, config.pools.map(([, along]) => along));
  if (U + r > T) {
    throw new Error(`“${text}” needs T ≥ U + r = ${U} + ${r} = ${U + r} time steps, and the drawing has T = ${T}.`);
  }
}

/** What the layers that learn get of a drawing. @param {Reader} reader @param {Strokes} strokes @returns {Seen} */
function seen({ config, infer }, strokes) {
  const image = inputOf(config, strokes);
  const { features } = infer(image, config.height, image.length / config.height);
  return { features: features.data.slice(), steps: features.dims[1] };
}

/**
 * The layers that learn, for up to `count` drawings of up to T time steps.
 * @param {import("./train_layers.js").Bench} bench @param {import("./train_network.js").Shape} shape
 */
function createGroup(bench, shape, count, T) {
  const { arena } = bench;
  const { K } = measures(shape);
  const F = shape.features;
  const [features, pads, logits, logitsBack] = [F, 1, K, K].map((lines) => sequences(arena, count, lines, 1, T));
  const sequence = createSequence(bench, shape, { features, featuresBack: null, pads, logits, logitsBack, count });
  return {
    /** Log-probabilities, of each drawing T rows of K. @param {Seen[]} drawings */
    forward(drawings) {
      const numbers = arena.numbers();
      drawings.forEach(({ features: own, steps }, n) => {
        for (let t = 0; t < T; t++) {
          numbers[pads.at + t * pads.pixel + n] = t < steps ? 0 : 1;
          const at = features.at + t * features.pixel + n;
          for (let k = 0; k < F; k++) numbers[at + k * features.line] = t < steps ? own[t * F + k] : 0;
        }
      });
      sequence.forward();
      return drawings.map(({ steps }, n) => logSoftmax(stepsOf(numbers, logits, n).slice(0, steps)));
    },
    /** The parameters' gradients from those of the logits. @param {number[][][]} slopes */
    backward(slopes) {
      const numbers = arena.numbers();
      numbers.fill(0, logitsBack.at, logitsBack.at + K * logitsBack.line);
      slopes.forEach((rows, n) => setSteps(numbers, logitsBack, n, rows));
      sequence.backward();
    },
  };
}

/** Every number of rows, from two of them. @param {number[][]} a @param {number[][]} b @param {(a: number, b: number) => number} act */
const paired = (a, b, act) => a.map((row, t) => row.map((value, k) => act(value, b[t][k])));

/** What is rehearsed, by network: computed once. @type {WeakMap<Network, Rehearsed[]>} */
const rehearsals = new WeakMap();

/** Drawings with the answers to them, by the layers as they are. @param {ReturnType<typeof createGroup>} group @param {Seen[]} drawings */
function* answered(group, drawings) {
  /** @type {Rehearsed[]} */
  const found = [];
  for (let at = 0; at < drawings.length; at += AT_ONCE) {
    const part = drawings.slice(at, at + AT_ONCE);
    group.forward(part).forEach((answer, n) => found.push({ ...part[n], answer }));
    yield [];
  }
  return found;
}

/**
 * A lesson in slices of work: each yield tells the losses so far. Afterwards the losses (the mean in nats that each step
 * found, and that after the last), and the network that has learnt; the reader stays as it was.
 * @param {Reader} reader @param {Taught[]} lesson @param {boolean} [fast] by WebAssembly, where that may run
 * @returns {Generator<number[], {network: Network, losses: number[]}, void>}
 */
export function* teaching(reader, lesson, fast = true) {
  const { config, network } = reader;
  if (!lesson.length || lesson.length > MOST) throw new Error(`A lesson has 1 to ${MOST} drawings.`);
  for (const taught of lesson) check(config, taught);
  const symbols = [...config.alphabet];
  const targets = lesson.map(({ text }) => [...text].map((symbol) => symbols.indexOf(symbol) + 1));
  /** @type {Seen[]} */
  const drawings = rehearsals.get(network) ?? [];
  if (!drawings.length) {
    for (const strokes of generated()) {
      drawings.push(seen(reader, strokes));
      yield [];
    }
  }
  /** @type {Seen[][]} */
  const turns = Array.from({ length: 1 + COPIES }, () => []);
  for (const [number, { strokes }] of lesson.entries()) {
    forms(strokes, number).forEach((form, turn) => turns[turn].push(seen(reader, form)));
    yield [];
  }

  const kernel = (fast ? createKernel() : null) ?? createTwin();
  const parameters = parametersOf(network);
  const bench = { kernel, arena: createArena(kernel.memory), parameters };
  const longest = (/** @type {Seen[]} */ drawings) => Math.max(...drawings.map(({ steps }) => steps));
  const own = createGroup(bench, config, lesson.length, longest(turns.flat()));
  const old = createGroup(bench, config, AT_ONCE, longest(drawings));
  const rehearsed = rehearsals.get(network) ?? (yield* answered(old, drawings));
  rehearsals.set(network, rehearsed);
  const { values, gradients, by } = parameters;
  const update = createAdam(values.length, EPSILON);
  /** @type {number[]} */
  const losses = [];
  const judged = (/** @type {number[][][]} */ answers) => {
    const found = answers.map((rows, n) => ctcLossAndGradient(rows, targets[n]));
    losses.push(found.reduce((sum, { loss }) => sum + loss, 0) / found.length);
    return found.map(({ gradient }) => gradient.map((row) => row.map((slope) => slope / found.length)));
  };
  for (let step = 0; step < STEPS; step++) {
    own.backward(judged(own.forward(turns[step % turns.length])));
    const sum = gradients.slice();
    yield losses;
    const again = Array.from({ length: AT_ONCE }, (_, i) => rehearsed[(step * AT_ONCE + i) % REHEARSED]);
    const slope = (a, b) => REHEARSAL / AT_ONCE * (Math.exp(a) - Math.exp(b));
    old.backward(old.forward(again).map((rows, n) => paired(rows, again[n].answer, slope)));
    for (let i = 0; i < sum.length; i++) gradients[i] += sum[i];
    by.closed.gradients[0] = 0;
    update(values, gradients, RATE);
    yield losses;
  }
  judged(own.forward(turns[0]));
  return { network: withLearnt(network, parameters), losses };
}
