// What the laboratory shows: grids of coloured numbers, lines over the lattice, and a cell's arithmetic in words.
import { bestCells, cellPosterior, countAlignments, ctcGradient, extend, forward, backward, logLikelihood, occupancy, pathLogProb, predecessors, repeats, successors } from "../page/ctc.js";
import { collapse } from "../page/decode.js";
import { element, percent, setText, shortNumber, svgElement } from "../page/dom.js";
import { colourOf } from "../page/sight.js";

/** A number for a narrow cell: .25 or −3.2. */
function tinyNumber(v) {
  if (v === -Infinity) return "−∞";
  const size = Math.abs(v);
  const text = size >= 9.95 ? size.toFixed(0) : size >= 0.995 ? size.toFixed(1) : size < 0.005 ? (v ? "~0" : "0") : size.toFixed(2).slice(1);
  return v < 0 && size >= 0.005 ? `−${text}` : text;
}

/** Everything that follows from a matrix and a label. @param {number[][]} logProbs @param {number[]} target */
export function analyseLabel(logProbs, target) {
  const total = logLikelihood(logProbs, target);
  const best = bestCells(logProbs, target);
  const extended = extend(target);
  return {
    logProbs, target, extended, total, best, T: logProbs.length, r: repeats(target),
    count: countAlignments(target, logProbs.length),
    alpha: forward(logProbs, target), beta: backward(logProbs, target), through: cellPosterior(logProbs, target),
    mass: occupancy(logProbs, target), gradient: ctcGradient(logProbs, target),
    bestShare: best ? Math.exp(pathLogProb(logProbs, best.map((s) => extended[s])) - total) : 0,
  };
}

/** Black or white, whichever is read better on a colour. */
function inkOn([r, g, b]) {
  const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) > 0.179 ? "#000" : "#fff";
}

/** What a lattice cell shows, by quantity and scale: {value, text, colour}. */
export function latticePainter(found, quantity, logarithmic) {
  const rows = quantity === "alpha" ? found.alpha : quantity === "beta" ? found.beta : found.through.map((row) => row.map(Math.log));
  const finite = rows.flat().filter((v) => v > -Infinity);
  const low = Math.min(...finite, -1e-9);
  const span = Math.max(...finite, low + 1e-9) - low;
  const tops = rows.map((row) => Math.max(...row));
  return (t, s) => {
    const v = rows[t][s];
    const value = logarithmic ? v : Math.exp(v);
    if (v === -Infinity) return { value, text: logarithmic ? "−∞" : "0", colour: null };
    const tone = logarithmic ? (v - low) / span : Math.exp(quantity === "occupancy" ? v : v - tops[t]);
    return { value, text: tinyNumber(value), colour: colourOf("viridis", tone) };
  };
}

/** What a cell of the matrix shows: the probability, or the gradient, of one class or of several together. */
export function matrixPainter(found, classes, gradient) {
  return (t, row) => {
    if (gradient) {
      const value = classes[row].reduce((sum, c) => sum + found.gradient[t][c], 0);
      return { value, text: `${value > 0.005 ? "+" : ""}${tinyNumber(value)}`, colour: colourOf("puor", 0.5 - value / 2) };
    }
    const value = classes[row].reduce((sum, c) => sum + Math.exp(found.logProbs[t][c]), 0);
    return { value, text: tinyNumber(value), colour: colourOf("viridis", value) };
  };
}

/**
 * A grid of T columns that is changed in place. One cell can be reached by Tab, the others by the arrow keys.
 * @param {{label: string, hook: string, onselect: (t: number, row: number) => void, onpeek: (t: number | null, row?: number) => void,
 *          onkey?: (key: string) => boolean}} options
 */
