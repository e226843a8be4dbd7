// Chapter 7: greedy against beam search, with a temperature that makes the reader more or less certain.
import { createTree, searchOf } from "../page/beams.js";
import { bestCells, extend } from "../page/ctc.js";
import { beamSearch, bestPath, collapse, rowsOf } from "../page/decode.js";
import { slider } from "../page/controls.js";
import { markup, part, setText } from "../page/dom.js";
import { letterAt } from "../page/letters.js";
import { percent } from "../page/words.js";
import { createLane, inkCanvas, legend, pathCells } from "../page/lanes.js";
import { createReading, probability } from "../page/reading.js";
import { spansOf, stripOf, tempered } from "../page/sight.js";
import { createProbe } from "../page/probe.js";

export const kind = "probe-decoding";
export const name = "Greedy against beam search";

const TREE =
  "The search as a tree: a row a rank, a branch as wide as its mass, a letter where one is added. Branches join where " +
  "prefixes merge, and taper off where they are pruned.";

/** What greedy decoding and the beam make of each other, in words. */
function verdictOf(first, p, best, truth) {
  const other = p > 0.5 ? "Above one half no other text can win." : "Below one half another text may win.";
  const times = (best.p / p).toFixed(2);
  let verdict = `They differ: the beam's text is ${times} times as probable.`;
  if (first === best.text) verdict = "Greedy and beam agree.";
  else if (best.p <= p) verdict = "They differ, and greedy's text is the more probable one: this beam is too narrow.";
  return `${verdict} ${truth ? `The true text is ${truth}. ` : ""}${other}`;
}

/** @param {import("../page/main.js").Place} place */
export async function mount(place) {
  let temperature = place.model.get("temperature") ?? 1;
  let width = place.model.get("width") ?? 8;
  /** @type {any} what is seen, and the steps of each letter of the beam's text */
  let shown = null;
  const point = (/** @type {number} */ at) => shown && mark(Math.floor(at * shown.T));
  const lanes = {
    picture: createLane({ label: "The image; outside of what is pointed at it is dimmed", onplace: point }),
    classes: createLane({ label: "Probability of each class at each step; yellow is probable", onplace: point }),
    path: createLane({ label: "The best path of the text, and below it the text", css: "3.6rem", onplace: point }),
    tree: createLane({ label: "Beam search as a tree" }),
  };
  for (const lane of Object.values(lanes)) lane.node.classList.add("crnn-named");
  const tree = createTree({ onlight: (t) => shown && mark(t) });
  const reading = createReading("Beam search reads ", (letter) => light(letter));
  const table = part("beam", "tbody");
  const [greedy, greedyP] = [part("greedy", "strong"), part("greedy-confidence")];

  /** Mark step `t` everywhere, and the letter that it belongs to. @param {number} t */
  function mark(t) {
    const letter = letterAt(shown.spans, t);
    if (letter >= 0) return light(letter, t);
    reading.letters.light(-1);
    marks(t, t, null);
  }
  /** Mark the steps of a letter everywhere; of none: no mark. @param {number} letter @param {number} [t] */
  function light(letter, t) {
    if (!shown) return;
    reading.letters.light(letter);
    const span = shown.spans[letter];
    if (span) marks(t ?? span.from, t ?? span.to, span);
    else for (const lane of Object.values(lanes)) lane.draw([]);
  }
  function marks(from, to, span) {
    const { T, W, config: { pools } } = shown;
    const [first, last] = stripOf(pools, W, span?.from ?? from, span?.to ?? to);
    const step = { from: from / T, to: (to + 1) / T, style: "step" };
    const also = span ? [{ from: span.from / T, to: (span.to + 1) / T, style: "span" }] : [];
    lanes.picture.draw([{ from: first / W, to: (last + 1) / W, style: "strip" }, ...also]);
    lanes.classes.draw([...also, span ? lanes.classes.cells(span.symbol, also[0].from, also[0].to) : step]);
    lanes.path.draw([...also, step]);
    lanes.tree.draw([step]);
  }

  const { chooser, redraw, answer } = createProbe(place, (seen, { truth }) => {
    const { stages, K, T, signs, spell, image, W, config: { height } } = seen;
    const logProbs = tempered(stages.logits.data, K, temperature);
    const rows = rowsOf(logProbs, K);
    const first = collapse(bestPath(logProbs, K));
    const p = probability(logProbs, K, first);
    const found = beamSearch(logProbs, K, width, 5).map((b) => ({
      ...b,
      text: spell(b.classes),
      p: Math.exp(b.logProb),
    }));
    const best = found[0].classes;
    const path = bestCells(rows, best)?.map((s) => extend(best)[s]) ?? [];
    shown = { ...seen, spans: spansOf(path) };
    for (const lane of Object.values(lanes)) lane.fit(T);
    lanes.picture.show(inkCanvas(image, height, W));
    lanes.classes.showClasses(signs, T, (t, c) => Math.exp(logProbs[t * K + c]));
    lanes.path.show(pathCells(path, shown.spans, signs));
    setText(greedy, spell(first) || "(nothing)");
    setText(greedyP, percent(p));
    reading.show(found[0].text || "(nothing)", found[0].p, truth, shown.spans, signs);
    lanes.tree.show(tree.node);
    tree.show(searchOf(rows, width), T, width, signs);
    light(-1);
    const row = ({ text, p }) => markup`<tr><td>${text || "(nothing)"}</td><td>${percent(p)}</td></tr>`;
    table.replaceChildren(...found.flatMap(row));
    setText(answer, verdictOf(spell(first), p, found[0], truth));
  });
  const temperatures = slider({ name: "Temperature", min: 0.2, max: 5, step: 0.1, value: temperature }, (value) => {
    temperature = value;
    redraw();
  });
  const widths = slider({ name: "Beam width", min: 1, max: 20, step: 1, value: width }, (value) => {
    width = value;
    redraw();
  });
  place.root.append(...markup`${chooser.node}${reading.node}
    <p><span class="crnn-note">Greedy reads </span>${greedy} ${greedyP}</p>
    <div class="crnn-controls crnn-sliders">${temperatures.node}${widths.node}</div>${answer}${lanes.picture.node}
    ${lanes.classes.node}${legend("0", "1")}${lanes.path.node}
    <p class="crnn-note">${TREE}</p>
    ${lanes.tree.node}${tree.says}
    <p class="crnn-note">The most probable texts that the beam keeps:</p>
    <table class="crnn-table">
      <thead><tr><th scope="col">Text</th><th scope="col">Probability</th></tr></thead>${table}
    </table>${chooser.message.node}`);
  await chooser.start();
}
