// The laboratory's memory: a label, a matrix of log-probabilities with its letters, where it came from, and what was before.
import { analyseLabel, gradientStep, logSoftmax, withProbability } from "../page/ctc.js";
import { peakedMatrix, randomMatrix, uniformMatrix } from "../page/ctc.js";
import { randomFrom } from "../page/random.js";
import { greedy, inspect } from "../page/reading.js";
import { loadSample } from "../page/sources.js";

const LETTERS = 12; // the longest label
const RATE = 1; // of gradient descent on the logits

/** The letters of a made-up matrix: the label's own, and two that it lacks. @param {string} label */
function symbolsFor(label) {
  const own = [...new Set(label)];
  return [...own, ...[..."abcdefghijklmn"].filter((c) => !own.includes(c)).slice(0, 2)];
}

/**
 * @typedef {{label: string, source: string, sample: string, T: number, seed: number, symbols: string[],
 *   logProbs: number[][], picture: import("../page/sources.js").Picture | null, config: import("../page/engine.js").Config | null,
 *   grey?: import("../page/images.js").Grey}} State
 * config, grey: of the reader and the picture that the matrix comes from, where it does
 */

const knows = (symbols, label) => [...label].every((c) => symbols.includes(c));
const rowsOf = (matrix) => matrix.map((row) => row.map(Math.log));

/** What the model asks for. @param {import("../page/model.js").Model} model @returns {State} */
function firstState(model) {
  return {
    label: model.get("label") ?? "ab",
    source: model.get("source") || "uniform",
    sample: model.get("sample") || "gxxw6",
    T: model.get("steps") || 5,
    seed: model.get("seed") || 1,
    symbols: [...(model.get("symbols") ?? "")],
    logProbs: [],
    picture: null,
    config: null,
  };
}

/** Why a label cannot be taken, or "". @param {State} state */
function complaintOf({ config, symbols }, label) {
  const length = [...label].length;
  const most = `This laboratory takes labels of at most ${LETTERS} letters, and this one has ${length}.`;
  if (length > LETTERS) return most;
  const odd = [...new Set(label)].filter((c) => (config ? !symbols.includes(c) : /[-\s]/.test(c)));
  if (!odd.length) return "";
  const [unknown, known] = [odd.map((c) => `“${c}”`).join(", "), symbols.join("")];
  if (config) return `The trained model does not know ${unknown}: it knows ${known}.`;
  if (odd[0] === "-") return "“-” stands for the blank here and cannot be in a label.";
  return `A label cannot hold “${odd[0]}” here.`;
}

/** A made-up matrix; its letters stay while they hold the label. @param {State} state */
function made({ label, source, T, seed, symbols: old, config }) {
  const symbols = old.length && knows(old, label) && !config ? old : symbolsFor(label);
  const K = symbols.length + 1;
  const matrices = {
    random: () => randomMatrix(T, K, randomFrom(seed)),
    peaked: () => peakedMatrix([...label].map((c) => symbols.indexOf(c) + 1), T, K),
    uniform: () => uniformMatrix(T, K),
  };
  const kind = Object.hasOwn(matrices, source) ? source : "uniform";
  return { symbols, logProbs: matrices[kind](), config: null, source: kind };
}

/** What the reader says of the picture. @param {any} backend @param {State} state */
async function read(backend, { picture, sample }) {
  const grey = picture?.grey ?? (await loadSample(sample));
  const seen = await inspect(backend, { grey, drawn: Boolean(picture?.drawn) });
  const { T, K, config, symbols } = seen;
  const rows = Array.from({ length: T }, (_, t) => Array.from(seen.logProbs.subarray(t * K, (t + 1) * K)));
  return { symbols: symbols.slice(1), logProbs: logSoftmax(rows), T, config, grey, reading: greedy(seen).text };
}

