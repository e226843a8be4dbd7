// The pad: draw, type, pick or load a picture, spoil it, and see at once what the network reads.
import { button, createMessage } from "../page/controls.js";
import { greyCanvas, markup, setText } from "../page/dom.js";
import { bytesAsGrey, HEIGHT, WIDTH } from "../page/images.js";
import { inkStrokes } from "../page/ink.js";
import { createModels } from "../page/own_model.js";
import { createPen } from "../page/pen.js";
import { greedy, inspectGrey, latestReading, readerOf } from "../page/reading.js";
import { createSource, loadSample, receivers } from "../page/sources.js";
import { extentOf, frameOf, WIDEST } from "../page/strokes.js";
import { percent } from "../page/words.js";
import { placeText } from "../page/write.js";
import { createTeaching } from "./lesson.js";
import { createLetters, lettersOf, runnersUp } from "./letters.js";
import { createScreen } from "./screen.js";
import { createSeen, createStrip } from "./seen.js";
import { bytesOf, createKnobs, given, lying, spoils } from "./spoiling.js";

export const kind = "pad";
export const name = "Drawing pad and reader";

/** What lies on the pad: strokes, or a picture, a sample's with its name. The `example` goes at the first touch.
 *  @typedef {{strokes: number[][][], picture: import("../page/images.js").Grey | null, name: string, example: boolean}} Sheet */

/** How the ink is: whether there is any, and whether it has a height. @param {Sheet} sheet */
function inkOf({ strokes, picture }) {
  const { top, bottom } = extentOf(strokes);
  return { empty: !picture && !strokes.length, flat: !picture && top === bottom };
}

/**
 * Where a part of the image that the network gets, 0 .. 1 of its `width`, lies on the pad, as part = from + scale * column.
 * @param {Sheet} sheet @param {number} width
 */
function layOf({ strokes, picture }, width) {
  if (picture) {
    const across = Math.min((picture.width * HEIGHT) / picture.height, WIDTH); // it lies in the middle, whole
    return { from: 0.5 - WIDTH / (2 * across), scale: 1 / across };
  }
  const { left, scale, x0 } = frameOf(strokes, HEIGHT, width);
  return { from: (x0 - left * scale) / width, scale: scale / width };
}

