// Why an answer to an exercise is right or wrong, computed from the answer. No document in here.
import { choose, countAlignments, extend, forward, logLikelihood, predecessors, repeats } from "../page/ctc.js";
import { collapse } from "../page/decode.js";

export const DASH = "-"; // the blank, as it is written
export const spelt = (/** @type {string} */ text) => text || "the empty text";
export const plural = (n, one, more = `${one}s`) => `${n} ${n === 1 ? one : more}`;

/** Classes of a text over its own letters, the first of `letters` being 1; "-" is the blank. @param {Iterable<string>} letters */
export function classesOf(text, letters) {
  return [...text].map((c) => (c === DASH ? 0 : [...letters].indexOf(c) + 1));
}

const merged = (path) => [...path].filter((c, i, all) => c !== all[i - 1]).join("");
const dropped = (path) => path.replaceAll(DASH, "");

/** What a path of letters and "-" collapses to. */
export function textOf(path) {
  const letters = [...new Set(dropped(path))];
  return collapse(classesOf(path, letters)).map((c) => letters[c - 1]).join("");
}

/** Why `path` is, or is not, an alignment of `label`. */
export function reasonForPath(path, label) {
  const text = textOf(path);
  const how = `${path}: merged ${merged(path)}, without blanks ${text || "nothing"}`;
  if (text === label) return `${how}: that is ${label}.`;
  const sorted = (word) => [...word].sort().join("");
  const not = (why) => `${how}, not ${label}.${why}`;
  if (dropped(path) === label) return not(" Equal neighbours merge unless a blank separates them.");
  if (merged(dropped(path)) === label) {
    return not(" The blank between equal letters keeps them apart: merge first, drop blanks after.");
  }
  return not(sorted(text) === sorted(label) ? " The letters are right, their order is not." : "");
}

/** Why `answer` is not the number of alignments; null where it is. @param {bigint} answer */
export function reasonForCount(answer, label, T) {
  const letters = [...new Set(label)];
  const target = classesOf(label, letters);
  const [U, r, right] = [target.length, repeats(target), countAlignments(target, T)];
  if (answer === right) return null;
  if (right === 0n) {
    return `It does not fit: T = ${T} is less than U + r = ${U} + ${r}, so there is no alignment at all.`;
  }
  if (r && answer === choose(T + U, 2 * U)) {
    return `That is C(T + U, 2U). Each of the r = ${r} repeats needs a blank of its own: C(T + U - r, 2U).`;
  }
  if (answer === choose(T, U)) {
    return "That is C(T, U): places for U letters of one column each. But a letter may also last for several columns.";
  }
  const chosen = `2U = ${2 * U}`;
  if (answer === choose(T + U - r, U)) {
    const ends = "where each letter's run begins, and where it ends";
    return `That is C(T + U - r, U). The top is right, but ${chosen} things are chosen: ${ends}.`;
  }
  if (answer === BigInt(letters.length + 1) ** BigInt(T)) {
    const all = `all paths of ${plural(T, "column")} over ${plural(letters.length, "letter")} and the blank`;
    return `That is the number of ${all}. Only some of them collapse to ${label}.`;
  }
  if (answer === 0n) return `There are some: T = ${T} is at least U + r = ${U} + ${r}.`;
  const sizes = `With T = ${T}, U = ${U}, r = ${r}`;
  return `Not ${answer}. ${sizes}: how many ways are there to choose ${chosen} of T + U - r = ${T + U - r} places?`;
}

/** Why `answer` is not alpha of cell s at step t; null where it is right to three places. */
export function reasonForCell(answer, logProbs, target, t, s) {
  const extended = extend(target);
  const before = forward(logProbs, target)[t - 1].map(Math.exp);
  const p = Math.exp(logProbs[t][extended[s]]);
  const near = (value) => Math.abs(answer - value) < 0.00051;
  const from = predecessors(extended, s);
  const total = from.reduce((sum, cell) => sum + before[cell], 0);
  const skip = s - 2;
  if (near(total * p)) return null;
  if (!Number.isFinite(answer)) return "Type a number such as 0.125.";
  if (near(total)) {
    return "That is the sum over the cells that lead here; multiply it by the probability of this cell's own class.";
  }
  if (near(p)) return "That is the probability of the class alone; multiply it by what arrives from the step before.";
  if (skip >= 0 && !from.includes(skip) && near((total + before[skip]) * p)) {
    return extended[s] === 0
      ? "That counts a skip into a blank. There is none: it would lose the letter between."
      : "That counts a skip between equal letters. There is none: without the blank between, the two would merge.";
  }
  if (from.includes(skip) && near((total - before[skip]) * p)) {
    return "That leaves out the skip: from one letter straight to the next, different one, without the blank between.";
  }
  if (s > 0 && near(before[s] * p)) return "That is staying alone. The cell before leads here as well.";
  if (Math.abs(answer - total * p) < 0.0051) return "Nearly: give it to three places.";
  const cells = from.length === 1
    ? `Cell ${s} alone leads here`
    : `Cells ${[...from].reverse().join(", ")} lead here: add them up`;
  return `${cells}, as they were a step before, then multiply by ${p.toFixed(2)}.`;
}

