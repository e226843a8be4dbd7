// The pad: draw, type, pick or load a picture, spoil it, and see at once what the network reads.
import { spoil } from "../page/damage.js";
import { beamSearch } from "../page/decode.js";
import { button, createMessage, slider } from "../page/controls.js";
import { element, markup, part, setText } from "../page/dom.js";
import { percent } from "../page/words.js";
import { bytesAsGrey, HEIGHT, naturalWidth, resize, WIDTH } from "../page/images.js";
import { createModels } from "../page/own_model.js";
import { createPen } from "../page/pen.js";
import { createReading, greedy, inspect, latestReading, readerOf } from "../page/reading.js";
import { createSource, drawn, loadSample, receivers } from "../page/sources.js";
import { renderStrokes } from "../page/strokes.js";
import { stateOf } from "./taught.js";

export const kind = "pad";
export const name = "Drawing pad and reader";
const BEAM = 8;
const SLIDERS = {
  thickness: { name: "Thickness", min: 1, max: 6, step: 0.5, unit: " px", value: 2 },
  rotation: { name: "Rotation", min: -20, max: 20, step: 1, unit: "°", value: 0 },
  lines: { name: "Noise lines", min: 0, max: 6, step: 1, unit: "", value: 0 },
  blur: { name: "Blur", min: 0, max: 2, step: 0.1, unit: " px", value: 0 },
};
const FIELDS = Object.keys(SLIDERS);

/** What lies on the pad: strokes, or a picture, a sample's with its name. The `example` goes at the first touch.
 *  @typedef {{strokes: number[][][], picture: import("../page/images.js").Grey | null, name: string, example: boolean}} Sheet */

/** The sliders that spoil a picture, in step with the model. @param {import("../page/model.js").Model} model */
function createKnobs(model, onchange) {
  const settings = Object.fromEntries(FIELDS.map((key) => [key, model.get(key) ?? SLIDERS[key].value]));
  const sliders = FIELDS.map((key) =>
    slider({ ...SLIDERS[key], value: settings[key] }, (value) => {
      settings[key] = value;
      model.save({ [key]: value });
      onchange();
    })
  );
  model.on(FIELDS, () => {
    FIELDS.forEach((key, i) => {
      settings[key] = model.get(key);
      sliders[i].show(settings[key]);
    });
    onchange();
  });
  return { settings, nodes: sliders.map(({ node }) => node) };
}

/** A sheet, spoilt: the bytes that the pad shows, and the picture as a model sees it. @param {Sheet} sheet */
function develop({ strokes, picture }, settings) {
  const ink = () => Float32Array.from(renderStrokes(strokes, settings.thickness));
  const shown = spoil(picture ?? { data: ink(), height: HEIGHT, width: WIDTH }, settings);
  const pixels = Uint8Array.from(resize(shown, HEIGHT, naturalWidth(shown)).data, (value) => Math.round(value));
  const grey = picture ? shown : spoil(drawn(strokes, "", settings.thickness).grey, settings);
  return { pixels, given: { grey, drawn: !picture } };
}

/** The most probable texts but for the one that is read. @param {import("../page/reading.js").Seen} seen */
function runnersUp({ logProbs, K, spell }, text) {
  const beams = beamSearch(logProbs, K, BEAM, 3).map((b) => ({ text: spell(b.classes), p: Math.exp(b.logProb) }));
  return beams.filter((other) => other.text !== text).slice(0, 2);
}

/**
 * What is taught on the pad: a fold, whose content comes when it is opened, or when this browser has kept a lesson.
 * @param {Pick<import("./teach.js").Host, "strokes" | "reader" | "others" | "text" | "read">} pad
 * @param {import("../page/main.js").Open} open @param {(error: any) => void} fail
 */
function createTeaching(pad, open, fail) {
  const host = /** @type {import("./teach.js").Host} */ ({ ...pad, relearn() {}, follow() {} });
  const room = element("div", {}, element("p", { class: "crnn-note" }, "One moment…"));
  const [node] = markup`<details class="crnn-fold"><summary>Wrong? Teach it your hand</summary>${room}</details>`;
  const words = part("taught", "p", { class: "crnn-note", hidden: true });
  /** @type {Promise<void> | null} */
  let opened = null;
  function bring() {
    opened ??= open("teach", { host }, room);
    opened.catch(() => (opened = null)); // it may be tried again
    return opened;
  }
  node.addEventListener("toggle", () => bring().catch(fail));

  /** @param {import("../page/engine.js").Reader} reader */
  async function relearn(reader) {
    await bring();
    host.relearn(reader);
  }
  return {
    node,
    words,
    follow: () => host.follow(),
    /** Who reads in a reader's place: what became of it by the lessons that this browser has kept. @param {any} reader */
    learnt(reader) {
      const { lesson, reader: taught, kept } = reader.network ? stateOf(reader.network) : { lesson: [], kept: true };
      const texts = lesson.map(({ text }) => text).join(", ");
      words.hidden = !lesson.length;
      setText(words, `Taught ${kept ? "in this browser" : "until this page is closed"}: ${texts}.`);
      if (lesson.length && !taught) relearn(reader).catch(fail);
      return taught ?? reader;
    },
  };
}

