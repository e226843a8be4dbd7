// CTC in the open, one sequence at a time: what crnn_lib.ctc computes, held against it by tests/test_widgets_ctc.py.
//
// A matrix is an array of T rows of K log-probabilities, blank = class 0; a target is an array of U class indices.
// Source: Graves, Fernandez, Gomez and Schmidhuber 2006, sections 3 and 4.
import { normalFrom } from "./random.js";

/** log(sum(exp(values))), -Infinity for none. */
export function logSumExp(values) {
  const high = Math.max(-Infinity, ...values);
  if (high === -Infinity) return -Infinity;
  return high + Math.log(values.reduce((sum, v) => sum + Math.exp(v - high), 0));
}

/** The same of the row's values in some cells, without a copy of them: a training asks for it most. */
function logSumAt(row, cells) {
  let high = -Infinity;
  for (const s of cells) if (row[s] > high) high = row[s];
  if (high === -Infinity) return -Infinity;
  let sum = 0;
  for (const s of cells) sum += Math.exp(row[s] - high);
  return high + Math.log(sum);
}

/** Rows of log-probabilities from rows of logits. */
export function logSoftmax(logits) {
  return logits.map((row) => {
    const total = logSumExp(row);
    return row.map((v) => v - total);
  });
}

/** The label with a blank before, between and after its symbols: 2U + 1 classes, the lattice's cells. */
export function extend(target) {
  return [0, ...target.flatMap((c) => [c, 0])];
}

/** The cells that lead into cell s at the next step: itself, the one before, and the one before a blank if allowed. */
export function predecessors(extended, s) {
  const cells = [s];
  if (s >= 1) cells.push(s - 1);
  if (s >= 2 && extended[s] !== 0 && extended[s] !== extended[s - 2]) cells.push(s - 2);
  return cells;
}

/** The cells that cell s leads into at the next step. */
export function successors(extended, s) {
  return [s, s + 1, s + 2].filter((to) => to < extended.length && predecessors(extended, to).includes(s));
}

/** How many neighbouring symbols of a label are equal: r, each of which needs a blank between. */
export function repeats(target) {
  return target.filter((c, i) => i > 0 && c === target[i - 1]).length;
}

/** n choose k, exactly; 0 where there are not so many. @param {number} n @param {number} k */
export function choose(n, k) {
  let value = k > n || n < 0 ? 0n : 1n;
  for (let i = 1; i <= k && value; i++) value = (value * BigInt(n - k + i)) / BigInt(i);
  return value;
}

/** How many paths of T steps collapse to the target, exactly: C(T + U - r, 2U) as a BigInt. */
export function countAlignments(target, T) {
  return choose(T + target.length - repeats(target), 2 * target.length);
}

/** Log alpha, T rows of 2U + 1: all path beginnings that end in a cell, its own emission included. */
export function forward(logProbs, target) {
  const extended = extend(target);
  const sources = extended.map((_, s) => predecessors(extended, s));
  const alpha = [];
  for (let t = 0; t < logProbs.length; t++) {
    alpha.push(extended.map((c, s) => {
      const before = t === 0 ? (s <= 1 ? 0 : -Infinity) : logSumAt(alpha[t - 1], sources[s]);
      return before + logProbs[t][c];
    }));
  }
  return alpha;
}

/** Log beta, T rows of 2U + 1: all path endings after a cell, its own emission left out. */
export function backward(logProbs, target) {
  const extended = extend(target);
  const goals = extended.map((_, s) => successors(extended, s));
  const T = logProbs.length;
  const beta = new Array(T);
  if (T) beta[T - 1] = extended.map((_, s) => (s >= extended.length - 2 ? 0 : -Infinity));
  for (let t = T - 2; t >= 0; t--) {
    const next = beta[t + 1].map((after, s) => after + logProbs[t + 1][extended[s]]);
    beta[t] = goals.map((cells) => logSumAt(next, cells));
  }
  return beta;
}

/** log p(target): -Infinity where the label does not fit, 0 for an empty label on no time steps. */
export function logLikelihood(logProbs, target, alpha = forward(logProbs, target)) {
  if (!alpha.length) return target.length ? -Infinity : 0;
  return logSumExp(alpha[alpha.length - 1].slice(-2));
}

/** The posterior probability of each cell, T rows of 2U + 1: which share of p(target) passes through it. */
export function cellPosterior(logProbs, target, alpha = forward(logProbs, target)) {
  const beta = backward(logProbs, target);
  return alpha.map((row, t) => {
    const through = row.map((a, s) => a + beta[t][s]);
    const total = logSumExp(through);
    return through.map((v) => (total === -Infinity ? 0 : Math.exp(v - total)));
  });
}

