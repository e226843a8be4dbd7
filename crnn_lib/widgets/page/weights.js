// From what a file of weights holds to the layers of a network. Weights come in two forms: the page's own, 8-bit rows with
// BatchNorm folded away (crnn_lib/widgets/weights.py), and the library's, float32 as `reader.save` writes them, whose
// BatchNorm is folded here; they stay float32.
import { objectOf } from "./safetensors.js";

/** @typedef {import("./engine.js").Config} Config @typedef {import("./engine.js").Network} Network */
/** @typedef {import("./safetensors.js").Stored} Stored @typedef {Object<string, {data: Float32Array, dims: number[]}>} Folded */

const PAGE_FORMAT = "crnn_lib page 1"; // a key of the metadata, of the configuration
const FORMAT = "crnn_lib 1"; // what the metadata has under "format"
const EPSILON = 1e-5; // of torch's BatchNorm
const MOST_BLOCKS = 64;
const MOST_NUMBERS = 2 ** 27; // in one stage
const KEYS = ["alphabet", "height", "width", "stretch", "channels", "pools", "features", "hidden"];
const DIRECTIONS = { forward: "", reverse: "_reverse" };

/** The number whose float16 has the bits `h`. @param {number} h */
function halfToNumber(h) {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

/** Whether no stage of an image (H, W) is too large. @param {Config} config */
export function fits({ channels, features, hidden, alphabet }, H, W) {
  return W * Math.max(H * Math.max(...channels), features, 8 * hidden, alphabet.length) <= MOST_NUMBERS;
}

/** How long an axis is after its pools. @param {number} size @param {number[]} pools */
export function pooledSize(size, pools) {
  return pools.reduce((left, pool) => Math.floor(left / pool), size);
}

/** Refuse a configuration that no reader of this page has, before anything is made of it. @param {any} config */
function checkConfig(config) {
  const { alphabet, height, width, stretch, channels, pools, features, hidden } = config;
  const size = (n) => Number.isSafeInteger(n) && n >= 1 && n <= 65536;
  const list = (sizes) => Array.isArray(sizes) && sizes.length > 0 && sizes.length <= MOST_BLOCKS;
  const stranger = Object.keys(config).find((key) => !KEYS.includes(key));
  const tell = (why) => new Error(`its configuration is not one of a model that this page can run: ${why}`);
  if (stranger !== undefined) throw tell(`“${stranger.slice(0, 40)}” is unknown`);
  if (typeof alphabet !== "string" || !alphabet) throw tell("the alphabet is not a text, or is empty");
  if (new Set(alphabet).size < [...alphabet].length) throw tell("a symbol occurs in the alphabet more than once");
  if (![height, width, features, hidden].every(size)) throw tell("a size is not a whole number from 1 to 65536");
  if (!list(channels) || !channels.every(size)) throw tell("the channels are not a list of sizes");
  if (
    !list(pools) || pools.length !== channels.length || !pools.every((p) => list(p) && p.length === 2 && p.every(size))
  ) {
    throw tell("the pools are not a pair of sizes for each block");
  }
  if (stretch !== null && !(typeof stretch === "number" && stretch >= 0.1 && stretch <= 10)) {
    throw tell("the stretch is not from 0.1 to 10");
  }
  if (!pooledSize(height, pools.map(([v]) => v)) || !pooledSize(width, pools.map(([, h]) => h))) {
    throw tell(`an image of ${height} x ${width} is pooled away`);
  }
  if (!fits(config, height, width)) throw tell("a stage of it would be too large");
}

/** Stored numbers as float32. @param {Stored} tensor */
function floats({ data }) {
  const number = data instanceof Uint16Array ? halfToNumber : Number;
  const result = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = number(/** @type {any} */ (data[i]));
  return result;
}

/** The page's own weights: a row's whole numbers, times its `.scale`. @param {Object<string, Stored>} tensors @returns {Folded} */
function scaled(tensors) {
  /** @type {Folded} */
  const made = Object.create(null);
  for (const name of Object.keys(tensors).filter((name) => !name.endsWith(".scale"))) {
    const { dims } = tensors[name];
    const data = floats(tensors[name]);
    made[name] = { data, dims };
    if (!tensors[`${name}.scale`]) continue;
    const scale = floats(tensors[`${name}.scale`]);
    if (scale.length !== dims[0]) {
      throw new Error(`the file is damaged: “${name.slice(0, 80)}” does not have one scale per row`);
    }
    const row = data.length / scale.length;
    for (let i = 0; i < data.length; i++) data[i] *= scale[Math.floor(i / row)];
  }
  return made;
}

/** The tensors of a `CRNN` of that shape, and their dimensions. @param {Config} config @returns {[string, number[]][]} */
function tensorsOf({ alphabet, height, channels, pools, features: F, hidden }) {
  const norm = (/** @type {string} */ name, /** @type {number} */ size) => [
    ...["weight", "bias", "running_mean", "running_var"].map((part) => [`${name}.${part}`, [size]]),
    [`${name}.num_batches_tracked`, []],
  ];
  const block = (/** @type {number} */ D, /** @type {number} */ i) => [
    [`blocks.${i}.0.weight`, [D, i ? channels[i - 1] : 1, 3, 3]],
    ...norm(`blocks.${i}.1`, D),
  ];
  const direction = (/** @type {string} */ suffix) => [
    [`lstm.weight_ih_l0${suffix}`, [4 * hidden, F]],
    [`lstm.weight_hh_l0${suffix}`, [4 * hidden, hidden]],
    [`lstm.bias_ih_l0${suffix}`, [4 * hidden]],
    [`lstm.bias_hh_l0${suffix}`, [4 * hidden]],
  ];
  const [K, rows] = [[...alphabet].length + 1, pooledSize(height, pools.map(([v]) => v))];
  return /** @type {any} */ ([
    ...channels.flatMap(block),
    ["project.weight", [F, channels[channels.length - 1] * rows]],
    ...norm("normalise", F),
    ...Object.values(DIRECTIONS).flatMap(direction),
    ["classify.weight", [K, 2 * hidden]],
    ["classify.bias", [K]],
  ]);
}

/** Refuse other tensors than the configuration wants. @param {Config} config @param {Object<string, Stored>} tensors */
function checkTensors(config, tensors) {
  const wanted = tensorsOf(config);
  for (const [name, dims] of wanted) {
    const found = tensors[name];
    if (!found) throw new Error(`it has no tensor ${name}, which its configuration wants`);
    if (String(found.dims) !== String(dims)) {
      const [has, wants] = [found.dims, dims].map((sizes) => sizes.slice(0, 8).join(" x ") || "one number");
      throw new Error(`the tensor ${name} is ${has}, and its configuration wants ${wants}`);
    }
    const Kind = name.endsWith("num_batches_tracked") ? BigInt64Array : Float32Array;
    if (!(found.data instanceof Kind)) {
      throw new Error(`the tensor ${name} holds numbers of a different type than a model has`);
    }
    if (found.data instanceof Float32Array) checkFinite(name, found.data);
  }
  const known = new Set(wanted.map(([name]) => name));
  const stranger = Object.keys(tensors).find((name) => !known.has(name));
  if (stranger !== undefined) {
    throw new Error(`it has a tensor “${stranger.slice(0, 80)}”, for which its configuration has no place`);
  }
}

/** @param {string} name @param {Float32Array} data */
function checkFinite(name, data) {
  if (!data.every(Number.isFinite)) throw new Error(`${name} holds a number that is not finite`);
}

/**
 * The library's tensors as the page's, as `folded` of crnn_lib/widgets/weights.py: in evaluation mode BatchNorm is a scale
 * and a shift per channel, of which the one goes into the weights before it, the other into a bias.
 * @param {Config} config @param {Object<string, any>} tensors those of a `CRNN` @returns {Folded}
 */
export function folded({ channels, features: F, hidden }, tensors) {
  const numbers = (/** @type {string} */ name) => /** @type {Float32Array} */ (tensors[name].data);
  /** @type {Folded} */
  const made = {};
  const put = (name, weight, dims, bias) => {
    made[`${name}.weight`] = { data: weight, dims };
    made[`${name}.bias`] = { data: bias, dims: [dims[0]] };
  };
  const fold = (name, layer, norm) => {
    const { dims } = tensors[layer];
    const data = numbers(layer);
    const [gain, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((part) =>
      numbers(`${norm}.${part}`)
    );
    const scale = Array.from(gain, (v, d) => v / Math.sqrt(variance[d] + EPSILON));
    const row = data.length / dims[0];
    const weight = data.map((v, i) => v * scale[Math.floor(i / row)]);
    put(name, weight, dims, shift.map((v, d) => v - mean[d] * scale[d]));
  };
  channels.forEach((_, i) => fold(`conv${i + 1}`, `blocks.${i}.0.weight`, `blocks.${i}.1`));
  fold("project", "project.weight", "normalise");
  for (const [name, suffix] of Object.entries(DIRECTIONS)) {
    const weight = new Float32Array(4 * hidden * (F + hidden));
    const parts = [["ih", F, 0], ["hh", hidden, F]];
    for (const [part, size, at] of /** @type {[string, number, number][]} */ (parts)) {
      const rows = numbers(`lstm.weight_${part}_l0${suffix}`);
      for (let gate = 0; gate < 4 * hidden; gate++) {
        weight.set(rows.subarray(gate * size, (gate + 1) * size), gate * (F + hidden) + at);
      }
    }
    const recurrent = numbers(`lstm.bias_hh_l0${suffix}`);
    put(name, weight, [4 * hidden, F + hidden], numbers(`lstm.bias_ih_l0${suffix}`).map((v, i) => v + recurrent[i]));
  }
  put("classify", numbers("classify.weight"), tensors["classify.weight"].dims, numbers("classify.bias"));
  return made;
}

/** The layers of a network, each of the size that the configuration tells. @param {Config} config @param {Folded} tensors @returns {Network} */
function layersOf(config, tensors) {
  const { channels, pools, height, features: F, hidden, alphabet } = config;
  const layer = (name, ...dims) => {
    const [weight, bias] = [tensors[`${name}.weight`], tensors[`${name}.bias`]];
    if (String(weight?.dims) !== String(dims) || String(bias?.dims) !== String(dims[0])) {
      throw new Error(`the weights do not fit their configuration: ${name}`);
    }
    for (const { data } of [weight, bias]) checkFinite(name, data);
    return { weight: weight.data, bias: bias.data };
  };
  const rows = pooledSize(height, pools.map(([v]) => v));
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

/** A network from what a file of weights holds, in either form. @param {import("./safetensors.js").Content} content @returns {Network} */
export function networkOf({ metadata, tensors }) {
  const own = metadata[PAGE_FORMAT];
  if (own === undefined && metadata.format !== FORMAT) {
    const format = metadata.format === undefined ? "no format" : `format “${metadata.format.slice(0, 40)}”`;
    throw new Error(`it holds no model that this page knows: it has ${format}, and what is read has “${FORMAT}”`);
  }
  const told = objectOf(own ?? metadata.config ?? "");
  if (!told) throw new Error("the file is damaged: its configuration is not a JSON object");
  const config = /** @type {Config} */ ({ stretch: null, ...told }); // version 1 had no stretch: one width for all
  checkConfig(config);
  if (own !== undefined) return layersOf(config, scaled(tensors));
  checkTensors(config, tensors);
  return layersOf(config, folded(config, tensors));
}
