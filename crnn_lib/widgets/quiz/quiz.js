// Exercises that check themselves, without a kernel: every wrong answer gets its reason, computed from the answer.
import { createChart } from "../page/chart.js";
import { extend, forward, predecessors } from "../page/ctc.js";
import { button, choice } from "../page/controls.js";
import { element, markup, setText } from "../page/dom.js";
import { ribbons } from "../page/ribbons.js";
import { curvesOf } from "../page/runs.js";
import { CAUSES, classesOf, DASH, decodeSmall, grownPrefix, plural, spelt, textOf } from "./reasons.js";
import { reasonForCell, reasonForCount, reasonForDecoding, reasonForPath, reasonForPrefix } from "./reasons.js";

export const kind = "quiz";
export const name = "Exercise";
const PROGRESS = "crnn-progress"; // the key in this browser's own storage, and the event that announces a change

/** The names of solved questions, kept in this browser; where it keeps nothing, they last as long as the page. */
export const progress = {
  solved: new Set(),
  kept: true,
  read() {
    try {
      const found = this.kept && JSON.parse(localStorage.getItem(PROGRESS) ?? "[]");
      if (Array.isArray(found)) this.solved = new Set(found.filter((name) => typeof name === "string"));
    } catch {
      // storage is blocked, or holds something else: the page's own memory serves
    }
    return this.solved;
  },
  change(act) {
    this.read();
    act(this.solved);
    try {
      localStorage.setItem(PROGRESS, JSON.stringify([...this.solved]));
    } catch {
      this.kept = false;
    }
    dispatchEvent(new Event(PROGRESS));
  },
};

/** @typedef {{text: string, inputs: Node[], check: () => string[], because?: string, show?: () => Node[]}} Question
 *   check: reasons, none where it is right; because: why that is so; show: what a wrong answer comes to */

/**
 * An exercise: its questions one after another, and the verdict with its reasons.
 * @param {import("../page/main.js").Place} place @param {string} name @param {(() => Question)[]} questions
 */
function frameQuiz({ root, signal }, name, questions) {
  const verdict = element("div", { class: "crnn-message quiz-verdict", role: "status" });
  const shown = element("div", { class: "quiz-shown" });
  const dots = element("span", { class: "quiz-dots", "aria-hidden": "true" });
  const badge = element("span", { class: "crnn-note" });
  const set = element("fieldset", { tabindex: -1 });
  let number = 0;
  /** @type {Question} */
  let question;
  const named = (n) => `${name} ${n + 1}`;
  function mark() {
    const right = questions.map((_, n) => progress.read().has(named(n)));
    const done = right.filter(Boolean).length;
    const dot = (solved, n) =>
      element("i", { class: `${solved ? "quiz-solved" : ""} ${n === number ? "quiz-now" : ""}` });
    dots.replaceChildren(...right.map(dot));
    const solved = `${done} of ${plural(questions.length, "question")} solved, kept on this machine`;
    badge.textContent = done ? solved : `question ${number + 1} of ${questions.length}`;
  }
  function ask(n) {
    number = n;
    question = questions[n]();
    set.replaceChildren(element("legend", {}, ...withCode(question.text)), ...question.inputs);
    for (const node of [verdict, shown]) node.replaceChildren();
    mark();
  }
  function another() {
    ask((number + 1) % questions.length);
    set.focus();
  }
  function judge(event) {
    event.preventDefault();
    const reasons = question.check();
    const because = reasons.length || !question.because ? [] : [question.because];
    const told = [...reasons, ...because].map((reason) => element("li", {}, ...withCode(reason)));
    verdict.replaceChildren(...markup`<strong>${reasons.length ? "Not yet." : "Right."}</strong><ul>${told}</ul>`);
    verdict.dataset.state = reasons.length ? "wrong" : "sure";
    shown.replaceChildren(...(reasons.length ? question.show?.() ?? [] : []));
    if (!reasons.length) progress.change((solved) => solved.add(named(number)));
  }
  const clear = () => progress.change((solved) => solved.clear());
  root.append(...markup`<form onsubmit=${judge} novalidate>${set}
      <div class="crnn-controls"><button type="submit">Check</button>${button("Another one", another)}
        ${button("Clear my progress", clear)}${dots}${badge}</div></form>${verdict}${shown}`);
  root.setAttribute("aria-label", `Exercise: ${TITLES[name] ?? "what this chapter was about"}`);
  ask(0);
  addEventListener(PROGRESS, mark, { signal });
  addEventListener("storage", mark, { signal }); // another page of the book
}

