// Where pictures come from: files and samples; and who else is handed what lies on a pad.
import { element } from "./dom.js";
import { fromBase64 } from "./engine.js";
import { fromRGBA } from "./images.js";
import { SAMPLES } from "./embedded.js";

const MAX_BYTES = 40_000_000;
const MAX_PIXELS = 40_000_000;
const MIN_SIDE = 4;

/** Who is handed a pad's picture: the widgets of its page, or in a notebook of its kernel, since these share this module.
 *  @type {Set<(picture: {grey: Grey, drawn: boolean}) => void>} */
export const receivers = new Set();

/** The grey levels of an image file, or a clear error. @param {File} file @returns {Promise<Grey>} */
export async function loadFile(file) {
  const name = `"${file.name}"`;
  if (!file.size) throw new Error(`${name} is empty (0 bytes)`);
  if (file.size > MAX_BYTES) throw new Error(`${name} is too large: the limit is 40 megabytes`);
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" }).catch(() => {
    throw new Error(`${name} is not an image: it is none of PNG, JPEG, GIF, BMP, WEBP, or its start is lost`);
  });
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) throw new Error(`${name} is too large: ${width} x ${height}, the limit is 40 million pixels`);
  if (Math.min(width, height) < MIN_SIDE) throw new Error(`${name} is too small: ${width} x ${height}, the least side is ${MIN_SIDE}`);
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
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
