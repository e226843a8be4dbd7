// The CTC laboratory: a label, a matrix of probabilities, and all that CTC makes of the two, with real numbers.
import { resize } from "../page/images.js";
import { element, greyCanvas, percent, setText, shortNumber, slider } from "../page/dom.js";
import { SAMPLES } from "../page/embedded.js";
import { loadFile, receivers } from "../page/sources.js";
import { stripOf } from "../page/sight.js";
import { analyseLabel, createGrid, createLines, createNumbers, explainCell, latticePainter, matrixPainter, rowName } from "./lab_view.js";
import { createSession } from "./lab_state.js";
import { createBeamBench, createCollapseToy, createPathList } from "./lab_toys.js";

export const kind = "lab";
export const name = "CTC laboratory";
const PACE = 260; // milliseconds a cell, or a column where cells are many, while the recursion plays
const SOURCES = { uniform: "uniform", random: "random", peaked: "peaked", reader: "the trained reader" };
const QUANTITIES = { alpha: "α, forward", beta: "β, backward", occupancy: "occupancy" };

/**
 * Put a laboratory into `root`. The model's fields: label, source, sample, steps, seed, symbols and matrix (T rows of
 * probabilities; where it is given, it is the source); the laboratory sets label, source, symbols and matrix.
 * @param {{root: HTMLElement, model: any, backend: any}} surroundings @returns {Promise<() => void>} takes it down
 */
