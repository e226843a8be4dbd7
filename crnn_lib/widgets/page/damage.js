// What may be done to a picture before it is read: turned, blurred, crossed by lines.
import { HEIGHT } from "./images.js";
import { randomFrom } from "./random.js";
import { renderStrokes } from "./strokes.js";

/** @typedef {import("./images.js").Grey} Grey */

/** Turned by `degrees` (positive: clockwise) about its centre, bilinear, white outside. @param {Grey} grey @returns {Grey} */
export function rotate({ data, height, width }, degrees) {
  const cos = Math.cos((degrees * Math.PI) / 180);
  const sin = Math.sin((degrees * Math.PI) / 180);
  const at = (x, y) => (x >= 0 && x < width && y >= 0 && y < height ? data[y * width + x] : 255);
  const result = new Float32Array(data.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const x = column - (width - 1) / 2;
      const y = row - (height - 1) / 2;
      const u = cos * x + sin * y + (width - 1) / 2;
      const v = cos * y - sin * x + (height - 1) / 2;
      const i = Math.floor(u);
      const j = Math.floor(v);
      const upper = at(i, j) * (i + 1 - u) + at(i + 1, j) * (u - i);
      const lower = at(i, j + 1) * (i + 1 - u) + at(i + 1, j + 1) * (u - i);
      result[row * width + column] = upper * (j + 1 - v) + lower * (v - j);
    }
  }
  return { data: result, height, width };
}

/** Blurred by a Gaussian of standard deviation `sd` pixels, the edge pixels repeated. @param {Grey} grey @returns {Grey} */
export function blur({ data, height, width }, sd) {
  const reach = Math.ceil(3 * sd);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-((k - reach) ** 2) / (2 * sd * sd)));
  const total = kernel.reduce((a, b) => a + b, 0);
  const along = (source, size, step, other, otherStep) => {
    const result = new Float32Array(source.length);
    for (let o = 0; o < other; o++) {
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let k = -reach; k <= reach; k++) {
          sum += kernel[k + reach] * source[o * otherStep + Math.min(Math.max(i + k, 0), size - 1) * step];
        }
        result[o * otherStep + i * step] = sum / total;
      }
    }
    return result;
  };
  return { data: along(along(data, width, 1, height, width), height, width, width, 1), height, width };
}

/** `count` curves across a picture (H, W), the same ones each time. @returns {number[][][]} */
export function noiseLines(count, H, W) {
  const random = randomFrom(12345);
  return Array.from({ length: count }, () => {
    const [from, to, bow] = [random(), random(), random() - 0.5];
    return Array.from({ length: 17 }, (_, i) => {
      const t = i / 16;
      return [t * W, H * (from + (to - from) * t + bow * 4 * t * (1 - t))];
    });
  });
}

/** A picture turned, crossed by lines and blurred, in that order. @param {Grey} grey */
export function spoil(grey, { rotation = 0, lines = 0, blur: sd = 0 }) {
  const { height, width } = grey;
  let result = rotation ? rotate(grey, rotation) : grey;
  if (lines) {
    const ink = renderStrokes(noiseLines(lines, height, width), (1.6 * height) / HEIGHT, height, width);
    result = { height, width, data: result.data.map((value, i) => Math.min(value, ink[i])) };
  }
  return sd ? blur(result, (sd * height) / HEIGHT) : result;
}
