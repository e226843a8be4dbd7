// A line of print: paste, drop or choose a picture, mark one line of it, and read what is cut out.
import { button, choice, createMessage, field } from "../page/controls.js";
import { element, greyCanvas, markup, part, setText } from "../page/dom.js";
import { fromBase64 } from "../page/base64.js";
import { createLane, inkCanvas, STEP } from "../page/lanes.js";
import { createModels } from "../page/own_model.js";
import { createReading, greedy, inspect, latestReading } from "../page/reading.js";
import { createTaker, greyOf, microscopes, openFile, unpacked } from "../page/sources.js";
import { LINES } from "./embedded.js";
import { createMarker } from "./marker.js";

/** @typedef {import("../page/images.js").Grey} Grey */
/** @typedef {import("./marker.js").Sheet & {cut: (box: number[]) => Grey, name: string, truth: string}} Picture */

export const kind = "line";
export const name = "A line of print";
const READER = "text"; // reads what is printed, where it is among the readers; else the reader of pictures does
const PAUSE = 150; // milliseconds without a move, after which the line is read

/** A picture of grey levels. @param {Grey} grey @returns {Picture} */
function ofGrey({ data, height, width }, picture = "", truth = "") {
  function cut(/** @type {number[]} */ [left, top, wide, high]) {
    const part = new Float32Array(high * wide);
    for (let y = 0, from = top * width + left; y < high; y++, from += width) {
      part.set(data.subarray(from, from + wide), y * wide);
    }
    return { data: part, height: high, width: wide };
  }
  return { view: greyCanvas(data, height, width), height, width, cut, name: picture, truth };
}

/** A picture of a file, as the browser decodes it. @param {Blob} file @param {string} picture @returns {Promise<Picture>} */
async function ofFile(file, picture) {
  const view = await openFile(file, picture);
  const { width, height } = view;
  return { view, width, height, cut: (box) => greyOf(view, box), name: "", truth: "" };
}

/** The picture in the clipboard, which the browser may ask about. @returns {Promise<Blob>} */
async function fromClipboard() {
  const items = await navigator.clipboard.read().catch(() => {
    throw new Error("the browser does not let this page read the clipboard: press Ctrl+V here instead");
  });
  for (const item of items) {
    const type = item.types.find((found) => found.startsWith("image/"));
    if (type) return item.getType(type);
  }
  throw new Error("there is no picture in the clipboard");
}

/** What pictures come by: a sample, a file, the clipboard. */
function createSources(take) {
  const open = (/** @type {File} */ file) => take(() => ofFile(file, `"${file.name}"`));
  const sample = (/** @type {string} */ chosen) =>
    take(async () => ofGrey(await unpacked(LINES[chosen]), chosen, LINES[chosen].text));
  const names = Object.keys(LINES).map((known) => [known, known.replace("-", " ")]);
  const samples = choice([["", "choose…"], ...names], "", (chosen) => chosen && sample(chosen));
  const file = element("input", { type: "file", accept: "image/*" });
  file.addEventListener("change", () => file.files?.[0] && open(file.files[0]));
  const paste = button("Paste", () => take(async () => ofFile(await fromClipboard(), "the clipboard's picture")));
  paste.hidden = Boolean(globalThis.navigator && !navigator.clipboard?.read);

  const nodes = [field("Sample", samples), field("Image file", file), paste];
  const mark = (/** @type {string} */ known) => (samples.value = known);
  return { nodes, open, sample, mark };
}

/** The cut-out as the reader gets it, and below its columns what each time step says and what is left of that. */
function createSteps() {
  const lane = createLane({ label: "The marked line as the model gets it" });
  const grid = element("div", { class: "line-grid" });
  const node = element("div", { class: "line-steps" }, lane.node, element("div", { class: "crnn-roll" }, grid));

  /** @param {import("../page/reading.js").Seen} seen @param {number[]} path */
  function show({ image, W, T, config: { height }, signs }, path) {
    lane.fit(T);
    lane.show(inkCanvas(image, height, W));
    grid.style.gridTemplateColumns = `repeat(${T}, ${STEP}px)`;
    grid.replaceChildren(...path.flatMap((c, t) => {
      const first = c !== 0 && c !== path[t - 1];
      const cell = (row, more) => ({ style: `grid-area: ${row} / ${t + 1}`, ...more });
      const says = element("span", cell(1, { class: c ? "line-says" : null }), c ? signs[c] : "·");
      return first ? [says, element("span", cell(2, { class: "line-kept" }), signs[c])] : [says];
    }));
  }
  return { node, show };
}

