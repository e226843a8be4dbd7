// Prefix beam search as a tree over time: a row a rank, the best above; as wide as the mass; where prefixes merge,
// branches join; what is pruned tapers off.
import { hueOf } from "./colours.js";
import { beamMass, beamStep, firstBeams } from "./ctc.js";
import { ARROWS, element, onPoint, part, setText, svgElement } from "./dom.js";
import { percent } from "./words.js";

/** @typedef {{prefix: number[], blank: number, symbol: number, from: {prefix: number[], how: string, mass: number}[]}} Beam */
/** @typedef {{kept: Beam[], pruned: Beam[]}} Moment after a step: the most massive first */
/** @typedef {{t: number, from: number, to: number, mass: number, last: number, adds: boolean}} Branch from, to: ranks before
 *  and after step t (to is -1 where it is pruned); mass: its share of the step's; last: the letter that the prefix ends
 *  in, 0: none; adds: whether the branch adds it */

const [ROW, FULL] = [1.7, 0.8]; // rem: a rank's height; how much of it the whole mass takes
const [TURNS, ENDS] = [0.45, 0.95]; // where a branch has come to its rank within its step, and where it ends
const [THIN, FAINT] = [0.03, 0.004]; // of a row; of the mass: less is not drawn of what is pruned
const NAMED = 0.02; // of the mass: a branch whose letter is written

/** All steps of a search. @param {number[][]} rows log-probabilities @param {number} width @returns {Moment[]} */
export function searchOf(rows, width) {
  let beams = firstBeams();
  return rows.map((row) => {
    const moment = beamStep(beams, row, width);
    beams = moment.kept;
    return moment;
  });
}

/** The branches of step `t`. @param {Moment[]} search @param {number} t @returns {Branch[]} */
export function branchesOf(search, t) {
  const { kept, pruned } = search[t];
  const ranks = new Map((t ? search[t - 1].kept : firstBeams()).map(({ prefix }, rank) => [String(prefix), rank]));
  const top = beamMass(kept[0]);
  const share = (mass) => Math.exp(mass - top);
  const total = [...kept, ...pruned].reduce((sum, beam) => sum + share(beamMass(beam)), 0);
  const into = ({ prefix, from }, to) => {
    const last = prefix[prefix.length - 1] ?? 0;
    const branches = new Map(); // what stays a prefix by a blank and by its letter again comes from the same one
    for (const { prefix: before, how, mass } of from) {
      const key = String(before);
      const sum = (branches.get(key)?.mass ?? 0) + share(mass) / total;
      branches.set(key, { t, from: ranks.get(key), to, mass: sum, last, adds: how === "new" });
    }
    return [...branches.values()];
  };
  return [...kept.flatMap(into), ...pruned.flatMap((beam) => into(beam, -1))];
}

const wide = (/** @type {number} */ mass) => Math.max(mass * FULL, THIN);

/** A band along a middle line: from x0, y0 to y1 at x1, then straight on to x2. */
function band([x0, x1, x2], [y0, y1], [w0, w1]) {
  const m = (x0 + x1) / 2;
  const line = (/** @type {number[]} */ ...v) => v.map((n) => n.toFixed(3)).join(" ");
  return `M${line(x0, y0 - w0 / 2)}C${line(m, y0 - w0 / 2, m, y1 - w1 / 2, x1, y1 - w1 / 2)}H${line(x2)}` +
    `v${line(w1)}H${line(x1)}C${line(m, y1 + w1 / 2, m, y0 + w0 / 2, x0, y0 + w0 / 2)}Z`;
}

/** Where each branch lies across its rank: stacked in the order of the ranks at its other end. @param {Branch[]} branches
 *  @param {"from" | "to"} end @returns {Map<Branch, number>} */
function stacked(branches, end) {
  const other = end === "from" ? "to" : "from";
  const sums = new Map();
  for (const branch of branches) sums.set(branch[end], (sums.get(branch[end]) ?? 0) + wide(branch.mass));
  const next = new Map([...sums].map(([rank, sum]) => [rank, rank + 0.5 - sum / 2]));
  return new Map(
    [...branches].sort((a, b) => a[other] - b[other]).map((branch) => {
      const at = next.get(branch[end]) ?? 0;
      next.set(branch[end], at + wide(branch.mass));
      return [branch, at + wide(branch.mass) / 2];
    }),
  );
}

/** The bands of a step's branches. @param {Branch[]} branches @returns {[Branch, string][]} */
function bandsOf(branches) {
  const kept = branches.filter(({ to }) => to >= 0);
  const [leaves, comes] = [stacked(kept, "from"), stacked(kept, "to")];
  return branches.filter(({ to, mass }) => to >= 0 || mass > FAINT).map((branch) => {
    const { t, from, to, mass } = branch;
    const begin = Math.max(t - 1 + ENDS, 0);
    const w = wide(mass);
    if (to < 0) return [branch, band([begin, t + ENDS, t + ENDS], [from + 0.5, from + 1], [w, 0])];
    return [branch, band([begin, t + TURNS, t + ENDS], [leaves.get(branch) ?? 0, comes.get(branch) ?? 0], [w, w])];
  });
}

