// What follows from a reader's shape and from its numbers alone: what a place sees, runs of a path, likely classes,
// windows laid on a patch. No document in here; tests/test_widgets_probes.py holds it against crnn_lib.
import { repeats } from "./ctc.js";
import { logSoftmaxRows } from "./engine.js";
import { naturalWidth } from "./images.js";
import { pooledSize } from "./weights.js";

/** @typedef {{size: number, stride: number, offset: number}} Sight pixel i sees offset + i * stride, `size` pixels on */

/**
 * What one pixel of a map sees along one axis, as crnn_lib.model._seen: a 3-wide convolution (padding 1) and a pool each.
 * @param {number[]} pools one axis' pools, block by block @param {boolean} [pooled] false: before the last of them
 * @returns {Sight}
 */
export function sightOf(pools, pooled = true) {
  let [size, stride, offset] = [1, 1, 0];
  pools.forEach((pool, i) => {
    size += 2 * stride;
    offset -= stride;
    if (!pooled && i === pools.length - 1) return;
    size += (pool - 1) * stride;
    stride *= pool;
  });
  return { size, stride, offset };
}

/** Both axes of a stage `conv3` or `pool3`. @param {number[][]} pools @param {string} stage @returns {{down: Sight, along: Sight}} */
export function stageSight(pools, stage) {
  const upTo = pools.slice(0, Number(stage.slice(4)));
  const pooled = stage.startsWith("pool");
  return { down: sightOf(upTo.map(([v]) => v), pooled), along: sightOf(upTo.map(([, h]) => h), pooled) };
}

/** Columns of a reader's input for a picture, as Config.columns. @param {import("./engine.js").Config} config */
export function columnsOf({ height, width, stretch }, grey) {
  return stretch ? naturalWidth(grey, height, stretch) : width;
}

/** The image columns [first, last] that steps `t` to `to` see, cut at the edges, as Config.strip. @param {number[][]} pools */
export function stripOf(pools, width, t, to = t) {
  const { size, stride, offset } = sightOf(pools.map(([, h]) => h));
  return [Math.max(t * stride + offset, 0), Math.min(to * stride + offset + size, width) - 1];
}

/** The time steps [first, last] whose strips hold any of the pixels [from, to]; null for none. */
export function stepsThatSee(pools, width, from, to) {
  const T = pooledSize(width, pools.map(([, h]) => h));
  const seeing = Array.from({ length: T }, (_, t) => t).filter((t) => {
    const [first, last] = stripOf(pools, width, t);
    return first <= to && last >= from;
  });
  return seeing.length ? [seeing[0], seeing[seeing.length - 1]] : null;
}

/** U + r: the steps that a label needs, one a symbol and one between two equal ones. @param {string} label */
export function neededSteps(label) {
  const symbols = [...label];
  return symbols.length + repeats(symbols);
}

/** The runs of a path that are symbols: one for each character of the text. @param {number[]} path */
export function spansOf(path) {
  const spans = [];
  path.forEach((symbol, t) => {
    if (symbol !== 0 && symbol === path[t - 1]) spans[spans.length - 1].to = t;
    else if (symbol !== 0) spans.push({ symbol, from: t, to: t });
  });
  return spans;
}

/** The `count` most probable classes of a row of log-probabilities. @param {ArrayLike<number>} row */
export function topClasses(row, count) {
  const all = Array.from(row, (logP, symbol) => ({ symbol, p: Math.exp(logP) }));
  return all.sort((a, b) => b.p - a.p).slice(0, count);
}

/** Log-probabilities of logits / temperature. @param {Float32Array} logits (T, K) @param {number} K */
export function tempered(logits, K, temperature) {
  return logSoftmaxRows(Float32Array.from(logits, (z) => z / temperature), K);
}

/** Half the sum of |p - q| of each row: how much probability moved, 0 .. 1. @param {ArrayLike<number>} before (T, K) */
export function movedMass(before, after, K) {
  return Array.from({ length: before.length / K }, (_, t) => {
    let sum = 0;
    for (let i = t * K; i < (t + 1) * K; i++) sum += Math.abs(Math.exp(before[i]) - Math.exp(after[i]));
    return sum / 2;
  });
}

/** The largest |a - b| of each row from column `from` to before `to`. @param {ArrayLike<number>} a (T, size) */
export function largestGaps(a, b, size, from, to) {
  return Array.from({ length: a.length / size }, (_, t) => {
    let most = 0;
    for (let i = t * size + from; i < t * size + to; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
    return most;
  });
}

/** The k x k window of rows of numbers whose upper left corner is (y, x), as one list. @param {number[][]} rows */
export function windowAt(rows, y, x, k) {
  return rows.slice(y, y + k).flatMap((row) => row.slice(x, x + k));
}

/** Every window's sum of products with the kernel: (H, W) -> (H - 2, W - 2). @param {number[][]} rows @param {number[]} kernel nine */
export function slideKernel(rows, kernel) {
  return Array.from(
    { length: rows.length - 2 },
    (_, y) =>
      Array.from(
        { length: rows[0].length - 2 },
        (_, x) => windowAt(rows, y, x, 3).reduce((sum, v, i) => sum + v * kernel[i], 0),
      ),
  );
}

/** The largest of each 2 x 2 window: (H, W) -> (H / 2, W / 2). @param {number[][]} rows */
export function poolPairs(rows) {
  return Array.from(
    { length: Math.floor(rows.length / 2) },
    (_, y) =>
      Array.from({ length: Math.floor(rows[0].length / 2) }, (_, x) => Math.max(...windowAt(rows, 2 * y, 2 * x, 2))),
  );
}
