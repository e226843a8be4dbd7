// The layers of a network that learns, forwards and backwards, for a whole batch at once.
//
// Everything lies in the kernel's memory as rows of numbers: one row a channel, feature, gate or class, in it all places
// of all images. So each layer's sums are products with such rows (`product`), its weights' gradients inner products of
// such rows (`inner`), and a row that is read a little to the side gives a neighbouring pixel or the step before.
import { BYTES, NONE, packed, upTo } from "./memory.js";
import { linesOf, moments, scatter, sequences, spread } from "./train_maps.js";

/** @typedef {import("./memory.js").Arena} Arena @typedef {import("./memory.js").Kernel} Kernel */
/** @typedef {import("./train_maps.js").Maps} Maps */
/** @typedef {ReturnType<typeof createParameters>} Parameters */
/** @typedef {{kernel: Kernel, arena: Arena, parameters: Parameters}} Bench what layers are made with */

const EPSILON = 1e-5; // of BatchNorm, as torch's
const MOMENTUM = 0.1; // of the running statistics, as torch's

/** The table of these rows, as the kernel takes it. @param {Arena} arena @param {number[]} starts */
function table(arena, starts) {
  return arena.kept(Int32Array.from([...starts, starts[starts.length - 1]], (start) => start * BYTES));
}

/** Parameters and their gradients by name, all in one row; number 0 is none of them, and always 0. */
export function createParameters(/** @type {Object<string, number[]>} */ shapes) {
  /** @type {Object<string, {at: number, dims: number[], values: Float32Array, gradients: Float32Array}>} */
  const by = {};
  const sizes = Object.values(shapes).map((dims) => dims.reduce((a, b) => a * b, 1));
  const values = new Float32Array(sizes.reduce((a, b) => a + b, 1));
  const gradients = new Float32Array(values.length);
  let at = 1;
  Object.entries(shapes).forEach(([name, dims], i) => {
    const to = at + sizes[i];
    by[name] = { at, dims, values: values.subarray(at, to), gradients: gradients.subarray(at, to) };
    at = to;
  });
  return { by, values, gradients };
}

/**
 * A matrix (D, K) of parameters, to be multiplied with K rows in memory.
 * @param {Bench} bench @param {number} D @param {number[]} starts where the rows begin
 * @param {(d: number, k: number) => number} which the number of the parameter that stands there
 * @param {number[]} moves where else to multiply: so much further on in all the rows
 */
export function createMatrix({ kernel, arena, parameters: { values, gradients } }, D, starts, which, moves = [0]) {
  const K = starts.length;
  const tables = moves.map((move) => table(arena, starts.map((start) => start + move)));
  const index = new Int32Array(D * K);
  for (let d = 0, i = 0; d < D; d++) for (let k = 0; k < K; k++, i++) index[i] = which(d, k);
  const order = new Int32Array(packed({ weight: new Float32Array(index), bias: new Float32Array(D) })); // below 2 ** 24
  const factors = arena.room(order.length);
  const across = upTo(K, 2);
  const sums = arena.room(upTo(D, 4) * across);
  return {
    /** Take the parameters as they are now. */
    renew() {
      const numbers = arena.numbers();
      for (let i = 0, at = factors / BYTES; i < order.length; i++, at++) numbers[at] = values[order[i]];
    },
    /** The product at n places, into the lines of these maps. @param {Maps} maps @param {number} n */
    times({ at, line }, n, move = 0) {
      kernel.product(tables[move], K, factors, D, n, (at + moves[move]) * BYTES, line * BYTES, NONE);
    },
    /** The parameters' gradients, from those of the product at n places. @param {Maps} maps @param {number} n */
    learn({ at, line }, n) {
      kernel.inner(at * BYTES, line * BYTES, D, tables[0], K, n, sums);
      const numbers = arena.numbers();
      for (let d = 0, i = 0; d < D; d++) {
        for (let k = 0, from = sums / BYTES + d * across; k < K; k++, i++, from++) gradients[index[i]] = numbers[from];
      }
    },
  };
}

/**
 * BatchNorm, ReLU and max pooling, from `raw` to `out`; backwards from the gradients `outBack` to `rawBack`. Where nothing
 * is normalised, only a bias is added. Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithms 1 and 2.
 * @param {Bench} bench
 * @param {{raw: Maps, rawBack: Maps, out: Maps, outBack: Maps, pool: number[], count: number}} places
 * @param {{weight: number | null, bias: number, mean: Float32Array, variance: Float32Array}} learnt
 *   weight, bias: numbers of the first parameters, no weight where nothing is normalised; mean, variance: running
 */
