// Exercises that check themselves, without a kernel: every wrong answer gets its reason, computed from the answer.
import { collapse } from "./decode.js";
import { countAlignments, extend, forward, logLikelihood, predecessors, repeats } from "./ctc.js";
import { element, setText, svg } from "./dom.js";
import { CHART, drawChart } from "./replay.js";

const PROGRESS = "crnn-progress"; // the key in this browser's own storage
const BLANK_SIGN = "-";

/** The names of solved exercises, kept in this browser; where it keeps nothing, they last as long as the page. */
export const progress = {
  solved: new Set(),
  read() {
    try {
      const found = JSON.parse(localStorage.getItem(PROGRESS) ?? "[]");
      if (Array.isArray(found)) this.solved = new Set(found.filter((name) => typeof name === "string"));
    } catch {
      // storage is blocked, or holds something else: the page's own memory serves
    }
    return this.solved;
  },
  add(name) {
    this.solved.add(name);
    this.write();
  },
  clear() {
    this.solved.clear();
    this.write();
  },
  write() {
    try {
      localStorage.setItem(PROGRESS, JSON.stringify([...this.solved]));
    } catch {
      // as above
    }
  },
};

/** Classes of a text over its own letters, the first letter that occurs being 1; "-" is the blank. */
export function classesOf(text, letters) {
  return [...text].map((c) => (c === BLANK_SIGN ? 0 : letters.indexOf(c) + 1));
}

/** What a path of letters and "-" collapses to. */
export function textOf(path) {
  const letters = [...new Set(path.replaceAll(BLANK_SIGN, ""))].join("");
  return collapse(classesOf(path, letters)).map((c) => letters[c - 1]).join("");
}

/** Why `path` is, or is not, an alignment of `label`. */
export function reasonForPath(path, label) {
  const text = textOf(path);
  if (text === label) return `${path} merges and drops to ${label}: it is one.`;
  const doubled = [...label].some((c, i) => c === label[i - 1]);
  if (doubled && text.length < label.length) return `${path} gives ${text || "nothing"}: without a blank between, equal neighbours merge into one.`;
  if (text.length > label.length) return `${path} gives ${text}: the blank in between keeps equal letters apart, so there is one too many.`;
  return `${path} gives ${text || "nothing"}, not ${label}.`;
}

/** Why `answer` is not the number of alignments; null where it is. @param {bigint} answer */
export function reasonForCount(answer, label, T) {
  const target = classesOf(label, [...new Set(label)].join(""));
  const [U, r, right] = [label.length, repeats(target), countAlignments(target, T)];
  const choose = (n, k) => {
    let value = k > n ? 0n : 1n;
    for (let i = 1; i <= k && value; i++) value = (value * BigInt(n - k + i)) / BigInt(i);
    return value;
  };
  if (answer === right) return null;
  if (right === 0n) return `It does not fit: T = ${T} is less than U + r = ${U} + ${r}, so there is no alignment at all.`;
  if (r && answer === choose(T + U, 2 * U)) return `That counts C(T + U, 2U). Each of the r = ${r} repeats needs a blank of its own: C(T + U - r, 2U).`;
  if (answer === choose(T, U)) return `That is C(T, U): places for ${U} letters of one column each. A letter may also last for several columns.`;
  if (answer === choose(T + U - r, U)) return `The right top, C(T + U - r, ...), but 2U = ${2 * U} things are chosen: where each letter's run begins, and where it ends.`;
  return `Not ${answer}. With T = ${T}, U = ${U}, r = ${r}: how many ways are there to choose 2U = ${2 * U} of T + U - r = ${T + U - r} places?`;
}

/** Why `answer` is not alpha of cell s at step t; null where it is right to two places. */
export function reasonForCell(answer, logProbs, target, t, s) {
  const extended = extend(target);
  const before = forward(logProbs, target)[t - 1].map(Math.exp);
  const p = Math.exp(logProbs[t][extended[s]]);
  const near = (value) => Math.abs(answer - value) < 0.00051;
  const from = predecessors(extended, s);
  const sum = (cells) => cells.reduce((total, cell) => total + before[cell], 0);
  if (near(sum(from) * p)) return null;
  if (!Number.isFinite(answer)) return "Type a number such as 0.125.";
  if (near(sum(from))) return "You have the sum over the predecessors; multiply it by the probability of this cell's own class at this step.";
  const skip = s - 2;
  if (skip >= 0 && !from.includes(skip) && near((sum(from) + before[skip]) * p))
    return extended[s] === 0 ? "A blank cannot be entered by a skip: that would lose the letter between." : "No skip here: the letter before is the same, and without the blank between the two would merge.";
  if (from.includes(skip) && near((sum(from) - before[skip]) * p)) return "The skip is missing: from one letter straight to the next, different one, the blank between may be left out.";
  if (s > 0 && near(before[s] * p)) return "That is staying alone. The cell before leads here as well.";
  return `Add up the ${from.length === 1 ? "one cell" : `${from.length} cells`} that lead${from.length === 1 ? "s" : ""} here from the step before, then multiply by ${p.toFixed(2)}.`;
}