export function createGrid({ label, hook, onselect, onpeek, onkey }) {
  const head = element("div", { role: "row", class: "lab-row lab-head" });
  const node = element("div", { role: "grid", "aria-label": label, class: "lab-grid" }, head);
  let rows = [];
  let [T, at] = [-1, { t: 0, row: 0 }];
  const fit = (parent, count, make) => {
    while (parent.children.length > count + 1) parent.lastChild.remove();
    while (parent.children.length < count + 1) parent.append(make(parent.children.length - 1));
  };
  const corner = () => element("span", { role: "columnheader", class: "lab-name" }, "t");

  /** @param {string[][]} names each row's sign and its spoken name @param {(t: number, row: number) => any} paint */
  function draw(names, steps, paint) {
    if (!head.children.length) head.append(corner());
    fit(head, steps, (t) => element("span", { role: "columnheader", class: "lab-cell" }, String(t)));
    fit(node, names.length, () => element("div", { role: "row", class: "lab-row" }, element("span", { role: "rowheader", class: "lab-name" })));
    rows = names.map(([sign, spoken], row) => {
      const line = node.children[row + 1];
      fit(line, steps, () => element("span", { role: "gridcell", class: "lab-cell", tabindex: -1 }));
      setText(line.firstChild, sign);
      line.firstChild.setAttribute("aria-label", spoken);
      return [...line.children].slice(1);
    });
    T = steps;
    at = { t: Math.min(at.t, T - 1), row: Math.min(at.row, rows.length - 1) };
    rows.forEach((cells, row) => cells.forEach((cell, t) => {
      const { value, text, colour } = paint(t, row) ?? { value: "", text: "?", colour: null };
      setText(cell, text);
      cell.place = [t, row];
      cell.setAttribute(hook, `${t},${row}`);
      cell.dataset.value = String(value);
      cell.style.backgroundColor = colour ? `rgb(${colour})` : "";
      cell.style.color = colour ? (text === "~0" && inkOn(colour) === "#fff" ? "#bfaed2" : inkOn(colour)) : "";
    }));
    mark();
  }

  function mark() {
    for (const cell of node.querySelectorAll('[tabindex="0"]')) {
      cell.tabIndex = -1;
      cell.removeAttribute("aria-selected");
    }
    const cell = rows[at.row]?.[at.t];
    cell?.setAttribute("tabindex", "0");
    cell?.setAttribute("aria-selected", "true");
  }

  function select(t, row, focus = false) {
    at = { t: Math.min(Math.max(t, 0), T - 1), row: Math.min(Math.max(row, 0), rows.length - 1) };
    mark();
    if (focus) rows[at.row][at.t].focus();
  }

  /** Underline the name of one row; none where it is undefined. */
  function point(row) {
    for (const line of node.children) line.firstChild?.classList.toggle("lab-hint", line === node.children[row + 1]);
  }

  const placeOf = (event) => event.target.closest?.(".lab-cell")?.place;
  node.addEventListener("click", (event) => placeOf(event) && select(...placeOf(event), true));
  node.addEventListener("focusin", (event) => {
    if (!placeOf(event)) return;
    select(...placeOf(event));
    onselect(at.t, at.row);
  });
  node.addEventListener("pointerover", (event) => event.pointerType === "mouse" && placeOf(event) && onpeek(...placeOf(event)));
  node.addEventListener("pointerleave", () => onpeek(null));
  node.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [at.t - 1, at.row], ArrowRight: [at.t + 1, at.row], ArrowUp: [at.t, at.row - 1], ArrowDown: [at.t, at.row + 1], Home: [0, at.row], End: [T - 1, at.row] };
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (Object.hasOwn(moves, event.key)) select(...moves[event.key], true);
    else if (!onkey?.(event.key)) return;
    event.preventDefault();
  });
  return { node, draw, select, point };
}

/** Lines over the lattice: a path through cells, and what leads into one cell (or out of it, backwards). */
export function createLines() {
  const node = svgElement("svg", { class: "lab-lines", "aria-hidden": "true", preserveAspectRatio: "none" });
  const line = (kind, points) => svgElement("polyline", { class: kind, points: points.map(([t, s]) => `${t + 0.5},${s + 0.5}`).join(" ") });
  function draw({ T, extended }, path, cell, backwards) {
    node.setAttribute("viewBox", `0 0 ${T} ${extended.length}`);
    const parts = path ? [line("lab-path-edge", path.map((s, t) => [t, s])), line("lab-path", path.map((s, t) => [t, s]))] : [];
    const beside = cell ? cell.t + (backwards ? 1 : -1) : -1;
    if (beside >= 0 && beside < T) {
      const joined = backwards ? successors(extended, cell.s) : predecessors(extended, cell.s);
      const skip = cell.s + (backwards ? 2 : -2);
      const barred = skip >= 0 && skip < extended.length && extended[cell.s] !== 0 && !joined.includes(skip);
      for (const s of joined) parts.push(line("lab-edge-back", [[beside, s], [cell.t, cell.s]]), line("lab-edge", [[beside, s], [cell.t, cell.s]]));
      if (barred) parts.push(line("lab-barred-back", [[beside, skip], [cell.t, cell.s]]), line("lab-barred", [[beside, skip], [cell.t, cell.s]]));
    }
    node.replaceChildren(...parts);
  }
  return { node, draw };
}

