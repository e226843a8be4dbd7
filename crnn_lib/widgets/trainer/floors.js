// The two floors of CTC's plateau: how small the loss can be for an output that does not look at the image.
import { ctcLossAndGradient, repeats } from "../page/ctc.js";
import { randomFrom } from "../page/random.js";
import { familiesOf } from "./choices.js";
import { createLabels } from "./examples.js";

const LABELS = 2000; // of which the kinds are counted
const [ROUNDS, LITTLE] = [300, 1e-5]; // at most so many, and as long as a round gains as much

/** How often labels of U symbols, r of them repeats, come, with one of each kind. @param {import("./choices.js").Choices} choices */
function kindsOf(choices) {
  const next = createLabels(choices, randomFrom(1));
  /** @type {Map<string, {target: number[], weight: number}>} */
  const kinds = new Map();
  for (let i = 0; i < LABELS; i++) {
    const label = [...next()];
    const r = repeats(label);
    const key = `${label.length} ${r}`;
    const target = label.map((_, u) => (u <= r ? 1 : 1 + (u - r) % 2)); // its first r + 1 symbols are equal
    const kind = kinds.get(key) ?? { target, weight: 0 };
    kind.weight += 1 / (LABELS * label.length); // each loss is divided by its label's length
    kinds.set(key, kind);
  }
  return [...kinds.values()];
}

/**
 * Floor (a), the best loss of an output that is the same at every step of every image, and (b), of one that is the same for
 * every image. All symbols come as often, so they share what the blank leaves. Found by expectation maximisation (Dempster,
 * Laird and Rubin 1977): the best probability of the blank is its mean posterior.
 * @param {import("./choices.js").Choices} choices @returns {Generator<void, number[], void>} in slices, then both losses
 */
export function* floorsOf(choices) {
  const { T } = choices;
  const S = familiesOf(choices).flat().length;
  const kinds = kindsOf(choices);
  const whole = kinds.reduce((sum, { weight }) => sum + weight, 0);
  const floors = [];
  let blanks = Array(T).fill(0.9);
  for (const varying of [false, true]) {
    for (let round = 0, before = Infinity; round < ROUNDS; round++) {
      const logProbs = blanks.map((p) => [Math.log(p), ...Array(S).fill(Math.log((1 - p) / S))]);
      const posterior = Array(T).fill(0);
      let loss = 0;
      for (const { target, weight } of kinds) {
        const found = ctcLossAndGradient(logProbs, target);
        loss += weight * found.loss;
        found.gradient.forEach(([slope], t) => (posterior[t] += weight / whole * (blanks[t] - slope)));
      }
      floors[Number(varying)] = loss;
      if (before - loss < LITTLE) break;
      before = loss;
      const mean = posterior.reduce((a, b) => a + b, 0) / T;
      blanks = posterior.map((p) => Math.min(Math.max(varying ? p : mean, 1e-6), 1 - 1e-6));
      yield;
    }
    blanks = blanks.map((p, t) => Math.min(Math.max(p + 0.02 * Math.sin(t), 0.01), 0.99)); // off the even answer
  }
  return floors;
}
