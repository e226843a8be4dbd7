// Drawn strokes and their rasteriser, operation for operation as crnn_lib/drawing/pen.py: the pixels are identical.
// A drawing is a list of strokes, a stroke a list of [x, y] in pixels of the image.

import { HEIGHT, WIDTH } from "./images.js";

/** @typedef {number[][][]} Strokes @typedef {import("./images.js").Grey} Grey */

const STEP = 16; // points lie on a grid of 1/16 pixel
export const FARTHEST = 4096; // pixels from the origin
const MARGIN = 3; // pixels left free round a normalised drawing
const NARROWEST = 32; // columns of a drawing at its natural width
export const WIDEST = 1024; // and of a pad

/** The same drawing on the grid; strokes without points go. @param {Strokes} strokes @returns {Strokes} */
export function quantise(strokes) {
  if (!Array.isArray(strokes) || !strokes.every(Array.isArray)) {
    throw new Error("a drawing is a list of strokes, a stroke a list of points [x, y]");
  }
  return strokes
    .filter((stroke) => stroke.length)
    .map((stroke) =>
      stroke.map((point) => {
        if (
          !Array.isArray(point) || point.length !== 2 ||
          !point.every((v) => Math.abs(v) <= FARTHEST && typeof v === "number")
        ) {
          throw new Error(`point ${String(JSON.stringify(point)).slice(0, 60)} is no [x, y] within ${FARTHEST} pixels`);
        }
        return point.map((v) => Math.floor(v * STEP + 0.5) / STEP);
      })
    );
}

/** How far a drawing reaches. @param {Strokes} strokes at least one */
export function extentOf(strokes) {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [x, y] of strokes.flat()) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return { left, right, top, bottom };
}

/**
 * How a drawing fills the middle of an image, its proportions kept, as crnn_lib.drawing.pen.frame: a point (x, y) comes to
 * (x - left) * scale + x0 and (y - top) * scale + y0. @param {Strokes} strokes at least one
 */
export function frameOf(strokes, H = HEIGHT, W = WIDTH) {
  const { left, right, top, bottom } = extentOf(strokes);
  const across = right > left ? (W - 2 * MARGIN) / (right - left) : Infinity;
  const down = bottom > top ? (H - 2 * MARGIN) / (bottom - top) : Infinity;
  const scale = right > left || bottom > top ? Math.min(across, down) : 1;
  return { left, top, scale, x0: (W - (right - left) * scale) / 2, y0: (H - (bottom - top) * scale) / 2 };
}

/**
 * The drawing moved and scaled by its frame, as crnn_lib.drawing.pen.normalise.
 * @param {Strokes} strokes @param {number} [H] @param {number} [W] @returns {Strokes}
 */
export function normalise(strokes, H = HEIGHT, W = WIDTH) {
  strokes = quantise(strokes);
  if (!strokes.length) return [];
  const { left, top, scale, x0, y0 } = frameOf(strokes, H, W);
  return quantise(strokes.map((stroke) => stroke.map(([x, y]) => [(x - left) * scale + x0, (y - top) * scale + y0])));
}

/**
 * Dark ink on white, (H, W) bytes: 255 - 255 * coverage, coverage = thickness / 2 + 0.5 - distance, cut to 0..1.
 * @param {Strokes} strokes @param {number} thickness in pixels @param {number} [H] @param {number} [W]
 */
export function renderStrokes(strokes, thickness, H = HEIGHT, W = WIDTH) {
  if (!(thickness > 0 && thickness <= 64)) throw new Error(`a thickness of ${thickness} pixels cannot be drawn`);
  const reach = thickness / 2 + 0.5;
  const nearest = new Float64Array(H * W).fill(Infinity); // squared distance
  for (const stroke of quantise(strokes)) {
    for (let i = 0; i < Math.max(1, stroke.length - 1); i++) {
      const [ax, ay] = stroke[i];
      const [bx, by] = stroke[Math.min(i + 1, stroke.length - 1)];
      const [top, bottom] = span(ay, by, reach, H);
      const [left, right] = span(ax, bx, reach, W);
      const dx = bx - ax;
      const dy = by - ay;
      const length = dx * dx + dy * dy;
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          const x = column + 0.5 - ax;
          const y = row + 0.5 - ay;
          const along = length ? Math.min(Math.max((x * dx + y * dy) / length, 0), 1) : 0;
          const awayX = x - along * dx;
          const awayY = y - along * dy;
          const square = awayX * awayX + awayY * awayY;
          if (square < nearest[row * W + column]) nearest[row * W + column] = square;
        }
      }
    }
  }
  return Uint8Array.from(nearest, (square) => {
    const coverage = Math.min(Math.max(reach - Math.sqrt(square), 0), 1);
    return 255 - Math.floor(255 * coverage + 0.5);
  });
}

/** The columns of an image that a drawing fills in both directions, as crnn_lib.drawing.pen.natural_width. @param {Strokes} strokes */
function widthOf(strokes, H = HEIGHT) {
  const { left, right, top, bottom } = extentOf(quantise(strokes));
  if (!(bottom > top)) return WIDTH;
  const columns = Math.ceil((right - left) * ((H - 2 * MARGIN) / (bottom - top)) + 2 * MARGIN);
  return Math.min(Math.max(columns, NARROWEST), WIDEST);
}

/** @param {Strokes} strokes @param {number} thickness @returns {Grey} */
function rendered(strokes, thickness, H = HEIGHT, W = WIDTH) {
  return { data: Float32Array.from(renderStrokes(strokes, thickness, H, W)), height: H, width: W };
}

/**
 * The picture of a drawing as a model sees it: normalised, then rendered, as crnn_lib.drawing.pen.image.
 * @param {Strokes} strokes @param {number} [thickness] in pixels @param {number} [H] @param {number} [W] @returns {Grey}
 */
export function strokesImage(strokes, thickness = 2, H = HEIGHT, W = widthOf(strokes, H)) {
  return rendered(normalise(strokes, H, W), thickness, H, W);
}

/** The same for a reader of that shape, as crnn_lib.drawing.pen.image_for. @param {{stretch?: number | null}} config @param {Strokes} strokes */
export function imageFor({ stretch }, strokes, thickness = 2) {
  return strokesImage(strokes, thickness, HEIGHT, stretch ? undefined : WIDTH);
}

/** A drawing as it lies on a pad, as crnn_lib.drawing.pen.sheet. @param {Strokes} strokes @param {number} thickness */
export function sheetImage(strokes, thickness) {
  const right = Math.max(extentOf(quantise(strokes)).right, 0);
  return rendered(strokes, thickness, HEIGHT, Math.min(Math.max(WIDTH, Math.ceil(right + MARGIN)), WIDEST));
}

/** The pixels [first, last + 1) along one axis that a segment from `a` to `b` can darken. */
function span(a, b, reach, size) {
  const first = Math.max(Math.floor(Math.min(a, b) - reach), 0);
  return [first, Math.max(Math.min(Math.ceil(Math.max(a, b) + reach), size), first)];
}