/** The numbers that sum up a matrix and a label, and why a label is impossible. */
export function createNumbers() {
  const shown = (name) => element("strong", { "data-crnn": name });
  const note = (name) => element("span", { class: "crnn-note", "data-crnn": name });
  const [counted, loss, share, reading, blanks] = ["alignments", "loss", "best-share", "text", "blank-share"].map(shown);
  const [formula, total] = ["formula", "total"].map(note);
  const best = element("code", { "data-crnn": "best" });
  const verdict = element("p", { class: "lab-verdict", "data-crnn": "verdict", "aria-live": "polite" });
  const nodes = [
    element("div", { class: "lab-numbers" },
      element("p", {}, "Alignments: ", counted, " ", formula),
      element("p", {}, "Loss −log p(label): ", loss, " ", total),
      element("p", {}, "The best path alone, ", best, ", carries ", share, " of it"),
      element("p", {}, "Read without a label, by its most probable classes: ", reading, ". Blanks hold ", blanks, " of the matrix")),
    verdict,
  ];

  /** @param {ReturnType<typeof analyseLabel>} found @param {(c: number) => string} sign */
  function show(found, sign) {
    const { count, T, r, target, extended, logProbs } = found;
    const U = target.length;
    setText(counted, count.toLocaleString("en-US"));
    setText(formula, `= C(T + U − r, 2U) = C(${T} + ${U} − ${r}, ${2 * U}), with T = ${T} steps, U = ${U} letters, r = ${r} repeated`);
    setText(loss, found.total === -Infinity ? "∞" : Math.max(-found.total, 0).toFixed(6));
    setText(total, `p(label) = ${shortNumber(Math.exp(found.total))}`);
    setText(share, found.best ? `${(100 * found.bestShare).toFixed(4)} %` : "nothing");
    setText(best, found.best ? found.best.map((s) => sign(extended[s])).join("") : "none");
    setText(reading, collapse(logProbs.map((row) => row.indexOf(Math.max(...row)))).map(sign).join("") || "(nothing)");
    setText(blanks, percent(logProbs.reduce((sum, row) => sum + Math.exp(row[0]), 0) / T));
    const more = r ? `, and ${r > 1 ? `each of the ${r} repeats` : "the repeat"} one more, for the blank that must stand between` : "";
    const why = `${U > 1 ? `each of the ${U} letters` : "the letter"} takes a step${more}`;
    setText(verdict, T < U + r ? `Impossible: T = ${T} < U + r = ${U} + ${r} = ${U + r}; ${why}.` : found.total === -Infinity ? "There are such paths, but each of them holds a probability of 0." : "");
  }
  return { nodes, show };
}

/** A row of the lattice in words. @param {(c: number) => string} name */
export function rowName(extended, s, name) {
  if (extended[s]) return `letter ${(s + 1) / 2}, ${name(extended[s])}`;
  return s ? `the blank after letter ${s / 2}, ${name(extended[s - 1])}` : "the blank before all letters";
}

function skipWords(extended, s, name) {
  if (extended[s] === 0) return s > 1 ? "No skip into a blank: the letter before it would be left out." : "";
  if (s < 2) return "";
  if (extended[s] === extended[s - 2]) return `No skip: the letter two rows up is the same ${name(extended[s])}, and without a blank between them the two would merge into one.`;
  return `The skip over the blank is allowed, because the letter two rows up is another one, ${name(extended[s - 2])}.`;
}

/** How the number in a lattice cell comes about. */
export function explainCell(found, quantity, t, s, name) {
  const { extended, alpha, beta, logProbs, T, total } = found;
  const p = (v) => shortNumber(Math.exp(v));
  const here = `Step t = ${t}, ${rowName(extended, s, name)}. `;
  const emission = (to, at) => `${p(logProbs[at][extended[to]])}`;
  if (quantity === "alpha") {
    const value = `${p(alpha[t][s])} (log ${shortNumber(alpha[t][s])})`;
    if (t === 0) return here + (s <= 1 ? `A path may begin here: α is the probability of ${name(extended[s])} at step 0, ${value}.` : "No path begins here: it must begin in one of the first two rows, so α = 0.");
    const ways = ["stay", "from the row above", "skip over the blank"];
    const parts = predecessors(extended, s).map((from) => `${p(alpha[t - 1][from])} (${ways[s - from]})`);
    const end = t === T - 1 && s >= extended.length - 2 && s ? ` A path may end here: the last two rows of the last column sum to p(label) = ${p(total)}.` : "";
    return `${here}α = p(${name(extended[s])}) × sum of what leads here = ${emission(s, t)} × (${parts.join(" + ")}) = ${value}. ${skipWords(extended, s, name)}${end}`;
  }
  if (quantity === "beta") {
    const value = `${p(beta[t][s])} (log ${shortNumber(beta[t][s])})`;
    if (t === T - 1) return here + (s >= extended.length - 2 ? "A path may end here: nothing is left to be written, so β = 1." : "No path ends here: the rest of the label would be missing, so β = 0.");
    const ways = ["stay", "to the row below", "skip over the blank"];
    const parts = successors(extended, s).map((to) => `${p(beta[t + 1][to])} × ${emission(to, t + 1)} (${ways[to - s]})`);
    const skip = s + 2 >= extended.length || extended[s] === 0 ? "" : extended[s] === extended[s + 2]
      ? ` No skip: the next letter is the same ${name(extended[s])}, and without a blank between them the two would merge into one.`
      : ` The skip over the blank is allowed, because the next letter is another one, ${name(extended[s + 2])}.`;
    return `${here}β = sum over the next cells of β × p = ${parts.join(" + ")} = ${value}.${skip}`;
  }
  if (total === -Infinity) return `${here}No path spells the label, so nothing passes through here.`;
  return `${here}Occupancy = α × β / p(label) = ${p(alpha[t][s])} × ${p(beta[t][s])} / ${p(total)} = ${shortNumber(found.through[t][s])}: this share of the label's probability passes through here.`;
}
