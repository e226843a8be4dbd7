// Where the maps and sequences of a batch lie in the kernel's memory, and what is done to them number by number.
import { BYTES, upTo } from "./memory.js";

/** @typedef {import("./memory.js").Arena} Arena */
/**
 * @typedef {{C: number, H: number, W: number, at: number, plane: number, image: number, row: number, pixel: number,
 *            lines: number, line: number, places: (count: number) => number}} Maps
 *   maps (C, H, W) of a batch: pixel (y, x) of channel c of image n is number at + c * plane + n * image + y * row +
 *   x * pixel of memory. For the kernel they are `lines` rows, `line` apart; `places`: the numbers of a row for so many images
 */

/**
 * Maps with zeros round each image: a row of zeros below it, which is also above the next, and a zero at the end of each
 * row, which is also before the next row.
 * @param {Arena} arena @param {number} count @param {number} C @param {number} H @param {number} W @returns {Maps}
 */
export function bordered(arena, count, C, H, W) {
  const row = W + 1;
  const image = upTo((H + 1) * row, 8);
  const above = upTo(row + 1, 4);
  const plane = above + count * image;
  const at = arena.room(upTo(C, 4) * plane) / BYTES + above;
  return { C, H, W, at, plane, image, row, pixel: 1, lines: C, line: plane, places: (n) => n * image };
}

/**
 * Sequences of T columns (C, H): the images of a batch lie side by side, step after step, with a step of zeros around.
 * @param {Arena} arena @param {number} count @param {number} C @param {number} H @param {number} T @returns {Maps}
 */
export function sequences(arena, count, C, H, T) {
  const pixel = upTo(count, 8);
  const row = (T + 2) * pixel;
  const at = arena.room(upTo(C * H, 4) * row) / BYTES + pixel;
  return { C, H, W: T, at, plane: H * row, image: 1, row, pixel, lines: C * H, line: row, places: () => T * pixel };
}

/** Where the rows of maps begin, each read so many numbers to the side. @param {Maps} maps */
export function linesOf({ at, lines, line }, sides = [0]) {
  return Array.from({ length: lines }, (_, i) => sides.map((side) => at + i * line + side)).flat();
}

/** How far a pixel's 3 x 3 neighbours lie from it. @param {Maps} maps */
export const neighbours = ({ row }) => [-1, 0, 1].flatMap((y) => [-1, 0, 1].map((x) => y * row + x));

/** The T steps of image n in sequences, each a row of all lines' numbers. @param {Float32Array} numbers @param {Maps} maps */
export function stepsOf(numbers, { at, lines, line, pixel, W: T }, n) {
  const number = (t, k) => numbers[at + k * line + t * pixel + n];
  return Array.from({ length: T }, (_, t) => Array.from({ length: lines }, (_, k) => number(t, k)));
}

/** Write them there. @param {Float32Array} numbers @param {Maps} maps @param {number} n @param {number[][]} steps */
export function setSteps(numbers, { at, line, pixel }, n, steps) {
  steps.forEach((row, t) => row.forEach((value, k) => (numbers[at + k * line + t * pixel + n] = value)));
}

/** Mean and variance of channel c over the first `count` images. @param {Float32Array} numbers @param {Maps} maps */
export function moments(numbers, { at, plane, image, row, pixel, H, W }, c, count) {
  let [sum, squares] = [0, 0];
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < H; y++) {
      for (let x = 0, p = at + c * plane + n * image + y * row; x < W; x++, p += pixel) {
        const value = numbers[p];
        sum += value;
        squares += value * value;
      }
    }
  }
  const M = count * H * W;
  return { mean: sum / M, variance: Math.max(squares / M - (sum / M) ** 2, 0), M };
}

/**
 * Bring the gradients of channel c from each patch to where its largest number stood, `scale` times. Returns their sum,
 * and that of their products with these numbers less the mean.
 * @param {Float32Array} numbers @param {{raw: Maps, rawBack: Maps, outBack: Maps, won: Int32Array}} places
 *   won: the addresses of the largest in raw, -1 for none
 * @param {number} c @param {number} count @param {number} scale @param {number} mean
 */
export function scatter(numbers, { raw, rawBack, outBack, won }, c, count, scale, mean) {
  const move = rawBack.at - raw.at + c * (rawBack.plane - raw.plane);
  let [sum, product, k] = [0, 0, 0];
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < outBack.H; y++) {
      let at = outBack.at + c * outBack.plane + n * outBack.image + y * outBack.row;
      for (let x = 0; x < outBack.W; x++, at += outBack.pixel, k++) {
        if (won[k] < 0) continue;
        const winner = won[k] / BYTES;
        const gradient = numbers[at];
        numbers[winner + move] = scale * gradient;
        sum += gradient;
        product += gradient * (numbers[winner] - mean);
      }
    }
  }
  return { sum, product };
}

/** Add factor * number + constant to the gradient of each number of channel c. @param {Float32Array} numbers */
export function spread(numbers, { raw, rawBack }, c, count, factor, constant) {
  const move = rawBack.at - raw.at + c * (rawBack.plane - raw.plane);
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < raw.H; y++) {
      let p = raw.at + c * raw.plane + n * raw.image + y * raw.row;
      for (let x = 0; x < raw.W; x++, p += raw.pixel) numbers[p + move] += factor * numbers[p] + constant;
    }
  }
}
