// The page's engine: a reader from its weights, which arrive with BatchNorm folded away. No library. The forward pass is
// written out twice, with the same results: plain.js is the one to read, simd.js is three times as fast where the browser
// has WebAssembly and the page's policy lets it run.
import { plain } from "./plain.js";
import { simd } from "./simd.js";

/** @typedef {{data: Float32Array, dims: number[]}} Tensor */
/** @typedef {{alphabet: string, height: number, width: number, channels: number[], pools: number[][],
 *             features: number, hidden: number}} Config */
/** @typedef {{weight: Float32Array, bias: Float32Array}} Layer */
/** @typedef {{config: Config, rows: number, convolutions: Layer[], project: Layer, forward: Layer, reverse: Layer,
 *             classify: Layer}} Network rows: height of the last map */
/** @typedef {(name: string, data: Float32Array, ...dims: number[]) => void} Put what takes a stage, without its axis N */
/** @typedef {(image: Float32Array, H: number, W: number, put: Put) => void} Forward the stages from conv1 to logits */
/** @typedef {{config: Config, infer: (image: Float32Array, H: number, W: number, stages?: Object<string, Tensor>) => Object<string, Tensor>, simd: boolean}} Reader */

const PAGE_FORMAT = "crnn_lib page 1";
const MOST_HEADER = 100e6; // bytes, as the safetensors library has it
const MOST_NUMBERS = 2 ** 27; // in one stage
const ITEM_BYTES = { F16: 2, I8: 1 };

const damaged = (/** @type {string} */ why) => new Error(`the weights are damaged: ${why}`);

/** The float16 with the bits `h`. @param {number} h */
function halfToNumber(h) {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent === 31) throw damaged("they hold a number that is not finite");
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

const whole = (n) => Number.isSafeInteger(n) && n >= 0;

/** The object that JSON text holds. @param {string} text @param {string} what */
function objectOf(text, what) {
  let found = null;
  try {
    found = JSON.parse(text);
  } catch {
    // told below
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) {
    throw damaged(`their ${what} is no JSON object`);
  }
  return found;
}

/** The tensors that a header tells of, in the order in which they lie: all of the file, no byte twice. */
function layout(header, end) {
  const entries = Object.entries(header).map(([name, entry]) => {
    const { dtype, shape, data_offsets: offsets } = entry ?? {};
    const sound = Object.hasOwn(ITEM_BYTES, dtype) && Array.isArray(shape) && shape.every(whole) &&
      Array.isArray(offsets) && offsets.every(whole);
    const [from, to] = sound ? offsets : [];
    const count = sound ? shape.reduce((a, b) => a * b, 1) : NaN;
    if (to - from !== count * ITEM_BYTES[dtype] || !(to <= end)) {
      throw damaged(`${name.slice(0, 80)} has not the size that its header tells`);
    }
    return { name, dtype, shape, from, to, count };
  });
  entries.sort((a, b) => a.from - b.from || a.to - b.to);
  const at = entries.reduce((last, { name, from, to }) => {
    if (from !== last) throw damaged(`${name.slice(0, 80)} does not begin where the tensor before it ends`);
    return to;
  }, 0);
  if (at !== end) throw damaged("they hold more than their header tells");
  return entries;
}

/**
 * A safetensors file: eight bytes of header length, a JSON header, the numbers. Everything is checked before it is used.
 * float16 and int8 (a row's whole numbers times its `.scale`) become float32 here, once.
 * @param {Uint8Array} bytes
 * @returns {{config: Config, tensors: Object<string, Tensor>}}
 */
