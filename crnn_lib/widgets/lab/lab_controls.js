// The laboratory's controls: where the matrix comes from, what is shown of it and played, and gradient descent.
import { button, choice, field, slider, textInput } from "../page/controls.js";
import { markup, setText } from "../page/dom.js";
import { createSource } from "../page/sources.js";

/** @typedef {import("./lab_state.js").Desk} Desk */

const PACE = 260; // milliseconds a cell, or a column where cells are many, while the recursion plays
const SOURCES = [["uniform", "uniform"], ["random", "random"], ["peaked", "peaked"], ["reader", "the trained model"]];
const QUANTITIES = [["alpha", "α, forward"], ["beta", "β, backward"], ["occupancy", "occupancy"]];
const SCALES = [["linear", "linear"], ["log", "logarithm"]];
const CONTENTS = [["p", "probability p"], ["gradient", "gradient, p − occupancy"]];
const WAYS = [["alpha", "Play forward"], ["beta", "Play backward"]];

/** The label, and where its matrix comes from. @param {Desk} desk */
export function createSettings(desk, { relabel, remake, fail, more }) {
  const { state } = desk;
  const typed = textInput(state.label, 40, (text) => typed.setAttribute("aria-invalid", String(!relabel(text))));
  const options = state.source === "matrix" ? [["matrix", "given"], ...SOURCES] : SOURCES;
  const sources = choice(options, state.source, (source) => remake({ source, picture: null }));
  const source = createSource({
    onpicture: (picture) =>
      remake({ picture, sample: picture.truth ?? desk.state.sample, source: "reader" }, picture.truth),
    onerror: fail,
  });
  const steps = slider(
    { name: "Time steps T", min: 2, max: 32, step: 1, value: state.T },
    (T) => remake({ T, source: desk.state.source === "reader" ? "uniform" : desk.state.source }),
  );
  const again = button("Another random one", () => remake({ source: "random", seed: desk.state.seed + 1 }));
  const nodes = markup`<div class="crnn-controls">${field("Label", typed)}${field("Probabilities", sources)}
    ${source.samples}${source.file}${steps.node}${again}${more}</div>`;

  function show() {
    const { config, label, picture, sample, source: origin, T } = desk.state;
    if (typed.value !== label) typed.value = label;
    typed.setAttribute("aria-invalid", "false");
    sources.value = origin;
    source.mark(picture && !picture.truth ? "" : sample);
    source.samples.hidden = source.file.hidden = !config;
    steps.node.hidden = Boolean(config);
    again.hidden = origin !== "random";
    steps.show(T);
  }
  return { nodes, show, open: source.open };
}

/** What is shown, and the recursion played, cell by cell. @param {Desk} desk */
export function createPlayer(desk, { stage, paths, begin, steps }) {
  const { view } = desk;
  /** @type {any} */
  let timer = null;
  const quantity = choice(QUANTITIES, view.quantity, (value) => look({ quantity: value, played: null }));
  const scale = choice(SCALES, view.scale, (value) => look({ scale: value }));
  const shows = choice(CONTENTS, "p", (value) => look({ gradient: value === "gradient" }));
  const plays = WAYS.map(([what, words]) => button(words, () => toggle(what)));
  const columns = slider({ name: "Columns shown", min: 0, max: 1, step: 1, value: 1 }, (count) => {
    pause();
    if (view.quantity === "occupancy") view.quantity = "alpha";
    Object.assign(view, { played: count * desk.found.extended.length, path: null });
    show();
  });
  stage.bars.matrix.append(field("Matrix shows", shows), ...steps);
  stage.bars.lattice.append(
    ...[field("Lattice shows", quantity), field("Scale", scale), ...plays],
    ...[button("Next cell", () => advance(1)), columns.node],
  );

  function look(change) {
    pause();
    Object.assign(view, change);
    show();
  }
  function show() {
    quantity.value = view.quantity;
    refresh();
    stage.show();
  }
  /** How many columns there are, and how many of them are shown. */
  function refresh() {
    const { T, extended: { length: S } } = desk.found;
    columns.input.max = String(T);
    columns.show(view.played === null ? T : Math.floor(view.played / S));
  }
  function pause() {
    clearInterval(timer);
    timer = null;
    stage.playing(false);
    showButtons();
  }
  function showButtons() {
    WAYS.forEach(([what, words], i) => setText(plays[i], timer && view.quantity === what ? "Pause" : words));
    stage.details.setAttribute("aria-live", timer ? "off" : "polite");
  }
  function toggle(what) {
    if (timer && view.quantity === what) return pause();
    begin();
    const cells = desk.found.T * desk.found.extended.length;
    if (view.quantity !== what || view.played === null || view.played >= cells) {
      Object.assign(view, { quantity: what, played: 0 });
    }
    const each = cells > 120 ? 0 : 1;
    timer = setInterval(() => reveal(each), PACE);
    stage.playing(true);
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
    const { T, extended: { length: S } } = desk.found;
    const before = view.played === null || view.played >= T * S ? 0 : view.played;
    const played = cells ? before + cells : (Math.floor(before / S) + 1) * S;
    paths.release();
    const last = played - 1;
    const [t, row] = [Math.floor(last / S), last % S];
    const place = view.quantity === "beta" ? { t: T - 1 - t, row: S - 1 - row } : { t, row };
    Object.assign(view, { played, path: null, wave: !cells, place: { grid: "lattice", ...place } });
    stage.select(place.t, place.row);
    if (played >= T * S) pause();
    show();
  }
  return { refresh, pause };
}

/** Gradient descent on the logits; a hundred steps are shown as they happen, unless motion is unwanted.
 *  @param {Desk} desk */
export function createDescent(desk, session, { begin, changed, undo, say }) {
  let frame = 0;
  function train(wanted) {
    begin();
    const { target, total } = desk.found;
    if (total === -Infinity) return say("There is no gradient: no path of so few steps spells the label.", true);
    session.keep();
    const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? wanted : 2;
    let left = wanted;
    const run = () => {
      session.descend(target, Math.min(left, pace));
      left -= pace;
      changed("", left > 0);
      if (left > 0) return void (frame = requestAnimationFrame(run));
      const steps = wanted === 1 ? "One step" : `${wanted} steps`;
      const went = `the loss went from ${(-total).toFixed(3)} to ${(-desk.found.total).toFixed(3)}`;
      say(`${steps} of gradient descent: ${went}.`);
    };
    run();
  }
  const one = button("One gradient step", () => train(1));
  const buttons = [one, button("A hundred steps", () => train(100)), button("Undo", undo)];
  return { buttons, stop: () => cancelAnimationFrame(frame) };
}
