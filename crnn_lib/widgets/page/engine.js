// The page's engine: a reader from its weights. No library. The forward pass is written out twice, with the same results:
// plain.js is the one to read, simd.js is three times as fast where the browser has WebAssembly and the page's policy lets
// it run.
import { plain } from "./plain.js";
import { read } from "./safetensors.js";
import { simd } from "./simd.js";
import { fits, networkOf, pooledSize } from "./weights.js";

/** @typedef {{data: Float32Array, dims: number[]}} Tensor */
/** @typedef {{alphabet: string, height: number, width: number, stretch?: number | null, channels: number[], pools: number[][],
 *             features: number, hidden: number}} Config stretch: along the line; without it every image has `width` columns */
/** @typedef {{weight: Float32Array, bias: Float32Array}} Layer */
/** @typedef {{config: Config, rows: number, convolutions: Layer[], project: Layer, forward: Layer, reverse: Layer,
 *             classify: Layer}} Network rows: height of the last map */
/** @typedef {(name: string, data: Float32Array, ...dims: number[]) => void} Put what takes a stage, without its axis N */
/** @typedef {(image: Float32Array, H: number, W: number, put: Put) => void} Forward the stages from conv1 to logits */
/** @typedef {{config: Config, infer: (image: Float32Array, H: number, W: number, stages?: Object<string, Tensor>) => Object<string, Tensor>, network: Network, simd: boolean}} Reader */

/** What `act` gives, or in words that there is no room for it. @template Made @param {string} what @param {() => Made} act */
function withRoom(what, act) {
  try {
    return act();
  } catch (error) {
    throw error instanceof RangeError ? new Error(`${what} takes more memory than this browser allows`) : error;
  }
}

/**
 * A reader from its weights. `infer` takes a standardised image (H, W) and returns every intermediate by the name that
 * `CRNN.stages` and the ONNX export give it, with a leading axis N = 1; each is put into `stages` as soon as it is known.
 * @param {Uint8Array} bytes safetensors, as `crnn_lib.widgets.weights` or `crnn_lib.reader` writes them
 * @param {{fast?: boolean}} options fast: by WebAssembly, where that may run; `simd` of the reader tells whether it does
 * @returns {Reader}
 */
export function createReader(bytes, { fast = true } = {}) {
  return networkReader(networkOf(read(bytes)), fast);
}

/** The reader that computes with a network. @param {Network} network @param {boolean} [fast] as of `createReader` @returns {Reader} */
export function networkReader(network, fast = true) {
  const { config } = network;
  const swift = withRoom("the model", () => (fast ? simd(network) : null));
  const forward = swift ?? plain(network);

  function infer(image, H, W, stages = {}) {
    const T = pooledSize(W, config.pools.map(([, h]) => h));
    if (image.length !== H * W || H !== config.height || T < 1) {
      throw new Error(`an image of ${H} x ${W} does not fit a model of height ${config.height}`);
    }
    if (!fits(config, H, W)) throw new Error(`an image of ${H} x ${W} is too large for this model`);
    const put = (name, data, ...dims) => {
      stages[name] = { data, dims: [1, ...dims] };
    };
    put("image", image, 1, H, W);
    withRoom(`an image of ${H} x ${W}`, () => forward(image, H, W, put));
    const K = network.classify.bias.length;
    put("log_probs", logSoftmaxRows(stages.logits.data, K), T, K);
    return stages;
  }

  return { config, infer, network, simd: swift !== null };
}

/** Log-probabilities of rows of K logits. @param {Float32Array} logits @param {number} K */
export function logSoftmaxRows(logits, K) {
  const result = new Float32Array(logits.length);
  for (let at = 0; at < logits.length; at += K) {
    const row = logits.subarray(at, at + K);
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const total = most + Math.log(row.reduce((sum, z) => sum + Math.exp(z - most), 0));
    for (let k = 0; k < K; k++) result[at + k] = row[k] - total;
  }
  return result;
}