const TITLES = {
  alignments: "which paths collapse to a label",
  count: "how many alignments",
  column: "a column of the lattice",
  decoding: "path or text",
  prefixes: "which prefixes merge",
  plateau: "what is the matter with this run",
};

/** Words in which `backticks` set code. @param {string} words @returns {(Node | string)[]} */
const withCode = (words) => words.split("`").map((text, i) => (i % 2 ? element("code", {}, text) : text));

/** A table with a first column of heads. @param {string[]} heads @param {any[][]} rows */
function table(heads, rows) {
  const row = (/** @type {any[]} */ [first, ...cells]) =>
    markup`<tr><th scope="row">${first}</th>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>`;
  return markup`<table class="quiz-table">
    <thead><tr>${heads.map((head) => markup`<th scope="col">${head}</th>`)}</tr></thead>
    <tbody>${rows.map(row)}</tbody></table>`;
}

/** Boxes or radio buttons, one of them for each choice. @param {[value: string, ...(Node | string)[]][]} choices */
function createChoices(type, group, choices) {
  const inputs = choices.map(([value]) => element("input", { type, name: group, value }));
  const labels = choices.map(([, ...words], i) => markup`<label>${inputs[i]}<span>${words}</span></label>`);
  return { inputs, nodes: markup`<div class="quiz-choices">${labels}</div>` };
}

/** Reasons for boxes ticked wrongly or left out. @param {(value: string) => boolean} right @param {(value: string) => string} reason */
function judgeBoxes(boxes, right, reason, hint) {
  const wrong = boxes.filter((box) => box.checked && !right(box.value)).map((box) => reason(box.value));
  const missing = boxes.filter((box) => !box.checked && right(box.value)).length;
  return [...wrong, ...(missing ? [`${plural(missing, "box", "boxes")} more to tick: ${hint}`] : [])];
}

const ALIGNMENTS = [
  ["mm", "m-m-- mm--- mm-mm -m-m- --mm- m--m- m-m-m"],
  ["me", "m---e mmmee em--- -m-e- m-m-e mee-- m-eme"],
  ["bee", "be-e- bbee- b-e-e bee-- be--e b-eee -be-e"],
  ["ebb", "eb-b- ebb-- e-b-b be-bb eebb- eb--b e-bbb"],
].map(([label, paths]) => [label, paths.split(" ")]);

function askAlignments([label, paths]) {
  const { inputs, nodes } = createChoices("checkbox", "paths", paths.map((path) => [path, element("code", {}, path)]));
  const hint = "for each of the others, merge equal neighbours, then drop the blanks.";
  const right = (/** @type {string} */ path) => textOf(path) === label;
  const check = () => judgeBoxes(inputs, right, (path) => reasonForPath(path, label), hint);
  const wrong = () => inputs.filter((box) => box.checked && !right(box.value)).map(({ value }) => value);
  const text = `Tick every path of five columns that collapses to ${label}.`;
  return { text, inputs: nodes, check, show: () => collapses(wrong()) };
}

/** Wrong paths, each playing its own collapse. @param {string[]} paths @returns {Node[]} */
function collapses(paths) {
  return paths.flatMap((path) => {
    const picture = element("div", { class: "quiz-collapse" });
    const play = () => picture.replaceChildren(ribbons([...path], true));
    play();
    return markup`<figure>${picture}<figcaption>${button(`Play ${path} again`, play)}</figcaption></figure>`;
  });
}

const COUNTS = [["ab", 4], ["aa", 4], ["abb", 5], ["aa", 2], ["abc", 6], ["aaa", 6]];

function askCount([label, T]) {
  const input = element("input", { type: "text", inputmode: "numeric", autocomplete: "off" });
  const check = () => {
    const answer = input.value.trim();
    if (!/^\d{1,12}$/.test(answer)) return ["Type a whole number, in digits."];
    return [reasonForCount(BigInt(answer), label, T)].filter(Boolean);
  };
  const inputs = markup`<label class="quiz-number">Number of alignments${input}</label>`;
  return { text: `How many paths of T = ${T} columns collapse to ${label}?`, inputs, check };
}

/** What leads to a wrong cell, in words. @param {number} cell @param {number[]} from */
const leadsTo = (cell, from) =>
  `Lit: what leads to cell ${cell} from the step before, cell${from.length > 1 ? "s" : ""} ` +
  `${[...from].reverse().join(", ")}, and the probability of its class.`;

