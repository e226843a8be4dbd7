// How the numbers of the lattice come about, in words.
import { predecessors, successors } from "../page/ctc.js";
import { shortNumber } from "../page/words.js";

/** @typedef {import("../page/ctc.js").Found} Found */

/** A row of the lattice in words. @param {(c: number) => string} name */
export function rowName(extended, s, name) {
  if (extended[s]) return `letter ${(s + 1) / 2}, ${name(extended[s])}`;
  return s ? `the blank after letter ${s / 2}, ${name(extended[s - 1])}` : "the blank before all letters";
}

const MERGE = "and without a blank between them the two would merge into one";

/** Whether a path may skip into row s, in words. */
function skipIn(extended, s, name) {
  if (extended[s] === 0) return s > 1 ? " No skip into a blank: the letter before it would be left out." : "";
  if (s < 2) return "";
  const same = ` No skip: the letter two rows up is the same ${name(extended[s])}, ${MERGE}.`;
  if (extended[s] === extended[s - 2]) return same;
  const other = name(extended[s - 2]);
  return ` The skip over the blank is allowed, because the letter two rows up is a different one, ${other}.`;
}

/** Whether a path may skip out of row s, in words. */
function skipOut(extended, s, name) {
  if (s + 2 >= extended.length || extended[s] === 0) return "";
  if (extended[s] === extended[s + 2]) return ` No skip: the next letter is the same ${name(extended[s])}, ${MERGE}.`;
  return ` The skip over the blank is allowed, because the next letter is a different one, ${name(extended[s + 2])}.`;
}

const p = (/** @type {number} */ v) => shortNumber(Math.exp(v));
const both = (/** @type {number} */ v) => `${p(v)} (log ${shortNumber(v)})`;

function explainAlpha({ extended, alpha, logProbs, T, total }, t, s, name) {
  const value = both(alpha[t][s]);
  if (t === 0 && s > 1) return "No path begins here: it must begin in one of the first two rows, so α = 0.";
  if (t === 0) return `A path may begin here: α is the probability of ${name(extended[s])} at step 0, ${value}.`;
  const ways = ["stay", "from the row above", "skip over the blank"];
  const parts = predecessors(extended, s).map((from) => `${p(alpha[t - 1][from])} (${ways[s - from]})`);
  const sum = `sum of what leads here = ${p(logProbs[t][extended[s]])} × (${parts.join(" + ")})`;
  const end = ` A path may end here: the last two rows of the last column sum to p(label) = ${p(total)}.`;
  const last = t === T - 1 && s && s >= extended.length - 2;
  return `α = p(${name(extended[s])}) × ${sum} = ${value}.${skipIn(extended, s, name)}${last ? end : ""}`;
}

function explainBeta({ extended, beta, logProbs, T }, t, s, name) {
  if (t === T - 1 && s < extended.length - 2) {
    return "No path ends here: the rest of the label would be missing, so β = 0.";
  }
  if (t === T - 1) return "A path may end here: nothing is left to be written, so β = 1.";
  const ways = ["stay", "to the row below", "skip over the blank"];
  const part = (to) => `${p(beta[t + 1][to])} × ${p(logProbs[t + 1][extended[to]])} (${ways[to - s]})`;
  const parts = successors(extended, s).map(part).join(" + ");
  return `β = sum over the next cells of β × p = ${parts} = ${both(beta[t][s])}.${skipOut(extended, s, name)}`;
}

/** How the number in a lattice cell comes about. @param {Found} found @param {(c: number) => string} name */
export function explainCell(found, quantity, t, s, name) {
  const { extended, alpha, beta, total } = found;
  const here = `Step t = ${t}, ${rowName(extended, s, name)}. `;
  if (quantity === "alpha") return here + explainAlpha(found, t, s, name);
  if (quantity === "beta") return here + explainBeta(found, t, s, name);
  if (total === -Infinity) return `${here}No path spells the label, so nothing passes through here.`;
  const product = `${p(alpha[t][s])} × ${p(beta[t][s])} / ${p(total)} = ${shortNumber(found.through[t][s])}`;
  const share = "this share of the label's probability passes through here";
  return `${here}Occupancy = α × β / p(label) = ${product}: ${share}.`;
}
