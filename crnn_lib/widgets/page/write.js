// Typed text as pen strokes: crnn_lib/drawing/skeletons.py in JavaScript.
import { SKELETONS } from "./embedded.js";
import { quantise } from "./strokes.js";

const CAP = 20; // units from the top of `l` to the baseline
const PER_SPAN = 6;
const FREE = 12; // pixels left beside what fits

/** Strokes of one symbol in skeleton units. @param {string} symbol */
function glyph(symbol) {
  if (!Object.hasOwn(SKELETONS, symbol)) {
    throw new Error(`"${symbol}" cannot be drawn: the pen writes ${Object.keys(SKELETONS).join("")}`);
  }
  return SKELETONS[symbol].split("|").map((stroke) => {
    let points = [];
    for (const piece of stroke.split("/")) {
      const given = piece.trim().split(/\s+/).map((point) => point.split(",").map(Number));
      points = [...points, ...spline([...points.slice(-1), ...given]).slice(points.length ? 1 : 0)];
    }
    return points;
  });
}

/** A curve through all knots (Catmull and Rom 1974, uniform). */
function spline(knots) {
  if (knots.length < 3) return knots;
  const ends = [knots[0], ...knots, knots[knots.length - 1]];
  const result = [knots[0]];
  for (let k = 0; k + 3 < ends.length; k++) {
    for (let i = 1; i <= PER_SPAN; i++) {
      const t = i / PER_SPAN;
      const along = (axis) => {
        const [p, q, r, s] = [ends[k][axis], ends[k + 1][axis], ends[k + 2][axis], ends[k + 3][axis]];
        return 0.5 * (2 * q + t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * q - p - 3 * r + s))));
      };
      result.push([along(0), along(1)]);
    }
  }
  return result;
}

/** `text` from left to right, baseline at y = 0, `l` being `height` pixels high. @param {string} text */
export function writeText(text, height = 14, gap = 5) {
  let x = 0;
  const result = [];
  for (const symbol of text) {
    const strokes = glyph(symbol);
    const across = strokes.flat().map(([px]) => px);
    const left = Math.min(...across);
    const scale = height / CAP;
    result.push(...strokes.map((stroke) => stroke.map(([px, py]) => [(px - left + x) * scale, (py - CAP) * scale])));
    x += Math.max(...across) - left + gap;
  }
  return quantise(result);
}

/** The same in the middle of a canvas (H, W), made smaller where `most` columns would not hold it; longer text begins at its left. */
export function placeText(text, H = 32, W = 128, most = W) {
  if (!text) return [];
  const right = (strokes) => Math.max(...strokes.flat().map(([x]) => x));
  let height = 15;
  let strokes = writeText(text, height);
  if (right(strokes) > most - FREE) strokes = writeText(text, height *= (most - FREE) / right(strokes));
  const left = right(strokes) <= W ? (W - right(strokes)) / 2 : FREE / 2;
  return quantise(strokes.map((stroke) => stroke.map(([x, y]) => [x + left, y + H / 2 + height * 0.4])));
}