export async function mount({ root, model, backend }) {
  const session = createSession({ model, backend });
  let state = session.state;
  let view = { quantity: "alpha", scale: "linear", gradient: false, place: null, path: null, played: null };
  let [found, classes, timer, frame, pictured] = [null, [], null, 0, null];
  const named = (c) => (c ? `“${state.symbols[c - 1]}”` : "blank");
  const sign = (c) => (c ? state.symbols[c - 1] : "-");

  // --- the parts ---
  const button = (text, onclick, more = {}) => element("button", { type: "button", onclick, ...more }, text);
  const field = (label, node) => element("label", { class: "crnn-field" }, element("span", {}, label), node);
  const select = (options, value, onchange) => {
    const node = element("select", { onchange: () => onchange(node.value) });
    node.append(...Object.entries(options).map(([v, text]) => element("option", { value: v, selected: v === value }, text)));
    return node;
  };
  const message = element("p", { class: "crnn-message", role: "status", "data-crnn": "message" });
  const typed = element("input", { type: "text", maxlength: 40, value: state.label, autocomplete: "off", spellcheck: "false", autocapitalize: "none", oninput: () => relabel(typed.value) });
  const sources = select(SOURCES, state.source, (value) => remake({ source: value, picture: null }));
  const samples = select(Object.fromEntries(Object.keys(SAMPLES).map((s) => [s, s])), state.sample, (value) => remake({ sample: value, picture: null, source: "reader" }, value));
  const file = element("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/bmp,image/webp", onchange: () => open() });
  const steps = slider({ name: "Time steps T", min: 2, max: 32, step: 1, value: state.T, onchange: (T) => remake({ T, source: state.source === "reader" ? "uniform" : state.source }) });
  const again = button("Another random one", () => remake({ source: "random", seed: state.seed + 1 }));
  const sampleField = field("Sample", samples);
  const fileField = field("Image file", file);
  const numbers = createNumbers();
  const quantity = select(QUANTITIES, view.quantity, (value) => look({ quantity: value, played: null }));
  const scale = select({ linear: "linear", log: "logarithm" }, view.scale, (value) => look({ scale: value }));
  const shows = select({ p: "probability p", gradient: "gradient, p − occupancy" }, "p", (value) => look({ gradient: value === "gradient" }));
  const forwardButton = button("Play forward", () => (timer && view.quantity === "alpha" ? pause() : play("alpha")));
  const backwardButton = button("Play backward", () => (timer && view.quantity === "beta" ? pause() : play("beta")));
  const image = element("div", { class: "lab-image", "aria-hidden": "true" });
  const strip = element("div", { class: "lab-strip" });
  const column = element("div", { class: "lab-column", hidden: true });
  const matrix = createGrid({ label: "Probabilities of each class at each time step", hook: "data-crnn-matrix", onselect: (t, row) => pick({ grid: "matrix", t, row }), onpeek: peek, onkey: nudge });
  const lattice = createGrid({ label: "Lattice of the label", hook: "data-crnn-cell", onselect: (t, row) => pick({ grid: "lattice", t, row }), onpeek: peek });
  const lines = createLines();
  const latticeBox = element("div", { class: "lab-lattice" }, lattice.node, lines.node);
  const plane = element("div", { class: "lab-plane" }, image, element("p", { class: "lab-title" }, "the matrix: classes × time steps"), matrix.node,
    element("p", { class: "lab-title" }, "the lattice: the label with blanks × time steps"), latticeBox, column);
  const details = element("p", { class: "lab-details", "data-crnn": "details", "aria-live": "polite" });
  const link = element("p", { class: "crnn-note lab-link", "data-crnn": "link" });
  const edit = slider({ name: "p of the chosen cell", min: 0, max: 1, step: 0.01, value: 0, onchange: (p) => setCell(p) });
  const legend = element("p", { class: "crnn-note", "data-crnn": "legend" });
  const learn = [button("One gradient step", () => train(1)), button("A hundred steps", () => train(100)), button("Undo", () => undoLast())];
  const current = () => ({ found, symbols: state.symbols });
  const toy = createCollapseToy(current);
  const beams = createBeamBench(current);
  const paths = createPathList(current, (cells) => {
    view.path = cells;
    showPlace();
  });
  root.append(
    element("div", { class: "crnn-controls" }, field("Label", typed), field("Probabilities", sources), sampleField, fileField, steps.node, again), message,
    ...numbers.nodes,
    element("div", { class: "crnn-controls" }, field("Lattice shows", quantity), field("Scale", scale), field("Matrix shows", shows),
      forwardButton, backwardButton, button("Next cell", () => advance(1)), button("Next column", () => advance(0)), button("Show all", () => look({ played: null }))),
    element("div", { class: "lab-stage" }, element("div", { class: "lab-scroll" }, plane),
      element("div", { class: "lab-side" }, details, link, element("div", { class: "crnn-controls" }, ...learn, edit.node), legend)),
    paths.node, toy.node, beams.node,
  );

  // the image: its pixels stand above their time steps (by keyboard, the grids lead to the same)
  const stepAt = (event) => {
    const box = image.getBoundingClientRect();
    return Math.min(Math.max(Math.floor(((event.clientX - box.left) / box.width) * found.T), 0), found.T - 1);
  };
  image.addEventListener("pointermove", (event) => peek(stepAt(event)));
  image.addEventListener("pointerleave", () => peek(null));
  image.addEventListener("click", (event) => {
    const [t, row] = [stepAt(event), found.best?.[stepAt(event)] ?? 0];
    lattice.select(t, row);
    pick({ grid: "lattice", t, row });
  });

  // --- state ---
  function say(words, isError = false) {
    message.setAttribute("role", isError ? "alert" : "status");
    message.classList.toggle("crnn-error", isError);
    setText(message, words);
  }

  /** Do something to the session, then show what came of it; a mistake is told and changes nothing. */
  async function act(action) {
    stop();
    try {
      const words = await action();
      if (words !== null) changed(words ?? "");
    } catch (error) {
      showControls();
      say(error.message, true);
    }
  }
  const remake = (wish, label) => act(() => session.remake(wish, label));
  const undoLast = () => act(() => (session.undo() ? "Undone." : "There is nothing to undo."));
  const receive = (picture) => state.source === "reader" && remake({ picture });
  const open = () => file.files[0] && act(async () => session.remake({ picture: { grey: await loadFile(file.files[0]), drawn: false }, source: "reader" }));

  function relabel(text) {
    const wrong = session.complaint(text);
    typed.setAttribute("aria-invalid", String(Boolean(wrong)));
    if (wrong) return say(wrong, true);
    stop();
    changed(session.relabel(text));
  }

  /** The class of the chosen cell of the matrix, or null. */
  function chosen() {
    const { place } = view;
    return place?.grid === "matrix" && classes[place.row]?.length === 1 ? classes[place.row][0] : null;
  }
  function setCell(p) {
    if (chosen() === null) return;
    stop();
    session.setCell(view.place.t, chosen(), p);
    changed("");
  }
  function nudge(key) {
    const by = { "+": 0.05, "=": 0.05, "-": -0.05, Delete: -1 }[key];
    if (!by || chosen() === null) return false;
    setCell(Math.exp(state.logProbs[view.place.t][chosen()]) + by);
    return true;
  }

  /** Gradient descent on the logits; a hundred steps are shown as they happen, unless motion is unwanted. */
  function train(count) {
    stop();
    if (found.total === -Infinity) return say("There is no gradient: no path of so few steps spells the label.", true);
    session.keep();
    const before = -found.total;
    const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? count : 2;
    let left = count;
    const run = () => {
      session.descend(found.target, Math.min(left, pace));
      left -= pace;
      if (left > 0) {
        frame = requestAnimationFrame(run);
        changed("", true);
      } else {
        changed("");
        say(`${count === 1 ? "One step" : `${count} steps`} of gradient descent: the loss went from ${before.toFixed(3)} to ${(-found.total).toFixed(3)}.`);
      }
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
    buttons();
  }
  function stop() {
    pause();
    cancelAnimationFrame(frame);
    frame = 0;
  }
  function buttons() {
    setText(forwardButton, timer && view.quantity === "alpha" ? "Pause" : "Play forward");
    setText(backwardButton, timer && view.quantity === "beta" ? "Pause" : "Play backward");
    details.setAttribute("aria-live", timer ? "off" : "polite");
  }
  function play(what) {
    stop();
    const cells = found.T * found.extended.length;
    if (view.quantity !== what || view.played === null || view.played >= cells) view = { ...view, quantity: what, played: 0 };
    timer = setInterval(() => reveal(cells > 120 ? 0 : 1), PACE);
    buttons();
    reveal(cells > 120 ? 0 : 1);
  }
  function advance(count) {
    pause();
    if (view.quantity === "occupancy") view.quantity = "alpha";
    reveal(count);
  }
  /** Show one more cell of the recursion, or (0) all up to the end of a column. */
  function reveal(count) {
    const S = found.extended.length;
    const played = view.played === null || view.played >= found.T * S ? 0 : view.played;
    view.played = count ? played + count : (Math.floor(played / S) + 1) * S;
    view.path = null;
    paths.release();
    const last = view.played - 1;
    const [t, s] = [Math.floor(last / S), last % S];
    view.place = view.quantity === "beta" ? { grid: "lattice", t: found.T - 1 - t, row: S - 1 - s } : { grid: "lattice", t, row: s };
    lattice.select(view.place.t, view.place.row);
    if (view.played >= found.T * S) pause();
    show();
  }

  // --- showing ---
  function changed(words, moving = false) {
    state = session.state;
    found = analyseLabel(state.logProbs, [...state.label].map((c) => state.symbols.indexOf(c) + 1));
    if (!moving) {
      say(words);
      session.save();
    }
    view = { ...view, path: null, played: null };
    if (view.place && (view.place.t >= found.T)) view.place = null;
    showControls();
    show();
    numbers.show(found, sign);
    if (!moving) for (const bench of [paths, beams]) bench.refresh();
    root.dataset.crnnRead = String(Number(root.dataset.crnnRead ?? 0) + 1);
  }

  function showControls() {
    const reader = Boolean(state.config);
    if (typed.value !== state.label) typed.value = state.label;
    typed.setAttribute("aria-invalid", "false");
    sources.value = state.source;
    samples.value = state.picture ? "" : state.sample;
    sampleField.hidden = fileField.hidden = !reader;
    steps.node.hidden = reader;
    again.hidden = state.source !== "random";
    steps.show(state.T);
    image.hidden = !state.config;
    if (state.config && pictured !== state.grey) {
      const { grey, config: { height, width } } = state;
      image.replaceChildren(greyCanvas(resize(grey, height, width).data, height, width), strip);
      pictured = grey;
    }
    const K = state.symbols.length + 1;
    const all = Array.from({ length: K }, (_, c) => c);
    const matters = (c) => c === 0 || K <= 8 || state.label.includes(sign(c)) || state.logProbs.some((row) => row[c] > Math.log(0.05));
    const rest = all.filter((c) => !matters(c));
    classes = [...all.filter(matters).map((c) => [c]), ...(rest.length ? [rest] : [])];
  }

  function show() {
    plane.style.setProperty("--lab-steps", String(found.T));
    const names = classes.map((group) => (group.length > 1 ? ["rest", `the other ${group.length} classes`] : [sign(group[0]), named(group[0])]));
    matrix.draw(names, found.T, matrixPainter(found, classes, view.gradient));
    const S = found.extended.length;
    const paint = latticePainter(found, view.quantity, view.scale === "log");
    const seen = (t, s) => view.played === null || (view.quantity === "beta" ? (found.T - 1 - t) * S + S - 1 - s : t * S + s) < view.played;
    lattice.draw(found.extended.map((c, s) => [sign(c), rowName(found.extended, s, named)]), found.T, (t, s) => (seen(t, s) ? paint(t, s) : null));
    quantity.value = view.quantity;
    setText(legend, `Matrix: ${view.gradient ? "orange with a plus is too much and will fall, purple with a minus is too little and will rise" : "dark is 0, bright is 1"}. Lattice: ${view.scale === "log" ? "bright is the largest, dark the smallest above 0" : view.quantity === "occupancy" ? "dark is 0, bright is 1" : "bright is the largest of its column"}; empty cells hold nothing.`);
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
    lines.draw(found, view.path, cell, view.quantity === "beta");
    const single = chosen() !== null;
    edit.node.classList.toggle("lab-idle", !single);
    matrix.node.classList.toggle("lab-active", place?.grid === "matrix");
    lattice.node.classList.toggle("lab-active", Boolean(cell));
    if (cell) setText(details, explainCell(found, view.quantity, cell.t, cell.s, named));
    else if (single) {
      const c = chosen();
      const p = Math.exp(found.logProbs[place.t][c]);
      const g = found.gradient[place.t][c];
      edit.show(Number(p.toFixed(2)));
      setText(details, `Step t = ${place.t}, ${named(c)}: p = ${shortNumber(p)}, occupancy = ${shortNumber(found.mass[place.t][c])}, gradient p − occupancy = ${shortNumber(g)}${Math.abs(g) < 5e-4 ? "" : g > 0 ? ", so a step will lower it" : ", so a step will raise it"}. Change p by the keys + and −, or by the slider: the column is scaled to sum to 1.`);
    } else setText(details, place ? "The classes that hardly matter here, together." : "Choose a cell, by pointer or with Tab and the arrow keys: its arithmetic is told here.");
    peek(null);
  }

  /** Highlight one time step everywhere: while the mouse is there, else where the chosen cell is. */
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
      const [first, last] = stripOf(state.config.pools, state.config.width, at);
      strip.style.left = `${(100 * first) / state.config.width}%`;
      strip.style.width = `${(100 * (last - first + 1)) / state.config.width}%`;
      words.push(`sees the image's pixel columns ${first} to ${last}`);
    }
    words.push(`most probable there: ${named(top)} (${percent(Math.exp(row[top]))})`);
    if (found.best) words.push(`on the best path: ${rowName(found.extended, found.best[at], named)}`);
    setText(link, `${words.join("; ")}.`);
  }

  // --- beginning ---
  if (state.source === "matrix") sources.prepend(element("option", { value: "matrix", selected: true }, "given"));
  changed(await session.begin());
  const fromKernel = () => session.follow() && (stop(), changed(""));
  model.on("change:label", fromKernel);
  model.on("change:matrix", fromKernel);
  receivers.add(receive);
  return () => {
    stop();
    receivers.delete(receive);
    model.off("change:label", fromKernel);
    model.off("change:matrix", fromKernel);
  };
}
