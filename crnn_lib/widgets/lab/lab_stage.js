// The laboratory's stage: image, matrix and lattice above each other, step by step, and the chosen cell in words.
import { slider } from "../page/controls.js";
import { element, greyCanvas, markup, part, setText } from "../page/dom.js";
import { resize } from "../page/images.js";
import { legend } from "../page/lanes.js";
import { columnsOf, stripOf } from "../page/sight.js";
import { percent, shortNumber } from "../page/words.js";
import { createLines } from "./lab_lines.js";
import { createGrid, latticePainter, matrixPainter } from "./lab_view.js";
import { explainCell, rowName } from "./lab_words.js";

/** @typedef {import("./lab_state.js").Desk} Desk */

const STREAM = "Lattice: a stream as wide as the share of p(label); its numbers where you point.";

/** The image: its pixels stand above their time steps (by keyboard, the grids lead to the same). @param {Desk} desk */
function createImage(desk, { onpick, onpeek }) {
  const node = element("div", { class: "lab-image", "aria-hidden": "true" });
  const strip = element("div", { class: "lab-strip", hidden: true });
  /** @type {any} */
  let pictured = {};
  let width = 1; // of the image that the reader gets
  const at = (act) => (event) => {
    const box = node.getBoundingClientRect();
    const t = Math.floor(((event.clientX - box.left) / box.width) * desk.found.T);
    act(Math.min(Math.max(t, 0), desk.found.T - 1));
  };
  node.addEventListener("pointermove", at(onpeek));
  node.addEventListener("pointerleave", () => onpeek(null));
  node.addEventListener("click", at(onpick));

  function show() {
    const { config, grey } = desk.state;
    node.hidden = !config;
    if (!config || !grey || (pictured.grey === grey && pictured.config === config)) return;
    const { height } = config;
    width = columnsOf(config, grey);
    node.replaceChildren(greyCanvas(resize(grey, height, width).data, height, width), strip);
    pictured = { grey, config };
  }

  /** Frame what a step sees, and say it; without an image there is nothing to say. @returns {string[]} */
  function frame(t) {
    if (!desk.state.config) return [];
    const { pools } = desk.state.config;
    const [first, last] = stripOf(pools, width, t);
    strip.hidden = false;
    strip.style.left = `${(100 * first) / width}%`;
    strip.style.width = `${(100 * (last - first + 1)) / width}%`;
    return [`sees the image's pixel columns ${first} to ${last}`];
  }
  return { node, show, frame };
}

/** The arithmetic of a cell of the matrix. @param {Desk} desk */
function explainClass({ found, named }, t, c) {
  const [p, g] = [Math.exp(found.logProbs[t][c]), found.gradient[t][c]];
  const then = Math.abs(g) < 5e-4 ? "" : `, so a step will ${g > 0 ? "lower" : "raise"} it`;
  const [mass, slope] = [found.mass[t][c], g].map(shortNumber);
  const three = `p = ${shortNumber(p)}, occupancy = ${mass}, gradient p − occupancy = ${slope}`;
  const how = "Drag p up or down, or use the keys + and −, or the slider: the column is scaled to sum to 1.";
  return `Step t = ${t}, ${named(c)}: ${three}${then}. ${how}`;
}

/** What the colours mean. @param {Desk["view"]} view */
function scalesOf({ gradient, quantity, scale }) {
  const matrix = gradient ? legend("Matrix: + will fall", "− will rise", "puor") : legend("Matrix: 0", "1");
  if (scale === "log") return [matrix, legend("Lattice: smallest above 0", "largest")];
  if (quantity === "occupancy") return [matrix, element("p", { class: "crnn-legend" }, STREAM)];
  return [matrix, legend("Lattice: 0", "largest of its column")];
}

/**
 * Image, matrix and lattice, each time step below itself. @param {Desk} desk
 * @param {{onpick: (place: NonNullable<Desk["view"]["place"]>) => void, onpeek: (t: number | null) => void,
 *   onkey: (key: string) => boolean, drag: import("./lab_view.js").Drag, bars: Record<"matrix" | "lattice", Element>}} acts
 */
