// A CRNN that learns: crnn_lib.model.CRNN with its gradients, for batches of images of one width.
import { createArena, createKernel } from "./memory.js";
import { createLstm, createMatrix, createParameters, createSquash } from "./train_layers.js";
import { bordered, linesOf, neighbours, sequences, setSteps, stepsOf } from "./train_maps.js";
import { createTwin } from "./twin.js";

/** @typedef {import("./train_maps.js").Maps} Maps @typedef {import("./train_layers.js").Bench} Bench */
/**
 * @typedef {{alphabet: string, height: number, width: number, channels: number[], pools: number[][], features: number,
 *            hidden: number, lstm?: "both" | "forward" | "none", batchnorm?: "all" | "blocks" | "none"}} Shape
 *   as crnn_lib's Config, and which directions the LSTM has, and what is normalised: the convolution blocks and the
 *   columns' features, the blocks alone, or nothing
 */

/** @typedef {Object<string, import("./engine.js").Tensor>} Weights by the names of crnn_lib's state dict */

const DIRECTIONS = { both: ["", "_reverse"], forward: [""], none: [] };
const LSTM = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
const pooled = (/** @type {number} */ size, /** @type {number[]} */ pools) =>
  pools.reduce((left, pool) => Math.floor(left / pool), size);

/** What follows from a shape. @param {Shape} shape */
export function measures({ alphabet, height, width, channels, pools, hidden, lstm = "both" }) {
  const rows = pooled(height, pools.map(([v]) => v));
  const T = pooled(width, pools.map(([, h]) => h));
  const directions = DIRECTIONS[lstm];
  const K = [...alphabet].length + 1;
  return { rows, T, K, directions, columns: channels[channels.length - 1] * rows, states: directions.length * hidden };
}

/** BatchNorm's places, with their sizes, and whether there is one: without it stands a bias. @param {Shape} shape */
export function normalisations({ channels, features, batchnorm = "all" }) {
  return [
    ...channels.map((D, i) => ({ name: `blocks.${i}.1`, size: D, normalised: batchnorm !== "none" })),
    { name: "normalise", size: features, normalised: batchnorm === "all" },
  ];
}

/** The parameters by the names of crnn_lib's state dict, with their dimensions. @param {Shape} shape */
export function parameterShapes(shape) {
  const { channels, features: F, hidden } = shape;
  const { K, directions, columns, states } = measures(shape);
  const filters = channels.map((D, i) => [`blocks.${i}.0.weight`, [D, i ? channels[i - 1] : 1, 3, 3]]);
  const norms = normalisations(shape).flatMap(({ name, size, normalised }) => [
    ...(normalised ? [[`${name}.weight`, [size]]] : []),
    [`${name}.bias`, [size]],
  ]);
  const lstm = directions.flatMap((end) =>
    LSTM.map((name) => [`lstm.${name}_l0${end}`, [4 * hidden, { weight_ih: F, weight_hh: hidden }[name] ?? []].flat()])
  );
  const output = [["classify.weight", [K, states || F]], ["classify.bias", [K]]];
  return Object.fromEntries([...filters, ["project.weight", [F, columns]], ...norms, ...lstm, ...output]);
}

/** @typedef {{mean: Float32Array, variance: Float32Array}} Statistics BatchNorm's running ones */

/** BatchNorm's running statistics as a new one has them, by its name. @param {Shape} shape */
function createStatistics(shape) {
  /** @type {Object<string, Statistics>} */
  const statistics = {};
  for (const { name, size, normalised } of normalisations(shape)) {
    if (normalised) statistics[name] = { mean: new Float32Array(size), variance: new Float32Array(size).fill(1) };
  }
  return statistics;
}

/** BatchNorm `name` with its parameters: see createSquash. */
function learnt({ by }, statistics, name) {
  const { mean, variance } = statistics[name] ?? {};
  return { weight: by[`${name}.weight`]?.at ?? null, bias: by[`${name}.bias`].at, mean, variance };
}