/** The posterior probability of each class, T rows of K; zeros where the label does not fit. */
export function occupancy(logProbs, target, alpha = forward(logProbs, target)) {
  const extended = extend(target);
  return cellPosterior(logProbs, target, alpha).map((row, t) => {
    const mass = new Array(logProbs[t].length).fill(0);
    row.forEach((share, s) => {
      mass[extended[s]] += share;
    });
    return mass;
  });
}

/**
 * The loss -log p(target), and its gradient with respect to the logits: probability minus occupancy; zeros where the label
 * does not fit. @param {number[][]} logProbs @param {number[]} target
 */
export function ctcLossAndGradient(logProbs, target) {
  const alpha = forward(logProbs, target);
  const loss = -logLikelihood(logProbs, target, alpha);
  const mass = occupancy(logProbs, target, alpha);
  const slope = (m, t, c) => (loss < Infinity ? Math.exp(logProbs[t][c]) - m : 0);
  return { loss, gradient: mass.map((row, t) => row.map((m, c) => slope(m, t, c))) };
}

/** The gradient alone. */
export const ctcGradient = (logProbs, target) => ctcLossAndGradient(logProbs, target).gradient;

/** A path of T cells drawn through the lattice, backwards, by choose(scores of the candidates) -> its index. */
function trace(scores, extended, choose) {
  const T = scores.length;
  const last = extended.length - 1;
  const ends = last ? [last, last - 1] : [last];
  const cells = new Array(T);
  cells[T - 1] = ends[choose(ends.map((s) => scores[T - 1][s]))];
  for (let t = T - 1; t > 0; t--) {
    const from = predecessors(extended, cells[t]);
    cells[t - 1] = from[choose(from.map((s) => scores[t - 1][s]))];
  }
  return cells;
}

function indexOfMax(values) {
  return values.indexOf(Math.max(...values));
}

/** The cells of the most probable path of the target (Viterbi), or null where none has a probability above 0. */
export function bestCells(logProbs, target) {
  const extended = extend(target);
  const best = [];
  logProbs.forEach((row, t) => {
    best.push(
      extended.map((c, s) =>
        row[c] +
        (t === 0 ? (s <= 1 ? 0 : -Infinity) : Math.max(...predecessors(extended, s).map((p) => best[t - 1][p])))
      ),
    );
  });
  if (!best.length || Math.max(...best[best.length - 1].slice(-2)) === -Infinity) return null;
  return trace(best, extended, indexOfMax);
}

/** The cells of a path of the target, drawn from the posterior by random() in [0, 1); null where there is none. */
export function sampleCells(logProbs, target, random) {
  const alpha = forward(logProbs, target);
  if (!alpha.length || logSumExp(alpha[alpha.length - 1].slice(-2)) === -Infinity) return null;
  return trace(alpha, extend(target), (scores) => {
    const total = logSumExp(scores);
    let left = random();
    for (let i = 0; i < scores.length; i++) {
      left -= Math.exp(scores[i] - total);
      if (left < 0) return i;
    }
    return indexOfMax(scores);
  });
}

/** Up to `limit` alignments of the target over T steps, each a list of T cells, in the order of early entry. */
export function listCells(target, T, limit) {
  const extended = extend(target);
  const found = [];
  const last = extended.length - 1;
  const walk = (cells) => {
    if (found.length >= limit) return;
    const s = cells[cells.length - 1];
    if (last - s > 2 * (T - cells.length) + 1) return; // too far from the end to arrive
    if (cells.length === T) {
      if (s >= last - 1) found.push(cells);
      return;
    }
    for (const to of successors(extended, s)) walk([...cells, to]);
  };
  if (T > 0 && countAlignments(target, T) > 0n) [0, 1].filter((s) => s <= last).forEach((s) => walk([s]));
  return found;
}

/** The log-probability of one path of classes. */
export function pathLogProb(logProbs, path) {
  return path.reduce((sum, c, t) => sum + logProbs[t][c], 0);
}

/** @typedef {ReturnType<typeof analyseLabel>} Found */

/** Everything that follows from a matrix and a label. @param {number[][]} logProbs @param {number[]} target */
export function analyseLabel(logProbs, target) {
  const total = logLikelihood(logProbs, target);
  const best = bestCells(logProbs, target);
  const extended = extend(target);
  return {
    logProbs,
    target,
    extended,
    total,
    best,
    T: logProbs.length,
    r: repeats(target),
    count: countAlignments(target, logProbs.length),
    alpha: forward(logProbs, target),
    beta: backward(logProbs, target),
    through: cellPosterior(logProbs, target),
    mass: occupancy(logProbs, target),
    gradient: ctcGradient(logProbs, target),
    bestShare: best ? Math.exp(pathLogProb(logProbs, best.map((s) => extended[s])) - total) : 0,
  };
}