/** All paths of the letters' classes and the blank over T steps. */
function pathsOf(letters, T) {
  let paths = [""];
  for (let t = 0; t < T; t++) paths = paths.flatMap((path) => [...DASH, ...letters].map((c) => path + c));
  return paths;
}

/** Greedy decoding's path and text, and every text with its probability and its paths, for rows of probabilities. */
export function decodeSmall(probabilities, letters) {
  const logProbs = probabilities.map((row) => row.map(Math.log));
  const path = probabilities.map((row) => (DASH + letters)[row.indexOf(Math.max(...row))]).join("");
  const texts = new Map();
  for (const one of pathsOf(letters, probabilities.length)) {
    texts.set(textOf(one), [...(texts.get(textOf(one)) ?? []), one]);
  }
  const likelihood = (text) => Math.exp(logLikelihood(logProbs, classesOf(text, letters)));
  const all = [...texts].map(([text, paths]) => ({ text, paths, p: likelihood(text) }));
  return { path, greedy: textOf(path), all, best: all.reduce((a, b) => (b.p > a.p ? b : a)).text };
}

/** Why `picked` is not what greedy decoding reads, and not the most probable text; null where it is. */
export function reasonForDecoding(picked, which, probabilities, letters) {
  const { path, greedy, all, best } = decodeSmall(probabilities, letters);
  const found = all.find(({ text }) => text === picked);
  const choice = which === "greedy" ? "Greedy decoding" : "The most probable text";
  if (!found) return `${choice}: choose a text.`;
  if (picked === (which === "greedy" ? greedy : best)) return null;
  if (which === "greedy") {
    const how = `It takes the largest probability of each step, which gives the path ${path}`;
    return `Greedy decoding does not read ${spelt(picked)}. ${how}; then it merges, and drops blanks.`;
  }
  const paths = `${plural(found.paths.length, "path")}: ${found.paths.join(", ")}`;
  const yet = " Its path is the best one, but a text may have several paths, and their probabilities add up.";
  const sum = `p(${spelt(picked)}) = ${found.p.toFixed(2)}, from ${paths}`;
  return `${sum}. Another text has more.${picked === greedy ? yet : ""}`;
}

/** Where a prefix goes when a class comes, its paths ending in a blank or in its last letter. */
export function grownPrefix([prefix, ending, comes]) {
  return comes === DASH || (ending === "letter" && prefix.endsWith(comes)) ? prefix : prefix + comes;
}

/** Why that is so. */
export function reasonForPrefix(way) {
  const [prefix, ending, comes] = way;
  const to = spelt(grownPrefix(way));
  if (comes === DASH) return `A blank adds no letter: ${spelt(prefix)} stays as it is.`;
  if (!prefix.endsWith(comes)) return `Another letter is added: it becomes ${to}.`;
  if (ending === "letter") return `The same letter again, with no blank between: the two merge, and it stays ${to}.`;
  return `A blank separates them, so the letter counts once more: it becomes ${to}.`;
}

/** Recorded runs that can be told apart by their loss: their cause, and how they look, for who picked them wrongly. */
export const CAUSES = {
  ours: [
    "nothing, this run is healthy",
    "The healthy run starts at the upper floor, leaves it, and ends close to zero",
  ],
  sgd: [
    "plain SGD, at a learning rate meant for AdamW",
    "The SGD run starts at the upper floor and never gets below the lower one",
  ],
  short: [
    "too few time steps (T = 10)",
    "The run with T = 10 leaves both floors, but ends higher than the healthy one, above 0.4",
  ],
  "no-prior": [
    "the output was not started at the prior",
    "Without the prior, a run starts far above the floors, and first falls to the upper one",
  ],
};
