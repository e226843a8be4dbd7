// What the probes that ask a reader share: the frame, with the picture, what is read, and one answer.
import { labelLogProb } from "../page/decode.js";
import { element, latest, setText } from "../page/dom.js";
import { chooser } from "../page/lanes.js";

/** The frame of a probe: reading, message, chooser. `draw(picture)` runs, one at a time, at each change. */
export function probeFrame({ root, model }, draw, reads = true) {
  const view = {
    picture: null,
    text: element("strong", { "data-crnn": "text", "aria-live": "polite", "aria-atomic": "true" }),
    confidence: element("span", { "data-crnn": "confidence" }),
    answer: element("p", { class: "crnn-answer", "data-crnn": "answer" }),
    message: element("p", { class: "crnn-message", role: "status", "data-crnn": "message" }),
  };
  view.redraw = latest(async () => {
    await draw(view);
    root.dataset.crnnRead = String(Number(root.dataset.crnnRead ?? 0) + 1);
  }, (error) => {
    view.message.classList.add("crnn-error");
    setText(view.message, `This could not be read: ${error.message}`);
  });
  view.source = chooser({ model, message: view.message, onpicture: (given) => ((view.picture = given), view.redraw()) });
  view.reading = element("p", { class: "crnn-reading" }, element("span", { class: "crnn-note" }, "It reads "), view.text, " ", view.confidence);
  root.append(view.source.node, ...(reads ? [view.reading] : []));
  return view;
}

export const probability = (logProbs, K, classes) => Math.min(Math.exp(labelLogProb(logProbs, K, classes)), 1);
export const row = (...nodes) => element("div", { class: "crnn-controls crnn-sliders" }, ...nodes);
export const note = (words) => element("p", { class: "crnn-note" }, words);
