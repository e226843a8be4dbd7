// The laboratory's memory: a label, a matrix of log-probabilities with its letters, where it came from, and what was before.
import { gradientStep, logSoftmax, peakedMatrix, randomMatrix, uniformMatrix, withProbability } from "../page/ctc.js";
import { greedyDecode } from "../page/decode.js";
import { standardise } from "../page/images.js";
import { randomFrom } from "../page/random.js";
import { loadSample } from "../page/sources.js";

const LETTERS = 12; // the longest label
const RATE = 1; // of gradient descent on the logits

/** The letters of a made-up matrix: the label's own, and two that it lacks. @param {string} label */
function symbolsFor(label) {
  const own = [...new Set(label)];
  return [...own, ...[..."abcdefghijklmn"].filter((c) => !own.includes(c)).slice(0, 2)];
}

/** @param {{model: any, backend: any}} surroundings where the first state comes from, and each later one is told */
export function createSession({ model, backend }) {
  let state = {
    label: model.get("label") ?? "ab", source: model.get("source") || "uniform", sample: model.get("sample") || "gxxw6",
    T: model.get("steps") || 5, seed: model.get("seed") || 1, symbols: [...(model.get("symbols") ?? "")], logProbs: [], picture: null, config: null,
  };
  let [past, tag, wishes, saving] = [[], null, 0, false];

  /** Remember the state for undo, once for a whole drag of a slider (the same `why`). */
  function keep(why = null, before = state) {
    if (before.logProbs.length && (why === null || why !== tag)) past = [...past.slice(-49), before];
    tag = why;
  }

  function undo() {
    if (!past.length) return false;
    wishes++;
    state = past.pop();
    tag = null;
    return true;
  }

  const knows = (symbols, label) => [...label].every((c) => symbols.includes(c));

  /** Why a label cannot be taken, or "". */
  function complaint(label) {
    const length = [...label].length;
    if (length > LETTERS) return `This laboratory takes labels of at most ${LETTERS} letters, and this one has ${length}.`;
    const odd = [...new Set(label)].filter((c) => (state.config ? !state.symbols.includes(c) : /[-\s]/.test(c)));
    if (!odd.length) return "";
    if (state.config) return `The trained reader does not know ${odd.map((c) => `“${c}”`).join(", ")}: it knows ${state.symbols.join("")}.`;
    return odd[0] === "-" ? "“-” stands for the blank here and cannot be in a label." : `A label cannot hold “${odd[0]}” here.`;
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

  /** A made-up matrix; its letters stay while they hold the label. */
  function made({ label, source, T, seed, symbols: old, config }) {
    const symbols = old.length && knows(old, label) && !config ? old : symbolsFor(label);
    const K = symbols.length + 1;
    const target = [...label].map((c) => symbols.indexOf(c) + 1);
    const logProbs = source === "random" ? randomMatrix(T, K, randomFrom(seed)) : source === "peaked" ? peakedMatrix(target, T, K) : uniformMatrix(T, K);
    return { symbols, logProbs, config: null, source: source === "random" || source === "peaked" ? source : "uniform" };
  }

  /** What the reader says of the picture. */
  async function read({ picture, sample }) {
    const grey = picture?.grey ?? (await loadSample(sample));
    const reader = backend.readers[picture?.drawn ? backend.readers.length - 1 : 0];
    const { config } = await backend.reader(reader);
    const { log_probs: { data, dims } } = await backend.infer(reader, standardise(grey, config.height, config.width), config.height, config.width);
    const [, T, K] = dims;
    const logProbs = logSoftmax(Array.from({ length: T }, (_, t) => Array.from(data.subarray(t * K, (t + 1) * K))));
    const symbols = [...config.alphabet];
    const reading = greedyDecode(data, K).map((c) => symbols[c - 1]).join("");
    return { symbols, logProbs, T, config, grey, reading };
  }

  /** Another matrix. @returns {Promise<string | null>} what there is to say; null where a later wish has come first */
  async function remake(wish, label = null) {
    const mine = ++wishes;
    const next = { ...state, ...wish };
    let words = "";
    let answer;
    if (next.source === "reader") {
      const { reading, ...rest } = await read(next);
      words = `The reader reads “${reading}” here.`;
      answer = { ...rest, label: label ?? (next.picture ? reading : next.sample) };
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

  const rowsOf = (matrix) => matrix.map((row) => row.map(Math.log));

  /** The state that the kernel, or the page's author, asks for. */
  async function begin() {
    const matrix = model.get("matrix");
    if (state.source === "reader" || matrix?.[0]?.length !== state.symbols.length + 1) return remake({}, state.source === "reader" ? model.get("label") || null : null);
    state = { ...state, T: matrix.length, logProbs: rowsOf(matrix) };
    return "";
  }

  /** Follow the kernel. @returns {boolean} whether anything is another */
  function follow() {
    if (saving) return false;
    const [label, matrix, symbols] = [model.get("label"), model.get("matrix"), [...model.get("symbols")]];
    keep();
    if (matrix?.length && symbols.length === matrix[0].length - 1) state = { ...state, symbols, T: matrix.length, logProbs: rowsOf(matrix) };
    if (!complaint(label)) state = { ...state, label };
    if (!knows(state.symbols, state.label)) state = { ...state, ...made(state) };
    return true;
  }

  function save() {
    saving = true;
    for (const field of ["label", "source", "sample"]) model.set(field, state[field]);
    model.set("symbols", state.symbols.join(""));
    model.set("steps", state.T);
    model.set("matrix", state.logProbs.map((row) => row.map(Math.exp)));
    model.save_changes();
    saving = false;
  }

  return { get state() { return state; }, keep, undo, complaint, relabel, remake, setCell, descend, begin, follow, save };
}
