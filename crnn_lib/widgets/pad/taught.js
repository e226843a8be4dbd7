// What was taught in this browser, by the network that learned it: the drawings with their texts, in the browser's storage and
// nowhere else, and the reader that came of them, until the page is closed.
import { quantise } from "../page/strokes.js";

/** @typedef {import("../page/engine.js").Network} Network @typedef {import("../page/engine.js").Reader} Reader */
/** @typedef {import("../page/teach.js").Taught} Taught */
/** @typedef {{lesson: Taught[], reader: Reader | null, kept: boolean}} State reader: none yet, where the lesson is only remembered */

/** @type {WeakMap<Network, State>} */
const states = new WeakMap();
/** @type {WeakMap<Network, string>} */
const keys = new WeakMap();

/** The name of a network's lesson in the storage: it depends on every weight (FNV-1a, of their bits). @param {Network} network */
export function keyOf(network) {
  const known = keys.get(network);
  if (known) return known;
  const { convolutions, project, forward, reverse, classify } = network;
  let hash = 2166136261;
  for (const { weight, bias } of [...convolutions, project, forward, reverse, classify]) {
    for (const { buffer, byteOffset, length } of [weight, bias]) {
      const words = new Int32Array(buffer, byteOffset, length);
      for (let i = 0; i < length; i++) hash = Math.imul(hash ^ words[i], 16777619);
    }
  }
  const key = `crnn-taught-${(hash >>> 0).toString(16).padStart(8, "0")}`;
  keys.set(network, key);
  return key;
}

/** What the storage holds of a lesson; anybody may have written there. @param {string} key @returns {Taught[]} */
function remembered(key) {
  try {
    const found = JSON.parse(localStorage.getItem(key) ?? "[]");
    return found.map(({ strokes, text }) => ({ strokes: quantise(strokes), text: String(text) }));
  } catch {
    return []; // there is none, or this browser keeps nothing
  }
}

/** What is known of a network. @param {Network} network @returns {State} */
export function stateOf(network) {
  const known = states.get(network) ?? { lesson: remembered(keyOf(network)), reader: null, kept: true };
  states.set(network, known);
  return known;
}

/** Keep a lesson and the reader that came of it. @param {Network} network @param {Taught[]} lesson @param {Reader} reader */
export function remember(network, lesson, reader) {
  const state = { lesson, reader, kept: true };
  try {
    localStorage.setItem(keyOf(network), JSON.stringify(lesson));
  } catch {
    state.kept = false;
  }
  states.set(network, state);
}

/** @param {Network} network */
export function forget(network) {
  states.set(network, { lesson: [], reader: null, kept: true });
  try {
    localStorage.removeItem(keyOf(network));
  } catch { /* this browser keeps nothing */ }
}
