// The page's engine: the CRNN's forward pass, written out. No library, no WebAssembly; plain loops over typed arrays,
// arranged so that the innermost one walks through contiguous memory. Weights arrive with BatchNorm folded away.
import { convolve, factorsOf } from "./convolve.js";

/** @typedef {{data: Float32Array, dims: number[]}} Tensor */
/** @typedef {{alphabet: string, height: number, width: number, channels: number[], pools: number[][],
 *             features: number, hidden: number}} Config */
/** @typedef {{config: Config, infer: (image: Float32Array, H: number, W: number, stages?: Object<string, Tensor>) => Object<string, Tensor>}} Reader */

const PAGE_FORMAT = "crnn_lib page 1";
const MOST_HEADER = 100e6; // bytes, as the safetensors library has it
const MOST_NUMBERS = 2 ** 27; // in one stage
const ITEM_BYTES = { F32: 4, F16: 2, I8: 1 };

const damaged = (/** @type {string} */ why) => new Error(`the weights are damaged: ${why}`);

/** The float16 with the bits `h`. @param {number} h */
function halfToNumber(h) {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent === 31) throw new Error("the weights are damaged: they hold a number that is not finite");
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
      data[i] = size === 2
        ? halfToNumber(view.getUint16(at, true))
        : size === 4
        ? view.getFloat32(at, true)
        : view.getInt8(at);
    }
    if (!data.every(Number.isFinite)) throw damaged("they hold a number that is not finite");
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

/** The largest of each v x h patch: (C, H, W) -> (C, floor(H / v), floor(W / h)). */
export function maxPool(input, C, H, W, v, h) {
  const rows = Math.floor(H / v);
  const columns = Math.floor(W / h);
  const output = new Float32Array(C * rows * columns);
  for (let c = 0, o = 0; c < C; c++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++, o++) {
        let best = -Infinity;
        for (let j = 0; j < v; j++) {
          for (let i = 0, at = (c * H + y * v + j) * W + x * h; i < h; i++, at++) {
            if (input[at] > best) best = input[at];
          }
        }
        output[o] = best;
      }
    }
  }
  return output;
}

/** weight (M, N) times x (N) plus bias (M), four rows at a time; `x` and `output` are read and written at offsets. */
function affine(weight, bias, x, xAt, output, outAt) {
  const M = bias.length;
  const N = weight.length / M;
  let m = 0;
  for (; m + 4 <= M; m += 4) {
    let s0 = bias[m], s1 = bias[m + 1], s2 = bias[m + 2], s3 = bias[m + 3];
    for (let n = 0, i = m * N; n < N; n++, i++) {
      const value = x[xAt + n];
      s0 += weight[i] * value;
      s1 += weight[i + N] * value;
      s2 += weight[i + 2 * N] * value;
      s3 += weight[i + 3 * N] * value;
    }
    output[outAt + m] = s0;
    output[outAt + m + 1] = s1;
    output[outAt + m + 2] = s2;
    output[outAt + m + 3] = s3;
  }
  for (; m < M; m++) {
    let sum = bias[m];
    for (let n = 0; n < N; n++) sum += weight[m * N + n] * x[xAt + n];
    output[outAt + m] = sum;
  }
}

const sigmoid = (/** @type {number} */ z) => 1 / (1 + Math.exp(-z));

/**
 * One direction of the LSTM over T columns of F features, into its half of `states` (T, 2 * hidden).
 * Hochreiter and Schmidhuber 1997, with forget gates (Gers et al. 2000); gates in torch's order i, f, g, o.
 */
function lstm(features, T, F, hidden, weight, bias, backwards, states) {
  const seen = new Float32Array(F + hidden); // the column, then the last hidden state
  const gates = new Float32Array(4 * hidden);
  const cell = new Float32Array(hidden);
  for (let step = 0; step < T; step++) {
    const t = backwards ? T - 1 - step : step;
    seen.set(features.subarray(t * F, t * F + F));
    affine(weight, bias, seen, 0, gates, 0);
    for (let i = 0; i < hidden; i++) {
      cell[i] = sigmoid(gates[hidden + i]) * cell[i] + sigmoid(gates[i]) * Math.tanh(gates[2 * hidden + i]);
      seen[F + i] = sigmoid(gates[3 * hidden + i]) * Math.tanh(cell[i]);
    }
    states.set(seen.subarray(F), t * 2 * hidden + (backwards ? hidden : 0));
  }
}

