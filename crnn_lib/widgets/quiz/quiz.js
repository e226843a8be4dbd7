// Exercises that check themselves, without a kernel: every wrong answer gets its reason, computed from the answer.
import { collapse } from "../page/decode.js";
import { countAlignments, extend, forward, logLikelihood, predecessors, repeats } from "../page/ctc.js";
import { element, setText } from "../page/dom.js";
import { createCurves } from "../page/chart.js";

export const kind = "quiz";
export const name = "Exercise";
const PROGRESS = "crnn-progress"; // the key in this browser's own storage, and the event that tells of a change
const DASH = "-"; // the blank, as it is written
const spelt = (text) => text || "the empty text";
const plural = (n, one, more = `${one}s`) => `${n} ${n === 1 ? one : more}`;

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

/** Classes of a text over its own letters, the first of `letters` being 1; "-" is the blank. @param {Iterable<string>} letters */
export function classesOf(text, letters) {
  return [...text].map((c) => (c === DASH ? 0 : [...letters].indexOf(c) + 1));
}

const merged = (path) => [...path].filter((c, i, all) => c !== all[i - 1]).join("");
const dropped = (path) => path.replaceAll(DASH, "");

/** What a path of letters and "-" collapses to. */
export function textOf(path) {
  const letters = [...new Set(dropped(path))];
  return collapse(classesOf(path, letters)).map((c) => letters[c - 1]).join("");
}

/** Why `path` is, or is not, an alignment of `label`. */
export function reasonForPath(path, label) {
  const text = textOf(path);
  const how = `${path}: merged ${merged(path)}, without blanks ${text || "nothing"}`;
  if (text === label) return `${how}: that is ${label}.`;
  if (dropped(path) === label) return `${how}, not ${label}. Equal neighbours merge unless a blank stands between them.`;
  if (merged(dropped(path)) === label) return `${how}, not ${label}. The blank between equal letters keeps them apart: merge first, drop blanks after.`;
  if ([...text].sort().join("") === [...label].sort().join("")) return `${how}, not ${label}. The letters are right, their order is not.`;
  return `${how}, not ${label}.`;
}

function choose(n, k) {
  let value = k > n || n < 0 ? 0n : 1n;
  for (let i = 1; i <= k && value; i++) value = (value * BigInt(n - k + i)) / BigInt(i);
  return value;
}

/** Why `answer` is not the number of alignments; null where it is. @param {bigint} answer */
export function reasonForCount(answer, label, T) {
  const letters = [...new Set(label)];
  const target = classesOf(label, letters);
  const [U, r, right] = [target.length, repeats(target), countAlignments(target, T)];
  if (answer === right) return null;
  if (right === 0n) return `It does not fit: T = ${T} is less than U + r = ${U} + ${r}, so there is no alignment at all.`;
  if (r && answer === choose(T + U, 2 * U)) return `That is C(T + U, 2U). Each of the r = ${r} repeats needs a blank of its own: C(T + U - r, 2U).`;
  if (answer === choose(T, U)) return "That is C(T, U): places for U letters of one column each. But a letter may also last for several columns.";
  if (answer === choose(T + U - r, U)) return `That is C(T + U - r, U). The top is right, but 2U = ${2 * U} things are chosen: where each letter's run begins, and where it ends.`;
  if (answer === BigInt(letters.length + 1) ** BigInt(T)) return `That is the number of all paths of ${plural(T, "column")} over ${plural(letters.length, "letter")} and the blank. Only some of them collapse to ${label}.`;
  if (answer === 0n) return `There are some: T = ${T} is at least U + r = ${U} + ${r}.`;
  return `Not ${answer}. With T = ${T}, U = ${U}, r = ${r}: how many ways are there to choose 2U = ${2 * U} of T + U - r = ${T + U - r} places?`;
}