/** The picture that Python laid on the pad, if any. @param {import("../page/model.js").Model} model */
function givenBy(model) {
  const view = model.get("given");
  if (!view?.byteLength) return null;
  return bytesAsGrey(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
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
  /** @type {{text: string, others: {text: string, p: number}[]}} */
  let last = { text: "", others: [] };

  const message = createMessage();
  const reading = createReading();
  const runners = part("runners");
  const knows = part("knows", "p", { class: "crnn-note" });
  const pen = createPen({
    onbegin: (point) => lay({ strokes: [...(sheet.picture || sheet.example ? [] : sheet.strokes), [point]] }),
    onextend(points) {
      const strokes = [...sheet.strokes.slice(0, -1), [...sheet.strokes[sheet.strokes.length - 1], ...points]];
      sheet = { ...sheet, strokes };
      read();
    },
    onlift: () => model.save({ strokes: sheet.strokes }),
    onundo: undo,
    say: message.say,
  });
  const source = createSource({
    onpicture: ({ strokes, grey, truth = "" }) => lay(strokes ? { strokes } : { picture: grey, name: truth }),
    onerror: message.fail,
  });
  const models = createModels({ root, backend, signal, message, onpicture: source.open, always: true });
  const knobs = createKnobs(model, () => read());
  const teaching = createTeaching(
    {
      strokes() {
        if (sheet.picture) throw new Error("Only what is drawn can be taught: this is a picture.");
        return sheet.strokes;
      },
      async reader() {
        backend.wake();
        return /** @type {any} */ (await readerOf(backend, develop(sheet, knobs.settings).given));
      },
      others: () => last.others.map(({ text }) => text).filter((text) => text),
      text: () => last.text,
      read: () => read(),
    },
    open,
    message.fail,
  );
  root.append(...markup`
    ${pen.node}${reading.node}
    <p class="crnn-note crnn-runners">Runners-up: ${runners}</p>${message.node}
    <div class="crnn-controls">${button("Undo", undo)}${button("Clear", clear)}
      ${source.type}${source.samples}${source.file}${models.nodes}</div>
    ${teaching.words}${teaching.node}<div class="crnn-controls crnn-sliders">${knobs.nodes}</div>
    ${pen.help}${knows}`);

  /** Show a sheet, this one or one from before. @param {Sheet} next */
  function turn(next, words = "") {
    sheet = next;
    message.say(words);
    source.mark(sheet.name);
    model.save({ strokes: sheet.strokes, sample: sheet.name });
    return read();
  }

  /** A new sheet; the one before can be had back by Undo. @param {Partial<Sheet>} next */
  function lay(next) {
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
    lay({});
  }

  const read = latestReading(root, message, async () => {
    const { pixels, given } = develop(sheet, knobs.settings);
    pen.paint(pixels);
    if (!sheet.example) { for (const receive of receivers) receive(given); }
    const seen = await inspect(backend, given, teaching.learnt);
    const { text, p } = greedy(seen);
    last = { text, others: runnersUp(seen, text) };
    reading.show(text, p);
    setText(runners, last.others.map((other) => `${other.text || "(nothing)"} ${percent(other.p)}`).join(", "));
    teaching.follow();
    setText(knows, `The reader knows ${seen.config.alphabet}. It runs in this page.`);
    model.save({ reading: text, confidence: p, picture: new DataView(pixels.slice().buffer) });
  });

  model.on(["strokes"], () => lay({ strokes: model.get("strokes") }));
  model.on(["sample"], () => model.get("sample") && source.sample(model.get("sample")));
  model.on(["given"], () => givenBy(model) && lay({ picture: givenBy(model) }));
  backend.onrenew(read, signal);
  const sample = sheet.strokes.length ? "" : model.get("sample") ?? "";
  sheet.name = sample;
  sheet.picture = sample ? await loadSample(sample) : sheet.strokes.length ? null : givenBy(model);
  source.mark(sample);
  await read();
}
