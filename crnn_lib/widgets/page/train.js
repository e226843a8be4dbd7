// A training in the page: steps on batches of labelled images, as crnn_lib.training takes them.
import { ctcLossAndGradient, logLikelihood, logSoftmax } from "./ctc.js";
import { randomFrom } from "./random.js";
import { createNetwork, measures } from "./train_network.js";

/** @typedef {import("./train_network.js").Shape} Shape @typedef {import("./train_network.js").Weights} Weights */
/** @typedef {{image: Float32Array, target: number[]}} Example a standardised image (H, W) and its symbols' classes */
/**
 * @typedef {{optimizer?: "adam" | "sgd", rate: number, momentum?: number, clip?: number}} Recipe
 *   rate: of learning; momentum: of SGD; clip: the largest norm of the gradient
 */

const [BETA1, BETA2, TINY] = [0.9, 0.999, 1e-8]; // Adam's, as torch's

/** Adam (Kingma and Ba 2015, algorithm 1), bias-corrected: one update of all values. @param {number} size */
export function createAdam(size, tiny = TINY) {
  const [first, second] = [new Float32Array(size), new Float32Array(size)];
  let steps = 0;
  return (/** @type {Float32Array} */ values, /** @type {Float32Array} */ gradients, /** @type {number} */ rate) => {
    steps++;
    const step = rate / (1 - BETA1 ** steps);
    const root = Math.sqrt(1 - BETA2 ** steps);
    for (let i = 0; i < size; i++) {
      const gradient = gradients[i];
      first[i] += (1 - BETA1) * (gradient - first[i]);
      second[i] += (1 - BETA2) * (gradient * gradient - second[i]);
      values[i] -= step * first[i] / (Math.sqrt(second[i]) / root + tiny);
    }
  };
}

/** Stochastic gradient descent with momentum, as torch has it: one update of all values. */
function createSgd(size, momentum) {
  const speed = new Float32Array(size);
  return (/** @type {Float32Array} */ values, /** @type {Float32Array} */ gradients, /** @type {number} */ rate) => {
    for (let i = 0; i < size; i++) {
      speed[i] = momentum * speed[i] + gradients[i];
      values[i] -= rate * speed[i];
    }
  };
}

function norm(/** @type {Float32Array} */ values) {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i] * values[i];
  return Math.sqrt(squares);
}

/** The parameters as torch starts them: uniform within 1 / sqrt(fan-in), of the LSTM within 1 / sqrt(hidden). */
function initialise({ parameters: { by }, shape: { hidden } }, seed) {
  const random = randomFrom(seed);
  const fan = ({ dims }) => dims.slice(1).reduce((a, b) => a * b, 1);
  for (const [name, { dims, values }] of Object.entries(by)) {
    if (/^(blocks\.\d+\.1|normalise)\./.test(name)) values.fill(name.endsWith("weight") ? 1 : 0); // BatchNorm's
    else {
      const size = name.startsWith("lstm") ? hidden : fan(dims.length > 1 ? by[name] : by["classify.weight"]);
      for (let i = 0; i < values.length; i++) values[i] = (2 * random() - 1) / Math.sqrt(size);
    }
  }
}

