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
 * @typedef {{grey: Grey, drawn: boolean, name?: string, truth?: string, strokes?: number[][][]}} Picture
 *   drawn: from the pen, so read by the reader of strokes; truth: its text, where that is known
 */

/** Who is handed a pad's picture: the widgets of its page, or in a notebook of its kernel, since these share this module.
 *  @type {Set<(picture: Picture) => void>} */
export const receivers = new Set();

/** @param {(picture: Picture) => void} act what is done with a pad's picture, until the signal ends it @param {AbortSignal} signal */
export function receive(act, signal) {
  receivers.add(act);
  signal.addEventListener("abort", () => receivers.delete(act));
}

/** The grey levels of an image file, or a clear error. @param {File} file @returns {Promise<Grey>} */
export async function loadFile(file) {
  const name = `"${file.name}"`;
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
  const context = painter(element("canvas", { width, height }), { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return fromRGBA(context.getImageData(0, 0, width, height).data, height, width);
}

/** One of the embedded samples: bytes, deflated, so that no canvas is read back. @param {string} name @returns {Promise<Grey>} */
export async function loadSample(name) {
  if (!Object.hasOwn(SAMPLES, name)) throw new Error(`there is no sample "${name}"`);
  const { height, width, pixels } = SAMPLES[name];
  const stream = new Blob([fromBase64(pixels)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return { data: Float32Array.from(new Uint8Array(await new Response(stream).arrayBuffer())), height, width };
}

/** A drawing as a picture. @param {number[][][]} strokes @returns {Picture} */
export function drawn(strokes, name = "your drawing", thickness = 2) {
  return { grey: strokesImage(strokes, thickness), drawn: true, name, strokes };
}

/**
 * The fields by which a picture is chosen. What is chosen goes to `onpicture`; what cannot be had, to `onerror`.
 * @param {{onpicture: (picture: Picture) => any, onerror: (error: any) => void, sample?: string}} options
 */
export function createSource({ onpicture, onerror, sample: first = "" }) {
  let asked = 0;
  /** Only the last picture that was asked for is taken. @param {() => Picture | Promise<Picture>} make */
  async function attempt(make) {
    const mine = ++asked;
    try {
      const picture = await make();
      if (mine === asked) await onpicture(picture);
    } catch (error) {
      if (mine === asked) onerror(error);
    }
  }
  const sample = (/** @type {string} */ name) =>
    attempt(async () => ({ grey: await loadSample(name), drawn: false, name, truth: name }));
  const names = Object.keys(SAMPLES).map((name) => [name, name]);
  const samples = choice([["", "choose…"], ...names], first, (name) => name && sample(name));
  const typed = textInput("", 8, () =>
    attempt(() => {
      const truth = typed.value.toLowerCase().replace(/\s/g, "");
      return { ...drawn(placeText(truth), `the typed "${truth}"`), truth };
    }));
  const file = element("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/bmp,image/webp" });
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    if (chosen) attempt(async () => ({ grey: await loadFile(chosen), drawn: false, name: "your file" }));
  });
  return {
    type: field("Type", typed),
    samples: field("Sample", samples),
    file: field("Image file", file),
    attempt,
    sample,
    /** Show which sample is seen, or that none is. @param {string} [name] */
    mark: (name = "") => (samples.value = Object.hasOwn(SAMPLES, name) ? name : ""),
    empty: () => (typed.value = file.value = ""),
  };
}
