// Chapter 7: greedy against beam search, with a temperature that makes the reader more or less certain.
import { beamSearch, bestPath, collapse } from "../page/decode.js";
import { slider } from "../page/controls.js";
import { markup, part, setText } from "../page/dom.js";
import { percent } from "../page/words.js";
import { createLane, inkCanvas } from "../page/lanes.js";
import { createReading, probability } from "../page/reading.js";
import { tempered } from "../page/sight.js";
import { createProbe } from "../page/probe.js";

export const kind = "probe-decoding";
export const name = "Greedy against beam search";

/** @param {import("../page/main.js").Place} place */
export async function mount(place) {
  let temperature = place.model.get("temperature") ?? 1;
  let width = place.model.get("width") ?? 8;
  const lane = createLane({ label: "Probability of each class at each step; yellow is probable" });
  const picture = createLane({ label: "The image" });
  picture.node.classList.add("crnn-named");
  const reading = createReading("Beam search reads ");
  const table = part("beam", "tbody");
  const [greedy, greedyP] = [part("greedy", "strong"), part("greedy-confidence")];
  const { chooser, redraw, answer } = createProbe(place, (seen, { truth }) => {
    const { stages, K, T, signs, spell, image, W, config: { height } } = seen;
    const logProbs = tempered(stages.logits.data, K, temperature);
    for (const one of [picture, lane]) one.fit(T);
    picture.show(inkCanvas(image, height, W));
    lane.showClasses(signs, T, (t, c) => Math.exp(logProbs[t * K + c]));
    const first = collapse(bestPath(logProbs, K));
    const p = probability(logProbs, K, first);
    const found = beamSearch(logProbs, K, width, 5).map((b) => ({ text: spell(b.classes), p: Math.exp(b.logProb) }));
    setText(greedy, spell(first) || "(nothing)");
    setText(greedyP, percent(p));
    reading.show(found[0].text || "(nothing)", found[0].p, truth);
    const row = ({ text, p }) => markup`<tr><td>${text || "(nothing)"}</td><td>${percent(p)}</td></tr>`;
    table.replaceChildren(...found.flatMap(row));
    const times = (found[0].p / p).toFixed(2);
    let verdict = `They differ: the beam's text is ${times} times as probable.`;
    if (spell(first) === found[0].text) verdict = "Greedy and beam agree.";
    else if (found[0].p <= p) {
      verdict = "They differ, and greedy's text is the more probable one: this beam is too narrow.";
    }
    const other = p > 0.5 ? "Above one half no other text can win." : "Below one half another text may win.";
    setText(answer, `${verdict} ${truth ? `The true text is ${truth}. ` : ""}${other}`);
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
    <div class="crnn-controls crnn-sliders">${temperatures.node}${widths.node}</div>${answer}${picture.node}${lane.node}
    <p class="crnn-note">The most probable texts that the beam keeps:</p>
    <table class="crnn-table">
      <thead><tr><th scope="col">Text</th><th scope="col">Probability</th></tr></thead>${table}
    </table>${chooser.message.node}`);
  await chooser.start();
}
