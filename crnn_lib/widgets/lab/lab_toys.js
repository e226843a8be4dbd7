// Three smaller benches of the laboratory: a list of alignments, collapsing a path by hand, prefix beam search step by step.
import { createTree } from "../page/beams.js";
import { beamMass, beamStep, exhaustive, firstBeams } from "../page/ctc.js";
import { listCells, pathLogProb, sampleCells, uniformMatrix } from "../page/ctc.js";
import { button, field, slider, textInput } from "../page/controls.js";
import { element, markup, part, setText } from "../page/dom.js";
import { ribbons, runsOf } from "../page/ribbons.js";
import { percent, shortNumber } from "../page/words.js";
import { randomFrom } from "../page/random.js";

/** @typedef {import("./lab_state.js").Desk} Desk */

const random = randomFrom(1);
const TOY =
  "Type one sign for each step, - for the blank: what repeats without a break is merged, then blanks are dropped.";
const BEAMS =
  "Each prefix keeps two sums: its paths that end in a blank, and those that end in its last letter. Only after " +
  "a blank can the same letter come again. In the tree a row is a rank, and a branch is as wide as its mass.";
const COLUMN = 22; // pixels of a step of the tree at least
const LONGEST = 32;
const FEW = 60; // alignments that are all listed
const SHOWN = 10; // alignments drawn where they are many

/** The alignments to choose from: each with its cells and how often it was drawn. */
function somePaths({ logProbs, target, T, count }) {
  if (count <= BigInt(FEW)) return listCells(target, T, FEW).map((cells) => ({ cells, times: 1 }));
  const drawn = new Map();
  for (let i = 0; i < SHOWN; i++) {
    const cells = sampleCells(logProbs, target, random);
    if (!cells) break;
    drawn.set(String(cells), { cells, times: (drawn.get(String(cells))?.times ?? 0) + 1 });
  }
  return [...drawn.values()];
}

/**
 * All alignments, or some, as buttons; the chosen one goes to `onpick`.
 * @param {Desk} desk @param {(cells: number[] | null) => void} onpick
 */
export function createPathList(desk, onpick) {
  const list = element("div", { class: "lab-paths", role: "group", "aria-label": "Alignments" });
  const title = element("p");
  const again = button("Draw again", refresh);
  /** No path is chosen any more. */
  function release() {
    for (const node of list.children) node.setAttribute("aria-pressed", "false");
  }
  /** A button for an alignment, its share and what is said after it. */
  function item({ cells, p, after }) {
    const text = cells.map((s) => desk.sign(desk.found.extended[s])).join("");
    const share = ` ${percent(p)}${after}`;
    const [node] =
      markup`<button type="button" aria-pressed="false" onclick=${press}><code>${text}</code>${share}</button>`;
    function press() {
      const pressed = node.getAttribute("aria-pressed") === "true";
      release();
      node.setAttribute("aria-pressed", String(!pressed));
      onpick(pressed ? null : cells);
    }
    return node;
  }
  function refresh() {
    const { found } = desk;
    const { extended, best, count, total } = found;
    const few = count <= BigInt(FEW);
    const share = (cells) => (best ? Math.exp(pathLogProb(found.logProbs, cells.map((s) => extended[s])) - total) : 0);
    const drawn = (times) => (times > 1 ? `, drawn ${times} times` : "");
    const others = somePaths(found).map(({ cells, times }) => ({ cells, p: share(cells), after: drawn(times) }));
    const at = best && count > 1n ? others.findIndex(({ cells }) => cells.every((s, t) => s === best[t])) : -1;
    const [known] = at < 0 ? [] : others.splice(at, 1);
    const first = { cells: best, p: found.bestShare, after: `, the best${known?.after ?? ""}` };
    const items = others.sort((a, b) => b.p - a.p);
    if (best && count > 1n) items.unshift(first);
    again.hidden = few || !best;
    const which = few ? "All alignments of the label" : `${SHOWN} alignments drawn by their probability`;
    const words = `${which}, and each one's share of p(label). Choose one to see it in the lattice.`;
    setText(title, items.length ? words : "No alignment: nothing to list.");
    list.replaceChildren(...items.map(item));
  }
  const [node] =
    markup`<section class="lab-part" aria-label="Alignments of the label">${title}${list}${again}</section>`;
  return { node, refresh, release };
}

/** Type a path and see it collapse; or draw a path of the laboratory's label. @param {Desk} desk */
export function createCollapseToy(desk) {
  const input = textInput("mm-em", LONGEST, show);
  const look = { class: "crnn-scroll", tabindex: 0, role: "region", "aria-label": "Merge and drop as ribbons" };
  const picture = element("div", look);
  const words = part("collapsed", "p", { "aria-live": "polite" });
  function show() {
    const path = [...input.value.replace(/[\s_–−]/g, "-")];
    const runs = runsOf(path);
    const label = runs.filter((run) => run.at !== null).map((run) => run.sign).join("") || "nothing is left";
    const merged = runs.map((run) => run.sign).join("") || "nothing";
    picture.replaceChildren(ribbons(path));
    setText(words, `${path.length} steps. Merge what repeats: ${merged}. Drop the blanks: ${label}.`);
  }
  function draw() {
    const { found: { extended, target, T }, sign, state } = desk;
    const cells = sampleCells(uniformMatrix(T, state.symbols.length + 1), target, random);
    if (!cells) return setText(words, "No path of so few steps spells the label.");
    input.value = cells.map((s) => sign(extended[s])).join("");
    show();
  }
  const path = field("Path", input);
  path.classList.add("lab-path-field");
  const [node] = markup`<section class="lab-part" aria-label="Collapse a path">
    <p>${TOY}</p>
    <div class="crnn-controls">${path}${button("A random path of the label", draw)}</div>${words}${picture}</section>`;
  show();
  return { node };
}