/** A question's frame: its text, its inputs, Check, and a line for the verdict. */
function frame(root, name, question, inputs, check, again) {
  const verdict = element("p", { class: "crnn-message", "data-crnn": "verdict", "aria-live": "polite" });
  const badge = element("span", { class: "crnn-note" });
  const mark = () => setText(badge, progress.read().has(name) ? "solved on this machine" : "");
  const form = element("form", {
    onsubmit: (event) => {
      event.preventDefault();
      const wrong = check();
      verdict.replaceChildren(...(wrong.length ? [element("strong", {}, "Not yet. "), wrong.join(" ")] : [element("strong", {}, "Right. ")]));
      if (!wrong.length) progress.add(name);
      mark();
    },
  }, element("fieldset", {}, element("legend", {}, question), inputs));
  const clear = () => { progress.clear(); mark(); };
  form.append(element("div", { class: "crnn-controls" },
    element("button", { type: "submit" }, "Check"),
    ...(again ? [element("button", { type: "button", onclick: again }, "Another one")] : []),
    element("button", { type: "button", onclick: clear }, "Clear my progress"), badge));
  root.replaceChildren(form, verdict);
  mark();
}

const ALIGNMENTS = [
  ["mm", ["m-m--", "mm---", "mm-mm", "-m-m-", "--mm-", "m--m-", "m-m-m"]],
  ["me", ["m---e", "mmmee", "em---", "-m-e-", "m-m-e", "mee--", "m-eme"]],
  ["bee", ["be-e-", "bbee-", "b-e-e", "bee--", "be--e", "b-eee", "-be-e"]],
];

function quizAlignments(root, name, number = 0) {
  const [label, paths] = ALIGNMENTS[number % ALIGNMENTS.length];
  const boxes = paths.map((path) => element("input", { type: "checkbox", value: path }));
  const list = element("div", { class: "crnn-choices" }, ...paths.map((path, i) => element("label", {}, boxes[i], element("code", {}, path))));
  const check = () => boxes.filter((box) => box.checked !== (textOf(box.value) === label))
    .map((box) => (box.checked ? reasonForPath(box.value, label) : `One more is an alignment; what does ${box.value} collapse to?`)).slice(0, 2);
  frame(root, name, `Tick every path of five columns that collapses to ${label}.`, list, check, () => quizAlignments(root, name, number + 1));
}

const COUNTS = [["ab", 4], ["aa", 4], ["abb", 5], ["aa", 2], ["abc", 6]];

function quizCount(root, name, number = 0) {
  const [label, T] = COUNTS[number % COUNTS.length];
  const input = element("input", { type: "text", inputmode: "numeric", "aria-label": "Number of alignments", autocomplete: "off" });
  const check = () => {
    if (!/^\d{1,12}$/.test(input.value.trim())) return ["Type a whole number, in digits."];
    const reason = reasonForCount(BigInt(input.value.trim()), label, T);
    return reason ? [reason] : [];
  };
  frame(root, name, `How many paths of T = ${T} columns collapse to ${label}?`, input, check, () => quizCount(root, name, number + 1));
}

const COLUMNS = [
  ["ab", [[0.5, 0.4, 0.1], [0.2, 0.5, 0.3], [0.3, 0.1, 0.6]], 1],
  ["aa", [[0.4, 0.6], [0.5, 0.5], [0.3, 0.7]], 2],
];

