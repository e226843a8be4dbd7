// What the laboratory shows: grids of coloured numbers, and the numbers that sum it up.
import { collapse } from "../page/decode.js";
import { ARROWS, element, markup, part, setText } from "../page/dom.js";
import { percent, shortNumber } from "../page/words.js";
import { colourOf, tint } from "../page/colours.js";

/** @typedef {import("../page/ctc.js").Found} Found */

/** A number for a narrow cell: .25 or −3.2. */
function tinyNumber(v) {
  if (v === -Infinity) return "−∞";
  const size = Math.abs(v);
  if (size < 0.005) return v ? "~0" : "0";
  const text = size >= 0.995 ? size.toFixed(size >= 9.95 ? 0 : 1) : size.toFixed(2).slice(1);
  return v < 0 ? `−${text}` : text;
}

/** What a lattice cell shows, by quantity and scale: {value, text, colour}; under a stream a hint, for who points at it. */
export function latticePainter(found, quantity, logarithmic, streams) {
  const rows = { ...found, occupancy: found.through.map((row) => row.map(Math.log)) }[quantity];
  const finite = rows.flat().filter((v) => v > -Infinity);
  const low = Math.min(...finite, -1e-9);
  const span = Math.max(...finite, low + 1e-9) - low;
  const tops = rows.map((row) => Math.max(...row));
  return (t, s) => {
    const v = rows[t][s];
    const value = logarithmic ? v : Math.exp(v);
    if (streams) return { value, text: "", hint: tinyNumber(value), colour: null };
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
      const text = `${value > 0.005 ? "+" : ""}${tinyNumber(value)}`;
      return { value, text, colour: colourOf("puor", 0.5 - value / 2) };
    }
    const value = classes[row].reduce((sum, c) => sum + Math.exp(found.logProbs[t][c]), 0);
    return { value, text: tinyNumber(value), colour: colourOf("viridis", value) };
  };
}

/** Put a number into a cell, on its colour. @param {HTMLElement} cell */
function fillCell(cell, { value, text, colour, hint = "" }) {
  setText(cell, text);
  cell.dataset.value = String(value);
  tint(cell, colour);
  cell.classList.toggle("lab-faint", text === "~0");
  if (!hint) return void ["data-hint", "aria-label"].forEach((name) => cell.removeAttribute(name));
  for (const name of ["data-hint", "aria-label"]) cell.setAttribute(name, hint);
}

const REACH = 120; // pixels up, from 0 to 1
/** @typedef {{grab: (t: number, row: number) => number | null, move: (value: number) => void}} Drag
 *   grab: the number that is taken hold of, null for one that stays as it is; move: what it is dragged to */

/** Let numbers of a grid be dragged up and down: by mouse at once, by a finger once they are chosen. */
function makeDraggable(node, placed, /** @type {Drag} */ { grab, move }) {
  let [held, from] = [/** @type {number | null} */ (null), 0];
  node.addEventListener("pointerdown", (event) => {
    const chosen = event.target.getAttribute("aria-selected") === "true";
    if (event.button !== 0 || !(event.pointerType === "mouse" || chosen)) return;
    placed(event, (t, row) => ([held, from] = [grab(t, row), event.clientY]));
    if (held !== null) event.target.setPointerCapture(event.pointerId);
  });
  node.addEventListener("pointermove", (event) => {
    if (held !== null && Math.abs(event.clientY - from) > 2) move(held + (from - event.clientY) / REACH);
  });
  for (const name of ["pointerup", "pointercancel"]) node.addEventListener(name, () => (held = null));
}

/**
 * A grid of T columns that is changed in place. One cell can be reached by Tab, the others by the arrow keys.
 * @param {{label: string, hook: string, onselect: (t: number, row: number) => void,
 *   onpeek: (t: number | null) => void, onkey?: (key: string) => boolean, drag?: Drag}} options
 */