/** Prefix beam search on the laboratory's matrix, a step at a time. @param {Desk} desk */
export function createBeamBench(desk) {
  let [width, t] = [3, 0];
  /** @type {any[]} */
  let [beams, pruned] = [firstBeams(), []];
  /** @type {import("../page/beams.js").Moment[]} */
  let search = [];
  const tree = createTree();
  /** @type {number[][] | null} the matrix that is searched */
  let searched = null;
  const said = part("beam-said", "p", { "aria-live": "polite" });
  const body = element("tbody");
  const truth = part("truth", "p");
  const widths = slider({ name: "Width of the beam", min: 1, max: 12, step: 1, value: width }, (value) => {
    width = value;
    start();
  });
  const text = (prefix) => prefix.map(desk.sign).join("") || "(empty)";

  function start() {
    [t, beams, pruned, search] = [0, firstBeams(), [], []];
    show();
  }
  function step(count) {
    const { logProbs, T } = desk.found;
    for (; count > 0 && t < T; count--) {
      ({ kept: beams, pruned } = beamStep(beams, logProbs[t++], width));
      search.push({ kept: beams, pruned });
    }
    show();
  }
  const ways = { blank: " + blank", repeat: ", its letter again", new: " + new letter" };
  function row(beam, rank, kept) {
    const merged = new Set(beam.from.map((f) => String(f.prefix))).size > 1;
    const numbers = [beam.blank, beam.symbol, beamMass(beam)].map((v) => markup`<td>${shortNumber(Math.exp(v))}</td>`);
    const origin = beam.from.map((f) => text(f.prefix) + ways[f.how]).join("; ");
    const hook = kept ? beam.prefix.join(",") : null;
    return markup`<tr class=${kept ? null : "lab-pruned"} data-crnn-beam=${hook}><td>${kept ? rank + 1 : "pruned"}</td>
      <th scope="row">${text(beam.prefix)}</th>${numbers}
      <td>${merged && markup`<strong>merged: </strong>`}${origin}</td></tr>`;
  }
  function show() {
    const { T } = desk.found;
    tree.node.style.minWidth = `${T * COLUMN}px`;
    tree.show(search, T, width, ["-", ...desk.state.symbols]);
    const out = pruned.slice(0, 6);
    body.replaceChildren(...beams.flatMap((b, i) => row(b, i, true)), ...out.flatMap((b) => row(b, 0, false)));
    const hidden = pruned.length > 6 ? ` (${pruned.length - 6} of them not shown)` : "";
    const answer = t === T ? ` The search answers ${text(beams[0].prefix)}.` : "";
    const counts = `${beams.length} kept, ${pruned.length} pruned${hidden}`;
    const now = `After step t = ${t - 1} of 0 to ${T - 1}: ${counts}.${answer}`;
    setText(said, t ? now : `Before the first of ${T} steps there is one prefix, the empty one.`);
    setText(truth, t < T ? "" : compared());
  }
  /** The search's answer beside the exhaustive one, in words. */
  function compared() {
    const { found, state } = desk;
    const paths = (state.symbols.length + 1) ** found.T;
    const labels = exhaustive(found.logProbs);
    const out = `The exhaustive truth is out of reach here: ${shortNumber(paths)} paths. Choose fewer steps for it.`;
    if (!labels) return out;
    const top = labels.slice(0, 3).map(({ classes, p }) => `${text(classes)} ${shortNumber(p)}`).join(", ");
    const own = labels.find(({ classes }) => String(classes) === String(beams[0].prefix))?.p ?? 0;
    const right = Math.abs(labels[0].p - own) < 1e-12;
    const [came, cure] = right ? ["found", ""] : ["missed", ": widen the beam"];
    const all = `All ${paths.toLocaleString("en-US")} paths, one by one: ${top}`;
    return `${all}. The search ${came} the most probable label${cure}.`;
  }
  const heads = ["rank", "prefix", "ends in a blank", "ends in its letter", "total", "where it came from"];
  const [node] = markup`<section class="lab-part" aria-label="Prefix beam search">
    <p>${BEAMS}</p>
    <div class="crnn-controls">${button("Next step", () => step(1))}${button("To the end", () => step(Infinity))}
      ${button("Start again", start)}${widths.node}</div>${said}
    <div class="crnn-scroll">${tree.node}</div>${tree.says}
    <div class="crnn-scroll" tabindex="0" role="region" aria-label="The beams">
      <table class="lab-beams"><thead><tr>${heads.map((head) => markup`<th scope="col">${head}</th>`)}</tr></thead>
        ${body}</table></div>${truth}</section>`;
  /** Begin again where the matrix is another one. */
  function refresh() {
    if (searched === desk.found.logProbs) return;
    searched = desk.found.logProbs;
    start();
  }
  return { node, refresh };
}
