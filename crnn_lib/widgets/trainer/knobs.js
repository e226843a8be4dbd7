// The knobs of a training: what may be chosen, in words, and the controls for it.
import { choice, field, textInput } from "../page/controls.js";
import { DEFAULTS, MOST } from "./choices.js";

/** @typedef {import("./choices.js").Choices} Choices @typedef {keyof Choices} Key */
/** @typedef {{name: string, options?: [any, string][], group: string}} Knob without options a number or a text is typed */

const lengths = Array.from({ length: MOST.length }, (_, i) => /** @type {[number, string]} */ ([i + 1, String(i + 1)]));
const onOff = /** @type {[any, string][]} */ ([[true, "on"], [false, "off"]]);

/** @type {Object<string, Knob>} */
export const KNOBS = {
  rate: { name: "Learning rate", group: "Steps" },
  optimizer: { name: "Optimiser", group: "Steps", options: [["adam", "Adam"], ["sgd", "SGD, momentum 0.9"]] },
  batch: { name: "Batch", group: "Steps" },
  prior: { name: "Output starts at the label prior", group: "Network", options: onOff },
  batchnorm: {
    name: "BatchNorm",
    group: "Network",
    options: [["all", "in the blocks and on the columns"], ["blocks", "in the blocks"], ["none", "nowhere"]],
  },
  T: {
    name: "Pooling leaves T",
    group: "Network",
    options: [[32, "32 steps"], [16, "16 steps"], [8, "8 steps"], [4, "4 steps"]],
  },
  lstm: { name: "LSTM", group: "Network", options: [["both", "both ways"], ["forward", "forward"], ["none", "none"]] },
  standardise: { name: "Images standardised", group: "Images", options: onOff },
  content: {
    name: "Symbols",
    group: "Images",
    options: [["digits", "ten digits"], ["letters", "of your choice"], ["alike", "0123 or oabc, 0 and o alike"]],
  },
  letters: { name: "Your symbols", group: "Images" },
  least: { name: "Shortest label", group: "Images", options: lengths },
  most: { name: "Longest label", group: "Images", options: lengths },
  doubled: {
    name: "Doubled symbols",
    group: "Images",
    options: [["chance", "by chance"], ["often", "half of all pairs"], ["never", "never"]],
  },
  images: {
    name: "Training images",
    group: "Images",
    options: [[null, "new ones in each batch"], [1000, "1,000"], [100, "100"], [10, "10"], [1, "1"], [0, "none"]],
  },
  seed: { name: "Seed", group: "Steps" },
};

const GROUPS = ["Steps", "Network", "Images"];

/** A choice in words. @param {string} key @param {any} value */
export function inWords(key, value) {
  const { name, options } = KNOBS[key];
  return `${name}: ${options?.find(([option]) => option === value)?.[1] ?? value}`;
}

/** What differs from the choices that are there at first, in words. @param {Choices} choices */
export function differences(choices) {
  return Object.keys(KNOBS)
    .filter((key) => choices[key] !== DEFAULTS[key] && (key !== "letters" || choices.content === "letters"))
    .map((key) => inWords(key, choices[key]));
}

/**
 * A control for one knob.
 * @param {string} key @param {any} value @param {(value: any) => void} onchange
 */
function createKnob(key, value, onchange) {
  const { name, options } = KNOBS[key];
  if (options) {
    const index = (/** @type {any} */ wanted) => String(options.findIndex(([option]) => option === wanted));
    const select = choice(options.map(([, words], i) => [String(i), words]), index(value), (i) => {
      onchange(options[Number(i)][0]);
    });
    return { node: field(name, select), show: (/** @type {any} */ next) => (select.value = index(next)) };
  }
  const text = typeof DEFAULTS[key] === "string";
  const numberOf = (/** @type {string} */ typed) => (typed.trim() ? Number(typed.replace(",", ".")) : NaN);
  const input = textInput(String(value), MOST.symbols, (typed) => onchange(text ? typed : numberOf(typed)));
  if (!text) input.setAttribute("inputmode", "decimal");
  function show(/** @type {any} */ next) {
    if ((text ? input.value : numberOf(input.value)) !== next) input.value = String(next);
  }
  return { node: field(name, input), input, show };
}

/** All of them. @param {Choices} choices @param {(change: Partial<Choices>) => void} onchange */
export function createBench(choices, onchange) {
  const knobs = Object.fromEntries(
    Object.keys(KNOBS).map((key) => [key, createKnob(key, choices[key], (value) => onchange({ [key]: value }))]),
  );
  const groups = GROUPS.map((group) => ({
    group,
    nodes: Object.keys(KNOBS).filter((key) => KNOBS[key].group === group).map((key) => knobs[key].node),
  }));
  function show(/** @type {Choices} */ next) {
    for (const key of Object.keys(KNOBS)) knobs[key].show(next[key]);
    knobs.letters.node.hidden = next.content !== "letters";
  }
  show(choices);
  return { groups, show };
}

/** @typedef {{key: string, value: any}} Beside the knob in which a second run differs */

/** Which knob a second run differs in, and how. @param {(beside: Beside | null) => void} onchange */
export function createBeside(onchange) {
  /** @type {Beside | null} */
  let beside = null;
  const names = Object.entries(KNOBS).map(([key, { name }]) => [key, name]);
  const keys = choice([["", "nothing"], ...names], "", (key) => {
    const other = KNOBS[key]?.options?.find(([option]) => option !== DEFAULTS[key])?.[0];
    set(key ? { key, value: other ?? DEFAULTS[key] } : null);
    onchange(beside);
  });
  const node = field("A second run beside it with a different", keys);
  const knob = document.createElement("div");

  /** @param {Beside | null} next */
  function set(next) {
    beside = next;
    keys.value = next?.key ?? "";
    if (!next) return knob.replaceChildren();
    const made = createKnob(next.key, next.value, (value) => onchange(beside = { key: next.key, value }));
    knob.replaceChildren(made.node);
  }
  return { nodes: [node, knob], set };
}
