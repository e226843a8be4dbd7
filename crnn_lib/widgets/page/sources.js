// Where pictures come from: a sample, typed text, a file, or what lies on a pad.
import { choice, field, textInput } from "./controls.js";
import { element, painter } from "./dom.js";
import { SAMPLES } from "./embedded.js";
import { fromBase64 } from "./base64.js";
import { fromRGBA } from "./images.js";
import { strokesImage } from "./strokes.js";
import { placeText } from "./write.js";

const MAX_BYTES = 40_000_000;
const MAX_PIXELS = 40_000_000;
const MIN_SIDE = 4;

/** @typedef {import("./images.js").Grey} Grey */
/**
 * @typedef {{grey: Grey, drawn: boolean, name?: string, truth?: string, strokes?: number[][][],
 *   thickness?: number, reader?: () => Promise<import("./backend.js").Asked>}} Picture
 *   drawn: from the pen, so read by the reader of strokes; truth: its text, where that is known; reader: one of its own
 */

/** Who is handed a pad's picture: the widgets of its page, or in a notebook of its kernel, since these share this module.
 *  @type {Set<(picture: Picture) => void>} */
export const receivers = new Set();

/** Who opens a picture in a microscope, in the same way. @type {typeof receivers} */
export const microscopes = new Set();

/** @param {(picture: Picture) => void} act what is done with a picture, until the signal ends it @param {AbortSignal} signal */
export function receive(act, signal, among = receivers) {
  among.add(act);
  signal.addEventListener("abort", () => among.delete(act));
}

/** An image file on a canvas, or a clear error. @param {Blob} file @param {string} name */
export async function openFile(file, name) {
  if (!file.size) throw new Error(`${name} is empty (0 bytes)`);
  if (file.size > MAX_BYTES) throw new Error(`${name} is too large: the limit is 40 megabytes`);
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" }).catch(() => {
    throw new Error(`${name} is not an image: it is none of PNG, JPEG, GIF, BMP, WEBP, or its start is lost`);
  });
  const { width, height } = bitmap;
  const size = `${width} x ${height}`;
  if (width * height > MAX_PIXELS) throw new Error(`${name} is too large: ${size}, the limit is 40 million pixels`);
  if (Math.min(width, height) < MIN_SIDE) {
    throw new Error(`${name} is too small: ${size}, the least side is ${MIN_SIDE}`);
  }
  const canvas = element("canvas", { width, height });
  painter(canvas, { willReadFrequently: true }).drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas;
}

/** The grey levels of a part of a canvas. @param {HTMLCanvasElement} canvas @param {number[]} [part] left, top, width, height */
export function greyOf(canvas, [x, y, width, height] = [0, 0, canvas.width, canvas.height]) {
  return fromRGBA(painter(canvas).getImageData(x, y, width, height).data, height, width);
}

/** One of the embedded samples. @param {string} name */
export async function loadSample(name) {
  if (!Object.hasOwn(SAMPLES, name)) throw new Error(`there is no sample "${name}"`);
  return await unpacked(SAMPLES[name]);
}

/** A picture that bundle.py has packed: bytes, deflated, so that no canvas is read back. @returns {Promise<Grey>} */
export async function unpacked({ height, width, pixels }) {
  const stream = new Blob([fromBase64(pixels)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return { data: Float32Array.from(new Uint8Array(await new Response(stream).arrayBuffer())), height, width };
}

/** A drawing as a picture. @param {number[][][]} strokes @returns {Picture} */
export function drawn(strokes, name = "your drawing", thickness = 2) {
  return { grey: strokesImage(strokes, thickness), drawn: true, name, strokes, thickness };
}

/**
 * What takes one picture after the other: only the last that was asked for comes, to `take`; what fails, to `onerror`.
 * @template Made @param {(made: Made) => any} take @param {(error: any) => void} onerror
 */
export function createTaker(take, onerror) {
  let asked = 0;
  return async (/** @type {() => Made | Promise<Made>} */ make) => {
    const mine = ++asked;
    try {
      const made = await make();
      if (mine === asked) await take(made);
    } catch (error) {
      if (mine === asked) onerror(error);
    }
  };
}

/**
 * The fields by which a picture is chosen. What is chosen goes to `onpicture`; what cannot be had, to `onerror`.
 * @param {{onpicture: (picture: Picture) => any, onerror: (error: any) => void, sample?: string, longest?: number}} options
 *   longest: characters that may be typed
 */
export function createSource({ onpicture, onerror, sample: first = "", longest = 8 }) {
  const attempt = createTaker(onpicture, onerror);
  const sample = (/** @type {string} */ name) =>
    attempt(async () => ({ grey: await loadSample(name), drawn: false, name, truth: name }));
  const names = Object.keys(SAMPLES).map((name) => [name, name]);
  const samples = choice([["", "choose…"], ...names], first, (name) => name && sample(name));
  const typed = textInput("", longest, () =>
    attempt(() => {
      const truth = typed.value.replace(/\s/g, "");
      return { ...drawn(placeText(truth), `the typed "${truth}"`), truth };
    }));
  const file = element("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/bmp,image/webp" });
  file.addEventListener("change", () => file.files?.[0] && open(file.files[0]));
  function open(/** @type {File} */ chosen) {
    const grey = async () => greyOf(await openFile(chosen, `"${chosen.name}"`));
    attempt(async () => ({ grey: await grey(), drawn: false, name: "your file" }));
  }
  return {
    type: field("Type", typed),
    samples: field("Sample", samples),
    file: field("Image file", file),
    attempt,
    open,
    sample,
    /** Show which sample is seen, or that none is. @param {string} [name] */
    mark: (name = "") => (samples.value = Object.hasOwn(SAMPLES, name) ? name : ""),
    empty: () => (typed.value = file.value = ""),
  };
}
