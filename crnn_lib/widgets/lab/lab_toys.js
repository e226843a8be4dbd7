// Three smaller benches of the laboratory: a list of alignments, collapsing a path by hand, prefix beam search step by step.
import { beamMass, beamStep, exhaustive, firstBeams, listCells, pathLogProb, sampleCells, uniformMatrix } from "../page/ctc.js";
import { element, percent, setText, shortNumber, slider, svgElement } from "../page/dom.js";
import { randomFrom } from "../page/random.js";

const random = randomFrom(1);
const BOX = 36; // a symbol's place in the ribbons' drawing
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

/** All alignments, or some, as buttons; the chosen one goes to `onpick`. @param {() => any} current */
export function createPathList(current, onpick) {
  const list = element("div", { class: "lab-paths", role: "group", "aria-label": "Alignments" });
  const title = element("p", {});
  const again = element("button", { type: "button", onclick: refresh }, "Draw again");
  /** No path is chosen any more. */
  function release() {
    for (const node of list.children) node.setAttribute("aria-pressed", "false");
  }
  function refresh() {
    const { found, symbols } = current();
    const { extended, best, count, total } = found;
    const few = count <= BigInt(FEW);
    const share = (cells) => (best ? Math.exp(pathLogProb(found.logProbs, cells.map((s) => extended[s])) - total) : 0);
    const items = somePaths(found).map(({ cells, times }) => ({ cells, p: share(cells), after: times > 1 ? `, drawn ${times} times` : "" }));
    items.sort((a, b) => b.p - a.p);
    if (best && count > 1n) items.unshift({ cells: best, p: found.bestShare, after: ", the best" });
    again.hidden = few || !best;
    const words = few ? "All alignments of the label, and each one's share of p(label)." : `${SHOWN} alignments drawn by their probability, and each one's share of p(label).`;
    setText(title, items.length ? `${words} Choose one to see it in the lattice.` : "No alignment: nothing to list.");
    list.replaceChildren(...items.map(({ cells, p, after }) => {
      const text = cells.map((s) => (extended[s] ? symbols[extended[s] - 1] : "-")).join("");
      const node = element("button", { type: "button", "aria-pressed": "false" }, element("code", {}, text), ` ${percent(p)}${after}`);
      node.addEventListener("click", () => {
        const pressed = node.getAttribute("aria-pressed") === "true";
        release();
        node.setAttribute("aria-pressed", String(!pressed));
        onpick(pressed ? null : cells);
      });
      return node;
    }));
  }
  return { node: element("section", { class: "lab-part", "aria-label": "Alignments of the label" }, title, list, again), refresh, release };
}

/** The runs of a path, each with its first step, length and place in the label (null for a blank). */
export function runsOf(path) {
  const runs = [];
  let letters = 0;
  path.forEach((sign, t) => {
    const last = runs[runs.length - 1];
    if (last?.sign === sign) last.length++;
    else runs.push({ sign, from: t, length: 1, at: sign === "-" ? null : letters++ });
  });
  return runs;
}

/** Path, merged, label: three rows of signs with ribbons between. */
function ribbons(path) {
  const width = Math.max(path.length, 1) * BOX;
  const svg = svgElement("svg", { viewBox: `-4 0 ${width + 8} 172`, class: "lab-ribbons", "aria-hidden": "true", style: `width:${width + 8}px` });
  const spot = (x, y, sign) => svg.append(svgElement("rect", { x: x + 3, y, width: BOX - 6, height: 32, rx: 5, class: sign === "-" ? "blank" : "letter" }), svgElement("text", { x: x + BOX / 2, y: y + 22, "text-anchor": "middle" }, sign));
  for (const { sign, from, length, at } of runsOf(path)) {
    const [left, right, x] = [from * BOX + 3, (from + length) * BOX - 3, (from + length / 2 - 0.5) * BOX];
    const kind = at === null ? "blank" : "band";
    svg.append(svgElement("path", { d: `M${left} 34 L${right} 34 L${x + BOX - 3} 70 L${x + 3} 70 Z`, class: kind }));
    spot(x, 70, sign);
    if (at === null) svg.append(svgElement("text", { x: x + BOX / 2, y: 124, "text-anchor": "middle" }, "✕"));
    else {
      svg.append(svgElement("path", { d: `M${x + 3} 102 H${x + BOX - 3} V138 H${x + 3} Z`, class: kind }));
      spot(x, 138, sign);
    }
  }
  path.forEach((sign, t) => spot(t * BOX, 2, sign));
  return svg;
}

