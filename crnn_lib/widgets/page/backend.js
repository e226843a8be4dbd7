// What a widget computes with: readers and recordings by name, each loaded once. On a page a widget starts from what was
// recorded of its readers when the book was built; their weights are loaded when somebody touches it.
import { fromBase64 } from "./base64.js";
import { createReader } from "./engine.js";

/** @typedef {import("./engine.js").Reader} Reader @typedef {import("./engine.js").Tensor} Tensor */
/** @typedef {{config: import("./engine.js").Config, infer: (image: Float32Array, H: number, W: number) => Object<string, Tensor> | Promise<Object<string, Tensor>>}} Asked
 *   a reader, or what was recorded of it */
/** @typedef {ReturnType<typeof createBackend>} Backend */
/**
 * @typedef {{dims: number[], type?: keyof typeof ARRAYS, data?: string, scale?: number}} Kept a stage; data: base64 of numbers of that
 *   type, each times the scale; absent where the widget does not start with it
 * @typedef {{config: import("./engine.js").Config, readings: {mark: number[], stages: Object<string, Kept>}[]}} Record
 *   what was recorded of a reader; mark: of the image
 */

/** Readers of files that somebody opened in this page, by the file's name: every widget of it may ask them, until the page
 *  is closed. @type {Map<string, Reader>} */
export const opened = new Map();

const ARRAYS = { F32: Float32Array, I16: Int16Array, U8: Uint8Array };
const MARKS = 8; // numbers that tell images apart
const SAME = 1e-3; // browsers differ in the last digits of a rotated picture

/** Numbers that tell an image from others: sums of its parts. @param {Float32Array} image */
export function markOf(image) {
  const size = Math.ceil(image.length / MARKS);
  return Array.from({ length: MARKS }, (_, i) => image.subarray(i * size, (i + 1) * size).reduce((a, b) => a + b, 0));
}

/** A recorded stage; where its numbers were not kept, they are null. @param {Kept} kept @returns {any} */
function restored({ dims, type = "F32", data, scale = 1 }) {
  if (!data) return { dims, data: null };
  const { buffer } = fromBase64(data);
  return { dims, data: Float32Array.from(new ARRAYS[type](buffer), (v) => v * scale) };
}

/** A reader that knows the recorded readings, and asks the real one for any other. @param {Record} record @param {() => Promise<Reader>} real @returns {Asked} */
function recordedReader({ config, readings }, real) {
  return {
    config,
    async infer(image, H, W) {
      const mark = markOf(image);
      const known = readings.find((reading) =>
        reading.mark.every((v, i) => Math.abs(v - mark[i]) < SAME * (1 + Math.abs(v)))
      );
      if (!known) return (await real()).infer(image, H, W);
      return Object.fromEntries(Object.entries(known.stages).map(([name, kept]) => [name, restored(kept)]));
    },
  };
}

/** Readers by name, made of their weights when first asked for. @param {(name: string) => Promise<Uint8Array>} load */
export function createReaders(load) {
  /** @type {Map<string, Promise<Reader>>} */
  const made = new Map();

  /** The reader of that name; a failure is not remembered. @param {string} name */
  function reader(name) {
    const known = made.get(name);
    if (known) return known;
    const promise = load(name).then(createReader);
    promise.catch(() => made.get(name) === promise && made.delete(name));
    made.set(name, promise);
    return promise;
  }
  return { reader, forget: () => made.clear() };
}

/**
 * @param {{readers: string[], made: ReturnType<typeof createReaders>, data: (name: string) => Promise<any>, records?: Object<string, Record>}} host
 *   readers: names; data: a recording
 */
export function createBackend({ readers, made, data, records = {} }) {
  let asleep = Object.keys(records).length > 0;
  let chosen = ""; // the reader that somebody wants to be asked, whatever the picture
  /** @type {Set<(picked?: boolean) => void>} */
  const listeners = new Set();

  /** The reader of that name. @param {string} name @returns {Promise<Asked>} */
  function reader(name) {
    const mine = opened.get(name);
    if (mine) return Promise.resolve(mine);
    const real = () => made.reader(name);
    return asleep && Object.hasOwn(records, name) ? Promise.resolve(recordedReader(records[name], real)) : real();
  }

  /** Forget the readers, since their weights have changed, and tell the listeners. */
  function renew() {
    made.forget();
    for (const act of listeners) act();
  }

  /** Ask that reader from now on, or ("") the fitting one again, and tell the listeners. @param {string} name */
  function choose(name) {
    chosen = name;
    for (const act of listeners) act(true);
  }

  /** Fetch the readers that were recorded, and ask them from now on; who needs one hears what fails. */
  function wake() {
    if (asleep) { for (const name of Object.keys(records)) made.reader(name).catch(() => {}); }
    asleep = false;
  }

  /**
   * @param {(picked?: boolean) => void} act what is done after `renew`, and (with true) after `choose`, until the signal ends it
   * @param {AbortSignal} signal
   */
  function onrenew(act, signal) {
    listeners.add(act);
    signal.addEventListener("abort", () => listeners.delete(act));
  }

  return { readers, reader, data, renew, wake, onrenew, choose, chosen: () => chosen };
}
