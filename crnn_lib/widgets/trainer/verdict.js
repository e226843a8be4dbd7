// What a run's loss says of it, in a sentence or two.
import { DEFAULTS } from "./choices.js";
import { inWords } from "./knobs.js";

/** @typedef {ReturnType<typeof import("./run.js").createRun>} Run */

const GOOD = 0.9; // share of unseen images that is read exactly
const CLOSE = 0.05; // of a floor's loss
const MATTER = ["batchnorm", "prior", "rate", "optimizer", "standardise", "T"]; // to leave the plateau

/** Which knobs lead away from a floor. @param {Run["choices"]} choices */
function advice(choices) {
  const changed = MATTER.filter((key) => choices[key] !== DEFAULTS[key]).map((key) => inWords(key, choices[key]));
  const names =
    "BatchNorm, the label prior, the learning rate and its optimiser, standardised images, and enough time steps";
  return changed.length
    ? `Of the knobs that matter here, these are not as they were at first: ${changed.join("; ")}.`
    : `What matters here: ${names}; all of these are as they should be, so it is a question of steps.`;
}

/** Where a run's loss stands: on which side of the floors. @param {Run} run */
export function placeOf({ facts: { floors, losses, failed } }) {
  if (failed) return "failed";
  if (!floors || losses.length < 5) return "begun";
  const [, loss] = losses[losses.length - 1];
  const [a, b] = floors;
  if (loss < (1 - CLOSE) * b) return "below";
  if (loss > (1 + CLOSE) * a) return "above";
  return Math.abs(loss - a) < Math.abs(loss - b) ? "a" : "b";
}

/** @param {Run} run */
export function verdict(run) {
  const { facts, frames, choices } = run;
  const exact = frames[frames.length - 1]?.exact ?? 0;
  const reads = exact >= GOOD
    ? "and reads nearly all of the unseen ones"
    : `but ${exact ? "does not read all" : "reads none"} of the unseen ones yet`;
  const said = {
    failed: () => facts.failed,
    begun: () => "It has hardly begun.",
    above: () =>
      `Its loss is above both floors: it does not yet answer as well as a network that never looks at the image. ` +
      `The learning rate decides how soon it will. ${advice(choices)}`,
    a: () =>
      "It is on floor (a): it has learned how often symbols come, and answers the same at every step of every " +
      `image. Most often that is the blank, so it reads nothing. ${advice(choices)}`,
    b: () =>
      "It is on floor (b): it has learned where in an image symbols tend to be, and still does not look at the " +
      `image. ${advice(choices)}`,
    below: () => `Its loss is below both floors: it looks at the image, ${reads}.`,
  };
  return said[placeOf(run)]();
}
