// The CTC laboratory: a label, a matrix of probabilities, and all that CTC makes of the two, with real numbers.
import { button, choice, createMessage, field, slider, textInput } from "../page/controls.js";
import { count, element, greyCanvas, markup, part, setText } from "../page/dom.js";
import { percent, shortNumber } from "../page/words.js";
import { resize } from "../page/images.js";
import { stripOf } from "../page/sight.js";
import { createSource, receive } from "../page/sources.js";
import { createSession } from "./lab_state.js";
import { createBeamBench, createCollapseToy, createPathList } from "./lab_toys.js";
import {
  analyseLabel,
  createGrid,
  createLines,
  createNumbers,
  explainCell,
  latticePainter,
  matrixPainter,
  rowName,
} from "./lab_view.js";

export const kind = "lab";
export const name = "CTC laboratory";
const PACE = 260; // milliseconds a cell, or a column where cells are many, while the recursion plays
const SOURCES = [["uniform", "uniform"], ["random", "random"], ["peaked", "peaked"], ["reader", "the trained reader"]];
const QUANTITIES = [["alpha", "α, forward"], ["beta", "β, backward"], ["occupancy", "occupancy"]];

/**
 * Put a laboratory into `root`. The model's fields: label, source, sample, steps, seed, symbols and matrix (T rows of
 * probabilities; where it is given, it is the source); the laboratory sets label, source, symbols and matrix.
 * @param {import("../page/main.js").Place} place
 */
