// From log-probabilities to text: the same decoders as crnn_lib/ctc.py. Class 0 is the blank; a matrix (T, K) is one
// flat array, row after row.

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

/** log(exp(a) + exp(b)), and -Infinity for two of these. */
export function logAdd(a, b) {
  const high = a > b ? a : b;
  const low = a > b ? b : a;
  return low === -Infinity ? high : high + Math.log1p(Math.exp(low - high));
}

/**
 * log p(label), the sum over all its paths (Graves et al. 2006, equations 5 to 8).
 * @param {ArrayLike<number>} logProbs (T, K) @param {number} K @param {number[]} label
 */
export function labelLogProb(logProbs, K, label) {
  const T = logProbs.length / K;
  const extended = [0, ...label.flatMap((c) => [c, 0])]; // a blank around every symbol
  if (!T) return label.length ? -Infinity : 0;
  let alpha = extended.map((c, s) => (s < 2 ? logProbs[c] : -Infinity));
  for (let t = 1; t < T; t++)
    alpha = extended.map((c, s) => {
      let sum = logAdd(alpha[s], s > 0 ? alpha[s - 1] : -Infinity);
      if (s > 1 && c !== 0 && c !== extended[s - 2]) sum = logAdd(sum, alpha[s - 2]);
      return sum + logProbs[t * K + c];
    });
  return logAdd(alpha[alpha.length - 1], alpha[alpha.length - 2] ?? -Infinity);
}

/**
 * The `count` most probable labels that prefix beam search of `width` finds, best first, each with its exact
 * log-probability (Graves 2008, section 7.5; Hannun et al. 2014, algorithm 1).
 * @param {ArrayLike<number>} logProbs (T, K) @param {number} K @param {number} width @param {number} [count]
 * @returns {{classes: number[], logProb: number}[]}
 */
export function beamSearch(logProbs, K, width, count = 1) {
  const T = logProbs.length / K;
  /** Log-mass of a prefix's paths that end in a blank, and in its last symbol. */
  let beams = [{ classes: /** @type {number[]} */ ([]), blank: 0, symbol: -Infinity }];
  for (let t = 0; t < T; t++) {
    const row = t * K;
    const grown = new Map();
    const grow = (classes, part, mass) => {
      const key = String(classes);
      if (!grown.has(key)) grown.set(key, { classes, blank: -Infinity, symbol: -Infinity });
      const beam = grown.get(key);
      beam[part] = logAdd(beam[part], mass);
    };
    for (const { classes, blank, symbol } of beams) {
      const either = logAdd(blank, symbol);
      const last = classes[classes.length - 1];
      grow(classes, "blank", either + logProbs[row]);
      if (classes.length) grow(classes, "symbol", symbol + logProbs[row + last]);
      for (let c = 1; c < K; c++) grow([...classes, c], "symbol", (c === last ? blank : either) + logProbs[row + c]);
    }
    beams = best([...grown.values()], (b) => logAdd(b.blank, b.symbol), width);
  }
  const scored = beams.map(({ classes }) => ({ classes, logProb: labelLogProb(logProbs, K, classes) }));
  return best(scored.filter((s) => s.logProb > -Infinity), (s) => s.logProb, count);
}

/** The `count` items of the highest score, best first, ties in the order given. */
function best(items, score, count) {
  return items.map((item) => ({ item, at: score(item) })).sort((a, b) => b.at - a.at || 0).slice(0, count).map(({ item }) => item);
}