/** What work in slices comes to. @template Result @param {Generator<void, Result, void>} work @returns {Result} */
function atOnce(work) {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/**
 * A training run from random weights.
 * @param {Shape} shape @param {Recipe} recipe its learning rate may change between steps
 * @param {{batch: number, seed?: number, fast?: boolean}} options batch: images in one at most
 */
export function createTraining(shape, recipe, { batch, seed = 0, fast = true }) {
  const network = createNetwork(shape, batch, fast);
  const { parameters: { by, values, gradients }, statistics } = network;
  const { T, K } = measures(shape);
  const update = recipe.optimizer === "sgd"
    ? createSgd(values.length, recipe.momentum ?? 0)
    : createAdam(values.length);
  let steps = 0;
  initialise(network, seed);

  /** Set the output's biases to the best answer that ignores the image, as crnn_lib's start_at_prior. */
  function startAtPrior(/** @type {number[][]} */ targets) {
    const symbols = targets.reduce((sum, { length }) => sum + length, 0);
    const share = Math.min(Math.max(symbols / (targets.length * T), 0.01), 0.99);
    const biases = by["classify.bias"].values;
    biases.fill(Math.log(share / (K - 1)));
    biases[0] = Math.log(1 - share);
  }

  /** A label's share of the loss: divided by its length, Infinity where it does not fit. */
  const lossOf = (/** @type {number[][]} */ logProbs, /** @type {number[]} */ target) =>
    -logLikelihood(logProbs, target) / Math.max(target.length, 1);

  /**
   * The batch's loss (the mean of its labels', each divided by its length; Infinity where a label does not fit) and all
   * gradients, with log-probabilities, of each image T rows of K. In slices: between them the network must not be used.
   * @param {Example[]} examples @returns {Generator<void, {loss: number, logProbs: number[][][]}, void>}
   */
  function* differentiating(examples) {
    const logProbs = network.forward(examples.map(({ image }) => image)).map(logSoftmax);
    yield;
    let total = 0;
    const slopes = examples.map(({ target }, n) => {
      const { loss, gradient } = ctcLossAndGradient(logProbs[n], target);
      const share = examples.length * Math.max(target.length, 1);
      total += loss / share;
      return gradient.map((row) => row.map((slope) => slope / share));
    });
    yield;
    network.backward(slopes);
    return { loss: total, logProbs };
  }

  /** The norm of the gradient by parameter. @returns {Object<string, number>} */
  function norms() {
    return Object.fromEntries(Object.entries(by).map(([name, { gradients: found }]) => [name, norm(found)]));
  }

  /**
   * One update of the weights: the loss before it, what was read, and the gradient's norms before they were cut. In slices,
   * as the gradients.
   */
  function* stepping(/** @type {Example[]} */ examples) {
    const found = { ...(yield* differentiating(examples)), norms: norms() };
    const total = Math.hypot(...Object.values(found.norms));
    const share = Math.min(1, (recipe.clip ?? Infinity) / (total + 1e-6)); // as torch's clip_grad_norm_
    if (share < 1) { for (let i = 0; i < gradients.length; i++) gradients[i] *= share; }
    update(values, gradients, recipe.rate);
    steps++;
    return found;
  }
  const differentiate = (/** @type {Example[]} */ examples) => atOnce(differentiating(examples));
  const step = (/** @type {Example[]} */ examples) => atOnce(stepping(examples));

  /** Log-probabilities of images, T rows of K each, with the running statistics. @param {Float32Array[]} images */
  function read(images) {
    return network.forward(images, false).map(logSoftmax);
  }

  /** All that is learned, by the names of crnn_lib's state dict: parameters and running statistics. @returns {Weights} */
  function state() {
    const held = Object.entries(by).map(([name, { dims, values }]) => [name, { data: values.slice(), dims }]);
    const running = Object.entries(statistics).flatMap(([name, { mean, variance }]) => [
      [`${name}.running_mean`, { data: mean.slice(), dims: [mean.length] }],
      [`${name}.running_var`, { data: variance.slice(), dims: [variance.length] }],
      [`${name}.num_batches_tracked`, { data: Float32Array.of(steps), dims: [] }],
    ]);
    return Object.fromEntries([...held, ...running]);
  }

  /** Go on with these weights of a network of the same shape; the optimizer keeps its memory. @param {Weights} weights */
  function load(weights) {
    for (const [name, { dims }] of Object.entries(state())) {
      if (String(weights[name]?.dims) !== String(dims)) {
        throw new Error(`these weights are of a different network: ${name}`);
      }
    }
    for (const [name, parameter] of Object.entries(by)) parameter.values.set(weights[name].data);
    for (const [name, { mean, variance }] of Object.entries(statistics)) {
      mean.set(weights[`${name}.running_mean`].data);
      variance.set(weights[`${name}.running_var`].data);
      steps = weights[`${name}.num_batches_tracked`].data[0];
    }
  }

  return { network, recipe, startAtPrior, differentiate, norms, step, stepping, read, lossOf, state, load };
}