/** Why `answer` is not alpha of cell s at step t; null where it is right to three places. */
export function reasonForCell(answer, logProbs, target, t, s) {
  const extended = extend(target);
  const before = forward(logProbs, target)[t - 1].map(Math.exp);
  const p = Math.exp(logProbs[t][extended[s]]);
  const near = (value) => Math.abs(answer - value) < 0.00051;
  const from = predecessors(extended, s);
  const total = from.reduce((sum, cell) => sum + before[cell], 0);
  const skip = s - 2;
  if (near(total * p)) return null;
  if (!Number.isFinite(answer)) return "Type a number such as 0.125.";
  if (near(total)) return "That is the sum over the cells that lead here; multiply it by the probability of this cell's own class.";
  if (near(p)) return "That is the probability of the class alone; multiply it by what arrives from the step before.";
  if (skip >= 0 && !from.includes(skip) && near((total + before[skip]) * p))
    return extended[s] === 0 ? "That counts a skip into a blank. There is none: it would lose the letter between." : "That counts a skip between equal letters. There is none: without the blank between, the two would merge.";
  if (from.includes(skip) && near((total - before[skip]) * p)) return "That leaves out the skip: from one letter straight to the next, different one, without the blank between.";
  if (s > 0 && near(before[s] * p)) return "That is staying alone. The cell before leads here as well.";
  if (Math.abs(answer - total * p) < 0.0051) return "Nearly: give it to three places.";
  const cells = from.length === 1 ? `Cell ${s} alone leads here` : `Cells ${[...from].reverse().join(", ")} lead here: add them up`;
  return `${cells}, as they were a step before, then multiply by ${p.toFixed(2)}.`;
}

/** All paths of the letters' classes and the blank over T steps. */
function pathsOf(letters, T) {
  return Array.from({ length: T }).reduce((paths) => paths.flatMap((path) => [...`${DASH}${letters}`].map((c) => path + c)), [""]);
}

/** Greedy decoding's path and text, and every text with its probability and its paths, for rows of probabilities. */
export function decodeSmall(probabilities, letters) {
  const logProbs = probabilities.map((row) => row.map(Math.log));
  const path = probabilities.map((row) => (DASH + letters)[row.indexOf(Math.max(...row))]).join("");
  const texts = new Map();
  for (const one of pathsOf(letters, probabilities.length)) texts.set(textOf(one), [...(texts.get(textOf(one)) ?? []), one]);
  const all = [...texts].map(([text, paths]) => ({ text, paths, p: Math.exp(logLikelihood(logProbs, classesOf(text, letters))) }));
  return { path, greedy: textOf(path), all, best: all.reduce((a, b) => (b.p > a.p ? b : a)).text };
}

/** Why `picked` is not what greedy decoding reads, and not the most probable text; null where it is. */
export function reasonForDecoding(picked, which, probabilities, letters) {
  const { path, greedy, all, best } = decodeSmall(probabilities, letters);
  const found = all.find(({ text }) => text === picked);
  const choice = which === "greedy" ? "Greedy decoding" : "The most probable text";
  if (!found) return `${choice}: choose a text.`;
  if (which === "greedy") return picked === greedy ? null : `Greedy decoding does not read ${spelt(picked)}. It takes the largest probability of each step, which gives the path ${path}; then it merges, and drops blanks.`;
  const sum = `p(${spelt(picked)}) = ${found.p.toFixed(2)}, from ${plural(found.paths.length, "path")}: ${found.paths.join(", ")}`;
  return picked === best ? null : `${sum}. Another text has more.${picked === greedy ? " Its path is the best one, but a text may have several paths, and their probabilities add up." : ""}`;
}

/** Where a prefix goes when a class comes, its paths ending in a blank or in its last letter. */
export function grownPrefix([prefix, ending, comes]) {
  return comes === DASH || (ending === "letter" && prefix.endsWith(comes)) ? prefix : prefix + comes;
}

/** Why that is so. */
export function reasonForPrefix(way) {
  const [prefix, ending, comes] = way;
  const to = spelt(grownPrefix(way));
  if (comes === DASH) return `A blank adds no letter: ${spelt(prefix)} stays as it is.`;
  if (!prefix.endsWith(comes)) return `Another letter is added: it becomes ${to}.`;
  if (ending === "letter") return `The same letter again, with no blank between: the two merge, and it stays ${to}.`;
  return `A blank stands between, so the letter counts once more: it becomes ${to}.`;
}

