// Chapter 7: greedy against beam search.
import { beamSearch, bestPath, collapse } from "../page/decode.js";
import { element, percent, setText, slider } from "../page/dom.js";
import { createLane, heat, inspect } from "../page/lanes.js";
import { tempered } from "../page/sight.js";
import { note, probability, probeFrame, row } from "./frame.js";

export const kind = "probe-decoding";
export const name = "Greedy against beam search";

/** Chapter 7: greedy against beam search, with a temperature that makes the reader more or less certain. */
export async function mount({ root, model, backend }) {
  let [temperature, width] = [model.get("temperature") ?? 1, model.get("width") ?? 8];
  const lane = createLane({ label: "Probability of each class at each step; yellow is probable", height: 400 });
  const table = element("tbody", { "data-crnn": "beam" });
  const greedy = element("strong", { "data-crnn": "greedy" });
  const greedyP = element("span");
  let known = null; // the network's answer, which neither slider changes
  const view = probeFrame({ root, model }, async ({ picture, text, confidence, answer }) => {
    if (known?.picture !== picture) known = { picture, read: await inspect(backend, picture) };
    const { stages, K, T, symbols, spell } = known.read;
    const logProbs = tempered(stages.logits.data, K, temperature);
    const first = collapse(bestPath(logProbs, K));
    const found = beamSearch(logProbs, K, width, 5);
    const order = (y) => (y + 1) % K;
    lane.name(symbols.map((_, y) => symbols[order(y)]), 0.8);
    lane.show(heat(K, T, "viridis", (y, t) => Math.exp(logProbs[t * K + order(y)])));
    const words = (classes) => spell(classes) || "(nothing)";
    const p = probability(logProbs, K, first);
    setText(greedy, words(first));
    setText(greedyP, percent(p));
    setText(text, words(found[0].classes));
    setText(confidence, percent(Math.exp(found[0].logProb)));
    table.replaceChildren(...found.map(({ classes, logProb }) => element("tr", {}, element("td", {}, words(classes)), element("td", {}, percent(Math.exp(logProb))))));
    const gain = Math.exp(found[0].logProb) - p;
    const verdict = spell(first) === spell(found[0].classes) ? "Greedy and beam agree." : gain > 0 ? `They differ: the beam's text is ${(Math.exp(found[0].logProb) / p).toFixed(2)} times as probable.` : "They differ, and greedy's text is the more probable one: this beam is too narrow.";
    setText(answer, `${verdict} ${picture.truth ? `The true text is ${picture.truth}. ` : ""}${p > 0.5 ? "Above one half no other text can win." : "Below one half another text may win."}`);
  });
  view.reading.firstChild.textContent = "Beam search reads ";
  root.append(
    element("p", {}, element("span", { class: "crnn-note" }, "Greedy reads "), greedy, " ", greedyP),
    row(slider({ name: "Temperature", min: 0.2, max: 5, step: 0.1, value: temperature, onchange: (v) => ((temperature = v), view.redraw()) }).node,
      slider({ name: "Beam width", min: 1, max: 20, step: 1, value: width, onchange: (v) => ((width = v), view.redraw()) }).node),
    view.answer, lane.node, note("The most probable texts that the beam keeps:"),
    element("table", { class: "crnn-table" }, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Text"), element("th", { scope: "col" }, "Probability"))), table), view.message);
  await view.source.start();
  return view.source.takeDown;
}
