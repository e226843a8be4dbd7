// Texts and numbers as people read them.

const MOST_SHOWN = 4000; // characters shown of a text

/**
 * Text as it is shown, of whatever origin: line ends, control characters and marks that turn the direction of writing
 * are spelt out, and of a very long one the first part is shown. @param {string} text
 */
export function visible(text) {
  const shown = text.length > MOST_SHOWN
    ? `${text.slice(0, MOST_SHOWN)} ... and ${text.length - MOST_SHOWN} characters more`
    : text;
  return shown.replace(/[\p{C}\u2028\u2029]/gu, (c) => `\\u{${Number(c.codePointAt(0)).toString(16)}}`);
}

/** A probability in words: 97.3 %, and never 0 % for what is only small. @param {number} p */
export function percent(p) {
  return p < 0.001 ? "< 0.1 %" : p > 0.9995 ? "> 99.9 %" : `${(100 * p).toFixed(1)} %`;
}

/** A number for people: three digits, never a misleading 0. */
export function shortNumber(v) {
  if (v === 0) return "0";
  if (!Number.isFinite(v)) return v > 0 ? "∞" : "−∞";
  const text = Math.abs(v) >= 0.001 && Math.abs(v) < 1e5 ? String(Number(v.toPrecision(3))) : v.toExponential(1);
  return text.replace(/-/g, "−");
}

/** A class in words. @param {string[]} signs @param {number} c */
export const spoken = (signs, c) => (c === 0 ? "blank" : signs[c] === "␣" ? "space" : signs[c]);

/** "step 4" or "steps 4 to 6". @param {number} from @param {number} to */
export const stepsInWords = (from, to) => (from === to ? `step ${from}` : `steps ${from} to ${to}`);