/**
 * An exercise: its questions one after another, and the verdict with its reasons.
 * @param {HTMLElement} root @param {string} name
 * @param {(() => {text: string, inputs: Node, check: () => string[]})[]} questions check: reasons, none where it is right
 */
function frameQuiz(root, name, questions) {
  const verdict = element("div", { class: "crnn-message learn-verdict", role: "status" });
  const badge = element("span", { class: "crnn-note" });
  const set = element("fieldset", { tabindex: -1 });
  let [number, question] = [0, null];
  const named = (n) => `${name} ${n + 1}`;
  function mark() {
    const done = questions.filter((_, n) => progress.read().has(named(n))).length;
    setText(badge, done ? `${done} of ${plural(questions.length, "question")} solved, kept on this machine` : `question ${number + 1} of ${questions.length}`);
  }
  function ask(n) {
    number = n;
    question = questions[n]();
    set.replaceChildren(element("legend", {}, question.text), question.inputs);
    verdict.replaceChildren();
    mark();
  }
  function judge(event) {
    event.preventDefault();
    const reasons = question.check();
    verdict.replaceChildren(element("strong", {}, reasons.length ? "Not yet." : "Right."), element("ul", {}, ...reasons.map((reason) => element("li", {}, reason))));
    if (!reasons.length) progress.change((solved) => solved.add(named(number)));
  }
  const form = element("form", { onsubmit: judge, novalidate: true }, set, element("div", { class: "crnn-controls" },
    element("button", { type: "submit" }, "Check"),
    element("button", { type: "button", onclick: () => { ask((number + 1) % questions.length); set.focus(); } }, "Another one"),
    element("button", { type: "button", onclick: () => progress.change((solved) => solved.clear()) }, "Clear my progress"), badge));
  root.append(form, verdict);
  root.setAttribute("aria-label", `Exercise: ${TITLES_OF_QUIZZES[name]}`);
  ask(0);
  addEventListener(PROGRESS, mark);
  addEventListener("storage", mark); // another page of the book
  return () => [PROGRESS, "storage"].forEach((event) => removeEventListener(event, mark));
}

const TITLES_OF_QUIZZES = {
  alignments: "which paths collapse to a label", count: "how many alignments", column: "a column of the lattice",
  decoding: "path or text", prefixes: "which prefixes merge", plateau: "what is the matter with this run",
};

/** Boxes or radio buttons, one of them for each choice. @param {[value: string, ...(Node | string)[]][]} choices */
function createChoices(type, group, choices) {
  const inputs = choices.map(([value]) => element("input", { type, name: group, value }));
  return { inputs, node: element("div", { class: "learn-choices" }, ...choices.map(([, ...words], i) => element("label", {}, inputs[i], element("span", {}, ...words)))) };
}

/** Reasons for boxes ticked wrongly or left out. @param {(value: string) => boolean} right @param {(value: string) => string} reason */
function judgeBoxes(boxes, right, reason, hint) {
  const wrong = boxes.filter((box) => box.checked && !right(box.value)).map((box) => reason(box.value));
  const missing = boxes.filter((box) => !box.checked && right(box.value)).length;
  return [...wrong, ...(missing ? [`${plural(missing, "box", "boxes")} more to tick: ${hint}`] : [])];
}

const ALIGNMENTS = [
  ["mm", ["m-m--", "mm---", "mm-mm", "-m-m-", "--mm-", "m--m-", "m-m-m"]],
  ["me", ["m---e", "mmmee", "em---", "-m-e-", "m-m-e", "mee--", "m-eme"]],
  ["bee", ["be-e-", "bbee-", "b-e-e", "bee--", "be--e", "b-eee", "-be-e"]],
  ["ebb", ["eb-b-", "ebb--", "e-b-b", "be-bb", "eebb-", "eb--b", "e-bbb"]],
];

function askAlignments([label, paths]) {
  const { inputs, node } = createChoices("checkbox", "paths", paths.map((path) => [path, element("code", {}, path)]));
  const check = () => judgeBoxes(inputs, (path) => textOf(path) === label, (path) => reasonForPath(path, label), "for each of the others, merge equal neighbours, then drop the blanks.");
  return { text: `Tick every path of five columns that collapses to ${label}.`, inputs: node, check };
}