export function createSquash(bench, places, { weight, bias, mean, variance }) {
  const { kernel, arena, parameters: { values, gradients } } = bench;
  const { raw, rawBack, out, outBack, pool: [v, h], count: most } = places;
  const patches = out.H * out.W;
  const winners = arena.room(out.C * most * patches + 4); // where the largest stood; -1: ReLU gave 0
  const used = { mean: new Float64Array(out.C), slope: new Float64Array(out.C) }; // slope: 1 / standard deviation
  const [from, to] = [raw, out].map(({ image, row, pixel }) => [image, row, pixel].map((step) => step * BYTES));
  const beginning = (/** @type {Maps} */ { at, plane }, c) => (at + c * plane) * BYTES;
  const kept = (c, count) => winners + c * count * patches * BYTES;

  /** What channel c is normalised with; in training from the batch, and the running statistics follow. */
  function statistics(c, count, training) {
    if (weight === null) return [0, 1];
    if (!training) return [mean[c], 1 / Math.sqrt(variance[c] + EPSILON)];
    const found = moments(arena.numbers(), raw, c, count);
    const unbiased = found.variance * found.M / Math.max(found.M - 1, 1);
    mean[c] += MOMENTUM * (found.mean - mean[c]);
    variance[c] += MOMENTUM * (unbiased - variance[c]);
    return [found.mean, 1 / Math.sqrt(found.variance + EPSILON)];
  }

  return {
    forward(/** @type {number} */ count, /** @type {boolean} */ training) {
      for (let c = 0; c < out.C; c++) {
        const [middle, slope] = statistics(c, count, training);
        const scale = (weight === null ? 1 : values[weight + c]) * slope;
        used.mean[c] = middle;
        used.slope[c] = slope;
        const shift = values[bias + c] - scale * middle;
        const [source, goal] = [beginning(raw, c), beginning(out, c)];
        kernel.squash(source, ...from, v, h, goal, ...to, kept(c, count), count, out.H, out.W, scale, shift);
      }
    },
    backward(/** @type {number} */ count) {
      const M = count * raw.H * raw.W;
      const numbers = arena.numbers();
      const first = rawBack.at;
      numbers.fill(0, first, first + (rawBack.C - 1) * rawBack.plane + rawBack.places(count));
      for (let c = 0; c < out.C; c++) {
        const slope = used.slope[c];
        const scale = (weight === null ? 1 : values[weight + c]) * slope;
        const won = new Int32Array(numbers.buffer, kept(c, count), count * patches);
        const { sum, product } = scatter(numbers, { raw, rawBack, outBack, won }, c, count, scale, used.mean[c]);
        gradients[bias + c] = sum;
        if (weight === null) continue;
        gradients[weight + c] = product * slope;
        const factor = -scale * slope * slope * product / M; // through the variance; and through the mean:
        spread(numbers, { raw, rawBack }, c, count, factor, -scale * sum / M - factor * used.mean[c]);
      }
    },
  };
}

/**
 * One direction of the LSTM. Hochreiter and Schmidhuber 1997, with forget gates (Gers et al. 2000); gates in torch's order
 * i, f, g, o. A step's gates are a product with its column, the states of the step before, and two ones for the biases; a
 * step's state acts on the loss through the logits and the gates of the step after.
 * @param {Bench} bench
 * @param {{features: Maps, states: Maps, ones: Maps, pads?: Maps, logitsBack: Maps, names: string[], reverse: boolean,
 *          classifier: (unit: number, k: number) => number}} place
 *   pads: 1 where a sequence is over or has not begun, so that its states are 0 there: the parameter `closed` shuts all
 *   gates; names: of weight_ih, weight_hh, bias_ih, bias_hh; classifier: the parameter from a unit to class k
 */
export function createLstm(bench, { features, states, ones, pads, logitsBack, names, reverse, classifier }) {
  const { kernel, arena, parameters: { by } } = bench;
  const [ih, hh, bias, bias2] = names.map((name) => by[name].at);
  const [F, hidden, T, n] = [features.lines, states.lines, features.W, features.pixel];
  const K = logitsBack.lines;
  const [gates, cells, statesBack] = [4 * hidden, hidden, hidden].map((C) => sequences(arena, n, C, 1, T));
  const carry = arena.room(hidden * n);
  const back = reverse ? n : -n; // to the step before
  const steps = Array.from({ length: T }, (_, t) => t * n);
  const constants = [ones, ones, ...(pads ? [pads] : [])].flatMap((maps) => linesOf(maps));
  const sources = [...linesOf(features), ...linesOf(states, [back]), ...constants];
  const weights = createMatrix(bench, 4 * hidden, sources, (gate, k) => {
    if (k < F) return ih + gate * F + k;
    if (k < F + hidden) return hh + gate * hidden + k - F;
    if (k === F + hidden + 2) return by.closed.at;
    return (k === F + hidden ? bias : bias2) + gate;
  }, steps);
  const effects = [...linesOf(logitsBack), ...linesOf(gates, [-back])];
  const through = createMatrix(
    bench,
    hidden,
    effects,
    (unit, k) => (k < K ? classifier(unit, k) : hh + (k - K) * hidden + unit),
    steps,
  );
  const order = reverse ? steps.map((_, t) => T - 1 - t) : steps.map((_, t) => t);
  const row = gates.line * BYTES;
  const places = (t, ...maps) => maps.map(({ at }) => (at + t * n) * BYTES);

  return {
    gates,
    forward() {
      weights.renew();
      for (const t of order) {
        weights.times(gates, n, t);
        kernel.cells(...places(t, gates, cells, states), row, back * BYTES, hidden, n);
      }
    },
    /** The gates become their gradients. */
    backward() {
      through.renew();
      arena.numbers().fill(0, carry / BYTES, carry / BYTES + hidden * n);
      for (const t of [...order].reverse()) {
        through.times(statesBack, n, t);
        kernel.cells_back(...places(t, gates, cells, statesBack), row, back * BYTES, hidden, n, carry);
      }
      weights.learn(gates, T * n);
    },
  };
}