const COLUMNS = [
  ["ab", [[0.5, 0.4, 0.1], [0.2, 0.5, 0.3], [0.3, 0.1, 0.6]], 1],
  ["aa", [[0.4, 0.6], [0.5, 0.5], [0.3, 0.7]], 2],
  ["ab", [[0.5, 0.4, 0.1], [0.2, 0.5, 0.3], [0.3, 0.1, 0.6]], 2],
  ["aa", [[0.2, 0.8], [0.6, 0.4], [0.5, 0.5]], 1],
];

function askColumn([label, probabilities, t]) {
  const letters = [...new Set(label)].join("");
  const target = classesOf(label, letters);
  const logProbs = probabilities.map((row) => row.map(Math.log));
  const before = forward(logProbs, target)[t - 1];
  const sign = (c) => DASH.concat(letters)[c];
  const extended = extend(target);
  const inputs = extended.map((c, s) => {
    const label = `alpha of cell ${s}, class ${c ? sign(c) : "blank"}, at step ${t}`;
    return element("input", { type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": label });
  });
  const heads = ["cell", "class", `alpha, step ${t - 1}`, `p, step ${t}`, `alpha, step ${t}`];
  const number = (/** @type {number} */ v, places) => element("span", {}, v.toFixed(places));
  const cell = (c, s) => [sign(c), number(Math.exp(before[s]), 3), number(probabilities[t][c], 2), inputs[s]];
  const lines = extended.map((c, s) => /** @type {any[]} */ ([`${s}`, ...cell(c, s)]));
  const check = () => {
    const cells = new Map(); // by reason
    inputs.forEach((input, s) => {
      const typed = input.value.trim().replace(",", ".");
      const reason = reasonForCell(typed === "" ? NaN : Number(typed), logProbs, target, t, s);
      if (reason) cells.set(reason, [...(cells.get(reason) ?? []), s]);
      input.setAttribute("aria-invalid", String(Boolean(reason)));
    });
    const wrong = inputs.findIndex((input) => input.getAttribute("aria-invalid") === "true");
    light(wrong < 0 ? null : wrong);
    return [...cells].map(([reason, at]) => `${at.length > 1 ? "Cells" : "Cell"} ${at.join(", ")}: ${reason}`);
  };
  /** Light what leads to a cell, and its class's probability; nothing for a cell that is not wrong. @param {number | null} cell */
  function light(cell) {
    const from = cell === null ? [] : predecessors(extended, cell);
    lines.forEach(([, , before, p], s) => {
      before.classList.toggle("quiz-lit", from.includes(s));
      p.classList.toggle("quiz-lit", s === cell);
    });
    setText(leads, cell === null ? "" : leadsTo(cell, from));
  }
  const leads = element("p", { class: "crnn-note quiz-leads", "aria-live": "polite" });
  inputs.forEach((input, s) =>
    input.addEventListener("focus", () => input.getAttribute("aria-invalid") === "true" && light(s))
  );
  const nodes = markup`<div class="crnn-scroll" tabindex="0" role="region" aria-label="One column of the lattice">
    ${table(heads, lines)}</div>${leads}`;
  const text = `Fill in the column of step ${t} of the lattice for ${label}, to three places.`;
  return { text, inputs: nodes, check };
}

const DECODINGS = [
  ["a", [[0.6, 0.4], [0.6, 0.4]]],
  ["ab", [[0.5, 0.3, 0.2], [0.4, 0.1, 0.5]]],
  ["a", [[0.8, 0.2], [0.7, 0.3]]],
  ["ab", [[0.1, 0.5, 0.4], [0.5, 0.1, 0.4]]],
];

function askDecoding([letters, probabilities]) {
  const texts = decodeSmall(probabilities, letters).all.map(({ text }) => [text, text || "(the empty text)"]);
  const picks = [0, 1].map(() => choice([["?", "choose"], ...texts], "?", () => {}));
  const rows = probabilities.map((row, t) => [`${t}`, ...row.map((p) => p.toFixed(1))]);
  const reason = (which, i) => reasonForDecoding(picks[i].value, which, probabilities, letters);
  const check = () => ["greedy", "best"].map(reason).filter(Boolean);
  const inputs = markup`${table(["step", DASH, ...letters], rows)}<div class="crnn-controls">
    <label>Greedy decoding reads${picks[0]}</label><label>The most probable text is${picks[1]}</label></div>`;
  return { text: "Two steps, and the probability of each class; - is the blank. Which text comes out?", inputs, check };
}

// A prefix to arrive at, and ways: the prefix before, how its paths end, and the class that comes.
const PREFIXES = [
  ["a", ",blank,a a,blank,- a,letter,a a,blank,a a,letter,- b,letter,a"],
  ["ab", "a,letter,b ab,letter,b ab,blank,b a,blank,b b,letter,a ab,letter,-"],
  ["aa", "a,letter,a a,blank,a aa,letter,a aa,blank,- aa,blank,a ,blank,a"],
].map(([goal, ways]) => [goal, ways.split(" ").map((way) => way.split(","))]);

function askPrefixes([goal, ways]) {
  const code = (text) => element("code", {}, text);
  const words = ([prefix, ending, comes]) => [
    prefix ? code(prefix) : "the empty prefix",
    prefix && ` (ending in ${ending === "blank" ? "a blank" : `the letter ${prefix[prefix.length - 1]}`})`,
    ", then ",
    comes === DASH ? "a blank" : code(comes),
  ];
  const { inputs, nodes } = createChoices("checkbox", "ways", ways.map((way, i) => [String(i), ...words(way)]));
  const reason = (i) =>
    `${spelt(ways[i][0])}, then ${ways[i][2] === DASH ? "a blank" : ways[i][2]}: ${reasonForPrefix(ways[i])}`;
  const hint = "follow each of the others: does its text change?";
  const check = () => judgeBoxes(inputs, (i) => grownPrefix(ways[i]) === goal, reason, hint);
  const told = "their probabilities are added up in one entry";
  const text = `One step of prefix beam search. Tick every way that leads to the prefix ${goal}: ${told}.`;
  return { text, inputs: nodes, check };
}

const ASKED = ["sgd", "no-prior", "ours", "short"]; // not in the order of the answers

function askPlateau(recording, asked) {
  const run = recording.runs.find(({ variant }) => variant === asked);
  const chart = createChart();
  chart.show(curvesOf([{ ...run, what: "A recorded run" }], "loss", null));
  const causes = Object.entries(CAUSES).map(([variant, [cause]]) => /** @type {[string, string]} */ ([variant, cause]));
  const { inputs, nodes } = createChoices("radio", "cause", causes);
  const [first, last] = [run.frames[0], run.frames[run.frames.length - 1]].map(({ loss }) => loss.toFixed(2));
  const floors = run.floors.map((f) => f.toFixed(2)).join(" and ");
  const ends = `This one starts at ${first} and ends at ${last}; its floors are ${floors}.`;
  const check = () => {
    const picked = inputs.find((input) => input.checked)?.value;
    return picked === asked ? [] : [picked ? `${CAUSES[picked][1]}. ${ends}` : "Choose one."];
  };
  const text = "A recorded run: its validation loss, and the two floors of the plateau. What is the matter with it?";
  return { text, inputs: [chart.node, ...nodes], check };
}

/** One of some answers is right. @param {{text: string, answers: {text: string, right?: boolean, reason: string}[]}} question */
function askChoice({ text, answers }) {
  const choices = answers.map((
    { text },
    i,
  ) => /** @type {[string, ...(Node | string)[]]} */ ([String(i), ...withCode(text)]));
  const { inputs, nodes } = createChoices("radio", "answer", choices);
  const check = () => {
    const picked = answers[inputs.findIndex((input) => input.checked)];
    return picked?.right ? [] : [picked?.reason ?? "Choose one."];
  };
  return { text, inputs: nodes, check, because: answers.find(({ right }) => right)?.reason };
}

const QUIZZES = {
  alignments: [ALIGNMENTS, askAlignments],
  count: [COUNTS, askCount],
  column: [COLUMNS, askColumn],
  decoding: [DECODINGS, askDecoding],
  prefixes: [PREFIXES, askPrefixes],
};

/** Put the exercise that the model's field `name` names into `root`. @param {import("../page/main.js").Place} place */
export async function mount(place) {
  const name = place.model.get("name");
  const asked = place.model.get("questions") ?? [];
  if (asked.length) return frameQuiz(place, name, asked.map((one) => () => askChoice(one)));
  if (name === "plateau") {
    const recording = await place.backend.data("replay");
    return frameQuiz(place, name, ASKED.map((asked) => () => askPlateau(recording, asked)));
  }
  if (!Object.hasOwn(QUIZZES, name)) throw new Error(`there is no exercise "${name}"`);
  const [all, ask] = QUIZZES[name];
  frameQuiz(place, name, all.map((one) => () => ask(one)));
}
