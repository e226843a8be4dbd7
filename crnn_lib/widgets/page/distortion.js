// A drawing as the same hand, or a much wilder one, might draw it again: crnn_lib/drawing/distortion.py, bit for bit.
import { extentOf, FARTHEST, quantise } from "./strokes.js";

/** @typedef {import("./strokes.js").Strokes} Strokes */

const TALL = 96; // units from the top of a distorted drawing to its bottom, before the distortion
const CELL = TALL / 2; // between the knots of the warp
const ROWS = 3; // of knots
const [SHIFT, SLANT, STRETCH] = [0.4, 0.2, 0.2]; // at a strength of 1: of a knot in cells; of the whole drawing

/** From 0 to 1 with a slope of 0 at both ends. */
const ease = (/** @type {number} */ t) => t * t * (3 - 2 * t);

/** @param {Strokes} strokes @param {number} strength @param {() => number} random @returns {Strokes} */
export function distort(strokes, strength, random) {
  strokes = quantise(strokes);
  if (!strokes.length) return [];
  const { left, right, top, bottom } = extentOf(strokes);
  const [across, down] = [right - left, bottom - top];
  const scale = Math.min(TALL / (down || across || 1), FARTHEST / 2 / (across || 1));
  const columns = Math.trunc(across * scale / CELL) + 2;
  const draw = (/** @type {number} */ most) => strength * most * (random() - random());
  const [slant, stretch] = [draw(SLANT), 1 + draw(STRETCH)];
  const row = () => Array.from({ length: columns }, () => [draw(SHIFT * CELL), draw(SHIFT * CELL)]);
  const knots = Array.from({ length: ROWS }, row);

  function moved(/** @type {number[]} */ [px, py]) {
    const [x, y] = [(px - left) * scale, (py - top) * scale];
    const i = Math.min(Math.trunc(x / CELL), columns - 2);
    const j = Math.min(Math.trunc(y / CELL), ROWS - 2);
    const [u, v] = [ease(x / CELL - i), ease(y / CELL - j)];
    const shift = [0, 1].map((axis) => {
      const [a, b] = [knots[j][i][axis], knots[j][i + 1][axis]];
      const [c, d] = [knots[j + 1][i][axis], knots[j + 1][i + 1][axis]];
      return (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v;
    });
    return [(x + shift[0]) * stretch + slant * (CELL - y), y + shift[1]];
  }
  return quantise(strokes.map((stroke) => stroke.map(moved)));
}
