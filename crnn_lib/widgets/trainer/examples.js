// Labelled images, drawn as training goes: strings that the page's pen writes, each a little differently.
import { repeats } from "../page/ctc.js";
import { standardise } from "../page/images.js";
import { normalFrom, randomFrom } from "../page/random.js";
import { renderStrokes } from "../page/strokes.js";
import { writeText } from "../page/write.js";
import { drawnAs, familiesOf, FRAME, repeatRate } from "./choices.js";

/** @typedef {import("./choices.js").Choices} Choices @typedef {import("../page/images.js").Grey} Grey */
/** @typedef {{label: string, target: number[], grey: Grey, image: Float32Array}} Example
 *   target: the label's classes; image: what the network gets of the picture */

/** What the network gets of a picture. @param {Grey} grey @param {boolean} standardised else ink is 1 and paper 0 */
export function imageOf(grey, standardised) {
  const { height, width } = FRAME;
  return standardised ? standardise(grey, height, width) : Float32Array.from(grey.data, (v) => 1 - v / 255);
}

/**
 * Labels as chosen: of one family of symbols, as long and with as many doubled ones as wanted, that fit T steps. Where two
 * families share a drawing, no label holds that alone, which nobody could read.
 * @param {Choices} choices @param {() => number} random
 */
export function createLabels(choices, random) {
  const families = familiesOf(choices);
  const rate = repeatRate(choices);
  const { least, most, T } = choices;
  const below = (/** @type {number} */ n) => Math.floor(n * random());

  function write() {
    const family = families[below(families.length)];
    const places = [below(family.length)];
    for (const length = least + below(most - least + 1); places.length < length;) {
      const last = places[places.length - 1];
      places.push(random() < rate ? last : (last + 1 + below(family.length - 1)) % family.length);
    }
    return { places, label: places.map((i) => family[i]).join("") };
  }
  return () => {
    for (;;) {
      const { places, label } = write();
      const unreadable = families.length > 1 && places.length > 1 && places.every((i) => i === 0);
      if (!unreadable && places.length + repeats(places) <= T) return label;
    }
  };
}

/** A symbol as strokes of its own slant, size and wobble, its left edge at 0, and how wide it is. */
function scribble(symbol, height, random, normal) {
  const [slant, across, down, up] = [0.15 * normal(), 0.85 + 0.3 * random(), 0.85 + 0.2 * random(), 0.05 * normal()];
  const strokes = writeText(symbol, height).map((stroke) =>
    stroke.map(([x, y]) => [(x - slant * y) * across + 0.25 * normal(), y * down + up * height + 0.25 * normal()])
  );
  const places = strokes.flat().map(([x]) => x);
  const left = Math.min(...places);
  return { strokes: strokes.map((stroke) => stroke.map(([x, y]) => [x - left, y])), width: Math.max(...places) - left };
}

/** A text, somewhere in the frame. @param {string[]} symbols @param {() => number} random @returns {Grey} */
function write(symbols, random) {
  const normal = normalFrom(random);
  const { height: H, width: W } = FRAME;
  const height = H * (0.55 + 0.25 * random());
  let right = 0;
  const strokes = symbols.flatMap((symbol) => {
    const made = scribble(symbol, height, random, normal);
    const moved = made.strokes.map((stroke) => stroke.map(([x, y]) => [x + right, y]));
    right += made.width + height * (0.12 + 0.2 * random());
    return moved;
  });
  const scale = Math.min(1, (W - 4) / right);
  const left = 1 + random() * Math.max(W - 3 - right * scale, 0);
  const base = H / 2 + (height * scale) / 2 + 0.8 * (random() - 0.5) * (H - height * scale - 3);
  const placed = strokes.map((stroke) => stroke.map(([x, y]) => [x * scale + left, y * scale + base]));
  const ink = renderStrokes(placed, 1.2 + 0.8 * random(), H, W);
  const data = Float32Array.from(ink, (v) => Math.min(Math.max(v + 12 * normal(), 0), 255));
  return { data, height: H, width: W };
}

/** Examples one by one, the same ones for the same seed. @param {Choices} choices @returns {() => Example} */
export function createExamples(choices, seed = choices.seed) {
  const random = randomFrom(1 + 7919 * seed); // far apart for neighbouring seeds
  const next = createLabels(choices, random);
  const symbols = familiesOf(choices).flat();
  return () => {
    const label = next();
    const grey = write([...label].map((symbol) => drawnAs(choices, symbol)), random);
    const target = [...label].map((symbol) => 1 + symbols.indexOf(symbol));
    return { label, target, grey, image: imageOf(grey, choices.standardise) };
  };
}