export function parseWeights(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = bytes.length < 8 ? NaN : 8 + view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (!(start <= bytes.length && start <= MOST_HEADER)) throw damaged("their header is cut off, or larger than any");
  let text = "";
  for (let i = 8; i < start; i++) text += String.fromCharCode(bytes[i]);
  const header = objectOf(text, "header");
  const told = header.__metadata__?.[PAGE_FORMAT];
  if (typeof told !== "string") throw new Error(`the weights are not of format ${PAGE_FORMAT}`);
  const config = objectOf(told, "configuration");
  delete header.__metadata__;
  /** @type {Object<string, Tensor>} */
  const tensors = Object.create(null);
  for (const { name, dtype, shape, from, count } of layout(header, bytes.length - start)) {
    const size = ITEM_BYTES[dtype];
    const data = new Float32Array(count);
    for (let i = 0, at = start + from; i < count; i++, at += size) {
      data[i] = size === 2 ? halfToNumber(view.getUint16(at, true)) : view.getInt8(at);
    }
    tensors[name] = { data, dims: shape };
  }
  for (const name of Object.keys(tensors)) {
    const scale = tensors[name + ".scale"]?.data;
    if (!scale) continue;
    const { data, dims } = tensors[name];
    if (scale.length !== dims[0]) throw damaged(`${name.slice(0, 80)} has not one scale a row`);
    const row = data.length / scale.length;
    for (let i = 0; i < data.length; i++) data[i] *= scale[Math.floor(i / row)];
  }
  return { config, tensors };
}

/** Refuse a configuration that no reader has, before anything is made of it. @param {Config} config */
function checkConfig({ alphabet, height, width, channels, pools, features, hidden }) {
  const size = (n) => whole(n) && n >= 1 && n <= 65536;
  const sound = typeof alphabet === "string" && alphabet && [height, width, features, hidden].every(size) &&
    Array.isArray(channels) && channels.length && channels.every(size) && Array.isArray(pools) &&
    pools.length === channels.length &&
    pools.every((pool) => Array.isArray(pool) && pool.length === 2 && pool.every(size)) &&
    height * width * Math.max(...channels) <= MOST_NUMBERS &&
    width * Math.max(features, 8 * hidden, alphabet.length) <= MOST_NUMBERS;
  if (!sound) throw damaged("their configuration is of no reader");
}

/** The layers of a network, each of the size that the configuration tells. @returns {Network} */
function networkOf(config, tensors) {
  const { channels, pools, height, features: F, hidden, alphabet } = config;
  const layer = (name, ...dims) => {
    const weight = tensors[name + ".weight"];
    const bias = tensors[name + ".bias"];
    if (String(weight?.dims) !== String(dims) || String(bias?.dims) !== String(dims[0])) {
      throw new Error(`the weights do not fit their configuration: ${name}`);
    }
    return { weight: weight.data, bias: bias.data };
  };
  const rows = pools.reduce((size, [v]) => Math.floor(size / v), height);
  return {
    config,
    rows,
    convolutions: channels.map((D, i) => layer(`conv${i + 1}`, D, i ? channels[i - 1] : 1, 3, 3)),
    project: layer("project", F, channels[channels.length - 1] * rows),
    forward: layer("forward", 4 * hidden, F + hidden),
    reverse: layer("reverse", 4 * hidden, F + hidden),
    classify: layer("classify", [...alphabet].length + 1, 2 * hidden),
  };
}

/**
 * A reader from its weights. `infer` takes a standardised image (H, W) and returns every intermediate by the name that
 * `CRNN.stages` and the ONNX export give it, with a leading axis N = 1; each is put into `stages` as soon as it is known.
 * @param {Uint8Array} bytes safetensors, as `crnn_lib.widgets.weights` writes them
 * @param {{fast?: boolean}} options fast: by WebAssembly, where that may run; `simd` of the reader tells whether it does
 * @returns {Reader}
 */
export function createReader(bytes, { fast = true } = {}) {
  const { config, tensors } = parseWeights(bytes);
  checkConfig(config);
  const network = networkOf(config, tensors);
  const swift = fast ? simd(network) : null;
  const forward = swift ?? plain(network);

  function infer(image, H, W, stages = {}) {
    const T = config.pools.reduce((size, [, h]) => Math.floor(size / h), W);
    if (image.length !== H * W || H !== config.height || T < 1) {
      throw new Error(`an image of ${H} x ${W} does not fit a reader of height ${config.height}`);
    }
    const put = (name, data, ...dims) => {
      stages[name] = { data, dims: [1, ...dims] };
    };
    put("image", image, 1, H, W);
    forward(image, H, W, put);
    const K = network.classify.bias.length;
    put("log_probs", logSoftmaxRows(stages.logits.data, K), T, K);
    return stages;
  }

  return { config, infer, simd: swift !== null };
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