function createPlane(desk, { onpick, onpeek, onkey, drag, bars }) {
  const { view, sign, named } = desk;
  const image = createImage(desk, {
    onpeek,
    onpick(t) {
      const row = desk.found.best?.[t] ?? 0;
      lattice.select(t, row);
      onpick({ grid: "lattice", t, row });
    },
  });
  const column = element("div", { class: "lab-column", hidden: true });
  const grid = (name, label, more) =>
    createGrid({ label, onselect: (t, row) => onpick({ grid: name, t, row }), onpeek, ...more });
  const words = "Probabilities of each class at each time step";
  const matrix = grid("matrix", words, { hook: "data-crnn-matrix", onkey, drag });
  const lattice = grid("lattice", "Lattice of the label", { hook: "data-crnn-cell" });
  const lines = createLines();
  matrix.node.classList.add("lab-matrix");
  const [node] = markup`<div class="lab-plane">${image.node}
    <p class="lab-title">the matrix: classes × time steps</p>${bars.matrix}${matrix.node}
    <p class="lab-title">the lattice: the label with blanks × time steps</p>${bars.lattice}
    <div class="lab-lattice">${lattice.node}${lines.node}</div>${column}</div>`;

  function show() {
    const { classes, found } = desk;
    const { T, extended } = found;
    const S = extended.length;
    image.show();
    node.style.setProperty("--lab-steps", String(T));
    const rowOf = (group) =>
      group.length > 1 ? ["rest", `the other ${group.length} classes`] : [sign(group[0]), named(group[0])];
    matrix.draw(classes.map(rowOf), T, matrixPainter(found, classes, view.gradient));
    const streams = view.quantity === "occupancy" && view.scale === "linear";
    const paint = latticePainter(found, view.quantity, view.scale === "log", streams);
    // when the recursion comes to a cell
    const turn = (t, s) => (view.quantity === "beta" ? T * S - 1 - (t * S + s) : t * S + s);
    const rows = extended.map((c, s) => [sign(c), rowName(extended, s, named)]);
    lattice.node.classList.toggle("lab-streams", streams);
    lines.show(found, streams);
    lattice.draw(rows, T, (t, s) => (view.played === null || turn(t, s) < view.played ? paint(t, s) : null));
  }

  /** Show which grid holds the chosen cell, and what leads there in the lattice. */
  function mark(cell) {
    const backwards = view.quantity === "beta";
    const flows = view.quantity !== "occupancy";
    const column = cell && view.wave ? desk.found.extended.map((_, s) => ({ t: cell.t, s })) : cell ? [cell] : [];
    lines.draw(desk.found, view.path, flows ? column : [], backwards);
    matrix.node.classList.toggle("lab-active", view.place?.grid === "matrix");
    lattice.node.classList.toggle("lab-active", Boolean(cell));
  }

  /** Highlight a time step everywhere, and say what it is. @param {number} [at] */
  function highlight(at) {
    const { classes, found } = desk;
    column.hidden = at === undefined;
    if (at === undefined || at >= found.T) {
      for (const grid of [matrix, lattice]) grid.point();
      return "";
    }
    column.style.setProperty("--lab-t", String(at));
    const row = found.logProbs[at];
    const top = row.indexOf(Math.max(...row));
    matrix.point(classes.findIndex((group) => group.includes(top)));
    lattice.point(found.best?.[at], at);
    const words = [`Time step ${at}`, ...image.frame(at)];
    words.push(`most probable there: ${named(top)} (${percent(Math.exp(row[top]))})`);
    if (found.best) words.push(`on the best path: ${rowName(found.extended, found.best[at], named)}`);
    return `${words.join("; ")}.`;
  }
  return { node, show, mark, highlight, select: lattice.select };
}

/**
 * The plane, and beside it the arithmetic of the chosen cell. @param {Desk} desk
 * @param {{onpick: () => void, setCell: (t: number, c: number, p: number) => void}} acts
 */
export function createStage(desk, { onpick, setCell }) {
  const { view } = desk;
  const bar = () => element("div", { class: "crnn-controls lab-bar" });
  const bars = { matrix: bar(), lattice: bar() };
  const drag = {
    grab(/** @type {number} */ t, /** @type {number} */ row) {
      pick({ grid: "matrix", t, row });
      const c = chosen();
      return c === null ? null : Math.exp(desk.state.logProbs[t][c]);
    },
    move: change,
  };
  const plane = createPlane(desk, { onpick: pick, onpeek: peek, onkey: nudge, drag, bars });
  const details = part("details", "p", { class: "lab-details", "aria-live": "polite" });
  const link = part("link", "p", { class: "crnn-note lab-link" });
  const edit = slider({ name: "p of the chosen cell", min: 0, max: 1, step: 0.01, value: 0 }, change);
  const scales = part("legend", "div", { class: "lab-scales" });
  const nodes = markup`<div class="lab-stage"><div class="crnn-scroll">${plane.node}</div>
    <div class="lab-side">${scales}${details}${link}
      <div class="crnn-controls">${edit.node}</div></div></div>`;

  /** The class of the chosen cell of the matrix, or null. */
  function chosen() {
    const group = view.place?.grid === "matrix" ? desk.classes[view.place.row] : null;
    return group?.length === 1 ? group[0] : null;
  }
  function change(p) {
    const c = chosen();
    if (c !== null && view.place) setCell(view.place.t, c, p);
  }
  function nudge(key) {
    const by = { "+": 0.05, "=": 0.05, "-": -0.05, Delete: -1 }[key];
    const c = chosen();
    if (!by || c === null || !view.place) return false;
    change(Math.exp(desk.state.logProbs[view.place.t][c]) + by);
    return true;
  }
  function pick(place) {
    onpick();
    Object.assign(view, { place, wave: false });
    showPlace();
  }
  /** Look at a time step: where the mouse is, else where the chosen cell is. @param {number | null} t */
  function peek(t) {
    setText(link, plane.highlight(t ?? view.place?.t));
  }

  function show() {
    plane.show();
    scales.replaceChildren(...scalesOf(view));
    showPlace();
  }

  function showPlace() {
    const { found, named, view: { place, quantity } } = desk;
    const cell = place?.grid === "lattice" && place.row < found.extended.length ? { t: place.t, s: place.row } : null;
    const c = chosen();
    plane.mark(cell);
    edit.node.classList.toggle("lab-idle", c === null);
    if (place && c !== null) edit.show(Number(Math.exp(found.logProbs[place.t][c]).toFixed(2)));
    if (cell) setText(details, explainCell(found, quantity, cell.t, cell.s, named));
    else if (place && c !== null) setText(details, explainClass(desk, place.t, c));
    else if (place) setText(details, "The classes that hardly matter here, together.");
    else setText(details, "Choose a cell, by pointer or with Tab and the arrow keys: its arithmetic appears here.");
    peek(null);
  }
  const playing = (/** @type {boolean} */ on) => plane.node.classList.toggle("lab-playing", on);
  return { nodes, bars, details, show, showPlace, playing, select: plane.select };
}
