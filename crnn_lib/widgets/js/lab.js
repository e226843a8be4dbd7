// The CTC laboratory: a label, a matrix of probabilities, and all that CTC makes of the two, with real numbers.
import { gradientStep, listCells, logSoftmax, pathLogProb, peakedMatrix, randomFrom, randomMatrix, sampleCells, uniformMatrix, withProbability } from "./ctc.js";
import { greedyDecode } from "./decode.js";
import { WIDTH, resize, standardise } from "./images.js";
import { element, greyCanvas, percent, setText, slider } from "./dom.js";
import { loadFile, loadSample } from "./pad.js";
import { stripOf } from "./sight.js";
import { analyseLabel, createGrid, createLines, explainCell, latticePainter, matrixPainter, rowName, shortNumber } from "./lab_view.js";
import { createBeamBench, createCollapseToy } from "./lab_toys.js";

const LETTERS = 12; // the longest label
const FEW = 60; // alignments that are all listed
const SHOWN = 10; // alignments drawn where they are many
const PACE = 260; // milliseconds a cell, or a column where cells are many, while the recursion plays
const RATE = 1; // of gradient descent on the logits
const SOURCES = { uniform: "uniform", random: "random", peaked: "peaked", reader: "the trained reader" };
const QUANTITIES = { alpha: "α, forward", beta: "β, backward", occupancy: "occupancy" };

/** The letters of a made-up matrix: the label's own, and two that it lacks. @param {string} label */
export function symbolsFor(label) {
  const own = [...new Set(label)];
  return [...own, ...[..."abcd"].filter((c) => !own.includes(c)).slice(0, 2)].slice(0, LETTERS + 2).join("");
}

/**
 * Put a laboratory into `root`. The model's fields: label, source, sample, steps, seed, symbols and matrix (T rows of
 * probabilities; where it is given, it is the source); the laboratory sets label, source, symbols and matrix.
 * @param {{root: HTMLElement, model: any, backend: any}} surroundings @returns {Promise<() => void>} takes it down
 */
