// What the probes that ask a reader share: the picture, the reading of it that no slider changes, and one answer.
import { createChooser } from "./chooser.js";
import { part } from "./dom.js";
import { inspect, latestReading } from "./reading.js";

/** @typedef {import("./reading.js").Seen} Seen @typedef {import("./sources.js").Picture} Picture */

/**
 * @param {import("./main.js").Place} place
 * @param {(seen: Seen, picture: Picture) => any} draw runs, one at a time, at each change: of the picture, and by `redraw`
 */
export function createProbe({ root, model, backend, signal }, draw) {
  /** @type {Picture | null} */
  let picture = null;
  /** @type {{picture: Picture, weights: number, seen: Seen} | null} */
  let known = null;
  let weights = 0; // how often they were renewed
  const chooser = createChooser({ model, signal, onpicture: (given) => ((picture = given), redraw()) });
  const redraw = latestReading(root, chooser.message, async () => {
    if (!picture) return;
    if (known?.picture !== picture || known.weights !== weights) {
      const asked = { picture, weights };
      known = { ...asked, seen: await inspect(backend, picture) };
    }
    await draw(known.seen, known.picture);
  });
  backend.onrenew(() => (weights++, redraw()), signal);
  return { chooser, redraw, answer: part("answer", "p", { class: "crnn-answer" }) };
}