/** The matrix after one step of gradient descent on the logits: peaks and blanks appear as it is repeated. */
export function gradientStep(logProbs, target, rate) {
  const gradient = ctcGradient(logProbs, target);
  return logSoftmax(logProbs.map((row, t) => row.map((v, c) => v - rate * gradient[t][c])));
}

/** The matrix with p(class c at step t) = p, and the rest of that column scaled so that it sums to 1 again. */
export function withProbability(logProbs, t, c, p) {
  const rest = logSumExp(logProbs[t].filter((_, k) => k !== c));
  const left = Math.log1p(-p);
  const share = (v) => (rest === -Infinity ? left - Math.log(logProbs[t].length - 1) : v - rest + left);
  return logProbs.map((row, i) => (i === t ? row.map((v, k) => (k === c ? Math.log(p) : share(v))) : row));
}

/** Matrices to start from: all classes alike; normal logits; a clear letter in the middle of each letter's share. */
export function uniformMatrix(T, K) {
  return Array.from({ length: T }, () => new Array(K).fill(-Math.log(K)));
}

export function randomMatrix(T, K, random) {
  const normal = normalFrom(random);
  return logSoftmax(Array.from({ length: T }, () => Array.from({ length: K }, normal)));
}

export function peakedMatrix(target, T, K, peak = 0.9) {
  const tops = new Array(T).fill(0);
  target.forEach((c, i) => {
    tops[Math.floor(((i + 0.5) * T) / target.length)] = c;
  });
  return tops.map((top) => Array.from({ length: K }, (_, c) => Math.log(c === top ? peak : (1 - peak) / (K - 1))));
}

/**
 * One step of prefix beam search (Graves 2008, section 7.5; Hannun et al. 2014, algorithm 1). A beam is {prefix, blank,
 * symbol, from}: the log-mass of its paths that end in a blank and in its last symbol, and what flowed into it:
 * {prefix, how: "blank" | "repeat" | "new", mass}.
 */
export function beamStep(beams, row, width) {
  const grown = new Map();
  const grow = (prefix, part, how, before, mass) => {
    if (mass === -Infinity) return;
    const key = String(prefix);
    if (!grown.has(key)) grown.set(key, { prefix, blank: -Infinity, symbol: -Infinity, from: [] });
    const beam = grown.get(key);
    beam[part] = logSumExp([beam[part], mass]);
    beam.from.push({ prefix: before, how, mass });
  };
  for (const { prefix, blank, symbol } of beams) {
    const either = logSumExp([blank, symbol]);
    const last = prefix[prefix.length - 1];
    grow(prefix, "blank", "blank", prefix, either + row[0]);
    if (prefix.length) grow(prefix, "symbol", "repeat", prefix, symbol + row[last]);
    for (let c = 1; c < row.length; c++) {
      grow([...prefix, c], "symbol", "new", prefix, (c === last ? blank : either) + row[c]);
    }
  }
  const ranked = [...grown.values()].sort((a, b) => beamMass(b) - beamMass(a) || 0);
  return { kept: ranked.slice(0, width), pruned: ranked.slice(width) };
}

export function beamMass({ blank, symbol }) {
  return logSumExp([blank, symbol]);
}

/** Before the first step: the empty prefix, as if a blank had been. */
export function firstBeams() {
  return [{ prefix: [], blank: 0, symbol: -Infinity, from: [] }];
}

/** Every label and its probability, from all K^T paths one by one, the most probable first; null above `limit` paths. */
export function exhaustive(logProbs, limit = 200000) {
  const K = logProbs[0].length;
  if (K ** logProbs.length > limit) return null;
  const probs = logProbs.map((row) => row.map(Math.exp));
  const found = new Map();
  const walk = (t, last, label, p) => {
    if (t === probs.length) found.set(label, (found.get(label) ?? 0) + p);
    else {for (let c = 0; c < K; c++) {
        walk(t + 1, c, c === 0 || c === last ? label : label + String.fromCharCode(c), p * probs[t][c]);
      }}
  };
  walk(0, 0, "", 1);
  const labels = [...found].map(([label, p]) => ({ classes: [...label].map((l) => l.charCodeAt(0)), p }));
  return labels.sort((a, b) => b.p - a.p);
}