/**
 * Products of the input's lines, then BatchNorm, ReLU and pooling: a convolution block, and a column's projection.
 * @param {Bench} bench @param {Object<string, Statistics>} statistics @param {[string, string]} names of weight and BatchNorm
 * @param {{input: Maps, inputBack: Maps | null, raw: Maps, rawBack: Maps, out: Maps, outBack: Maps, pool: number[],
 *          count: number}} places inputBack: null where nobody asks for the input's gradients
 * @param {number[]} sides where beside each place of the input the product reads: as many weights of each of its lines
 */
function createStage(bench, statistics, [weight, norm], places, sides) {
  const { input, inputBack, raw, rawBack } = places;
  const { at } = bench.parameters.by[weight];
  const [C, D, taps] = [input.lines, raw.lines, sides.length];
  const weights = createMatrix(bench, D, linesOf(input, sides), (d, k) => at + d * C * taps + k);
  const squash = createSquash(bench, places, learnt(bench.parameters, statistics, norm));
  // What a place gave to those on one side comes back to it from the other side.
  const opposite = linesOf(rawBack, sides.map((side) => -side));
  const which = (c, k) => at + (Math.floor(k / taps) * C + c) * taps + k % taps;
  const through = inputBack && createMatrix(bench, C, opposite, which);

  return {
    forward(n, training) {
      weights.renew();
      weights.times(raw, raw.places(n));
      squash.forward(n, training);
    },
    backward(n) {
      squash.backward(n);
      weights.learn(rawBack, raw.places(n));
      if (!through) return;
      through.renew();
      through.times(inputBack, raw.places(n));
    },
  };
}

/** The convolution blocks, the last of which makes columns. */
function createBlocks(/** @type {Bench} */ bench, statistics, { channels, pools, height, width }, count) {
  const { arena } = bench;
  const images = bordered(arena, count, 1, height, width);
  let [input, inputBack] = [images, /** @type {Maps | null} */ (null)];
  const blocks = channels.map((D, i) => {
    const [H, W] = [Math.floor(input.H / pools[i][0]), Math.floor(input.W / pools[i][1])];
    const place = i + 1 < channels.length ? bordered : sequences;
    const [out, outBack] = [D, D].map((size) => place(arena, count, size, H, W));
    const [raw, rawBack] = [D, D].map((size) => bordered(arena, count, size, input.H, input.W));
    const places = { input, inputBack, raw, rawBack, out, outBack, pool: pools[i], count };
    const block = createStage(bench, statistics, [`blocks.${i}.0.weight`, `blocks.${i}.1`], places, neighbours(input));
    [input, inputBack] = [out, outBack];
    return block;
  });
  return { images, blocks, columns: input, columnsBack: /** @type {Maps} */ (inputBack) };
}

/**
 * From features to logits: the LSTM's directions, and the output.
 * @param {Bench} bench @param {Shape} shape
 * @param {{features: Maps, featuresBack: Maps | null, pads?: Maps, logits: Maps, logitsBack: Maps, count: number}} places
 *   featuresBack: null where nobody asks for the features' gradients; pads: as of createLstm
 */