/** The picture that Python laid on the pad, if any. @param {import("../page/model.js").Model} model */
function givenBy(model) {
  const view = model.get("given");
  if (!view?.byteLength) return null;
  return bytesAsGrey(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
}

/** A picture in the middle, whole; or a spoilt drawing where it was drawn. @param {CanvasRenderingContext2D} context @param {Uint8Array} pixels */
function paintPixels(context, pixels, scale, whole) {
  const W = pixels.length / HEIGHT;
  const size = whole ? Math.min(1, WIDTH / W) : 1;
  const [x, y] = whole ? [(WIDTH - W * size) / 2, (HEIGHT - HEIGHT * size) / 2] : [0, 0];
  Object.assign(context, { imageSmoothingEnabled: true, imageSmoothingQuality: "high" });
  context.drawImage(greyCanvas(pixels, HEIGHT, W), x * scale, y * scale, W * size * scale, HEIGHT * size * scale);
}

/**
 * Put a pad into `root`. The model's fields: strokes, thickness, sample, given, rotation, lines, blur; the pad
 * sets strokes, sample, reading, confidence and picture (the bytes (32, W) that it shows).
 * @param {import("../page/main.js").Place} place
 */
export async function mount({ root, model, backend, signal, open }) {
  /** @type {Sheet} */
  let sheet = { strokes: model.get("strokes") ?? [], picture: null, name: "", example: true };
  /** @type {Sheet[]} */
  let past = [];
  let text = "";
  /** @type {Uint8Array | null} what the pad shows in place of ink */
  let pixels = null;
  let lay = { from: 0, scale: 1 / WIDTH };
  /** @type {number[] | null} the columns of the letter that is pointed at */
  let lit = null;

  const message = createMessage();
  const [seen, strip] = [createSeen(), createStrip()];
  const letters = createLetters({ onpoint, ontake });
  const knobs = createKnobs(model, () => (show(), read()));
  const pen = createPen({
    onbegin: (point) => put({ strokes: [...(sheet.picture || sheet.example ? [] : sheet.strokes), [point]] }),
    onextend(points) {
      const strokes = [...sheet.strokes.slice(0, -1), [...sheet.strokes[sheet.strokes.length - 1], ...points]];
      sheet = { ...sheet, strokes };
      show();
      read();
    },
    onlift: () => model.save({ strokes: sheet.strokes }),
    onundo: undo,
    say: message.say,
    onover: ([x], drawing) => (drawing ? letters.rest() : letters.pointAt(lay.from + lay.scale * x)),
    onmove: lightUp,
    ink(context, scale) {
      if (pixels) paintPixels(context, pixels, scale, Boolean(sheet.picture));
      else inkStrokes(context, sheet.strokes, scale, knobs.settings.thickness);
    },
    longest: WIDEST,
    dense: 2,
  });
  pen.canvas.addEventListener("pointerleave", letters.rest);
  pen.node.append(strip.node);
  const source = createSource({
    onpicture: ({ strokes, grey, truth = "" }) =>
      put(strokes ? { strokes: placeText(truth, HEIGHT, WIDTH, WIDEST) } : { picture: grey, name: truth }),
    onerror: message.fail,
    longest: 20,
  });
  const models = createModels({ root, backend, signal, message, onpicture: source.open, always: true });
  const teaching = createTeaching(
    {
      strokes() {
        if (sheet.picture) throw new Error("Only what is drawn can be taught: this is a picture.");
        return sheet.strokes;
      },
      async reader() {
        backend.wake();
        return /** @type {any} */ (await readerOf(backend, { drawn: !sheet.picture }));
      },
      text: () => text,
      read: () => read(),
    },
    open,
    message.fail,
  );
  const [menu] = markup`<details class="crnn-fold"><summary>Other pictures, models, and damage</summary>
    <div class="crnn-controls">${source.samples}${source.file}${models.nodes}</div>
    <div class="crnn-controls crnn-sliders">${knobs.nodes}</div>${pen.help}
    <p class="crnn-note pad-knows"></p></details>`;
  const knows = menu.children[4];
  root.append(...markup`${pen.node}
    <div class="pad-tools">${button("Undo", undo)}${button("Clear", clear)}${source.type}${createScreen(root, signal)}
      ${pen.roll.bar}${seen.node}</div>
    ${letters.node}${message.node}${teaching.words}${teaching.node}${menu}`);

  /** What lies on the pad is painted, at once. */
  function show() {
    pixels = sheet.picture || spoils(knobs.settings) ? bytesOf(lying(sheet, knobs.settings)) : null;
    pen.roll.fit(sheet.picture ? 0 : extentOf(sheet.strokes).right);
    pen.paint();
  }

  /** Show a sheet, this one or one from before. @param {Sheet} next */
  function turn(next, words = "") {
    sheet = next;
    message.say(words);
    source.mark(sheet.name);
    model.save({ strokes: sheet.strokes, sample: sheet.name });
    show();
    return read();
  }

  /** A new sheet; the one before can be had back by Undo. @param {Partial<Sheet>} next */
  function put(next) {
    past = [...past.slice(-99), sheet];
    return turn({ strokes: [], picture: null, name: "", example: false, ...next });
  }

  function undo() {
    pen.lift();
    const before = past.pop();
    return before ? turn(before, "Undone.") : message.say("There is nothing to undo.");
  }

  function clear() {
    pen.lift();
    source.empty();
    put({});
  }

  function lightUp() {
    strip.light(lit && lit.map((column) => (column - pen.roll.from()) / WIDTH));
  }

  /** @param {import("./letters.js").Letter | null} letter @param {boolean} aloud */
  function onpoint(letter, aloud) {
    if (letter && aloud) message.say(`“${letter.sign}” has ${percent(letter.p)}. Its strip is lit.`);
    const ends = letter && [letter.from, letter.to];
    lit = ends && ends.map((part) => (part - lay.from) / lay.scale);
    seen.light(ends);
    lightUp();
  }

  /** The reader says that another text was meant. @param {import("./letters.js").Text} other */
  function ontake(other) {
    text = other.text;
    letters.show(other, []);
    teaching.mean(text);
    message.say(`Taken: “${text}”. Taught, it will be read so by itself.`);
    model.save({ reading: text, confidence: other.p });
  }

  const read = latestReading(root, message, async () => {
    const now = sheet;
    const reader = teaching.learnt(await readerOf(backend, { drawn: !now.picture }));
    const grey = given(now, knobs.settings, reader.config);
    if (!now.example) { for (const receive of receivers) receive({ grey, drawn: !now.picture }); }
    const found = await inspectGrey(reader, grey);
    const { path, p, ...said } = greedy(found);
    ({ text } = said);
    lay = layOf(now, grey.width);
    letters.read({ text, p }, lettersOf(found, path), runnersUp(found, text), inkOf(now));
    const shown = pixels ?? bytesOf(lying(now, knobs.settings));
    seen.show(now.picture ? bytesAsGrey(shown) : grey);
    setText(knows, `The reader runs in this page. It knows ${reader.config.alphabet}`);
    model.save({ reading: text, confidence: p, picture: new DataView(shown.slice().buffer) });
  });

  model.on(["strokes"], () => put({ strokes: model.get("strokes") }));
  model.on(["sample"], () => model.get("sample") && source.sample(model.get("sample")));
  model.on(["given"], () => givenBy(model) && put({ picture: givenBy(model) }));
  backend.onrenew(read, signal);
  const sample = sheet.strokes.length ? "" : model.get("sample") ?? "";
  sheet.name = sample;
  sheet.picture = sample ? await loadSample(sample) : sheet.strokes.length ? null : givenBy(model);
  source.mark(sample);
  show();
  await read();
}
