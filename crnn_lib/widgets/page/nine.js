// A convolution at one place as an equation in a row: nine numbers times nine numbers, their products, and the sum.
import { element } from "./dom.js";

const STRONG = 45; // percent of colour under the largest number: more would swallow it
export const fixed = (/** @type {number} */ v) => v.toFixed(2).replace("-", "−");

/** Nine numbers in three rows, each on a ground as strong as it is large. @param {number[]} values */
export function nine(values, name, say) {
  const most = values.reduce((a, v) => Math.max(a, Math.abs(v)), 1e-9);
  const cell = (v) => {
    const style = `--crnn-strong:${Math.round((STRONG * Math.abs(v)) / most)}%`;
    return element("span", { class: v < 0 ? "crnn-minus" : "crnn-plus", style }, say(v));
  };
  const cells = element("div", {}, ...values.map(cell));
  return element("figure", { class: "crnn-nine" }, cells, element("figcaption", {}, name));
}

/**
 * image × kernel = products → , and before the arrow what they come to.
 * @param {[number[], string][]} factors nine numbers and their name: image, kernel, products
 * @param {(v: number) => string} say @param {Node[]} total
 */
export function equation([image, kernel, products], say, total) {
  const sign = (words) => element("span", { class: "crnn-operator" }, words);
  const [a, b, c] = [image, kernel, products].map(([values, name]) => nine(values, name, say));
  return [a, sign("×"), b, sign("="), c, element("span", { class: "crnn-total" }, ...total), sign("→")];
}
