// Five experiments: what is tried, what somebody is asked to predict, and what came of it.

/** @typedef {ReturnType<typeof import("./run.js").createRun>} Run @typedef {import("./choices.js").Choices} Choices */
/**
 * @typedef {{name: string, text: string, question: string, answers: string[], choices: Partial<Choices>,
 *   beside: import("./knobs.js").Beside, steps: number, outcome: (runs: Run[]) => string}} Experiment
 *   choices: what differs from those that are there at first; steps: after which both runs pause
 */

const percent = (
  /** @type {number | null | undefined} */ v,
) => (v === null || v === undefined ? "none" : `${Math.round(100 * v)} %`);
const last = (/** @type {Run} */ { frames }) => frames[frames.length - 1];
const lossOf = (/** @type {Run} */ { facts: { losses } }) => losses[losses.length - 1]?.[1].toFixed(2) ?? "none";

const floorsOf = (/** @type {Run} */ { facts: { floors } }) => floors?.map((v) => v.toFixed(2)).join(" and ") ?? "";

/** @type {Object<string, Experiment>} */
export const EXPERIMENTS = {
  blanks: {
    name: "Only blanks, and how to leave",
    text:
      "A network that starts at random soon finds a cheap answer: blank at every step. Its loss is then close to a " +
      "floor that can be computed without any image, the best loss of an answer that is always the same, and it stays " +
      "there for a long time. The first run has no BatchNorm, and its output does not start at the label prior: all " +
      "classes are equally probable at first, as in many first attempts, and it must learn to say blank before anything " +
      "else. The second run differs in one knob: its output starts at the prior, which says blank already. Compare the " +
      "norms of the gradient by layer: in the first run far less of it arrives at the convolutions.",
    question: "Which of the two will read anything after 200 steps?",
    answers: ["Both", "The one that starts at the prior", "Neither"],
    choices: { prior: false, batchnorm: "none" },
    beside: { key: "prior", value: true },
    steps: 200,
    outcome: ([without, with_]) =>
      `Without the prior the loss is ${lossOf(without)}, and ${
        percent(last(without).blank)
      } of the steps of unseen images ` +
      `say blank; with it the loss is ${lossOf(with_)}, and ${
        percent(last(with_).exact)
      } of them are read exactly. The ` +
      `floors are ${floorsOf(with_)}. BatchNorm, which the first choices have, leads away sooner still.`,
  },
  doubled: {
    name: "Doubled letters, lost at small T",
    text:
      "Between two equal symbols a path must say blank at least once, or they merge into one. A label of U symbols with " +
      "r repeats therefore needs U + r steps, and that is not all: the symbols have their places in the image, so there " +
      "must be a step to spare just between the two. Here half of all neighbours are equal. The first run has T = 32 " +
      "steps, one for each two columns of pixels; the second pools more and has T = 8, one for each eight columns, " +
      "which is about the width of a digit. By arithmetic all labels fit both: the longest need 4 + 3 = 7 steps.",
    question: "What will the run with T = 8 read after 200 steps?",
    answers: ["As much as the other", "Labels without doubled digits, and few with", "Nothing"],
    choices: { most: 4, doubled: "often" },
    beside: { key: "T", value: 8 },
    steps: 200,
    outcome: (runs) =>
      runs.map((run) =>
        `At T = ${run.T}, ${percent(last(run).plain)} of the labels without doubled digits are read, and ${
          percent(last(run).doubled)
        } of those with`
      ).join(". ") + ".",
  },
  overfit: {
    name: "First of all: overfit ten images",
    text:
      "The first thing to try with any CTC network is whether it learns ten images by heart. That takes less than a " +
      "minute, and shows whether labels and classes agree, whether the gradient reaches the weights, and whether T is " +
      "large enough. A network that cannot learn ten images will not learn ten thousand. What it reads of other images " +
      "says nothing yet. The first run gets the same ten images in every step, the second one new ones.",
    question: "After 150 steps, how many of 64 unseen images will the first run read?",
    answers: ["As many as the second", "Far fewer than the second", "None: it learns nothing"],
    choices: { images: 10 },
    beside: { key: "images", value: null },
    steps: 150,
    outcome: ([ten, fresh]) =>
      `The run on ten images reads ${percent(last(ten).trained)} of these, and ${
        percent(last(ten).exact)
      } of unseen ones; ` +
      `that on new images reads ${percent(last(fresh).exact)} of unseen ones.`,
  },
  rate: {
    name: "A learning rate too high, and one too low",
    text:
      "Adam moves each weight by about the learning rate in a step, in whichever direction the gradient says. Too " +
      "small, and the loss falls so slowly that you take it for standing still. Too large, and what one step has built " +
      "the next tears down: the loss bounces about the floors. In both runs hardly anything but blanks is " +
      "read, and only the curve shows which of the two it is: the first is ragged, the second smooth. The first run has " +
      "a rate of 0.3, the second of 0.00003. In between is 0.003, with which the network reads most images after 150 " +
      "steps.",
    question: "Where will the two losses be after 150 steps?",
    answers: [
      "Both near the floors",
      "The first far below the second",
      "The second far below the first",
    ],
    choices: { rate: 0.3 },
    beside: { key: "rate", value: 0.00003 },
    steps: 150,
    outcome: ([high, low]) =>
      `At a rate of ${high.choices.rate} the loss is ${lossOf(high)}, at ${low.choices.rate} it is ${
        lossOf(low)
      }. The floors ` +
      `are ${floorsOf(low)}. The first reads ${percent(last(high).exact)} of unseen images, the second ${
        percent(last(low).exact)
      }.`,
  },
  context: {
    name: "What context buys",
    text:
      "These labels are either of the digits 0123 or of the letters oabc, and 0 and o are drawn alike: alone, nobody " +
      "can tell them apart. Another symbol of the label can. The convolutions of this network see 12 columns of pixels, " +
      "about one symbol; the LSTM carries what it has seen along the line, both ways. The second run has no LSTM: each " +
      "step decides by its own 12 columns.",
    question: "How much will the run without an LSTM read after 300 steps?",
    answers: ["As much as the other", "Less: it must guess between 0 and o", "Nothing"],
    choices: { content: "alike", least: 3 },
    beside: { key: "lstm", value: "none" },
    steps: 300,
    outcome: ([both, none]) =>
      `With an LSTM in both directions ${percent(last(both).exact)} of unseen images are read exactly, without one ${
        percent(last(none).exact)
      }.`,
  },
};
