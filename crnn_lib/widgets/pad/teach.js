// Teaching, opened on the pad: what a drawing says is typed, a lesson is taken here and now, and its loss is seen to fall.
import { createChart } from "../page/chart.js";
import { createClock } from "../page/clock.js";
import { button, createMessage, field, textInput } from "../page/controls.js";
import { download, element, markup } from "../page/dom.js";
import { networkReader } from "../page/engine.js";
import { unfolded } from "../page/last_layers.js";
import { check, MOST, STEPS, teaching } from "../page/teach.js";
import { libraryFile } from "../page/train_weights.js";
import { shortNumber } from "../page/words.js";
import { forget, keyOf, remember, stateOf } from "./taught.js";

/** @typedef {import("../page/engine.js").Reader} Reader @typedef {import("../page/teach.js").Taught} Taught */
/**
 * @typedef {{strokes: () => number[][][], reader: () => Promise<Reader>, text: () => string, read: () => Promise<void>,
 *   meant: string, complain: (reason: string) => void, relearn: (reader: Reader) => void, mean: () => void}} Host
 *   the pad: what is drawn on it, who reads that before any lesson, the text, that it reads again, and what it was told that
 *   the drawing says; and what it calls: when a reader has a lesson to take again, and when it was told so
 */

export const kind = "teach";
export const name = "Teach it your hand";

/** The curve of a lesson's losses. @param {{show: (shown: any) => void}} chart @param {number[]} losses */
function plot(chart, losses) {
  const most = Math.max(1, ...losses);
  const size = 10 ** Math.floor(Math.log10(most));
  const top = size * Math.ceil(most / size);
  const points = losses.map((loss, step) => [step, loss]);
  chart.show({
    words: `The loss of the lesson, step by step: ${losses.map(shortNumber).join(", ")}`,
    curves: [{ points, here: points[points.length - 1] ?? null }],
    across: { name: "steps", ticks: [0, 3, 6, 9, 12], part: (v) => v / STEPS, value: (part) => part * STEPS },
    up: { name: "loss, nats", top, ticks: [0, top / 2, top], say: shortNumber },
  });
}

/** @param {import("../page/main.js").Place} place */
export function mount({ root, model, signal }) {
  const host = /** @type {Host} */ (model.get("host"));
  const [message, chart] = [createMessage(), createChart()];
  const text = textInput(host.meant, 64, () => {});
  const curve = element("div", { hidden: true }, chart.node);
  /** @type {{work: ReturnType<typeof teaching>, losses: number[], end: (made: any) => void, fail: (error: any) => void} | null} */
  let lesson = null;

  const clock = createClock({
    work() {
      if (!lesson) return false;
      try {
        const { done, value } = lesson.work.next();
        if (done) lesson.end(value);
        else lesson.losses = value;
        return !done;
      } catch (error) {
        lesson.fail(error);
        return false;
      }
    },
    show() {
      curve.hidden = !lesson?.losses.length;
      if (lesson?.losses.length) plot(chart, lesson.losses);
    },
    ended() {},
  }, signal);

  /** Let a reader take a lesson, and keep what came of it. @param {Reader} reader @param {Taught[]} taught @returns {Promise<number[]>} */
  async function learn(reader, taught) {
    try {
      const made = await new Promise((end, fail) => {
        lesson = { work: teaching(reader, taught), losses: [], end, fail };
        clock.start();
      });
      curve.hidden = false;
      plot(chart, made.losses);
      remember(reader.network, taught, networkReader(made.network));
      await host.read();
      return made.losses;
    } finally {
      lesson = null;
    }
  }

  /** Do something with the reader that was taught or will be, or say why that cannot be. @param {(reader: Reader) => any} act */
  async function attempt(act) {
    try {
      if (lesson) throw new Error("A lesson is under way: wait a moment.");
      await act(await host.reader());
    } catch (error) {
      message.fail(error);
    }
  }

  async function teach(/** @type {Reader} */ reader) {
    const taught = { strokes: host.strokes(), text: text.value.trim() };
    check(reader.config, taught);
    const before = host.text();
    const same = JSON.stringify(taught.strokes);
    const old = stateOf(reader.network).lesson.filter(({ strokes }) => JSON.stringify(strokes) !== same);
    message.say("Learning…");
    const losses = await learn(reader, [...old, taught].slice(-MOST));
    const [first, last] = [losses[0], losses[losses.length - 1]].map(shortNumber);
    const now = host.text() === before
      ? `It still reads “${before}”`
      : `It read “${before}” and now reads “${host.text()}”`;
    message.say(`${now}. The loss of the lesson fell from ${first} to ${last} nats.`);
  }

  /** A lesson that was taken before this page was opened. @param {Reader} reader */
  host.relearn = (reader) => {
    if (lesson) return;
    const { lesson: taught } = stateOf(reader.network);
    message.say("Learning again what this browser has kept…");
    learn(reader, taught).then(
      () => message.say("Learned again what this browser has kept."),
      (error) => {
        forget(reader.network);
        message.say("");
        host.complain(`What this browser had kept cannot be learned: ${error.message}`);
      },
    );
  };

  async function clear(/** @type {Reader} */ reader) {
    forget(reader.network);
    curve.hidden = true;
    await host.read();
    message.say("Forgotten. It reads as it did before any lesson.");
  }

  function save(/** @type {Reader} */ reader) {
    const { lesson: taught, reader: learnt } = stateOf(reader.network);
    if (!learnt) throw new Error("Nothing is taught yet.");
    const told = { texts: taught.map((one) => one.text), from: keyOf(reader.network) };
    download(
      libraryFile({ ...learnt.config, batchnorm: "none" }, unfolded(learnt.network), { taught: told }),
      "taught.safetensors",
    );
    const again = "Model file opens it on any pad";
    message.say(
      `Saved as taught.safetensors. ${again}, and so does the library: crnn_lib.reader.load("taught.safetensors").`,
    );
  }

  host.mean = () => (text.value = host.meant);
  text.addEventListener("keydown", (event) => event.key === "Enter" && attempt(teach));
  root.append(...markup`
    <p class="crnn-note">Draw, then say what the drawing says. The network takes ${STEPS} gradient steps on its LSTM and
      ${" "}its output layer, here in this page. What you teach is kept in this browser only.</p>
    <div class="crnn-controls">${field("It says", text)}${button("Teach", () => attempt(teach))}</div>
    ${message.node}${curve}
    <div class="crnn-controls">${button("Forget what was taught", () => attempt(clear))}
      ${button("Save the taught model", () => attempt(save))}</div>`);
  return Promise.resolve();
}
