// A surface that is longer than what is seen of it: it grows with what is written, and moves on when a hand comes to its rim.
import { keepWhileScrolling } from "./controls.js";
import { element } from "./dom.js";
import { WIDTH } from "./images.js";

const [NEAR, RIM] = [20, 3]; // columns from the right rim: a stroke that ends there moves the paper on,
const [SOON, LATER] = [900, 2500]; // after so many milliseconds without a pen on it: soon where it was in its way,
const GLIDE = 220; // in so many

/** @param {{longest: number, onmove: () => void}} options longest: columns, WIDTH for a surface that never grows */
export function createRoll({ longest, onmove }) {
  const words = { "aria-label": "Part of the pad that is seen" };
  const bar = element("input", { type: "range", class: "crnn-bar", min: 0, max: 0, step: 1, value: 0, ...words });
  let [from, length] = [0, WIDTH]; // the column at the left rim, and all columns
  /** @type {any} */
  let [timer, frame] = [null, null];

  function move(/** @type {number} */ column) {
    from = Math.round(Math.min(Math.max(column, 0), length - WIDTH));
    bar.value = String(from);
    onmove();
  }

  /** As long as ink up to a column needs, and half a view more. @param {number} right */
  function fit(right) {
    length = right > WIDTH - NEAR ? Math.min(Math.max(Math.ceil(right + WIDTH / 2), WIDTH), longest) : WIDTH;
    bar.max = String(length - WIDTH);
    bar.style.visibility = length > WIDTH ? "visible" : "hidden";
    if (from > length - WIDTH) move(length);
  }

  function stop() {
    clearTimeout(timer);
    globalThis.cancelAnimationFrame?.(frame);
  }

  function glide(/** @type {number} */ to) {
    const [start, began] = [from, performance.now()];
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return move(to);
    function step(/** @type {number} */ now) {
      const part = Math.min(Math.max((now - began) / GLIDE, 0), 1);
      move(start + (to - start) * part * (2 - part));
      if (part < 1) frame = requestAnimationFrame(step);
    }
    frame = requestAnimationFrame(step);
  }

  /** The pen was lifted: the paper moves on, if ink that ends there was drawn near its rim. @param {number} right */
  function rest(right) {
    stop();
    const left = from + WIDTH - right;
    if (length > WIDTH && left < NEAR) timer = setTimeout(() => glide(right - WIDTH / 2), left < RIM ? SOON : LATER);
  }

  /** A column comes into view, where there may be no ink yet. @param {number} column */
  function show(column) {
    if (column > length - WIDTH / 2) fit(column);
    const [low, high] = [from + NEAR / 2, from + WIDTH - NEAR / 2];
    if (length > WIDTH && (column < low || column > high)) move(column - WIDTH / 2);
  }

  bar.addEventListener("input", () => move(Number(bar.value)));
  keepWhileScrolling(bar);
  fit(0);
  return { bar, from: () => from, fit, move, rest, stop, show };
}
