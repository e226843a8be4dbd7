// Grey pictures: the resampler and the standardisation of crnn_lib/images.py, repeated exactly, and what the pad may do
// to a picture before it is read. A picture is {data, height, width}, 0 black .. 255 white.

/** @typedef {{data: Float32Array, height: number, width: number}} Grey */

export const HEIGHT = 32;
export const WIDTH = 128; // of a typical image
const NARROWEST = 16; // columns of the network's input
const WIDEST = 4096;
const THINNEST = 2; // columns that are widened to the narrowest
const SD_FLOOR = 8 / 255;

/** Which pixels of an axis make each new one, and their weights: a triangle that widens with the reduction. */
function taps(size, newSize) {
  const scale = size / newSize;
  const reach = Math.max(scale, 1);
  const count = Math.ceil(2 * reach) + 1;
  const index = new Int32Array(count * newSize);
  const weight = new Float64Array(count * newSize);
  for (let i = 0; i < newSize; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.floor(centre - reach + 0.5);
    let total = 0;
    for (let k = 0; k < count; k++) {
      const j = first + k;
      const inside = j >= 0 && j < size;
      const w = inside ? Math.max(0, 1 - Math.abs(j + 0.5 - centre) / reach) : 0;
      index[i * count + k] = Math.min(Math.max(j, 0), size - 1);
      weight[i * count + k] = w;
      total += w;
    }
    for (let k = 0; k < count; k++) weight[i * count + k] /= total;
  }
  return { count, index, weight };
}

/**
 * Antialiased bilinear resampling: rows first, then columns, in float64, one rounding to float32 at the end.
 * @param {Grey} grey @param {number} H @param {number} W @returns {Grey}
 */
export function resize({ data, height, width }, H, W) {
  const across = taps(width, W);
  const down = taps(height, H);
  const rows = new Float64Array(height * W);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < W; x++) {
      let sum = 0;
      for (let k = x * across.count, end = k + across.count; k < end; k++) {
        sum += across.weight[k] * data[y * width + across.index[k]];
      }
      rows[y * W + x] = sum;
    }
  }
  const result = new Float32Array(H * W);
  for (let y = 0; y < H; y++) {
    for (let x = 0; x < W; x++) {
      let sum = 0;
      for (let k = y * down.count, end = k + down.count; k < end; k++) {
        sum += down.weight[k] * rows[down.index[k] * W + x];
      }
      result[y * W + x] = sum;
    }
  }
  return { data: result, height: H, width: W };
}

/** Columns of a picture that is brought to H rows with its proportions kept, times `stretch`. @param {{height: number, width: number}} size */
export function naturalWidth({ height, width }, H = HEIGHT, stretch = 1) {
  const exact = ((width * H) / height) * stretch;
  const columns = Math.floor(exact + 0.5);
  if (columns >= THINNEST && columns <= WIDEST) return Math.max(columns, NARROWEST);
  const sum = `${width} x ${H} / ${height}${stretch === 1 ? "" : ` x ${stretch}`}`;
  const comma = (/** @type {number} */ n) => n.toLocaleString("en");
  const [what, found, limit, cure] = columns > WIDEST
    ? ["too long a line", comma(columns), `at most ${comma(WIDEST)}`, "cut it into pieces"]
    : [
      "too narrow for a line",
      Number(exact.toPrecision(2)),
      `at least ${THINNEST}`,
      "turn it, or cut lines out of it",
    ];
  throw new Error(
    `an image ${height} pixels high and ${width} wide is ${what}: at height ${H} it has ${sum} = ${found} columns, ` +
      `${limit} are read: ${cure}`,
  );
}

/** The network's input (H, W): ink positive, mean 0, standard deviation 1. @param {Grey} grey */
export function standardise(grey, H = HEIGHT, W = naturalWidth(grey, H)) {
  const ink = Float64Array.from(resize(grey, H, W).data, (value) => 1 - value / 255);
  const mean = ink.reduce((sum, value) => sum + value, 0) / ink.length;
  const variance = ink.reduce((sum, value) => sum + (value - mean) ** 2, 0) / ink.length;
  const deviation = Math.max(Math.sqrt(variance), SD_FLOOR);
  return Float32Array.from(ink, (value) => (value - mean) / deviation);
}

/** A picture of HEIGHT rows from its bytes, whose number tells the width. @param {Uint8Array} bytes @returns {Grey} */
export function bytesAsGrey(bytes) {
  return { data: Float32Array.from(bytes), height: HEIGHT, width: bytes.length / HEIGHT };
}

/**
 * Grey levels of RGBA bytes: luma of ITU-R BT.601, and what is transparent lies on white.
 * @param {Uint8ClampedArray} rgba @param {number} height @param {number} width @returns {Grey}
 */
export function fromRGBA(rgba, height, width) {
  const data = new Float32Array(height * width);
  for (let i = 0, p = 0; i < data.length; i++, p += 4) {
    const luma = 299 * rgba[p] + 587 * rgba[p + 1] + 114 * rgba[p + 2];
    const alpha = rgba[p + 3];
    data[i] = alpha === 255 ? luma / 1000 : (luma * alpha + 255000 * (255 - alpha)) / 255000;
  }
  return { data, height, width };
}
