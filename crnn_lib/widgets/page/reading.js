// Reading a picture: from grey levels to every stage of a reader, and to the text with its probability.
import { bestPath, collapse, labelLogProb } from "./decode.js";
import { count, latest, markup, part, setText } from "./dom.js";
import { createLetters } from "./letters.js";
import { percent } from "./words.js";
import { standardise } from "./images.js";
import { columnsOf } from "./sight.js";
import { imageFor } from "./strokes.js";

/** @typedef {import("./images.js").Grey} Grey @typedef {import("./backend.js").Asked} Reader */
/** @typedef {Awaited<ReturnType<typeof inspectImage>>} Seen */

const SURE = 0.9; // of a reading that is called sure
const SLOW = 80; // milliseconds after which a reading is one that is waited for

/** What a reading of that probability is called. @param {number} p */
export const certainty = (p) => (p >= SURE ? "sure" : "unsure");

/** The reader of pictures, or of drawn strokes, by name. @param {{readers: string[]}} backend @param {boolean} drawn */
function fitting({ readers }, drawn) {
  return readers[drawn ? readers.length - 1 : 0];
}

/** @typedef {{readers: string[], chosen: () => string, reader: (name: string) => Promise<Reader>}} Readers */
/** @typedef {{grey: Grey, drawn: boolean, strokes?: number[][][], thickness?: number, reader?: () => Promise<Reader>}} Picture
 * drawn: from the pen, so read by the reader of strokes, which it shows itself to; reader: one of its own */

/** Who reads a picture: the chosen reader, else the picture's own, else the fitting one. @param {Readers} backend
 * @param {Pick<Picture, "drawn" | "reader">} picture */
export async function readerOf(backend, { drawn, reader: own }) {
  const chosen = backend.chosen();
  return await (own && !chosen ? own() : backend.reader(chosen || fitting(backend, drawn)));
}

/** What a reader makes of a picture: its stages, and names for its classes. @param {Readers} backend
 * @param {Picture} picture @param {(reader: Reader) => Reader} [learnt] who is asked in that reader's place */
export async function inspect(backend, picture, learnt = (reader) => reader) {
  const reader = learnt(await readerOf(backend, picture));
  const { strokes, thickness, grey } = picture;
  return inspectGrey(reader, strokes && !reader.config.stretch ? imageFor(reader.config, strokes, thickness) : grey);
}

/** The same of grey levels. @param {Reader} reader @param {Grey} grey */
export function inspectGrey(reader, grey) {
  const { config } = reader;
  return inspectImage(reader, standardise(grey, config.height, columnsOf(config, grey)));
}

/** The same for an image that is standardised already. @param {Reader} reader @param {Float32Array} image */
export async function inspectImage(reader, image) {
  const { config } = reader;
  const W = image.length / config.height;
  const stages = await reader.infer(image, config.height, W);
  const [, T, K] = stages.log_probs.dims;
  const symbols = ["-", ...config.alphabet];
  const spell = (/** @type {number[]} */ classes) => classes.map((c) => symbols[c]).join("");
  const blank = config.alphabet.includes("-") ? "∅" : "-";
  const signs = [blank, ...[...config.alphabet].map((c) => (c === " " ? "␣" : c))]; // as they are shown one by one
  return { reader, config, image, W, stages, logProbs: stages.log_probs.data, T, K, symbols, signs, spell };
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

/**
 * Where a widget says what is read, and how probable it is; with `onlight` its letters are handles.
 * @param {string} [words] @param {(letter: number) => void} [onlight]
 */
export function createReading(words = "It reads ", onlight) {
  const text = part("text", "strong", { class: "crnn-text", "aria-live": "polite", "aria-atomic": "true" });
  const confidence = part("confidence");
  const [node] = markup`<p class="crnn-reading"><span class="crnn-note">${words}</span>${text} ${confidence}</p>`;
  const letters = createLetters(text, onlight ?? (() => {}));
  return {
    node,
    letters,
    /**
     * @param {string} reading @param {number | null} p @param {string} [truth] where it is known
     * @param {import("./letters.js").Span[]} [spans] where its letters come from @param {string[]} [signs]
     */
    show(reading, p, truth = reading, spans = [], signs = []) {
      letters.show(reading, spans, signs);
      setText(confidence, p === null ? "" : percent(p));
      node.dataset.state = p === null ? "idle" : reading !== truth ? "wrong" : certainty(p);
    },
  };
}

/** `read`, one at a time, the latest call last. @param {HTMLElement} root @param {{say: Function}} message @param {() => Promise<void>} read */
export function latestReading(root, message, read) {
  return latest(
    async () => {
      const waiting = setTimeout(() => (root.dataset.state = "thinking"), SLOW);
      try {
        await read();
      } finally {
        clearTimeout(waiting);
        if (root.dataset.state === "thinking") root.dataset.state = "idle";
      }
      count(root);
    },
    (error) => {
      root.dataset.state = "wrong";
      message.say(`This could not be read: ${error.message}`, true);
    },
  );
}