function quizColumn(root, name, number = 0) {
  const [label, probabilities, t] = COLUMNS[number % COLUMNS.length];
  const letters = [...new Set(label)].join("");
  const target = classesOf(label, letters);
  const logProbs = probabilities.map((row) => row.map(Math.log));
  const alpha = forward(logProbs, target);
  const sign = (c) => (c === 0 ? BLANK_SIGN : letters[c - 1]);
  const inputs = extend(target).map((c, s) => element("input", { type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": `alpha of cell ${s}, ${sign(c)}, at step ${t}` }));
  const heads = ["cell", "class", `alpha at step ${t - 1}`, `p of the class at step ${t}`, `alpha at step ${t}`];
  const rows = extend(target).map((c, s) => element("tr", {},
    element("th", { scope: "row" }, String(s)), element("td", {}, sign(c)), element("td", {}, Math.exp(alpha[t - 1][s]).toFixed(3)),
    element("td", {}, probabilities[t][c].toFixed(2)), element("td", {}, inputs[s])));
  const table = element("div", { class: "crnn-scroll", tabindex: 0, role: "region", "aria-label": "One column of the lattice" },
    element("table", {}, element("thead", {}, element("tr", {}, ...heads.map((h) => element("th", { scope: "col" }, h)))), element("tbody", {}, ...rows)));
  const check = () => {
    const wrong = inputs.map((input, s) => [s, reasonForCell(Number(input.value.trim().replace(",", ".") || NaN), logProbs, target, t, s)]).filter(([, reason]) => reason);
    return wrong.length ? [`Cell ${wrong[0][0]}: ${wrong[0][1]}`, wrong.length > 1 ? `(${wrong.length - 1} more.)` : ""] : [];
  };
  frame(root, name, `Fill in the next column of the lattice for ${label}, to three places.`, table, check, () => quizColumn(root, name, number + 1));
}

const DECODINGS = [["a", [[0.6, 0.4], [0.6, 0.4]]], ["b", [[0.5, 0.3, 0.2], [0.4, 0.1, 0.5]]]];

function quizDecoding(root, name, number = 0) {
  const [, probabilities] = DECODINGS[number % DECODINGS.length];
  const letters = "ab".slice(0, probabilities[0].length - 1);
  const logProbs = probabilities.map((row) => row.map(Math.log));
  const texts = ["", ...letters, ...[...letters].flatMap((a) => [...letters].filter((b) => b !== a).map((b) => a + b))];
  const chance = (text) => Math.exp(logLikelihood(logProbs, classesOf(text, letters)));
  const best = texts.reduce((a, b) => (chance(b) > chance(a) ? b : a));
  const greedy = collapse(probabilities.map((row) => row.indexOf(Math.max(...row)))).map((c) => letters[c - 1]).join("");
  const options = () => texts.map((text) => element("option", { value: text }, text || "(the empty text)"));
  const picks = ["Greedy decoding reads", "The most probable text is"].map((label) => {
    const select = element("select", {}, element("option", { value: "?" }, "choose"), ...options());
    return { select, node: element("label", {}, label, select) };
  });
  const matrix = element("p", {}, ...probabilities.map((row, t) => element("code", {}, ` step ${t}: ${row.map((p, c) => `${c ? letters[c - 1] : BLANK_SIGN} ${p}`).join(", ")} `)));
  const check = () => {
    const wrong = [];
    if (picks[0].select.value !== greedy) wrong.push("Greedy takes the largest probability of each step, then merges and drops.");
    if (picks[1].select.value !== best) wrong.push("Add up all paths of each text; the greedy path is only one of them, and some texts have several.");
    return wrong;
  };
  frame(root, name, "Two columns, and what the network says about them.", element("div", {}, matrix, element("div", { class: "crnn-controls" }, picks[0].node, picks[1].node)), check, () => quizDecoding(root, name, number + 1));
}

/** Which recorded run is shown, and what to say to each wrong cause. */
const CAUSES = {
  sgd: ["the optimiser's steps are far too small for it", "It lies on the upper floor from the first step to the last, as if nothing were learned: steps too small to leave."],
  "no-prior": ["the output layer starts at random", "It starts far above the floor and falls onto it first: before the first step this network believes in every class alike."],
  short: ["too few time steps for doubled letters", "It leaves the plateau, and then stays well above the others: some labels no longer fit."],
  ours: ["nothing: this run is healthy", "It starts on the upper floor, leaves it, passes the lower one without a stop and comes near to zero."],
};

async function quizPlateau(root, name, backend, number = 0) {
  const recording = await backend.data("replay");
  const order = ["sgd", "no-prior", "ours", "short"];
  const asked = order[number % order.length];
  const run = recording.runs.find((one) => one.variant === asked);
  const chart = svg("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "img", class: "crnn-chart" });
  drawChart(chart, [{ ...run, what: "a recorded run" }], "loss", run.frames.length - 1);
  const radios = order.map((variant) => element("input", { type: "radio", name: `${name}-cause`, value: variant }));
  const list = element("div", { class: "crnn-choices" }, ...order.map((variant, i) => element("label", {}, radios[i], CAUSES[variant][0])));
  const check = () => {
    const picked = radios.find((radio) => radio.checked)?.value;
    if (!picked) return ["Choose one."];
    return picked === asked ? [] : [`That would look otherwise. ${CAUSES[picked][1]} Compare with where this curve starts, rests and ends.`];
  };
  frame(root, name, "A recorded run. What is the matter with it?", element("div", {}, chart, list), check, () => quizPlateau(root, name, backend, number + 1));
}

const QUIZZES = { alignments: quizAlignments, count: quizCount, column: quizColumn, decoding: quizDecoding };

/** Put the exercise that the model's field `name` names into `root`. */
export async function mountQuiz({ root, model, backend }) {
  const name = model.get("name");
  if (name === "plateau") await quizPlateau(root, name, backend);
  else if (Object.hasOwn(QUIZZES, name)) QUIZZES[name](root, name);
  else throw new Error(`there is no exercise "${name}"`);
  return () => root.replaceChildren();
}
