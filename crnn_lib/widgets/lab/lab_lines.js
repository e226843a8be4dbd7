// What lies over the lattice: paths, what flows into a cell, and the label's probability as a stream.
import { predecessors, successors } from "../page/ctc.js";
import { svgElement } from "../page/dom.js";

/** @typedef {import("../page/ctc.js").Found} Found @typedef {{t: number, s: number}} Cell */

const [THIN, THICK] = [1, 6]; // pixels: a line that brings nothing, and what all of the sum adds
const [FULL, FAINT] = [0.86, 0.002]; // of a row: the whole probability; less of it is not drawn

/** The share of each cell in the sum of some, whose logarithms are given. @param {number[]} logs */
function sharesOf(logs) {
  const most = Math.max(...logs);
  const parts = logs.map((v) => (v === -Infinity ? 0 : Math.exp(v - most)));
  const sum = parts.reduce((a, b) => a + b, 0) || 1;
  return parts.map((v) => v / sum);
}

/** A line with its light rim. @param {string} look @param {number[][]} cells [t, s] */
function line(look, rim, cells, thick = 0) {
  const points = cells.map(([t, s]) => `${t + 0.5},${s + 0.5}`).join(" ");
  const style = (/** @type {number} */ more) => (thick ? { style: `stroke-width:${thick + more}px` } : {});
  return [rim, look].map((kind) => svgElement("polyline", { class: kind, points, ...style(kind === rim ? 2.5 : 0) }));
}

/** What leads into a cell (backwards: out of it), as thick as its share. @param {Found} found @param {Cell} cell */
function arrows({ T, extended, alpha, beta, logProbs }, cell, backwards) {
  const beside = cell.t + (backwards ? 1 : -1);
  if (beside < 0 || beside >= T) return [];
  const from = (s) => [[beside, s], [cell.t, cell.s]];
  const joined = backwards ? successors(extended, cell.s) : predecessors(extended, cell.s);
  const skip = cell.s + (backwards ? 2 : -2);
  const barred = skip >= 0 && skip < extended.length && extended[cell.s] !== 0 && !joined.includes(skip);
  const flow = (s) => (backwards ? beta[beside][s] + logProbs[beside][extended[s]] : alpha[beside][s]);
  const shares = sharesOf(joined.map(flow));
  const drawn = joined.flatMap((s, i) => line("lab-edge", "lab-edge-back", from(s), THIN + THICK * shares[i]));
  return barred ? [...drawn, ...line("lab-barred", "lab-barred-back", from(skip))] : drawn;
}

/** The share of the label's probability that goes from one cell to another, a step later. @param {Found} found */
export function passing({ alpha, beta, logProbs, extended, total }, t, s, to) {
  return Math.exp(alpha[t][s] + logProbs[t + 1][extended[to]] + beta[t + 1][to] - total);
}

/** The label's probability on its way through the lattice, as wide as it is: one path. @param {Found} found */
function stream(found) {
  const { T, extended, total, through } = found;
  if (total === -Infinity) return "";
  let drawn = "";
  const at = (/** @type {number} */ v) => v.toFixed(3);
  for (let t = 0; t < T - 1; t++) {
    const left = through[t].map((p, s) => s + 0.5 - (FULL * p) / 2); // where the next part leaves a cell, and comes to one
    const right = through[t + 1].map((p, s) => s + 0.5 - (FULL * p) / 2);
    for (let s = 0; s < extended.length; s++) {
      for (const to of successors(extended, s)) {
        const share = FULL * passing(found, t, s, to);
        const [y0, y1] = [left[s], right[to]];
        [left[s], right[to]] = [y0 + share, y1 + share];
        if (share < FAINT) continue;
        drawn += `M${t + 0.5} ${at(y0)}C${t + 1} ${at(y0)} ${t + 1} ${at(y1)} ${t + 1.5} ${at(y1)}` +
          `v${at(share)}C${t + 1} ${at(y1 + share)} ${t + 1} ${at(y0 + share)} ${t + 0.5} ${at(y0 + share)}Z`;
      }
    }
  }
  const ends = (t, x) => through[t].map((p, s) => `M${x} ${at(s + 0.5 - (FULL * p) / 2)}h0.5v${at(FULL * p)}h-0.5Z`);
  return drawn + ends(0, 0).join("") + ends(T - 1, T - 0.5).join("");
}

/** What lies over the lattice. */
export function createLines() {
  const node = svgElement("svg", { class: "lab-lines", "aria-hidden": "true", preserveAspectRatio: "none" });
  const flow = svgElement("path", { class: "lab-stream" });
  const over = svgElement("g", {});
  node.append(flow, over);

  /** @param {Found} found @param {boolean} streams whether the probability is shown as a stream */
  function show(found, streams) {
    node.setAttribute("viewBox", `0 0 ${found.T} ${found.extended.length}`);
    flow.setAttribute("d", streams ? stream(found) : "");
  }
  /** @param {Found} found @param {number[] | null} path @param {Cell[]} cells into which arrows lead */
  function draw(found, path, cells, backwards) {
    const chosen = path ? line("lab-path", "lab-path-edge", path.map((s, t) => [t, s])) : [];
    over.replaceChildren(...chosen, ...cells.flatMap((cell) => arrows(found, cell, backwards)));
  }
  return { node, show, draw };
}