/**
 * Put a line into `root`. The model's fields: sample, grey (bytes as base64) with rows; it sets mark (left, top, width,
 * height), reading and confidence.
 * @param {import("../page/main.js").Place} place
 */
export async function mount({ root, model, backend, signal, open }) {
  const own = backend.readers.includes(READER) ? READER : backend.readers[0];
  const message = createMessage();
  const reading = createReading();
  const steps = createSteps();
  const says = part("truth", "p", { class: "crnn-note" });
  const knows = part("knows", "p", { class: "crnn-note" });
  const room = element("div");
  /** @type {Picture | null} */
  let picture = null;
  /** @type {number[] | null} */
  let box = null;
  let timer = 0;

  /** The marked part, for a model to read. */
  function marked() {
    if (!picture || !box) throw new Error("nothing is marked: drag a rectangle over one line");
    return {
      grey: picture.cut(box),
      drawn: false,
      reader: () => backend.reader(backend.chosen() || own),
      name: "the marked line",
    };
  }
  /** Show a reading; null: there is none. @param {import("../page/reading.js").Seen | null} seen */
  function show(seen) {
    steps.node.classList.toggle("line-idle", !seen);
    if (!seen) {
      model.save({ reading: "", confidence: 0 });
      return reading.show("", null);
    }
    const { path, text, p } = greedy(seen);
    reading.show(text || "(nothing)", p);
    steps.show(seen, path);
    const { alphabet } = seen.config;
    setText(knows, `The model knows ${[...alphabet].length} characters: ${alphabet}. It runs in this page.`);
    model.save({ reading: text, confidence: p });
  }
  const read = latestReading(root, message, async () => {
    model.save({ mark: box ?? [] });
    message.say(box ? `Marked: ${box[2]} × ${box[3]} pixels of ${picture?.width} × ${picture?.height}.` : "");
    try {
      show(box && await inspect(backend, marked()));
    } catch (error) {
      show(null);
      throw error;
    }
  });
  const marker = createMarker({
    onmark(next, moving) {
      box = next;
      clearTimeout(timer);
      if (moving) timer = setTimeout(read, PAUSE);
      else read();
    },
  });
  const take = createTaker((/** @type {Picture} */ next) => {
    picture = next;
    setText(says, next.truth ? `Printed there: ${next.truth}` : "Where it has several lines, mark one of them.");
    sources.mark(next.name);
    marker.show(next);
  }, message.fail);
  const sources = createSources(take);
  const models = createModels({ root, backend, signal, message, onpicture: sources.open, events: ["drop", "paste"] });

  async function look() {
    try {
      const handed = marked();
      if (microscopes.size) { for (const act of microscopes) act(handed); }
      else await open("microscope", { handed }, room);
    } catch (error) {
      message.fail(error);
    }
  }

  root.tabIndex = -1; // a click anywhere in it, and Ctrl+V goes to it
  root.setAttribute("data-lm-suppress-shortcuts", "true"); // as `element` does
  root.append(...markup`
    <p class="crnn-note">Paste a picture here (Ctrl+V), drop one, or choose a file. It stays in this page.</p>
    <div class="crnn-controls">${sources.nodes}${models.nodes}</div>${marker.node}
    <div class="crnn-controls">${button("Whole image", marker.whole)}${button("Clear", marker.clear)}</div>
    ${reading.node}${says}${message.node}${steps.node}
    <div class="crnn-controls">${button("Open in the microscope", look)}</div>
    ${marker.help}${knows}${room}`);
  model.on(["sample"], () => sources.sample(model.get("sample")));
  backend.onrenew(read, signal);
  signal.addEventListener("abort", () => clearTimeout(timer));
  const grey = model.get("grey");
  if (!grey) await sources.sample(model.get("sample") || Object.keys(LINES)[0]);
  else {
    const [bytes, rows] = [fromBase64(grey), model.get("rows")];
    await take(() => ofGrey({ data: Float32Array.from(bytes), height: rows, width: bytes.length / rows }));
  }
  await read();
}