/**
 * A reader from its weights. `infer` takes a standardised image (H, W) and returns every intermediate by the name that
 * `CRNN.stages` and the ONNX export give it, with a leading axis N = 1; each is put into `stages` as soon as it is known.
 * @param {Uint8Array} bytes safetensors, as `crnn_lib.widgets.weights` writes them
 * @returns {Reader}
 */
export function createReader(bytes) {
  const { config, tensors } = parseWeights(bytes);
  checkConfig(config);
  const { channels, pools, features: F, hidden, alphabet } = config;
  const K = [...alphabet].length + 1;
  const rows = pools.reduce((size, [v]) => Math.floor(size / v), config.height);
  const columnSize = channels[channels.length - 1] * rows;
  const layers = channels.map((D, i) => {
    const { weight, bias } = take(`conv${i + 1}`, [D, i ? channels[i - 1] : 1, 3, 3]);
    return { factors: factorsOf(weight), bias };
  });
  const project = take("project", [F, columnSize]);
  const forward = take("forward", [4 * hidden, F + hidden]);
  const reverse = take("reverse", [4 * hidden, F + hidden]);
  const classify = take("classify", [K, 2 * hidden]);

  function take(name, dims) {
    const weight = tensors[name + ".weight"];
    const bias = tensors[name + ".bias"];
    if (String(weight?.dims) !== String(dims) || String(bias?.dims) !== String(dims[0])) {
      throw new Error(`the weights do not fit their configuration: ${name}`);
    }
    return { weight, bias: bias.data };
  }

  function infer(image, H, W, stages = {}) {
    if (image.length !== H * W || H !== config.height || pools.reduce((size, [, h]) => Math.floor(size / h), W) < 1) {
      throw new Error(`an image of ${H} x ${W} does not fit a reader of height ${config.height}`);
    }
    const put = (name, data, ...dims) => {
      stages[name] = { data, dims: [1, ...dims] };
    };
    put("image", image, 1, H, W);
    let x = image;
    let C = 1;
    layers.forEach(({ factors, bias }, i) => {
      x = convolve(x, C, H, W, factors, bias);
      C = bias.length;
      put(`conv${i + 1}`, x, C, H, W);
      const [v, h] = pools[i];
      x = maxPool(x, C, H, W, v, h);
      H = Math.floor(H / v);
      W = Math.floor(W / h);
      put(`pool${i + 1}`, x, C, H, W);
    });
    const T = W;
    const columns = new Float32Array(T * columnSize);
    for (let row = 0; row < columnSize; row++) {
      for (let t = 0; t < T; t++) columns[t * columnSize + row] = x[row * T + t];
    }
    put("columns", columns, T, columnSize);
    const features = new Float32Array(T * F);
    for (let t = 0; t < T; t++) affine(project.weight.data, project.bias, columns, t * columnSize, features, t * F);
    for (let i = 0; i < features.length; i++) if (features[i] < 0) features[i] = 0;
    put("features", features, T, F);
    const states = new Float32Array(T * 2 * hidden);
    lstm(features, T, F, hidden, forward.weight.data, forward.bias, false, states);
    lstm(features, T, F, hidden, reverse.weight.data, reverse.bias, true, states);
    put("states", states, T, 2 * hidden);
    const logits = new Float32Array(T * K);
    for (let t = 0; t < T; t++) affine(classify.weight.data, classify.bias, states, t * 2 * hidden, logits, t * K);
    put("logits", logits, T, K);
    put("log_probs", logSoftmaxRows(logits, K), T, K);
    return stages;
  }

  return { config, infer };
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