export function createGrid({ label, hook, onselect, onpeek, onkey, drag }) {
  const head = element("div", { role: "row", class: "lab-row lab-head" });
  const node = element("div", { role: "grid", "aria-label": label, class: "lab-grid" }, head);
  /** @type {HTMLElement[]} */
  let names = [];
  /** @type {HTMLElement[][]} */
  let rows = [];
  let [T, at] = [-1, { t: 0, row: 0 }];

  /** Another number of rows and columns. @param {number} count @param {number} steps */
  function build(count, steps) {
    T = steps;
    const cells = (make) => Array.from({ length: T }, (_, t) => make(t));
    const numbers = cells((t) => markup`<span role="columnheader" class="lab-cell">${t}</span>`);
    head.replaceChildren(...markup`<span role="columnheader" class="lab-name">t</span>${numbers}`);
    names = Array.from({ length: count }, () => element("span", { role: "rowheader", class: "lab-name" }));
    rows = names.map(() => cells(() => element("span", { role: "gridcell", class: "lab-cell", tabindex: -1 })));
    const lines = rows.map((row, i) => markup`<div role="row" class="lab-row">${names[i]}${row}</div>`);
    node.replaceChildren(head, ...lines.flat());
  }

  /** @param {string[][]} said each row's sign and its spoken name @param {(t: number, row: number) => any} paint */
  function draw(said, steps, paint) {
    if (rows.length !== said.length || T !== steps) build(said.length, steps);
    at = { t: Math.min(at.t, T - 1), row: Math.min(at.row, rows.length - 1) };
    rows.forEach((cells, row) => {
      setText(names[row], said[row][0]);
      names[row].setAttribute("aria-label", said[row][1]);
      names[row].classList.toggle("lab-blank", said[row][0] === "-");
      cells.forEach((cell, t) => {
        fillCell(cell, paint(t, row) ?? { value: "", text: "?", colour: null });
        cell.setAttribute(hook, `${t},${row}`);
      });
    });
    mark();
  }

  function mark() {
    for (const cell of node.querySelectorAll('[tabindex="0"]')) {
      cell.setAttribute("tabindex", "-1");
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

  /** Underline the name of one row, and tell the numbers of a column; none where it is undefined. @param {number} [row] @param {number} [t] */
  function point(row, t) {
    names.forEach((name, i) => name.classList.toggle("lab-hint", i === row));
    rows.forEach((cells) => cells.forEach((cell, i) => cell.classList.toggle("lab-told", i === t)));
  }

  /** Do something with the place [t, row] of the cell that an event is about. */
  function placed(event, act) {
    const place = event.target.closest?.(`[${hook}]`)?.getAttribute(hook);
    if (place) act(...place.split(",").map(Number));
  }
  node.addEventListener("click", (event) => placed(event, (t, row) => select(t, row, true)));
  node.addEventListener("focusin", (event) =>
    placed(event, (t, row) => {
      select(t, row);
      onselect(t, row);
    }));
  node.addEventListener("pointerover", (event) => event.pointerType === "mouse" && placed(event, onpeek));
  node.addEventListener("pointerleave", () => onpeek(null));
  node.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const way = { ...ARROWS, Home: [-T, 0], End: [T, 0] }[event.key];
    if (way) select(at.t + way[0], at.row + way[1], true);
    else if (!onkey?.(event.key)) return;
    event.preventDefault();
  });
  if (drag) makeDraggable(node, placed, drag);
  return { node, draw, select, point };
}

/** The numbers that sum up a matrix and a label, and why a label is impossible. */
export function createNumbers() {
  const hooks = ["alignments", "loss", "best-share", "text", "blank-share"];
  const [counted, loss, share, reading, blanks] = hooks.map((hook) => part(hook, "strong"));
  const [formula, total] = ["formula", "total"].map((hook) => part(hook, "span", { class: "crnn-note" }));
  const best = part("best", "code");
  const verdict = part("verdict", "p", { class: "lab-verdict", "aria-live": "polite" });
  const nodes = markup`<div class="lab-numbers">
      <p>Alignments: ${counted} ${formula}</p>
      <p>Loss −log p(label): ${loss} ${total}</p>
      <p>The best path alone, ${best}, carries ${share} of it</p>
      <p>Read without a label, by its most probable classes: ${reading}. Blanks hold ${blanks} of the matrix</p>
    </div>${verdict}`;

  /** @param {Found} found @param {(c: number) => string} sign */
  function show(found, sign) {
    const { count, T, r, target, extended, logProbs } = found;
    const U = target.length;
    const tops = logProbs.map((row) => row.indexOf(Math.max(...row)));
    setText(counted, count.toLocaleString("en-US"));
    const sizes = `with T = ${T} steps, U = ${U} letters, r = ${r} repeated`;
    setText(formula, `= C(T + U − r, 2U) = C(${T} + ${U} − ${r}, ${2 * U}), ${sizes}`);
    setText(loss, found.total === -Infinity ? "∞" : Math.max(-found.total, 0).toFixed(6));
    setText(total, `p(label) = ${shortNumber(Math.exp(found.total))}`);
    setText(share, found.best ? `${(100 * found.bestShare).toFixed(4)} %` : "nothing");
    setText(best, found.best ? found.best.map((s) => sign(extended[s])).join("") : "none");
    setText(reading, collapse(tops).map(sign).join("") || "(nothing)");
    setText(blanks, percent(logProbs.reduce((sum, row) => sum + Math.exp(row[0]), 0) / T));
    const each = r > 1 ? `each of the ${r} repeats` : "the repeat";
    const more = r ? `, and ${each} one more, for the blank between them` : "";
    const why = `${U > 1 ? `each of the ${U} letters` : "the letter"} takes a step${more}`;
    const short = `Impossible: T = ${T} < U + r = ${U} + ${r} = ${U + r}; ${why}.`;
    const never = found.total === -Infinity ? "There are such paths, but each of them holds a probability of 0." : "";
    setText(verdict, T < U + r ? short : never);
  }
  return { nodes, show };
}