/** Bands as few paths, in the colours of their letters. @param {[Branch, string][]} bands */
function paths(bands, look) {
  const groups = new Map();
  for (const [{ last }, d] of bands) groups.set(last, (groups.get(last) ?? "") + d);
  return [...groups].map(([c, d]) =>
    svgElement("path", { d, class: `${look} ${c ? "crnn-hued" : ""}`, style: c ? `--crnn-hue:${hueOf(c)}` : "" })
  );
}

/** @param {{onlight?: (t: number) => void}} [acts] onlight: the step of the prefix that is pointed at */
export function createTree({ onlight } = {}) {
  const svg = svgElement("svg", { class: "beam-flow", "aria-hidden": "true", preserveAspectRatio: "none" });
  const letters = element("div", { class: "beam-letters", "aria-hidden": "true" });
  const words = "Tree of the search: arrow keys go from step to step and from rank to rank";
  const role = { tabindex: 0, role: "application", "aria-label": words };
  const node = element("div", { class: "beam-tree", ...role }, svg, letters);
  const says = part("beam-place", "p", { class: "crnn-note beam-says", "aria-live": "polite" });
  const lit = svgElement("path", { class: "beam-lit" });
  /** @type {{search: Moment[], T: number, width: number, signs: string[]}} */
  let shown = { search: [], T: 1, width: 1, signs: [] };
  /** @type {[Branch, string][][]} by step */
  let bands = [];
  let here = { t: 0, rank: 0 };

  /** Say which prefix is at a place. */
  function tell({ t, rank }) {
    const spell = (prefix) => prefix.map((c) => shown.signs[c]).join("") || "the empty prefix";
    const { prefix } = shown.search[t].kept[rank];
    const into = bands[t].filter(([{ to }]) => to === rank).map(([branch]) => branch);
    const share = percent(into.reduce((sum, { mass }) => sum + mass, 0));
    const before = (rank) => spell(t ? shown.search[t - 1].kept[rank].prefix : []);
    const names = into.map(({ from }) => before(from)).join(" and ");
    const came = into.length > 1 ? `merged from ${names}` : `from ${names}`;
    setText(says, `After step ${t}, rank ${rank + 1}: ${spell(prefix)}, ${share} of the mass, ${came}.`);
  }
  /** Light all that leads to a place, the nearest one that there is. */
  function light(t, rank) {
    const { search } = shown;
    if (!search.length) return;
    t = Math.min(Math.max(t, 0), search.length - 1);
    here = { t, rank: Math.min(Math.max(rank, 0), search[t].kept.length - 1) };
    let [path, ranks] = ["", new Set([here.rank])];
    for (let before = t; before >= 0; before--) {
      const into = bands[before].filter(([{ to }]) => ranks.has(to));
      path += into.map(([, d]) => d).join("");
      ranks = new Set(into.map(([{ from }]) => from));
    }
    lit.setAttribute("d", path);
    tell(here);
    onlight?.(t);
  }
  onPoint(node, ({ clientX, clientY }) => {
    const { left, top, width, height } = node.getBoundingClientRect();
    light(Math.floor(((clientX - left) / width) * shown.T), Math.floor(((clientY - top) / height) * shown.width));
  }, true);
  /** Light nothing. */
  const clear = () => lit.setAttribute("d", "");
  for (const name of ["pointerleave", "blur"]) node.addEventListener(name, clear);
  node.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (!way) return;
    event.preventDefault();
    light(here.t + way[0], here.rank + way[1]);
  });

  /** A letter where one is added. @param {Branch} branch */
  function letter({ t, to, last }) {
    const [left, top] = [(t + (TURNS + ENDS) / 2) / shown.T, (to + 0.5) / shown.width];
    const style = `left:${100 * left}%;top:${100 * top}%;--crnn-hue:${hueOf(last)}`;
    return element("span", { class: "crnn-hued", style }, shown.signs[last]);
  }

  /**
   * A search, as far as it has come.
   * @param {Moment[]} search @param {number} T all its steps @param {number} width @param {string[]} signs of the classes
   */
  function show(search, T, width, signs) {
    shown = { search, T, width, signs };
    bands = search.map((_, t) => bandsOf(branchesOf(search, t)));
    const all = bands.flat();
    const [out, kept] = [all.filter(([{ to }]) => to < 0), all.filter(([{ to }]) => to >= 0)];
    svg.setAttribute("viewBox", `0 0 ${T} ${width}`);
    svg.replaceChildren(...paths(out, "beam-pruned"), ...paths(kept, "beam-kept"), lit);
    clear();
    node.style.height = `${width * ROW}rem`;
    letters.style.setProperty("--crnn-steps", String(T));
    letters.replaceChildren(
      ...kept.map(([branch]) => branch).filter(({ adds, mass }) => adds && mass > NAMED).map(letter),
    );
    here = { t: search.length - 1, rank: 0 };
    if (search.length) tell(here);
    else setText(says, "");
  }
  return { node, says, show };
}