/** @param {{model: import("../page/model.js").Model, backend: any}} place where the first state comes from, and each later one is told */
export function createSession({ model, backend }) {
  /** @type {State} */
  let state = firstState(model);
  /** @type {State[]} */
  let past = [];
  /** @type {string | null} */
  let tag = null;
  let wishes = 0;
  const complaint = (label) => complaintOf(state, label);

  /** Remember the state for undo, once for a whole drag of a slider (the same `why`). @param {string | null} [why] */
  function keep(why = null) {
    if (state.logProbs.length && (why === null || why !== tag)) past = [...past.slice(-49), state];
    tag = why;
  }

  function undo() {
    const before = past.pop();
    if (!before) return false;
    wishes++;
    [state, tag] = [before, null];
    return true;
  }

  /** Another label, on the same matrix where that knows its letters. @returns {string} what there is to say */
  function relabel(label) {
    const wrong = complaint(label);
    if (wrong) throw new Error(wrong);
    keep("label");
    state = { ...state, label };
    if (knows(state.symbols, label)) return "";
    state = { ...state, ...made(state) };
    return `A new matrix, for the letters ${state.symbols.join(", ")}.`;
  }

  /**
   * Another matrix. @param {Partial<State>} wish @param {string | null} label
   * @returns {Promise<string | null>} what there is to say; null where a later wish has come first
   */
  async function remake(wish, label = null) {
    const mine = ++wishes;
    const next = { ...state, ...wish };
    let words = "";
    let answer;
    if (next.source === "reader") {
      const { reading, ...rest } = await read(backend, next);
      words = `The model reads “${reading}” here.`;
      const wanted = label ?? (next.picture ? reading : next.sample);
      answer = { ...rest, label: knows(rest.symbols, wanted) ? wanted : reading };
    } else answer = made({ ...next, symbols: state.logProbs.length ? [] : state.symbols });
    if (mine !== wishes) return null;
    keep();
    state = { ...next, ...answer };
    return words;
  }

  function setCell(t, c, p) {
    keep(`cell ${t} ${c}`);
    state = { ...state, logProbs: withProbability(state.logProbs, t, c, Math.min(Math.max(p, 0), 1)) };
  }

  function descend(target, steps) {
    for (let i = 0; i < steps; i++) state = { ...state, logProbs: gradientStep(state.logProbs, target, RATE) };
  }

  /** The state that the kernel, or the page's author, asks for. */
  function begin() {
    const matrix = model.get("matrix");
    const asked = state.source === "reader" ? model.get("label") || null : null;
    if (state.source === "reader" || matrix?.[0]?.length !== state.symbols.length + 1) return remake({}, asked);
    state = { ...state, T: matrix.length, logProbs: rowsOf(matrix) };
    return Promise.resolve("");
  }

  /** Follow the kernel. */
  function follow() {
    const [label, matrix, symbols] = [model.get("label"), model.get("matrix"), [...model.get("symbols")]];
    keep();
    const fits = matrix?.length && symbols.length === matrix[0].length - 1;
    if (fits) state = { ...state, symbols, T: matrix.length, logProbs: rowsOf(matrix) };
    if (!complaint(label)) state = { ...state, label };
    if (!knows(state.symbols, state.label)) state = { ...state, ...made(state) };
  }

  function save() {
    const { label, source, sample, symbols, T: steps, logProbs } = state;
    const matrix = logProbs.map((row) => row.map(Math.exp));
    model.save({ label, source, sample, symbols: symbols.join(""), steps, matrix });
  }

  return { state: () => state, keep, undo, complaint, relabel, remake, setCell, descend, begin, follow, save };
}

/** The matrix's rows: the classes that matter alone, the others together. @param {State} state @returns {number[][]} */
function classRows({ label, logProbs, symbols }) {
  const K = symbols.length + 1;
  const likely = (c) => logProbs.some((row) => row[c] > Math.log(0.05));
  const matters = (c) => c === 0 || K <= 8 || label.includes(symbols[c - 1]) || likely(c);
  const all = Array.from({ length: K }, (_, c) => c);
  const rest = all.filter((c) => !matters(c));
  return [...all.filter(matters).map((c) => [c]), ...(rest.length ? [rest] : [])];
}

/**
 * @typedef {{quantity: string, scale: string, gradient: boolean, place: {grid: string, t: number, row: number} | null,
 *   path: number[] | null, played: number | null, wave: boolean}} View what is shown; played: cells of a recursion, null
 *   for all; wave: they come a column at a time
 */

/** What the laboratory's parts share: the session's state, what CTC makes of it, and what is shown of that. */
export function createDesk(session) {
  const desk = {
    /** @type {State} */
    state: session.state(),
    /** @type {import("../page/ctc.js").Found} */
    found: Object(null), // until the first update
    /** @type {number[][]} */
    classes: [],
    /** @type {View} */
    view: { quantity: "alpha", scale: "linear", gradient: false, place: null, path: null, played: null, wave: false },
    sign: (c) => (c ? desk.state.symbols[c - 1] : "-"),
    named: (c) => (c ? `“${desk.state.symbols[c - 1]}”` : "blank"),
    update() {
      desk.state = session.state();
      const { label, logProbs, symbols } = desk.state;
      desk.found = analyseLabel(logProbs, [...label].map((c) => symbols.indexOf(c) + 1));
      desk.classes = classRows(desk.state);
      const { place } = desk.view;
      Object.assign(desk.view, {
        path: null,
        played: null,
        wave: false,
        place: place && place.t >= desk.found.T ? null : place,
      });
    },
  };
  return desk;
}

/** @typedef {ReturnType<typeof createDesk>} Desk */
