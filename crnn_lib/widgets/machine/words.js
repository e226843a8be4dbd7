// What the machine says: one sentence about what is pointed at.
import { letterAt } from "../page/letters.js";
import { percent, shortNumber, spoken, stepsInWords } from "../page/words.js";
import { sightOf, stageSight, stripOf, topClasses } from "../page/sight.js";

/** @typedef {import("../page/reading.js").Seen & {path: number[], text: string, p: number, spans: {symbol: number, from: number, to: number}[]}} Whole */
/** @typedef {{stage: string, t: number, map?: number, x?: number, y?: number, unit?: number, symbol?: number}} Here
 *   what is pointed at: the step always; map, x, y: a pixel of a feature map; unit: of the states; symbol: a class */

const OPENING =
  "A neural network reads this word. Draw your own over it, point at anything, or watch it in slow motion.";
const steps = ({ from, to }) => stepsInWords(from, to);

/** @param {Whole} seen @param {number} t */
const spanAt = ({ spans }, t) => spans[letterAt(spans, t)];

/** What the classes of step `t` say. @param {Whole} seen */
function vote({ logProbs, K, signs }, t, count = 2) {
  const best = topClasses(logProbs.subarray(t * K, (t + 1) * K), count);
  return best.map(({ symbol, p }) => `${spoken(signs, symbol)} ${percent(p)}`).join(", ");
}

/** Where step `t` leads to, in words. @param {Whole} seen */
function leads(seen, t) {
  const span = spanAt(seen, t);
  if (span) return `It ends in the letter ${spoken(seen.signs, span.symbol)}.`;
  return "It ends in a blank, as most do: a letter is named at only a step or two.";
}

const SAY = {
  image(seen, { t }) {
    const [first, last] = stripOf(seen.config.pools, seen.W, t);
    return `Step ${t} sees pixel columns ${first} to ${last}, the strip that is not faded. ${leads(seen, t)}`;
  },
  maps(seen, { t, map = 0, x, y = 0 }, name) {
    const { data, dims: [, , H, W] } = seen.stages[name];
    const { size } = stageSight(seen.config.pools, name).along;
    const at = x ?? Math.floor(((t + 0.5) * W) / seen.T);
    const value = shortNumber(data[(map * H + y) * W + at]);
    const where = `row ${y}, column ${at}`;
    return `Feature map ${map} of block ${
      name.slice(4)
    } says how much of its pattern lies here: ${value} (${where}). ` +
      `It sees ${size} pixel columns of the image.`;
  },
  columns({ stages, config }, { t }) {
    const { data, dims: [, , size] } = stages.columns;
    const lit = data.subarray(t * size, (t + 1) * size).filter((v) => v > 0).length;
    const maps = config.channels[config.channels.length - 1];
    const what = `what all ${maps} maps of the last block say at this place`;
    return `Column ${t}, from here on time step ${t}: ${what}, ${size} numbers, ${lit} above zero.`;
  },
  lstm({ stages, T }, { t, unit = 0 }) {
    const { data, dims: [, , size] } = stages.states;
    const forward = unit < size / 2;
    const [way, read] = forward ? ["left", `0 to ${t}`] : ["right", `${T - 1} back to ${t}`];
    const which = forward ? unit : unit - size / 2;
    const says = `Each line is one of its ${size / 2} units; unit ${which} says ${shortNumber(data[t * size + unit])}.`;
    return `The stream from the ${way} has read steps ${read} by now, and carries what lies ${way} of here. ${says}`;
  },
  probabilities: (seen, { t }) => `Step ${t} says ${vote(seen, t, 3)}. ${leads(seen, t)}`,
  path(seen, { t }) {
    const span = spanAt(seen, t);
    if (!span) {
      return `Step ${t}: the blank wins, with ${
        vote(seen, t, 1).slice(6)
      }. It only keeps letters apart, and drops out.`;
    }
    const merged = span.to > span.from ? `, merged of ${steps(span)}` : `, from step ${t} alone`;
    return `Step ${t}: ${vote(seen, t, 1)}. One ${spoken(seen.signs, span.symbol)} of the text${merged}.`;
  },
  text(seen, { t }) {
    const span = spanAt(seen, t);
    if (!span) return SAY.path(seen, { t });
    const [first, last] = stripOf(seen.config.pools, seen.W, span.from, span.to);
    return `The letter ${spoken(seen.signs, span.symbol)} comes from ${
      steps(span)
    }, which saw pixel columns ${first} to ${last}.`;
  },
};

/** While nothing is pointed at: an invitation, and what is read of somebody's own. @param {Whole} seen @param {boolean} example */
export function atRest({ text }, example) {
  if (example) return OPENING;
  if (!text) return "Nothing is read yet. Draw something, or choose a picture behind More.";
  return `It reads ${text}. Point at anything to see where that comes from, or watch it in slow motion.`;
}

/** What is pointed at, in one or two sentences. @param {Whole} seen @param {Here} here @param {string} maps the stage shown as maps */
export function say(seen, here, maps) {
  return SAY[here.stage](seen, here, maps);
}

/** What slow motion shows, in words. @param {Whole} seen @param {{phase: string, t: number}} now */
export function narrate(seen, { phase, t }) {
  const { config: { pools }, W, T, signs, path } = seen;
  const [first, last] = stripOf(pools, W, Math.min(t, T - 1));
  const repeats = path.some((c, i) => c === path[i - 1]);
  return {
    window: `A window of ${
      sightOf(pools.map(([, h]) => h)).size
    } pixel columns slides over the image: step ${t} sees ${first} to ${last}.`,
    streams: `Two streams pass over the columns: one from the left, at step ${t}, one from the right, at step ${
      T - 1 - t
    }.`,
    peaks: `Each step says how probable every letter is: step ${t}, ${vote(seen, Math.min(t, T - 1))}.`,
    merge: `Equal neighbours ${repeats ? "merge into one, blanks too." : "would merge; here there are none."}`,
    drop: `The blanks (${signs[0]}) drop out: they only kept letters apart.`,
    gather: `The text remains: ${seen.text || "nothing"}.`,
  }[phase];
}
