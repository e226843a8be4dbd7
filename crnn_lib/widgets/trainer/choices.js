// What somebody may choose of a training in the page, what follows from it, and why some choices cannot be trained.
import { SKELETONS } from "../page/embedded.js";

/** @typedef {import("../page/train_network.js").Shape} Shape */
/** @typedef {typeof DEFAULTS} Choices */

export const FRAME = { height: 16, width: 64 }; // of each image, in pixels
export const MOST = { batch: 32, length: 8, images: 1000, symbols: 36 };
const CLIP = 5; // the longest gradient
const HIGHEST_RATE = 1;
export const POOLS = { // by the number of time steps that they leave
  32: [[2, 2], [2, 1], [2, 1]],
  16: [[2, 2], [2, 2], [2, 1]],
  8: [[2, 2], [2, 2], [2, 2]],
  4: [[2, 4], [2, 2], [2, 2]],
};
const SIZES = { channels: [8, 16, 24], features: 40, hidden: 32 };
const ALIKE = ["0123", "oabc"]; // two families of symbols, whose first ones are drawn alike

export const DEFAULTS = {
  content: /** @type {"digits" | "letters" | "alike"} */ ("digits"),
  letters: "abcde",
  least: 1, // symbols in a label
  most: 5,
  doubled: /** @type {"chance" | "never" | "often"} */ ("chance"),
  T: 32,
  lstm: /** @type {"both" | "forward" | "none"} */ ("both"),
  prior: true,
  batchnorm: /** @type {"all" | "blocks" | "none"} */ ("all"),
  standardise: true,
  optimizer: /** @type {"adam" | "sgd"} */ ("adam"),
  rate: 0.003,
  batch: 16,
  images: /** @type {number | null} */ (null), // null: new ones in each batch
  seed: 0,
};

/** The families of symbols that labels are made of: all symbols of a label are of one. @param {Choices} choices */
export function familiesOf({ content, letters }) {
  return { digits: ["0123456789"], letters: [letters], alike: ALIKE }[content].map((text) => [...text]);
}

/** As which symbol a symbol is drawn. @param {Choices} choices @param {string} symbol */
export function drawnAs({ content }, symbol) {
  return content === "alike" && symbol === ALIKE[1][0] ? ALIKE[0][0] : symbol;
}

/** How often a symbol repeats the one before it. @param {Choices} choices */
export function repeatRate(choices) {
  return { chance: 1 / familiesOf(choices)[0].length, never: 0, often: 0.5 }[choices.doubled];
}

/** The network that these choices are of. @param {Choices} choices @returns {Shape} */
export function shapeOf(choices) {
  const alphabet = familiesOf(choices).flat().join("");
  const { lstm, batchnorm } = choices;
  return { alphabet, ...FRAME, pools: POOLS[choices.T], ...SIZES, lstm, batchnorm };
}

/** How it is trained. @param {Choices} choices @returns {import("../page/train.js").Recipe} */
export function recipeOf({ optimizer, rate }) {
  return { optimizer, rate, clip: CLIP, momentum: optimizer === "sgd" ? 0.9 : 0 };
}

const wholeFrom = (/** @type {number} */ low, /** @type {number} */ high) => (/** @type {any} */ n) =>
  Number.isInteger(n) && n >= low && n <= high;
const products = (/** @type {number[]} */ factors) => factors.filter((n) => n > 1).join(" · ");

/** Why labels of these symbols cannot be learned, or "". @param {Choices} choices */
function wrongSymbols(choices) {
  const symbols = familiesOf(choices).flat();
  const strange = symbols.find((symbol) => !Object.hasOwn(SKELETONS, symbol));
  const twice = symbols.find((symbol, i) => symbols.indexOf(symbol) < i);
  if (strange !== undefined) {
    return `The pen cannot write “${strange}”. It writes ${Object.keys(SKELETONS).join("")}.`;
  }
  if (twice !== undefined) return `“${twice}” is in the alphabet twice: two classes would have the same images.`;
  if (symbols.length > MOST.symbols) return `At most ${MOST.symbols} symbols.`;
  if (symbols.length > 1) return "";
  const classes = `the blank makes K = ${symbols.length} + 1 = ${symbols.length + 1} classes`;
  return symbols.length
    ? `An alphabet of one symbol leaves nothing to tell apart but how many there are: ${classes}. Give two or more.`
    : `An alphabet without symbols: ${classes}, and every label is empty. Give two symbols or more.`;
}

/** Why labels of these lengths cannot be learned, or "". @param {Choices} choices */
function wrongLengths({ least, most, T }) {
  if (![least, most].every(wholeFrom(1, MOST.length)) || least > most) {
    const given = `from ${least} to ${most}`;
    return `Labels ${given} symbols long cannot be drawn: give whole numbers from 1 to ${MOST.length}, the smaller first.`;
  }
  if (T >= most) return "";
  const pools = products(POOLS[T].map(([, along]) => along));
  return `No label of ${most} symbols fits: each symbol takes a time step, and T = ${FRAME.width} / (${pools}) = ${T} ` +
    `< U = ${most}. Its loss would be infinite. Pool less, or shorten the labels.`;
}

/** Why nothing can be learned in such steps, or "". @param {Choices} choices */
function wrongSteps({ rate, optimizer, batch, images }) {
  if (!(rate > 0 && rate < Infinity)) return `A learning rate of ${rate} does not learn: give a number above 0.`;
  if (rate > HIGHEST_RATE) {
    const start = 1 / 3; // the filters' of the first convolution: 1 / sqrt(1 * 3 * 3)
    const moves = optimizer === "adam"
      ? `Adam moves each weight by about the learning rate in the first step. The weights start between ±${
        start.toFixed(2)
      }, so a rate of ${rate} moves them ${Math.round(rate / start)} times as far as the largest of them`
      : `A gradient may be ${CLIP} long, so a first step may be ${rate} · ${CLIP} = ${
        rate * CLIP
      } long, among weights ` +
        `that start between ±${start.toFixed(2)}`;
    return `${moves}: nothing of them is left. Give ${HIGHEST_RATE} or less.`;
  }
  if (!wholeFrom(1, MOST.batch)(batch)) {
    return `A batch of ${batch} images: give a whole number from 1 to ${MOST.batch}. More of them would hold up this page ` +
      "for longer than 50 milliseconds in each step.";
  }
  if (images === 0) return "No images: the mean loss of 0 images is 0 / 0. Give one or more, or draw new ones.";
  if (images !== null && !wholeFrom(1, MOST.images)(images)) {
    return `${images} images: give a whole number from 1 to ${MOST.images}, or draw new ones in each batch.`;
  }
  return "";
}

/** Why this cannot be trained, with the arithmetic, or "". @param {Choices} choices */
export function complaint(choices) {
  const seed = wholeFrom(0, 1e9)(choices.seed) ? "" : "The seed is a whole number from 0 to 1,000,000,000.";
  return wrongSymbols(choices) || wrongLengths(choices) || wrongSteps(choices) || seed;
}

/** What one should know before this is trained, or "". @param {Choices} choices */
export function caution({ most, doubled, T }) {
  const needed = 2 * most - 1;
  if (doubled === "never" || T >= needed) return "";
  return `A label of ${most} equal symbols needs U + r = ${most} + ${
    most - 1
  } = ${needed} steps, and there are T = ${T}: ` +
    "labels that do not fit are left out.";
}