/** Type a path and see it collapse; or draw a path of the laboratory's label. @param {() => any} current */
export function createCollapseToy(current) {
  const input = element("input", { type: "text", maxlength: LONGEST, value: "mm-em", autocomplete: "off", spellcheck: "false", autocapitalize: "none", oninput: show });
  const picture = element("div", { class: "lab-scroll", tabindex: 0, role: "region", "aria-label": "Merge and drop as ribbons" });
  const words = element("p", { "aria-live": "polite", "data-crnn": "collapsed" });
  function show() {
    const path = [...input.value.replace(/[\s_–−]/g, "-")];
    const runs = runsOf(path);
    const label = runs.filter((run) => run.at !== null).map((run) => run.sign);
    picture.replaceChildren(ribbons(path));
    setText(words, `${path.length} steps. Merge what repeats: ${runs.map((run) => run.sign).join("") || "nothing"}. Drop the blanks: ${label.join("") || "nothing is left"}.`);
  }
  function draw() {
    const { found, symbols } = current();
    const cells = sampleCells(uniformMatrix(found.T, symbols.length + 1), found.target, random);
    if (!cells) return setText(words, "No path of so few steps spells the label.");
    input.value = cells.map((s) => (found.extended[s] ? symbols[found.extended[s] - 1] : "-")).join("");
    show();
  }
  const node = element("section", { class: "lab-part", "aria-label": "Collapse a path" },
    element("p", {}, element("strong", {}, "Collapse a path by hand. "), "Type one sign for each step, - for the blank: what repeats without a break is merged, then blanks are dropped."),
    element("div", { class: "crnn-controls" }, element("label", { class: "crnn-field lab-path-field" }, element("span", {}, "Path"), input),
      element("button", { type: "button", onclick: draw }, "A random path of the label")),
    words, picture);
  show();
  return { node };
}

/** Prefix beam search on the laboratory's matrix, a step at a time. @param {() => any} current */
export function createBeamBench(current) {
  let [width, t, beams, pruned, made] = [3, 0, firstBeams(), [], null];
  const said = element("p", { "aria-live": "polite", "data-crnn": "beam-said" });
  const body = element("tbody");
  const head = ["rank", "prefix", "ends in a blank", "ends in its letter", "total", "where it came from"];
  const table = element("table", { class: "lab-beams" }, element("thead", {}, element("tr", {}, ...head.map((h) => element("th", { scope: "col" }, h)))), body);
  const truth = element("p", { "data-crnn": "truth" });
  const widths = slider({ name: "Width of the beam", min: 1, max: 12, step: 1, value: width, onchange: (value) => ((width = value), start()) });
  const button = (name, onclick) => element("button", { type: "button", onclick }, name);
  const text = (prefix) => prefix.map((c) => current().symbols[c - 1]).join("") || "(empty)";

  function start() {
    [t, beams, pruned] = [0, firstBeams(), []];
    show();
  }
  function step(count) {
    const { logProbs, T } = current().found;
    for (; count > 0 && t < T; count--) ({ kept: beams, pruned } = beamStep(beams, logProbs[t++], width));
    show();
  }
  function origin({ from }) {
    const words = { blank: (p) => `${p} + blank`, repeat: (p) => `${p}, its letter again`, new: (p) => `${p} + new letter` };
    return from.map((f) => words[f.how](text(f.prefix))).join("; ");
  }
  function row(beam, i, kept) {
    const merged = new Set(beam.from.map((f) => String(f.prefix))).size > 1;
    const numbers = [beam.blank, beam.symbol, beamMass(beam)].map((v) => element("td", {}, shortNumber(Math.exp(v))));
    const name = element("th", { scope: "row" }, text(beam.prefix));
    return element("tr", { class: kept ? null : "lab-pruned", "data-crnn-beam": kept ? beam.prefix.join(",") : null },
      element("td", {}, kept ? String(i + 1) : "pruned"), name, ...numbers, element("td", {}, merged ? element("strong", {}, "merged: ") : "", origin(beam)));
  }
  function show() {
    const { T } = current().found;
    body.replaceChildren(...beams.map((b, i) => row(b, i, true)), ...pruned.slice(0, 6).map((b) => row(b, 0, false)));
    const hidden = Math.max(pruned.length - 6, 0);
    setText(said, t === 0 ? `Before the first of ${T} steps there is one prefix, the empty one.` : `After step t = ${t - 1} of 0 to ${T - 1}: ${beams.length} kept, ${pruned.length} pruned${hidden ? ` (${hidden} of them not shown)` : ""}.${t === T ? ` The search answers ${text(beams[0].prefix)}.` : ""}`);
    compare();
  }
  function compare() {
    const { found, symbols } = current();
    const paths = (symbols.length + 1) ** found.T;
    if (t < found.T) return setText(truth, "");
    const labels = exhaustive(found.logProbs);
    if (!labels) return setText(truth, `The exhaustive truth is out of reach here: ${shortNumber(paths)} paths. Choose fewer steps for it.`);
    const top = labels.slice(0, 3).map(({ classes, p }) => `${text(classes)} ${shortNumber(p)}`).join(", ");
    const right = Math.abs(labels[0].p - (labels.find(({ classes }) => String(classes) === String(beams[0].prefix))?.p ?? 0)) < 1e-12;
    setText(truth, `All ${paths.toLocaleString("en-US")} paths, one by one: ${top}. ${right ? "The search found the most probable label." : "The search missed the most probable label: widen the beam."}`);
  }
  const node = element("section", { class: "lab-part", "aria-label": "Prefix beam search" },
    element("p", {}, element("strong", {}, "Prefix beam search on this matrix. "), "Each prefix keeps two sums: its paths that end in a blank, and those that end in its last letter. Only after a blank can the same letter come again."),
    element("div", { class: "crnn-controls" }, button("Next step", () => step(1)), button("To the end", () => step(Infinity)), button("Start again", start), widths.node),
    said, element("div", { class: "lab-scroll", tabindex: 0, role: "region", "aria-label": "The beams" }, table), truth);
  return {
    node,
    /** Begin again where the matrix is another one. */
    refresh() {
      if (made === current().found.logProbs) return;
      made = current().found.logProbs;
      start();
    },
  };
}
