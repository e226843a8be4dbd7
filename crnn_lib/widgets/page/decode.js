// From log-probabilities to text: the same decoders as crnn_lib/ctc.py. Class 0 is the blank; a matrix (T, K) is given
// as one flat array, row after row, followed by K.

import { beamStep, firstBeams, logLikelihood } from "./ctc.js";

/** The label of a path: merge repeats, then drop blanks. @param {ArrayLike<number>} path @returns {number[]} */
export function collapse(path) {
  return Array.from(path).filter((c, t) => c !== 0 && (t === 0 || c !== path[t - 1]));
}

/** The most probable class of each step. @param {ArrayLike<number>} logProbs (T, K) @param {number} K */
export function bestPath(logProbs, K) {
  const path = [];
  for (let at = 0; at < logProbs.length; at += K) {
    let best = 0;
    for (let k = 1; k < K; k++) if (logProbs[at + k] > logProbs[at + best]) best = k;
    path.push(best);
  }
  return path;
}

/** @param {ArrayLike<number>} logProbs (T, K) @param {number} K */
export function greedyDecode(logProbs, K) {
  return collapse(bestPath(logProbs, K));
}

/** The matrix (T, K) as rows. @param {ArrayLike<number>} logProbs @param {number} K @returns {number[][]} */
export function rowsOf(logProbs, K) {
  return Array.from(
    { length: logProbs.length / K },
    (_, t) => Array.from({ length: K }, (_, c) => logProbs[t * K + c]),
  );
}

/** log p(label), the sum over all its paths. @param {ArrayLike<number>} logProbs (T, K) @param {number} K @param {number[]} label */
export function labelLogProb(logProbs, K, label) {
  return logLikelihood(rowsOf(logProbs, K), label);
}

/**
 * The `count` most probable labels that prefix beam search of `width` finds, best first, each with its exact
 * log-probability.
 * @param {ArrayLike<number>} logProbs (T, K) @param {number} K @param {number} width @param {number} [count]
 * @returns {{classes: number[], logProb: number}[]}
 */
export function beamSearch(logProbs, K, width, count = 1) {
  const rows = rowsOf(logProbs, K);
  const beams = rows.reduce((kept, row) => beamStep(kept, row, width).kept, firstBeams());
  const scored = beams.map(({ prefix }) => ({ classes: prefix, logProb: logLikelihood(rows, prefix) }));
  return scored.filter((s) => s.logProb > -Infinity).sort((a, b) => b.logProb - a.logProb || 0).slice(0, count);
}
