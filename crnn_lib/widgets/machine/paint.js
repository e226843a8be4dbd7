// What the machine paints on canvases: ink, feature maps, columns, and the threads of the two streams. The more, the
// further from the paper: nothing is paper itself, in the light and in the dark.
import { element, painter } from "../page/dom.js";
import { colourOf } from "../page/colours.js";
import { gridOf, tileAt } from "../page/tiles.js";

/** @typedef {import("../page/engine.js").Tensor} Tensor */
/** @typedef {{dark: boolean, first: string, second: string}} Theme */

const LEVELS = 256;
const FAINT = 0.25; // below this share of the largest value, paper shines through

/** viridis from the paper on, as 32-bit pixels by level. @param {boolean} dark */
function levelsOf(dark) {
  return Uint32Array.from({ length: LEVELS }, (_, i) => {
    const value = i / (LEVELS - 1);
    const [r, g, b] = colourOf("viridis", dark ? 0.25 + 0.75 * value : 0.75 - 0.75 * value);
    const alpha = Math.round(255 * Math.min(1, value / FAINT));
    return ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
}
const PALETTES = [levelsOf(false), levelsOf(true)];

/** Values 0 .. 1 of (rows, columns) on a canvas of that size. @param {(row: number, column: number) => number} value */
function heat(rows, columns, dark, value) {
  const canvas = element("canvas", { width: columns, height: rows });
  const picture = new ImageData(columns, rows);
  const pixels = new Uint32Array(picture.data.buffer);
  const palette = PALETTES[Number(dark)];
  for (let y = 0, i = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) pixels[i++] = palette[Math.round(value(y, x) * (LEVELS - 1))];
  }
  painter(canvas).putImageData(picture, 0, 0);
  return canvas;
}

/** What the colours mean, from paper on. @param {HTMLCanvasElement} canvas @param {boolean} dark */
export function paintScale(canvas, dark) {
  const { width, height } = canvas;
  const context = painter(canvas);
  context.clearRect(0, 0, width, height);
  context.drawImage(heat(1, width, dark, (_, x) => x / (width - 1)), 0, 0, width, height);
}

/** Sizes in CSS pixels of canvases that are painted often: to ask for one, the page must first be laid out. @type {WeakMap<Element, number[]>} */
const SIZES = new WeakMap();

/** Note the present sizes. @param {Iterable<HTMLCanvasElement>} canvases */
export function measure(canvases) {
  for (const canvas of canvases) SIZES.set(canvas, [canvas.clientWidth, canvas.clientHeight]);
}

/** The size of a canvas in CSS pixels. @param {HTMLCanvasElement} canvas */
export const sizeOf = (canvas) => SIZES.get(canvas) ?? [canvas.clientWidth, canvas.clientHeight];

/** A canvas in the size in which it is seen, wiped; null while it is not. @param {HTMLCanvasElement} canvas */
function wiped(canvas) {
  const dense = globalThis.devicePixelRatio ?? 1;
  const [w, h] = sizeOf(canvas);
  if (!w || !h) return null;
  const [width, height] = [w, h].map((n) => Math.round(n * dense));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = painter(canvas);
  context.setTransform(dense, 0, 0, dense, 0, 0);
  context.clearRect(0, 0, w, h);
  return { context, w, h };
}

/**
 * What a row of numbers says of empty paper: its median, since most of a line is paper.
 * @param {Float32Array} data @param {number} from @param {number} to @param {number} [every]
 */
function paperOf(data, from, to, every = 1) {
  const some = [];
  for (let i = from; i < to; i += every) some.push(data[i]);
  return some.sort((a, b) => a - b)[some.length >> 1];
}

/**
 * How far numbers are from what they say of paper, as a share of the farthest of their row.
 * @param {Float32Array} data rows of `size` numbers that lie `every` apart @param {(row: number) => number} start
 */
function departures(data, rows, size, start, every = 1) {
  const paper = Array.from({ length: rows }, (_, r) => {
    const [from, to] = [start(r), start(r) + size * every];
    return paperOf(data, from, to, every * ((size >> 6) | 1)); // an odd stride: no column is met again and again
  });
  const most = paper.map((p, r) => {
    let far = 1e-9;
    for (let i = start(r), end = i + size * every; i < end; i += every) far = Math.max(far, Math.abs(data[i] - p));
    return far;
  });
  return { paper, most };
}

/**
 * All maps of a stage (1, C, H, W) as tiles, as far as they are `lit` (0 .. 1): how much each departs from what it says of
 * paper, on its own scale.
 * @param {HTMLCanvasElement} canvas @param {Tensor} stage @param {boolean} dark @param {number} lit
 */
export function paintMaps(canvas, { data, dims: [, C, H, W] }, dark, lit) {
  const on = wiped(canvas);
  if (!on) return;
  const { paper, most } = departures(data, C, H * W, (c) => c * H * W);
  const all = heat(C * H, W, dark, (y, x) => {
    const c = Math.floor(y / H);
    return Math.abs(data[y * W + x] - paper[c]) / most[c];
  });
  const grid = gridOf(C, W / H, on.w, on.h);
  const seen = Math.round(lit * W);
  for (let c = 0; c < C && seen; c++) {
    const [x, y] = tileAt(grid, c);
    on.context.drawImage(all, 0, c * H, seen, H, x, y, (grid.width * seen) / W, grid.height);
  }
}

/** Steps (1, T, size) as so many upright columns. @param {HTMLCanvasElement} canvas @param {Tensor} stage @param {boolean} dark */
export function paintColumns(canvas, { data, dims: [, T, size] }, dark) {
  const on = wiped(canvas);
  if (!on) return;
  const { paper, most } = departures(data, size, T, (row) => row, size);
  const top = most.reduce((a, b) => Math.max(a, b), 1e-9);
  const all = heat(size, T, dark, (row, t) => Math.abs(data[t * size + row] - paper[row]) / top);
  const each = on.w / T;
  const gap = Math.min(2, each / 4);
  on.context.imageSmoothingEnabled = true;
  for (let t = 0; t < T; t++) on.context.drawImage(all, t, 0, 1, size, t * each + gap / 2, 0, each - gap, on.h);
}

/**
 * The states (1, T, 2 * hidden) as threads, one a unit: the forward direction above, the backward one below.
 * @param {HTMLCanvasElement} canvas @param {Tensor} states @param {Theme} theme
 */
export function paintStreams(canvas, { data, dims: [, T, size] }, { first, second }) {
  const on = wiped(canvas);
  if (!on) return;
  const { context, w, h } = on;
  const [hidden, each] = [size / 2, w / T];
  Object.assign(context, { lineWidth: 1, lineJoin: "round", globalAlpha: 0.3 });
  for (let unit = 0; unit < size; unit++) {
    const middle = h * (unit < hidden ? 0.25 : 0.75);
    const y = (t) => middle - data[t * size + unit] * h * 0.23;
    context.strokeStyle = unit < hidden ? first : second;
    context.beginPath();
    context.moveTo(0, y(0));
    context.lineTo(each / 2, y(0));
    for (let t = 1; t < T; t++) {
      const x = t * each;
      context.bezierCurveTo(x, y(t - 1), x, y(t), x + each / 2, y(t));
    }
    context.lineTo(w, y(T - 1));
    context.stroke();
  }
}

/** A grey picture as black ink, the paler the more transparent. @param {import("../page/images.js").Grey} grey */
export function inkOf({ data, height, width }) {
  const canvas = element("canvas", { width, height });
  const picture = new ImageData(width, height);
  for (let i = 0; i < data.length; i++) picture.data[4 * i + 3] = 255 - data[i];
  painter(canvas).putImageData(picture, 0, 0);
  return canvas;
}

/** What the network gets, (H, W) standardised, as smooth ink. @param {Float32Array} image */
export function paintFloor(canvas, image, H, W) {
  const on = wiped(canvas);
  if (!on) return;
  const [low, high] = image.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const data = image.map((v) => 255 - (255 * (v - low)) / (high - low || 1));
  Object.assign(on.context, { imageSmoothingEnabled: true, imageSmoothingQuality: "high" });
  on.context.drawImage(inkOf({ data, height: H, width: W }), 0, 0, on.w, on.h);
}