export function createSequence(bench, shape, { features, featuresBack, pads, logits, logitsBack, count }) {
  const { arena, parameters: { by } } = bench;
  const { hidden } = shape;
  const { K, directions, states: size } = measures(shape);
  const [F, T] = [features.C, features.W];
  const ones = sequences(arena, count, 1, 1, T);
  arena.numbers().fill(1, ones.at, ones.at + ones.places(count));
  const [output, bias] = [by["classify.weight"].at, by["classify.bias"].at];
  const lstms = directions.map((end, i) => {
    const states = sequences(arena, count, hidden, 1, T);
    const names = LSTM.map((name) => `lstm.${name}_l0${end}`);
    const classifier = (unit, k) => output + k * size + i * hidden + unit;
    const place = { features, states, ones, pads, logitsBack, names, reverse: end !== "", classifier };
    return { states, ih: by[names[0]].at, ...createLstm(bench, place) };
  });
  const seen = lstms.length ? lstms.map(({ states }) => states) : [features];
  const width = size || F;
  const sources = [...seen.flatMap((maps) => linesOf(maps)), ...linesOf(ones)];
  const classify = createMatrix(bench, K, sources, (k, j) => j < width ? output + k * width + j : bias + k);
  // A feature acts on the loss through the gates of the LSTM, without one through the logits.
  const effects = lstms.length ? lstms.flatMap(({ gates }) => linesOf(gates)) : linesOf(logitsBack);
  const through = featuresBack && createMatrix(bench, F, effects, (f, k) => {
    if (!lstms.length) return output + k * F + f;
    return lstms[Math.floor(k / (4 * hidden))].ih + k % (4 * hidden) * F + f;
  });
  const places = features.places(count);

  return {
    forward() {
      for (const lstm of lstms) lstm.forward();
      classify.renew();
      classify.times(logits, places);
    },
    backward() {
      classify.learn(logitsBack, places);
      for (const lstm of lstms) lstm.backward();
      if (!through) return;
      through.renew();
      through.times(/** @type {Maps} */ (featuresBack), places);
    },
  };
}

/**
 * A network for batches of up to `count` images.
 * @param {Shape} shape @param {number} count @param {boolean} [fast] by WebAssembly, where that may run
 */
export function createNetwork(shape, count, fast = true) {
  const swift = fast ? createKernel() : null;
  const kernel = swift ?? createTwin();
  const arena = createArena(kernel.memory);
  const parameters = createParameters(parameterShapes(shape));
  const statistics = createStatistics(shape);
  const bench = { kernel, arena, parameters };
  const { K, T } = measures(shape);
  const { images, blocks, columns, columnsBack } = createBlocks(bench, statistics, shape, count);
  const [features, featuresBack] = [0, 1].map(() => sequences(arena, count, shape.features, 1, T));
  const [logits, logitsBack] = [0, 1].map(() => sequences(arena, count, K, 1, T));
  const [raw, rawBack] = [0, 1].map(() => sequences(arena, count, shape.features, 1, T));
  const [source, goal] = [{ input: columns, inputBack: columnsBack }, { out: features, outBack: featuresBack }];
  const places = { ...source, raw, rawBack, ...goal, pool: [1, 1], count };
  const project = createStage(bench, statistics, ["project.weight", "normalise"], places, [0]);
  const sequence = createSequence(bench, shape, { features, featuresBack, logits, logitsBack, count });

  /** Logits, of each image T rows of K, from standardised images (H, W). @param {Float32Array[]} batch */
  function forward(batch, training = true) {
    if (batch.length > count || batch.some(({ length }) => length !== images.H * images.W)) {
      throw new Error(`this network takes up to ${count} images of ${images.H} x ${images.W}`);
    }
    const numbers = arena.numbers();
    batch.forEach((image, n) => {
      for (let y = 0, to = images.at + n * images.image; y < images.H; y++, to += images.row) {
        numbers.set(image.subarray(y * images.W, (y + 1) * images.W), to);
      }
    });
    for (const layer of [...blocks, project]) layer.forward(batch.length, training);
    sequence.forward();
    return batch.map((_, n) => stepsOf(numbers, logits, n));
  }

  /** All parameters' gradients from those of the logits of the batch that was last forward. @param {number[][][]} slopes */
  function backward(slopes) {
    const numbers = arena.numbers();
    numbers.fill(0, logitsBack.at, logitsBack.at + K * logitsBack.line);
    slopes.forEach((steps, n) => setSteps(numbers, logitsBack, n, steps));
    sequence.backward();
    for (const layer of [project, ...[...blocks].reverse()]) layer.backward(slopes.length);
  }

  return { shape, count, parameters, statistics, forward, backward, simd: swift !== null };
}