export async function mountLab({ root, model, backend }) {
  let state = {
    label: model.get("label") ?? "ab", source: model.get("source") || "uniform", sample: model.get("sample") || "gxxw6",
    T: model.get("steps") || 5, seed: model.get("seed") || 1, symbols: "", logProbs: [], picture: null, config: null,
  };
  let [past, tag] = [[], null]; // earlier states, and what the last one was kept for
  let view = { quantity: "alpha", scale: "linear", gradient: false, place: null, path: null, played: null };
  let [found, classes, timer, frame, drawnPaths, saving] = [null, [], null, 0, [], false];
  const name = (c) => (c ? `“${state.symbols[c - 1]}”` : "blank");
  const sign = (c) => (c ? state.symbols[c - 1] : "-");

  // --- the parts ---
  const button = (text, onclick, more = {}) => element("button", { type: "button", onclick, ...more }, text);
  const field = (label, node) => element("label", { class: "crnn-field" }, element("span", {}, label), node);
  const select = (options, value, onchange) => {
    const node = element("select", { onchange: () => onchange(node.value) });
    node.append(...Object.entries(options).map(([v, text]) => element("option", { value: v, selected: v === value }, text)));
    return node;
  };
  const part = (label, ...children) => element("section", { class: "lab-part", "aria-label": label }, ...children);
  const message = element("p", { class: "crnn-message", role: "status", "data-crnn": "message" });
  const typed = element("input", { type: "text", maxlength: 40, value: state.label, autocomplete: "off", spellcheck: "false", autocapitalize: "none", oninput: () => relabel(typed.value) });
  const sources = select(SOURCES, state.source, (value) => remake({ source: value, picture: null }));
  const samples = select(Object.fromEntries(Object.keys(SAMPLES).map((s) => [s, s])), state.sample, (value) => remake({ sample: value, picture: null, source: "reader" }, value));
  const file = element("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/bmp,image/webp", onchange: open });
  const steps = slider({ name: "Time steps T", min: 2, max: 32, step: 1, value: state.T, onchange: (T) => remake({ T, source: state.source === "reader" ? "uniform" : state.source }) });
  const again = button("Another random one", () => remake({ source: "random", seed: state.seed + 1 }));
  const sampleField = field("Sample", samples);
  const fileField = field("Image file", file);
  const counted = element("strong", { "data-crnn": "alignments" });
  const formula = element("span", { class: "crnn-note", "data-crnn": "formula" });
  const loss = element("strong", { "data-crnn": "loss" });
  const total = element("span", { class: "crnn-note", "data-crnn": "total" });
  const share = element("strong", { "data-crnn": "best-share" });
  const bestText = element("code", { "data-crnn": "best" });
  const verdict = element("p", { class: "lab-verdict", "data-crnn": "verdict", "aria-live": "polite" });
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
  const paths = element("div", { class: "lab-paths", role: "group", "aria-label": "Alignments" });
  const pathsTitle = element("p", {});
  const redraw = button("Draw again", () => { drawnPaths = []; listPaths(); });
  const learn = [button("One gradient step", () => train(1)), button("A hundred steps", () => train(100)), button("Undo", undo)];
  const current = () => ({ found, symbols: state.symbols });
  const toy = createCollapseToy(current);
  const beams = createBeamBench(current);
  root.append(
    element("div", { class: "crnn-controls" }, field("Label", typed), field("Probabilities", sources), sampleField, fileField, steps.node, again), message,
    element("div", { class: "lab-numbers" },
      element("p", {}, "Alignments: ", counted, " ", formula),
      element("p", {}, "Loss −log p(label): ", loss, " ", total),
      element("p", {}, "The best path alone, ", bestText, ", carries ", share)),
    verdict,
    element("div", { class: "crnn-controls" }, field("Lattice shows", quantity), field("Scale", scale), field("Matrix shows", shows),
      forwardButton, backwardButton, button("Next cell", () => advance(1)), button("Next column", () => advance(0)), button("Show all", () => look({ played: null }))),
    element("div", { class: "lab-scroll" }, plane), legend, details, link,
    element("div", { class: "crnn-controls" }, ...learn, edit.node),
    part("Alignments", pathsTitle, paths, redraw), toy.node, beams.node,
  );

  // --- state ---
  function say(words, isError = false) {
    message.setAttribute("role", isError ? "alert" : "status");
    message.classList.toggle("crnn-error", isError);
    setText(message, words);
  }

  /** Remember the state for Undo, once for a whole drag of a slider (the same `why`). */
  function keep(why = null) {
    if (why === null || why !== tag) past = [...past.slice(-49), state];
    tag = why;
  }

  function undo() {
    stop();
    if (!past.length) return say("There is nothing to undo.");
    state = past.pop();
    tag = null;
    changed("Undone.");
  }

  /** Why a label cannot be taken, or "". */
  function complaint(label) {
    if (label.length > LETTERS) return `This laboratory takes labels of at most ${LETTERS} letters, and this one has ${label.length}.`;
    const odd = [...new Set(label)].filter((c) => (state.source === "reader" ? !state.symbols.includes(c) : /[-\s]/.test(c)));
    if (!odd.length) return "";
    return state.source === "reader" ? `The trained reader does not know ${odd.map((c) => `“${c}”`).join(", ")}: it knows ${state.symbols}.` : `“${odd[0]}” stands for the blank here and cannot be in a label.`;
  }

  function relabel(text) {
    const wrong = complaint(text);
    typed.setAttribute("aria-invalid", String(Boolean(wrong)));
    if (wrong) return say(wrong, true);
    stop();
    keep("label");
    state = { ...state, label: text };
    const known = [...text].every((c) => state.symbols.includes(c));
    if (!known) state = { ...state, ...made() };
    changed(known ? "" : `A new matrix for the letters ${[...state.symbols].join(", ")}.`);
  }

  /** A made-up matrix for the present label. */
  function made() {
    const symbols = [...state.label].every((c) => state.symbols.includes(c)) && !state.config ? state.symbols : symbolsFor(state.label);
    const K = symbols.length + 1;
    const target = [...state.label].map((c) => symbols.indexOf(c) + 1);
    const logProbs = { random: () => randomMatrix(state.T, K, randomFrom(state.seed)), peaked: () => peakedMatrix(target, state.T, K) }[state.source]?.() ?? uniformMatrix(state.T, K);
    return { symbols, logProbs, config: null };
  }

  /** What the reader says of the picture. */
  async function read() {
    const grey = state.picture?.grey ?? (await loadSample(state.sample));
    const reader = backend.readers[state.picture?.drawn ? backend.readers.length - 1 : 0];
    const { config } = await backend.reader(reader);
    const { log_probs: { data, dims } } = await backend.infer(reader, standardise(grey, config.height, config.width), config.height, config.width, ["log_probs"]);
    const [, T, K] = dims;
    const logProbs = logSoftmax(Array.from({ length: T }, (_, t) => Array.from(data.subarray(t * K, (t + 1) * K))));
    const reading = greedyDecode(data, K).map((c) => config.alphabet[c - 1]).join("");
    return { symbols: config.alphabet, logProbs, T, config, grey, reading };
  }

  let making = 0; // the latest wish for a matrix wins
  async function remake(wish, label = null, kept = true) {
    const mine = ++making;
    stop();
    const before = state;
    const next = { ...state, ...wish };
    try {
      state = next;
      let words = "";
      if (next.source === "reader") {
        const { reading, ...answer } = await read();
        if (mine !== making) return;
        const fits = [...next.label].every((c) => answer.symbols.includes(c)) && next.label && !next.picture;
        state = { ...next, ...answer, label: label ?? (fits && before.source === "reader" ? next.label : next.picture ? reading : next.sample) };
        words = `The reader reads “${reading}” here.`;
      } else state = { ...next, ...made() };
      if (kept && before.logProbs.length) [past, tag] = [[...past.slice(-49), before], null];
      changed(words);
    } catch (error) {
      if (mine !== making) return;
      state = before;
      sources.value = state.source;
      if (!found) throw error;
      say(error.message, true);
    }
  }

  async function open() {
    if (!file.files[0]) return;
    try {
      await remake({ picture: { grey: await loadFile(file.files[0]), drawn: false }, source: "reader" });
    } catch (error) {
      say(error.message, true);
    }
  }
  const handed = ({ detail }) => state.source === "reader" && remake({ picture: detail });

  function setCell(p) {
    const { place } = view;
    const c = place?.grid === "matrix" && classes[place.row]?.length === 1 ? classes[place.row][0] : null;
    if (c === null) return say("Choose a cell of the matrix first.");
    stop();
    keep(`cell ${place.t} ${c}`);
    state = { ...state, logProbs: withProbability(state.logProbs, place.t, c, Math.min(Math.max(p, 0), 1)) };
    changed("");
  }

  function nudge(key) {
    const by = { "+": 0.05, "=": 0.05, "-": -0.05, Delete: -1 }[key];
    const { place } = view;
    if (!by || place?.grid !== "matrix" || classes[place.row].length > 1) return false;
    setCell(Math.exp(state.logProbs[place.t][classes[place.row][0]]) + by);
    return true;
  }

  /** Gradient descent on the logits; a hundred steps are shown as they happen, unless motion is unwanted. */
  function train(count) {
    if (found.total === -Infinity) return say("There is no gradient: no path of so few steps spells the label.", true);
    stop();
    keep();
    const before = -found.total;
    const still = count === 1 || matchMedia("(prefers-reduced-motion: reduce)").matches;
    let done = 0;
    const run = () => {
      for (let end = Math.min(count, done + (still ? count : 2)); done < end; done++) state = { ...state, logProbs: gradientStep(state.logProbs, found.target, RATE) };
      if (done < count) frame = requestAnimationFrame(run);
      else frame = 0;
      changed(done < count ? "" : "", done < count);
      if (done === count) say(`${count === 1 ? "One step" : `${count} steps`} of gradient descent: the loss went from ${before.toFixed(3)} to ${(-found.total).toFixed(3)}.`);
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
    const last = view.played - 1;
    const [t, s] = [Math.floor(last / S), last % S];
    view.place = view.quantity === "beta" ? { grid: "lattice", t: found.T - 1 - t, row: S - 1 - s } : { grid: "lattice", t, row: s };
    lattice.select(view.place.t, view.place.row);
    if (view.played >= found.T * S) pause();
    show();
  }

  // --- showing ---
  function changed(words, moving = false) {
    found = analyseLabel(state.logProbs, [...state.label].map((c) => state.symbols.indexOf(c) + 1));
    if (!moving) {
      say(words);
      save();
    }
    view = { ...view, path: null, played: null };
    if (view.place && (view.place.t >= found.T)) view.place = null;
    drawnPaths = [];
    showControls();
    show();
    showNumbers();
    if (!moving) listPaths();
    if (!moving) beams.refresh();
    root.dataset.crnnRead = String(Number(root.dataset.crnnRead ?? 0) + 1);
  }

  function save() {
    saving = true;
    model.set("label", state.label);
    model.set("source", state.source);
    model.set("symbols", state.symbols);
    model.set("matrix", state.logProbs.map((row) => row.map(Math.exp)));
    model.save_changes();
    saving = false;
  }

  function showControls() {
    const reader = state.source === "reader";
    if (typed.value !== state.label && (document.activeElement !== typed || !complaint(typed.value))) typed.value = state.label;
    typed.setAttribute("aria-invalid", "false");
    sources.value = state.source;
    samples.value = state.picture ? "" : state.sample;
    sampleField.hidden = fileField.hidden = !reader;
    steps.node.hidden = reader;
    again.hidden = state.source !== "random";
    steps.show(state.T);
    image.hidden = !reader || !state.config;
    if (!image.hidden && image.dataset.of !== String(making)) {
      const { grey, config } = state;
      image.replaceChildren(greyCanvas(resize(grey, config.height, config.width).data, config.height, config.width), strip);
      image.dataset.of = String(making);
    }
    const K = state.symbols.length + 1;
    const all = Array.from({ length: K }, (_, c) => c);
    const matters = (c) => c === 0 || K <= 8 || state.label.includes(sign(c)) || state.logProbs.some((row) => row[c] > Math.log(0.05));
    const rest = all.filter((c) => !matters(c));
    classes = [...all.filter(matters).map((c) => [c]), ...(rest.length ? [rest] : [])];
  }

  function showNumbers() {
    const { count, T, r, target, total: logTotal, best, bestShare, extended } = found;
    const U = target.length;
    setText(counted, count.toLocaleString("en-US"));
    setText(formula, `= C(T + U − r, 2U) = C(${T} + ${U} − ${r}, ${2 * U}), with T = ${T} steps, U = ${U} letters, r = ${r} repeated`);
    setText(loss, logTotal === -Infinity ? "∞" : Math.max(-logTotal, 0).toFixed(6));
    setText(total, `p(label) = ${shortNumber(Math.exp(logTotal))}`);
    setText(share, best ? `${(100 * bestShare).toFixed(4)} % of it` : "nothing");
    setText(bestText, best ? best.map((s) => sign(extended[s])).join("") : "none");
    const impossible = r ? `each of the ${U} letters takes a step, and each of the ${r} repeats takes one more for the blank that must stand between` : `each of the ${U} letters takes a step`;
    setText(verdict, T < U + r ? `Impossible: T = ${T} < U + r = ${U} + ${r} = ${U + r}; ${impossible}.` : logTotal === -Infinity ? "There are such paths, but each of them holds a probability of 0." : "");
  }

  function show() {
    plane.style.setProperty("--lab-steps", String(found.T));
    const names = classes.map((group) => (group.length > 1 ? ["rest", `the other ${group.length} classes`] : [sign(group[0]), name(group[0])]));
    matrix.draw(names, found.T, matrixPainter(found, classes, view.gradient));
    const S = found.extended.length;
    const paint = latticePainter(found, view.quantity, view.scale === "log");
    const seen = (t, s) => view.played === null || (view.quantity === "beta" ? (found.T - 1 - t) * S + S - 1 - s : t * S + s) < view.played;
    lattice.draw(found.extended.map((c, s) => [sign(c), rowName(found.extended, s, name)]), found.T, (t, s) => (seen(t, s) ? paint(t, s) : null));
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
    const single = place?.grid === "matrix" && classes[place.row]?.length === 1;
    edit.node.classList.toggle("lab-idle", !single);
    if (cell) setText(details, explainCell(found, view.quantity, cell.t, cell.s, name));
    else if (single) {
      const c = classes[place.row][0];
      const p = Math.exp(found.logProbs[place.t][c]);
      const g = found.gradient[place.t][c];
      edit.show(Number(p.toFixed(2)));
      setText(details, `Step t = ${place.t}, ${name(c)}: p = ${shortNumber(p)}, occupancy = ${shortNumber(found.mass[place.t][c])}, gradient p − occupancy = ${shortNumber(g)}${Math.abs(g) < 5e-4 ? "" : g > 0 ? ", so a step will lower it" : ", so a step will raise it"}. Change p by the keys + and −, or by the slider: the column is scaled to sum to 1.`);
    } else setText(details, place ? "The classes that hardly matter here, together." : "Choose a cell, by pointer or with Tab and the arrow keys: its arithmetic is told here.");
    peek(null);
  }

  /** Highlight one time step everywhere: while the mouse is there, else where the chosen cell is. */
  function peek(t) {
    const at = t ?? view.place?.t;
    column.hidden = at === undefined;
    setText(link, "");
    if (at === undefined || at >= found.T) return;
    column.style.setProperty("--lab-t", String(at));
    const row = found.logProbs[at];
    const top = row.indexOf(Math.max(...row));
    const words = [`Time step ${at}`];
    if (state.config && state.source === "reader") {
      const [first, last] = stripOf(state.config.pools, state.config.width, at);
      strip.style.left = `${(100 * first) / (state.config.width ?? WIDTH)}%`;
      strip.style.width = `${(100 * (last - first + 1)) / state.config.width}%`;
      words.push(`sees the image's pixel columns ${first} to ${last}`);
    }
    words.push(`most probable there: ${name(top)} (${percent(Math.exp(row[top]))})`);
    if (found.best) words.push(`on the best path: ${rowName(found.extended, found.best[at], name)}`);
    setText(link, `${words.join("; ")}.`);
  }

  function listPaths() {
    const few = found.count <= BigInt(FEW);
    redraw.hidden = few;
    const seed = Math.floor(1e6 * Math.random());
    if (!drawnPaths.length) {
      const random = randomFrom(seed);
      drawnPaths = few ? listCells(found.target, found.T, FEW) : Array.from({ length: SHOWN }, () => sampleCells(found.logProbs, found.target, random)).filter(Boolean);
    }
    const part = (cells) => (found.total === -Infinity ? 0 : Math.exp(pathLogProb(found.logProbs, cells.map((s) => found.extended[s])) - found.total));
    const items = [...(found.best ? [["best: ", found.best]] : []), ...drawnPaths.map((cells) => ["", cells])];
    if (few) items.sort(([a, x], [b, y]) => b.length - a.length || part(y) - part(x));
    setText(pathsTitle, found.count === 0n ? "No alignment: nothing to list." : few ? "All alignments of the label, and each one's share of p(label). Choose one to see it in the lattice." : `${SHOWN} of the alignments, drawn by their probability. Choose one to see it in the lattice.`);
    paths.replaceChildren(...items.map(([before, cells]) => {
      const node = button("", () => {
        view.path = view.path === cells ? null : cells;
        for (const other of paths.children) other.setAttribute("aria-pressed", "false");
        node.setAttribute("aria-pressed", String(view.path === cells));
        showPlace();
      }, { "aria-pressed": String(view.path === cells) });
      node.append(before, element("code", {}, cells.map((s) => sign(found.extended[s])).join("")), ` ${percent(part(cells))}`);
      return node;
    }));
  }

  // --- beginning ---
  const fromKernel = () => {
    if (saving) return;
    const [label, rows, symbols] = ["label", "matrix", "symbols"].map((field) => model.get(field));
    keep();
    if (rows?.length && symbols) state = { ...state, symbols, T: rows.length, source: state.source, logProbs: rows.map((row) => row.map(Math.log)) };
    if (label !== state.label && !complaint(label)) state = { ...state, label };
    if (![...state.label].every((c) => state.symbols.includes(c))) state = { ...state, ...made() };
    changed("");
  };
  const given = model.get("matrix");
  if (given?.length && state.source === "matrix") {
    state = { ...state, symbols: model.get("symbols"), T: given.length, logProbs: given.map((row) => row.map(Math.log)) };
    sources.prepend(element("option", { value: "matrix" }, "given"));
    changed("");
  } else await remake({}, state.source === "reader" && model.get("label") ? state.label : null, false);
  model.on("change:label", fromKernel);
  model.on("change:matrix", fromKernel);
  document.addEventListener("crnn-picture", handed);
  return () => {
    stop();
    document.removeEventListener("crnn-picture", handed);
    model.off("change:label", fromKernel);
    model.off("change:matrix", fromKernel);
  };
}
