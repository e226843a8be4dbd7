// Reading a picture: from grey levels to every stage of a reader, and to the text with its probability.
import { bestPath, collapse, labelLogProb } from "./decode.js";
import { count, latest, markup, part, setText } from "./dom.js";
import { percent } from "./words.js";
import { standardise } from "./images.js";

/** @typedef {import("./images.js").Grey} Grey @typedef {import("./backend.js").Asked} Reader */
/** @typedef {Awaited<ReturnType<typeof inspectImage>>} Seen */

/** The reader of pictures, or of drawn strokes, by name. @param {{readers: string[]}} backend @param {boolean} drawn */
export function fitting({ readers }, drawn) {
  return readers[drawn ? readers.length - 1 : 0];
}

/**
 * What a reader makes of a picture: its stages, and names for its classes.
 * @param {{readers: string[], reader: (name: string) => Promise<Reader>}} backend
 * @param {{grey: Grey, drawn: boolean}} picture drawn: from the pen, so read by the reader of strokes
 */
export async function inspect(backend, { grey, drawn }, name = fitting(backend, drawn)) {
  const reader = await backend.reader(name);
  return inspectImage(reader, standardise(grey, reader.config.height, reader.config.width));
}

/** The same for an image that is standardised already. @param {Reader} reader @param {Float32Array} image */
export async function inspectImage(reader, image) {
  const { config } = reader;
  const stages = await reader.infer(image, config.height, config.width);
  const [, T, K] = stages.log_probs.dims;
  const symbols = ["-", ...config.alphabet];
  const spell = (/** @type {number[]} */ classes) => classes.map((c) => symbols[c]).join("");
  return { reader, config, image, stages, logProbs: stages.log_probs.data, T, K, symbols, spell };
}

/** p(label), cut at 1. @param {ArrayLike<number>} logProbs (T, K) @param {number} K @param {number[]} label */
export function probability(logProbs, K, label) {
  return Math.min(Math.exp(labelLogProb(logProbs, K, label)), 1);
}

/** What greedy decoding reads, and how probable that text is. @param {Seen} seen */
export function greedy({ logProbs, K, spell }) {
  const path = bestPath(logProbs, K);
  const classes = collapse(path);
  return { path, classes, text: spell(classes), p: probability(logProbs, K, classes) };
}

/** Where a widget says what is read, and how probable it is. */
export function createReading(words = "It reads ") {
  const text = part("text", "strong", { class: "crnn-text", "aria-live": "polite", "aria-atomic": "true" });
  const confidence = part("confidence");
  const [node] = markup`<p class="crnn-reading"><span class="crnn-note">${words}</span>${text} ${confidence}</p>`;
  return {
    node,
    show(/** @type {string} */ reading, /** @type {number} */ p) {
      setText(text, reading);
      setText(confidence, percent(p));
    },
  };
}

/** `read`, one at a time, the latest call last. @param {HTMLElement} root @param {{say: Function}} message @param {() => Promise<void>} read */
export function latestReading(root, message, read) {
  return latest(
    async () => {
      await read();
      count(root);
    },
    (error) => message.say(`This could not be read: ${error.message}`, true),
  );
}