export async function mount({ root, model, backend, signal }) {
  const session = createSession({ model, backend });
  let state = session.state();
  /** @type {{quantity: string, scale: string, gradient: boolean, place: {grid: string, t: number, row: number} | null,
   *   path: number[] | null, played: number | null}} what is shown; played: cells of a recursion, null for all */
  let view = { quantity: "alpha", scale: "linear", gradient: false, place: null, path: null, played: null };
  /** @type {import("./lab_view.js").Found} */
  let found;
  /** @type {number[][]} the matrix's rows: classes, alone or together */
  let classes = [];
  /** @type {any} */
  let [timer, frame, pictured] = [null, 0, null];
  const sign = (c) => (c ? state.symbols[c - 1] : "-");
  const named = (c) => (c ? `“${state.symbols[c - 1]}”` : "blank");

  // --- the parts ---
  const message = createMessage();
  const typed = textInput(state.label, 40, relabel);
  const sources = choice(SOURCES, state.source, (source) => remake({ source, picture: null }));
  const source = createSource({
    onpicture: (picture) => remake({ picture, sample: picture.truth ?? state.sample, source: "reader" }, picture.truth),
    onerror: message.fail,
  });
  const steps = slider(
    { name: "Time steps T", min: 2, max: 32, step: 1, value: state.T },
    (T) => remake({ T, source: state.source === "reader" ? "uniform" : state.source }),
  );
  const again = button("Another random one", () => remake({ source: "random", seed: state.seed + 1 }));
  const numbers = createNumbers();
  const quantity = choice(QUANTITIES, view.quantity, (value) => look({ quantity: value, played: null }));
  const scale = choice([["linear", "linear"], ["log", "logarithm"]], view.scale, (value) => look({ scale: value }));
  const shows = choice(
    [["p", "probability p"], ["gradient", "gradient, p − occupancy"]],
    "p",
    (value) => look({ gradient: value === "gradient" }),
  );
  const plays = {
    alpha: button("Play forward", () => toggle("alpha")),
    beta: button("Play backward", () => toggle("beta")),
  };
  const image = element("div", { class: "lab-image", "aria-hidden": "true" });
  const strip = element("div", { class: "lab-strip" });
  const column = element("div", { class: "lab-column", hidden: true });
  const onselect = (grid) => (t, row) => pick({ grid, t, row });
  const matrix = createGrid({
    label: "Probabilities of each class at each time step",
    hook: "data-crnn-matrix",
    onselect: onselect("matrix"),
    onpeek: peek,
    onkey: nudge,
  });
  const lattice = createGrid({
    label: "Lattice of the label",
    hook: "data-crnn-cell",
    onselect: onselect("lattice"),
    onpeek: peek,
  });
  const lines = createLines();
  const details = part("details", "p", { class: "lab-details", "aria-live": "polite" });
  const link = part("link", "p", { class: "crnn-note lab-link" });
  const edit = slider({ name: "p of the chosen cell", min: 0, max: 1, step: 0.01, value: 0 }, setCell);
  const legend = part("legend", "p", { class: "crnn-note" });
  const current = () => ({ found, symbols: state.symbols });
  const toy = createCollapseToy(current);
  const beams = createBeamBench(current);
  const paths = createPathList(current, (cells) => {
    view.path = cells;
    showPlace();
  });
  const [plane] = markup`<div class="lab-plane">${image}
    <p class="lab-title">the matrix: classes × time steps</p>${matrix.node}
    <p class="lab-title">the lattice: the label with blanks × time steps</p>
    <div class="lab-lattice">${lattice.node}${lines.node}</div>${column}</div>`;
  root.append(...markup`
    <div class="crnn-controls">${field("Label", typed)}${field("Probabilities", sources)}${source.samples}${source.file}
      ${steps.node}${again}</div>${message.node}${numbers.nodes}
    <div class="crnn-controls">${field("Lattice shows", quantity)}${field("Scale", scale)}
      ${field("Matrix shows", shows)}${Object.values(plays)}
      ${button("Next cell", () => advance(1))}${button("Next column", () => advance(0))}
      ${button("Show all", () => look({ played: null }))}</div>
    <div class="lab-stage"><div class="crnn-scroll">${plane}</div>
      <div class="lab-side">${details}${link}
        <div class="crnn-controls">${button("One gradient step", () => train(1))}
          ${button("A hundred steps", () => train(100))}${button("Undo", undo)}${edit.node}</div>${legend}</div></div>
    ${paths.node}${toy.node}${beams.node}`);

  // the image: its pixels stand above their time steps (by keyboard, the grids lead to the same)
  function stepAt(event) {
    const box = image.getBoundingClientRect();
    const t = Math.floor(((event.clientX - box.left) / box.width) * found.T);
    return Math.min(Math.max(t, 0), found.T - 1);
  }
  image.addEventListener("pointermove", (event) => peek(stepAt(event)));
  image.addEventListener("pointerleave", () => peek(null));
  image.addEventListener("click", (event) => {
    const t = stepAt(event);
    const row = found.best?.[t] ?? 0;
    lattice.select(t, row);
    pick({ grid: "lattice", t, row });
  });

  // --- state ---
  /** Do something to the session, then show what came of it; a mistake is told and changes nothing. */
  async function act(action) {
    stop();
    try {
      const words = await action();
      if (words !== null) changed(words ?? "");
    } catch (error) {
      showControls();
      message.fail(error);
    }
  }
  /** @param {Partial<import("./lab_state.js").State>} wish @param {string | null} [label] */
  function remake(wish, label = null) {
    return act(() => session.remake(wish, label));
  }
  function undo() {
    act(() => (session.undo() ? "Undone." : "There is nothing to undo."));
  }
  function relabel(text) {
    const wrong = session.complaint(text);
    typed.setAttribute("aria-invalid", String(Boolean(wrong)));
    if (wrong) return message.say(wrong, true);
    stop();
    changed(session.relabel(text));
  }

  /** The class of the chosen cell of the matrix, or null. */
  function chosen() {
    const { place } = view;
    return place?.grid === "matrix" && classes[place.row]?.length === 1 ? classes[place.row][0] : null;
  }
  function setCell(p) {
    const c = chosen();
    if (c === null || !view.place) return;
    stop();
    session.setCell(view.place.t, c, p);
    changed("");
  }
  function nudge(key) {
    const by = { "+": 0.05, "=": 0.05, "-": -0.05, Delete: -1 }[key];
    const c = chosen();
    if (!by || c === null || !view.place) return false;
    setCell(Math.exp(state.logProbs[view.place.t][c]) + by);
    return true;
  }

  /** Gradient descent on the logits; a hundred steps are shown as they happen, unless motion is unwanted. */
  function train(wanted) {
    stop();
    if (found.total === -Infinity) {
      return message.say("There is no gradient: no path of so few steps spells the label.", true);
    }
    session.keep();
    const before = -found.total;
    const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? wanted : 2;
    let left = wanted;
    const run = () => {
      session.descend(found.target, Math.min(left, pace));
      left -= pace;
      changed("", left > 0);
      if (left > 0) return void (frame = requestAnimationFrame(run));
      const steps = wanted === 1 ? "One step" : `${wanted} steps`;
      const went = `the loss went from ${before.toFixed(3)} to ${(-found.total).toFixed(3)}`;
      message.say(`${steps} of gradient descent: ${went}.`);
    };
    run();
  }

  // --- playing the recursion ---
  function look(change) {
    pause();
    view = { ...view, ...change };
    show();
  }
  function pause() {
    clearInterval(timer);
    timer = null;
    showButtons();
  }
  function stop() {
    pause();
    cancelAnimationFrame(frame);
    frame = 0;
  }
  function showButtons() {
    setText(plays.alpha, timer && view.quantity === "alpha" ? "Pause" : "Play forward");
    setText(plays.beta, timer && view.quantity === "beta" ? "Pause" : "Play backward");
    details.setAttribute("aria-live", timer ? "off" : "polite");
  }
  function toggle(what) {
    if (timer && view.quantity === what) return pause();
    stop();
    const cells = found.T * found.extended.length;
    if (view.quantity !== what || view.played === null || view.played >= cells) {
      view = { ...view, quantity: what, played: 0 };
    }
    const each = cells > 120 ? 0 : 1;
    timer = setInterval(() => reveal(each), PACE);
    showButtons();
    reveal(each);
  }
  function advance(cells) {
    pause();
    if (view.quantity === "occupancy") view.quantity = "alpha";
    reveal(cells);
  }
  /** Show one more cell of the recursion, or (0) all up to the end of a column. */
  function reveal(cells) {
    const S = found.extended.length;
    const before = view.played === null || view.played >= found.T * S ? 0 : view.played;
    const played = cells ? before + cells : (Math.floor(before / S) + 1) * S;
    view = { ...view, played, path: null };
    paths.release();
    const last = played - 1;
    const [t, row] = [Math.floor(last / S), last % S];
    view.place = { grid: "lattice", t, row };
    if (view.quantity === "beta") view.place = { grid: "lattice", t: found.T - 1 - t, row: S - 1 - row };
    lattice.select(view.place.t, view.place.row);
    if (played >= found.T * S) pause();
    show();
  }

  // --- showing ---
  function changed(words, moving = false) {
    state = session.state();
    found = analyseLabel(state.logProbs, [...state.label].map((c) => state.symbols.indexOf(c) + 1));
    if (!moving) {
      message.say(words);
      session.save();
    }
    const gone = view.place && view.place.t >= found.T;
    view = { ...view, path: null, played: null, place: gone ? null : view.place };
    showControls();
    show();
    numbers.show(found, sign);
    if (!moving) { for (const bench of [paths, beams]) bench.refresh(); }
    count(root);
  }

  function showControls() {
    const { config, grey } = state;
    if (typed.value !== state.label) typed.value = state.label;
    typed.setAttribute("aria-invalid", "false");
    sources.value = state.source;
    source.mark(state.picture && !state.picture.truth ? "" : state.sample);
    source.samples.hidden = source.file.hidden = image.hidden = !config;
    steps.node.hidden = Boolean(config);
    again.hidden = state.source !== "random";
    steps.show(state.T);
    if (config && grey && pictured !== grey) {
      const { height, width } = config;
      image.replaceChildren(greyCanvas(resize(grey, height, width).data, height, width), strip);
      pictured = grey;
    }
    const K = state.symbols.length + 1;
    const likely = (c) => state.logProbs.some((row) => row[c] > Math.log(0.05));
    const matters = (c) => c === 0 || K <= 8 || state.label.includes(sign(c)) || likely(c);
    const all = Array.from({ length: K }, (_, c) => c);
    const rest = all.filter((c) => !matters(c));
    classes = [...all.filter(matters).map((c) => [c]), ...(rest.length ? [rest] : [])];
  }

  function show() {
    const { T, extended } = found;
    const S = extended.length;
    plane.style.setProperty("--lab-steps", String(T));
    const rowOf = (group) =>
      group.length > 1 ? ["rest", `the other ${group.length} classes`] : [sign(group[0]), named(group[0])];
    matrix.draw(classes.map(rowOf), T, matrixPainter(found, classes, view.gradient));
    const paint = latticePainter(found, view.quantity, view.scale === "log");
    const turn = (t, s) => (view.quantity === "beta" ? T * S - 1 - (t * S + s) : t * S + s); // when the recursion comes to it
    const rows = extended.map((c, s) => [sign(c), rowName(extended, s, named)]);
    lattice.draw(rows, T, (t, s) => (view.played === null || turn(t, s) < view.played ? paint(t, s) : null));
    quantity.value = view.quantity;
    const falls = "orange with a plus is too much and will fall, purple with a minus is too little and will rise";
    const tones = view.quantity === "occupancy" ? "dark is 0, bright is 1" : "bright is the largest of its column";
    const logs = "bright is the largest, dark the smallest above 0";
    const upper = view.gradient ? falls : "dark is 0, bright is 1";
    setText(legend, `Matrix: ${upper}. Lattice: ${view.scale === "log" ? logs : tones}; empty cells hold nothing.`);
    showPlace();
  }

  function pick(place) {
    if (timer) pause();
    view.place = place;
    showPlace();
  }

  function showPlace() {
    const { place } = view;
    const cell = place?.grid === "lattice" && place.row < found.extended.length ? { t: place.t, s: place.row } : null;
    const c = chosen();
    lines.draw(found, view.path, cell, view.quantity === "beta");
    edit.node.classList.toggle("lab-idle", c === null);
    matrix.node.classList.toggle("lab-active", place?.grid === "matrix");
    lattice.node.classList.toggle("lab-active", Boolean(cell));
    if (cell) setText(details, explainCell(found, view.quantity, cell.t, cell.s, named));
    else if (place && c !== null) showClass(place.t, c);
    else if (place) setText(details, "The classes that hardly matter here, together.");
    else setText(details, "Choose a cell, by pointer or with Tab and the arrow keys: its arithmetic is told here.");
    peek(null);
  }

  /** The arithmetic of a cell of the matrix. */
  function showClass(t, c) {
    const p = Math.exp(found.logProbs[t][c]);
    const g = found.gradient[t][c];
    edit.show(Number(p.toFixed(2)));
    const then = Math.abs(g) < 5e-4 ? "" : `, so a step will ${g > 0 ? "lower" : "raise"} it`;
    const [mass, slope] = [found.mass[t][c], g].map(shortNumber);
    const three = `p = ${shortNumber(p)}, occupancy = ${mass}, gradient p − occupancy = ${slope}`;
    const how = "Change p by the keys + and −, or by the slider: the column is scaled to sum to 1.";
    setText(details, `Step t = ${t}, ${named(c)}: ${three}${then}. ${how}`);
  }

  /** Highlight one time step everywhere: while the mouse is there, else where the chosen cell is. @param {number | null} t */
  function peek(t) {
    const at = t ?? view.place?.t;
    column.hidden = at === undefined;
    if (at === undefined || at >= found.T) {
      for (const grid of [matrix, lattice]) grid.point();
      return setText(link, "");
    }
    column.style.setProperty("--lab-t", String(at));
    const row = found.logProbs[at];
    const top = row.indexOf(Math.max(...row));
    matrix.point(classes.findIndex((group) => group.includes(top)));
    lattice.point(found.best?.[at]);
    const words = [`Time step ${at}`];
    if (state.config) {
      const { pools, width } = state.config;
      const [first, last] = stripOf(pools, width, at);
      strip.style.left = `${(100 * first) / width}%`;
      strip.style.width = `${(100 * (last - first + 1)) / width}%`;
      words.push(`sees the image's pixel columns ${first} to ${last}`);
    }
    words.push(`most probable there: ${named(top)} (${percent(Math.exp(row[top]))})`);
    if (found.best) words.push(`on the best path: ${rowName(found.extended, found.best[at], named)}`);
    setText(link, `${words.join("; ")}.`);
  }

  // --- beginning ---
  if (state.source === "matrix") {
    sources.prepend(element("option", { value: "matrix" }, "given"));
    sources.value = "matrix";
  }
  changed(await session.begin());
  model.on(["label", "matrix"], () => act(() => session.follow()));
  backend.onrenew(() => state.source === "reader" && remake({}, state.label), signal);
  receive((picture) => state.source === "reader" && remake({ picture: { ...picture, truth: "" } }), signal);
  signal.addEventListener("abort", stop);
}
