// What was trained stays: it reads what is drawn, opens in the microscope, and goes into a file and comes out of one.
import { button, createMessage, field, textInput } from "../page/controls.js";
import { download, element, markup } from "../page/dom.js";
import { createReader } from "../page/engine.js";
import { createPen } from "../page/pen.js";
import { createReading, probability } from "../page/reading.js";
import { objectOf, read } from "../page/safetensors.js";
import { microscopes } from "../page/sources.js";
import { renderStrokes, strokesImage } from "../page/strokes.js";
import { networkOf } from "../page/weights.js";
import { DEFAULTS, FRAME, MOST, POOLS, shapeOf } from "./choices.js";
import { imageOf } from "./examples.js";

/** @typedef {ReturnType<typeof import("./run.js").createRun>} Run @typedef {import("./choices.js").Choices} Choices */

/** A drawing as the trained network gets it. @param {number[][][]} strokes */
const greyOf = (strokes) => strokesImage(strokes, 1.6, FRAME.height, FRAME.width);

/**
 * The choices whose network has weights as in this file, and the weights, or a clear error.
 * @param {Uint8Array} bytes @returns {{choices: Partial<Choices>, weights: Object<string, any>}}
 */
export function opened(bytes) {
  const content = read(bytes);
  const { config } = networkOf(content); // everything is checked there
  const symbols = config.alphabet;
  const T = config.pools.reduce((left, [, along]) => Math.floor(left / along), config.width);
  const told = objectOf(content.metadata.provenance ?? "")?.choices ?? {};
  const lettered = symbols === shapeOf(DEFAULTS).alphabet ? {} : { content: "letters", letters: symbols };
  const alike = told.content === "alike" ? { content: "alike", least: 3 } : {};
  const choices = { ...lettered, ...alike, T, batchnorm: "all", lstm: "both" };
  const wanted = shapeOf({ ...DEFAULTS, .../** @type {any} */ (choices), T: Object.hasOwn(POOLS, T) ? T : DEFAULTS.T });
  const same = (/** @type {string} */ key) => String(wanted[key]) === String(config[key]);
  const other = ["alphabet", "height", "width", "channels", "pools", "features", "hidden"].find((key) => !same(key));
  if (other) throw new Error(`this model was not trained here: its ${other} is ${config[other]}, not ${wanted[other]}`);
  const numbers = Object.entries(content.tensors).map(([name, { data, dims }]) => [name, {
    data: Float32Array.from(data, Number),
    dims,
  }]);
  return { choices: /** @type {any} */ (choices), weights: Object.fromEntries(numbers) };
}

/**
 * @param {{run: () => Run | null, take: (bytes: Uint8Array) => string, open: import("../page/main.js").Open}} host
 *   run: the trained one; take: goes on with a file's bytes, and says so
 */
export function createKeeper({ run, take, open }) {
  const message = createMessage();
  /** @type {number[][][]} */
  let strokes = [];
  const reading = createReading("It reads ");
  const room = element("div", { class: "trainer-room" });
  const pen = createPen({
    onbegin: (point) => change([...strokes, [point]]),
    onextend: (points) => change([...strokes.slice(0, -1), [...strokes[strokes.length - 1], ...points]]),
    onlift() {},
  });

  function change(/** @type {number[][][]} */ next) {
    strokes = next;
    pen.paint(renderStrokes(strokes, 2));
    look();
  }

  /** Read the drawing again: the weights may be others now. */
  function look() {
    const trained = run();
    if (!trained || !strokes.length) return reading.show(strokes.length ? "(nothing trained yet)" : "", null);
    const image = imageOf(greyOf(strokes), trained.choices.standardise);
    const [{ logProbs, text }] = trained.read([/** @type {any} */ ({ image })]);
    const label = [...text].map((symbol) => 1 + trained.symbols.indexOf(symbol));
    reading.show(text || "(nothing)", probability(logProbs.flat(), trained.symbols.length + 1, label));
  }

  /** Do something with the trained run, or say why that cannot be. @param {(run: Run) => any} act */
  async function attempt(act) {
    try {
      const trained = run();
      if (!trained?.facts.steps) throw new Error("Nothing is trained yet: press Start.");
      await act(trained);
    } catch (error) {
      message.fail(error);
    }
  }
  function save(/** @type {Run} */ trained) {
    const name = `trained-${trained.facts.steps}.safetensors`;
    download(trained.file(), name);
    message.say(`Saved as ${name}. The library reads it: crnn_lib.reader.load("${name}").`);
  }
  async function inspect(/** @type {Run} */ trained) {
    const reader = createReader(trained.file());
    const { grey, label } = trained.fixed()[0].image;
    const mine = strokes.length
      ? { grey: greyOf(strokes), name: "your drawing" }
      : { grey, name: "a drawn image", truth: label };
    const handed = { ...mine, drawn: false, reader: () => Promise.resolve(reader) };
    if (microscopes.size) { for (const act of microscopes) act(handed); }
    else await open("microscope", { handed }, room);
  }

  const label = textInput("", MOST.length, () => {});
  function teach() {
    const trained = run();
    try {
      if (!trained || !strokes.length) throw new Error("Draw something first.");
      const count = trained.teach(greyOf(strokes), label.value.trim());
      const drawings = count === 1 ? "one drawing of yours is" : `${count} drawings of yours are`;
      message.say(`From now on ${drawings} among the training images. Start continues the training.`);
    } catch (error) {
      message.fail(error);
    }
  }

  const file = element("input", { type: "file", accept: ".safetensors" });
  file.addEventListener("change", async () => {
    const given = file.files?.[0];
    try {
      if (given) message.say(take(new Uint8Array(await given.arrayBuffer())));
    } catch (error) {
      message.say(`"${given?.name}" cannot be opened here: ${/** @type {Error} */ (error).message}.`, true);
    }
    file.value = "";
  });
  const clear = button("Clear", () => {
    pen.lift();
    change([]);
  });
  const [node] = markup`<details class="crnn-fold"><summary>Draw for your network, save it, load one</summary>
    ${pen.node}${reading.node}<div class="crnn-controls">${clear}
      ${field("It says", label)}${button("Train on it too", teach)}</div><div class="crnn-controls">
    ${button("Open in the microscope", () => attempt(inspect))}${button("Save the model", () => attempt(save))}
    ${button("Load a model", () => file.click())}</div>${message.node}${pen.help}${room}</details>`;
  return { node, look };
}