const COUNTS = [["ab", 4], ["aa", 4], ["abb", 5], ["aa", 2], ["abc", 6], ["aaa", 6]];

function askCount([label, T]) {
  const input = element("input", { type: "text", inputmode: "numeric", autocomplete: "off" });
  const check = () => {
    const answer = input.value.trim();
    if (!/^\d{1,12}$/.test(answer)) return ["Type a whole number, in digits."];
    return [reasonForCount(BigInt(answer), label, T)].filter(Boolean);
  };
  return { text: `How many paths of T = ${T} columns collapse to ${label}?`, inputs: element("label", { class: "learn-number" }, "Number of alignments", input), check };
}

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
  const alpha = forward(logProbs, target);
  const sign = (c) => (c === 0 ? DASH : letters[c - 1]);
  const inputs = extend(target).map((c, s) => element("input", { type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": `alpha of cell ${s}, class ${c ? sign(c) : "blank"}, at step ${t}` }));
  const heads = ["cell", "class", `alpha, step ${t - 1}`, `p, step ${t}`, `alpha, step ${t}`];
  const rows = extend(target).map((c, s) => element("tr", {},
    element("th", { scope: "row" }, String(s)), element("td", {}, sign(c)), element("td", {}, Math.exp(alpha[t - 1][s]).toFixed(3)),
    element("td", {}, probabilities[t][c].toFixed(2)), element("td", {}, inputs[s])));
  const table = element("div", { class: "learn-scroll", tabindex: 0, role: "region", "aria-label": "One column of the lattice" },
    element("table", { class: "learn-table" }, element("thead", {}, element("tr", {}, ...heads.map((h) => element("th", { scope: "col" }, h)))), element("tbody", {}, ...rows)));
  const check = () => {
    const cells = new Map(); // by reason
    inputs.forEach((input, s) => {
      const typed = input.value.trim().replace(",", ".");
      const reason = reasonForCell(typed === "" ? NaN : Number(typed), logProbs, target, t, s);
      if (reason) cells.set(reason, [...(cells.get(reason) ?? []), s]);
      input.setAttribute("aria-invalid", String(Boolean(reason)));
    });
    return [...cells].map(([reason, at]) => `${at.length > 1 ? "Cells" : "Cell"} ${at.join(", ")}: ${reason}`);
  };
  return { text: `Fill in the column of step ${t} of the lattice for ${label}, to three places.`, inputs: table, check };
}

const DECODINGS = [
  ["a", [[0.6, 0.4], [0.6, 0.4]]],
  ["ab", [[0.5, 0.3, 0.2], [0.4, 0.1, 0.5]]],
  ["a", [[0.8, 0.2], [0.7, 0.3]]],
  ["ab", [[0.1, 0.5, 0.4], [0.5, 0.1, 0.4]]],
];

function askDecoding([letters, probabilities]) {
  const options = () => decodeSmall(probabilities, letters).all.map(({ text }) => element("option", { value: text }, text || "(the empty text)"));
  const picks = ["Greedy decoding reads", "The most probable text is"].map((label) => {
    const select = element("select", {}, element("option", { value: "?" }, "choose"), ...options());
    return { select, node: element("label", {}, label, select) };
  });
  const cells = (row) => row.map((p) => element("td", {}, p.toFixed(1)));
  const table = element("table", { class: "learn-table" },
    element("thead", {}, element("tr", {}, ...["step", ...DASH, ...letters].map((c) => element("th", { scope: "col" }, c)))),
    element("tbody", {}, ...probabilities.map((row, t) => element("tr", {}, element("th", { scope: "row" }, String(t)), ...cells(row)))));
  const check = () => ["greedy", "best"].map((which, i) => reasonForDecoding(picks[i].select.value, which, probabilities, letters)).filter(Boolean);
  const inputs = element("div", {}, table, element("div", { class: "crnn-controls" }, ...picks.map(({ node }) => node)));
  return { text: "Two steps, and the probability of each class; - is the blank. Which text comes out?", inputs, check };
}

const PREFIXES = [ // a prefix to arrive at; ways: the prefix before, how its paths end, and the class that comes
  ["a", [["", "blank", "a"], ["a", "blank", "-"], ["a", "letter", "a"], ["a", "blank", "a"], ["a", "letter", "-"], ["b", "letter", "a"]]],
  ["ab", [["a", "letter", "b"], ["ab", "letter", "b"], ["ab", "blank", "b"], ["a", "blank", "b"], ["b", "letter", "a"], ["ab", "letter", "-"]]],
  ["aa", [["a", "letter", "a"], ["a", "blank", "a"], ["aa", "letter", "a"], ["aa", "blank", "-"], ["aa", "blank", "a"], ["", "blank", "a"]]],
];

function askPrefixes([goal, ways]) {
  const words = ([prefix, ending, comes]) => [
    prefix ? element("code", {}, prefix) : "the empty prefix", prefix ? ` (ending in ${ending === "blank" ? "a blank" : `the letter ${prefix[prefix.length - 1]}`}), then ` : ", then ",
    comes === DASH ? "a blank" : element("code", {}, comes),
  ];
  const { inputs, node } = createChoices("checkbox", "ways", ways.map((way, i) => [String(i), ...words(way)]));
  const check = () => judgeBoxes(inputs, (i) => grownPrefix(ways[i]) === goal, (i) => `${spelt(ways[i][0])}, then ${ways[i][2] === DASH ? "a blank" : ways[i][2]}: ${reasonForPrefix(ways[i])}`, "follow each of the others: does its text change?");
  return { text: `One step of prefix beam search. Tick every way that leads to the prefix ${goal}: their probabilities are added up in one entry.`, inputs: node, check };
}

/** Recorded runs that can be told apart by their loss: their cause, and how they look, for who picked them wrongly. */
const CAUSES = {
  ours: ["nothing, this run is healthy", "The healthy run starts at the upper floor, leaves it, and ends close to zero"],
  sgd: ["plain SGD, at a learning rate meant for AdamW", "The SGD run starts at the upper floor and never gets below the lower one"],
  short: ["too few time steps (T = 10)", "The run with T = 10 leaves both floors, but ends higher than the healthy one, above 0.4"],
  "no-prior": ["the output was not started at the prior", "Without the prior, a run starts far above the floors, and first falls to the upper one"],
};
const ASKED = ["sgd", "no-prior", "ours", "short"]; // not in the order of the answers

function askPlateau(recording, asked) {
  const run = recording.runs.find(({ variant }) => variant === asked);
  const chart = createCurves();
  chart.show([{ ...run, what: "A recorded run" }], "loss", null);
  const { inputs, node } = createChoices("radio", "cause", Object.entries(CAUSES).map(([variant, [cause]]) => [variant, cause]));
  const ends = `This one starts at ${run.frames[0].loss.toFixed(2)} and ends at ${run.frames[run.frames.length - 1].loss.toFixed(2)}; its floors are ${run.floors.map((f) => f.toFixed(2)).join(" and ")}.`;
  const check = () => {
    const picked = inputs.find((input) => input.checked)?.value;
    return picked === asked ? [] : [picked ? `${CAUSES[picked][1]}. ${ends}` : "Choose one."];
  };
  return { text: "A recorded run: its validation loss, and the two floors of the plateau. What is the matter with it?", inputs: element("div", {}, chart.node, node), check };
}

const QUIZZES = {
  alignments: [ALIGNMENTS, askAlignments], count: [COUNTS, askCount], column: [COLUMNS, askColumn],
  decoding: [DECODINGS, askDecoding], prefixes: [PREFIXES, askPrefixes],
};

/** Put the exercise that the model's field `name` names into `root`. */
export async function mount({ root, model, backend }) {
  const name = model.get("name");
  if (name === "plateau") {
    const recording = await backend.data("replay");
    return frameQuiz(root, name, ASKED.map((asked) => () => askPlateau(recording, asked)));
  }
  if (!Object.hasOwn(QUIZZES, name)) throw new Error(`there is no exercise "${name}"`);
  const [all, ask] = QUIZZES[name];
  return frameQuiz(root, name, all.map((one) => () => ask(one)));
}
