// Colours for what the style sheet cannot reach: numbers as colours, and the look's own colours on a canvas.

const stopsOf = (/** @type {string} */ hex) =>
  hex.split(" ").map((stop) => [0, 2, 4].map((i) => parseInt(stop.slice(i, i + 2), 16)));
const PALETTES = {
  grey: stopsOf("ffffff 000000"), // paper, ink
  viridis: stopsOf("440154 472d7b 3b528b 2c728e 21918c 28ae80 5ec962 addc30 fde725"),
  puor: stopsOf("7f3b08 b25706 e08214 fcb761 fee0b6 f6f6f7 d8daeb b1aad1 8073ac 532687 2d004b"),
};
/** @typedef {keyof PALETTES} Palette */

/** The colour of a value 0 .. 1 (puor: 0.5 is white). @param {Palette} palette @returns {number[]} red, green, blue */
export function colourOf(palette, value) {
  const stops = PALETTES[palette];
  const at = Math.min(Math.max(value || 0, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  return stops[low].map((v, i) => Math.round(v + (stops[low + 1][i] - v) * (at - low)));
}

const css = (/** @type {number[]} */ rgb) => `rgb(${rgb})`;
export const PAPER = css(colourOf("grey", 0)); // a picture's, in the dark too
export const INK = css(colourOf("grey", 1));

/** A palette from low to high, as a background. @param {Palette} palette */
export const ramp = (palette) => `linear-gradient(90deg, ${PALETTES[palette].map(css)})`;

/** Whether black is read better than white on a colour. @param {number[]} rgb */
function isLight([r, g, b]) {
  const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) > 0.179;
}

const [GOLDEN, SKIPPED] = [137.508, 70]; // degrees; the hues about "here" are left out

/** The hue of a class: the same in ribbons, path and text. @param {number} c */
export function hueOf(c) {
  return Math.round(95 + ((c * GOLDEN) % 360) * ((360 - SKIPPED) / 360));
}

/** Give a cell the ground of a number, and an ink that is read on it; null: neither.
 *  @param {HTMLElement} cell @param {number[] | null} rgb */
export function tint(cell, rgb) {
  cell.style.backgroundColor = rgb ? css(rgb) : "";
  cell.style.color = rgb ? (isLight(rgb) ? INK : PAPER) : "";
}

/** A variable of the look as it is at a node, for a canvas. @param {Element} node @param {string} name */
export function lookOf(node, name) {
  return globalThis.getComputedStyle?.(node).getPropertyValue(`--crnn-${name}`).trim() ?? "";
}
