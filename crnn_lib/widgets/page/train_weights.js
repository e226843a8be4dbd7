// What was trained in the page as weights that crnn_lib.model.CRNN loads.
import { write } from "./safetensors.js";
import { measures, normalisations } from "./train_network.js";

/** @typedef {import("./train_network.js").Shape} Shape @typedef {import("./train_network.js").Weights} Weights */

const UNIT = 1 - 1e-5; // the variance that BatchNorm takes for 1, since it adds 1e-5

const filled = (/** @type {number[]} */ dims, value = 0) => ({
  data: new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(value),
  dims,
});

/**
 * The weights of a network of any shape as those of the library's, which computes the same: a missing BatchNorm becomes
 * one that changes nothing, a missing direction of the LSTM one whose states are always 0.
 * @param {Shape} shape @param {Weights} weights @returns {Weights}
 */
export function libraryWeights(shape, weights) {
  const { hidden } = shape;
  const { K, directions } = measures(shape);
  if (!directions.length) throw new Error("the library's network has an LSTM: one without cannot be saved for it");
  const all = { ...weights };
  for (const { name, size } of normalisations(shape).filter(({ normalised }) => !normalised)) {
    all[`${name}.weight`] = filled([size], 1);
    all[`${name}.running_mean`] = filled([size]);
    all[`${name}.running_var`] = filled([size], UNIT);
    all[`${name}.num_batches_tracked`] = filled([]);
  }
  if (directions.length === 1) {
    for (const name of Object.keys(weights).filter((name) => name.startsWith("lstm."))) {
      all[`${name}_reverse`] = filled(weights[name].dims);
    }
    const both = filled([K, 2 * hidden]);
    const { data } = weights["classify.weight"];
    for (let k = 0; k < K; k++) both.data.set(data.subarray(k * hidden, (k + 1) * hidden), 2 * k * hidden);
    all["classify.weight"] = both;
  }
  return all;
}

/**
 * A file that `crnn_lib.reader.load` and this page read. Without BatchNorm (`batchnorm: "none"` in the shape) its weights are
 * those of `unfolded` networks. @param {Shape & {stretch?: number | null}} shape @param {Weights} weights @param {object} provenance
 */
export function libraryFile(shape, weights, provenance) {
  const { alphabet, height, width, stretch = null, channels, pools, features, hidden } = shape;
  const config = { alphabet, height, width, stretch, channels, pools, features, hidden };
  const stored = Object.entries(libraryWeights(shape, weights)).map(([name, { data, dims }]) => {
    const counts = name.endsWith("num_batches_tracked");
    return [name, { data: counts ? BigInt64Array.from(data, (n) => BigInt(Math.round(n))) : data, dims }];
  });
  const texts = { config: JSON.stringify(config), provenance: JSON.stringify(provenance), format: "crnn_lib 1" };
  return write(texts, Object.fromEntries(stored));
}
