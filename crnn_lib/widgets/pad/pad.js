// The pad: draw, type, pick or load a picture, spoil it, and see at once what the network reads.
import { beamSearch, greedyDecode, labelLogProb } from "../page/decode.js";
import { spoil } from "../page/damage.js";
import { SAMPLES } from "../page/embedded.js";
import { HEIGHT, WIDTH, resize, standardise } from "../page/images.js";
import { loadFile, loadSample, receivers } from "../page/sources.js";
import { renderStrokes, strokesImage } from "../page/strokes.js";
import { placeText } from "../page/write.js";
import { element, greyCanvas, latest, percent, setText, slider } from "../page/dom.js";

export const kind = "pad";
export const name = "Drawing pad and reader";
const SCALE = 6; // canvas pixels to an image pixel
const BEAM = 8;

/**
 * Put a pad into `root`. The model's fields: strokes, thickness, sample, given, rotation, lines, blur; the pad
 * sets strokes, sample, reading, confidence and picture (the bytes (32, 128) that it shows).
 * @param {{root: HTMLElement, model: any, backend: any}} surroundings @returns {Promise<() => void>} takes it down
 */
export async function mount({ root, model, backend }) {
  const settings = {
    thickness: model.get("thickness") ?? 2, rotation: model.get("rotation") ?? 0,
    lines: model.get("lines") ?? 0, soft: model.get("blur") ?? 0,
  };
  /** What lies on the pad: strokes, or a picture with its name. `example` goes at the first touch. */
  let sheet = { strokes: model.get("strokes") ?? [], picture: null, name: "", example: true };
  let past = [];
  let pen = { x: WIDTH / 2, y: HEIGHT / 2, down: false, shown: false };
  let drawing = null; // the pointer that draws
  let saving = false;
  let chosen = "auto";

  const id = `crnn-${Math.random().toString(36).slice(2, 9)}`;
  const canvas = element("canvas", {
    width: WIDTH * SCALE, height: HEIGHT * SCALE, tabindex: 0, role: "application",
    "aria-label": "Drawing pad", "aria-describedby": `${id}-help`,
  });
  const text = element("strong", { "data-crnn": "text", "aria-live": "polite", "aria-atomic": "true" });
  const confidence = element("span", { "data-crnn": "confidence" });
  const runners = element("span", { "data-crnn": "runners" });
  const message = element("p", { class: "crnn-message", role: "status", "data-crnn": "message" });
  const knows = element("p", { class: "crnn-note", "data-crnn": "knows" });
  const undoButton = element("button", { type: "button", onclick: undo }, "Undo");
  const clearButton = element("button", { type: "button", onclick: clear }, "Clear");
  const typed = element("input", { type: "text", maxlength: 8, autocomplete: "off", spellcheck: "false", autocapitalize: "none", oninput: type });
  const samples = element("select", { onchange: () => pick(samples.value) }, element("option", { value: "" }, "choose…"));
  samples.append(...Object.keys(SAMPLES).map((name) => element("option", { value: name }, name)));
  const file = element("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/bmp,image/webp", onchange: open });
  const readers = element("select", { onchange: () => ((chosen = readers.value), read()) }, element("option", { value: "auto" }, "the fitting one"));
  readers.append(...backend.readers.map((name) => element("option", { value: name }, name)));
  const sliders = {
    thickness: tune("Thickness", "thickness", 1, 6, 0.5, " px"), rotation: tune("Rotation", "rotation", -20, 20, 1, "°"),
    lines: tune("Noise lines", "lines", 0, 6, 1, ""), blur: tune("Blur", "soft", 0, 2, 0.1, " px"),
  };
  const field = (label, node) => element("label", { class: "crnn-field" }, element("span", {}, label), node);
  root.append(
    element("div", { class: "crnn-sheet" }, canvas),
    element("p", { class: "crnn-reading" }, element("span", { class: "crnn-note" }, "It reads "), text, " ", confidence),
    element("p", { class: "crnn-note crnn-runners" }, "Runners-up: ", runners),
    message,
    element("div", { class: "crnn-controls" }, undoButton, clearButton, field("Type", typed), field("Sample", samples), field("Image file", file),
      ...(backend.readers.length > 1 ? [field("Reader", readers)] : [])),
    element("div", { class: "crnn-controls crnn-sliders" }, ...Object.values(sliders).map((s) => s.node)),
    element("p", { class: "crnn-note", id: `${id}-help` }, "Draw with mouse, pen or finger. With the keyboard: arrow keys move the pen (with Shift faster), Space puts it down and lifts it."),
    knows,
  );

  function tune(name, key, min, max, step, unit) {
    return slider({ name, min, max, step, unit, value: settings[key], onchange: (value) => ((settings[key] = value), save({ [key === "soft" ? "blur" : key]: value }), read()) });
  }

  function say(words, isError = false) {
    message.setAttribute("role", isError ? "alert" : "status");
    message.classList.toggle("crnn-error", isError);
    setText(message, words);
  }

  function save(fields) {
    saving = true;
    for (const [name, value] of Object.entries(fields)) model.set(name, value);
    model.save_changes();
    saving = false;
  }

  /** A new sheet; the one before can be had back by Undo. */
  function lay(next) {
    past = [...past.slice(-99), sheet];
    sheet = { strokes: [], picture: null, name: "", example: false, ...next };
    say("");
    if (!sheet.name) samples.value = "";
    save({ strokes: sheet.strokes, sample: sheet.name });
    return read();
  }

  function undo() {
    if (pen.down) lift();
    const before = past.pop();
    if (!before) return say("There is nothing to undo.");
    sheet = before;
    samples.value = Object.hasOwn(SAMPLES, sheet.name) ? sheet.name : "";
    save({ strokes: sheet.strokes, sample: sheet.name });
    say("Undone.");
    return read();
  }

  function clear() {
    lift();
    typed.value = "";
    file.value = "";
    return lay({});
  }

  function type() {
    try {
      lay({ strokes: placeText(typed.value.toLowerCase().replace(/\s/g, "")) });
    } catch (error) {
      say(error.message, true);
    }
  }

  async function pick(name) {
    if (!name) return;
    try {
      const picture = await loadSample(name);
      await lay({ picture, name });
    } catch (error) {
      say(error.message, true);
    }
  }

  async function open() {
    const [given] = file.files;
    if (!given) return;
    try {
      await lay({ picture: await loadFile(given), name: "" });
    } catch (error) {
      say(error.message, true);
    }
  }

  // --- the pen ---

  /** Begin a stroke at [x, y]; on a picture or the example it begins a new sheet. */
  function touch(point) {
    const strokes = sheet.picture || sheet.example ? [] : sheet.strokes;
    return lay({ strokes: [...strokes, [point]] });
  }

  function extend(points) {
    const last = sheet.strokes.length - 1;
    const strokes = sheet.strokes.map((stroke, i) => (i === last ? [...stroke, ...points] : stroke));
    sheet = { ...sheet, strokes };
    read();
  }

  function lift() {
    if (pen.down || drawing !== null) save({ strokes: sheet.strokes });
    pen.down = false;
    drawing = null;
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    const within = (value, size) => Math.round(16 * Math.min(Math.max(value * size, -8), size + 8)) / 16;
    return [within((event.clientX - box.left) / box.width, WIDTH), within((event.clientY - box.top) / box.height, HEIGHT)];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (drawing !== null || event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    lift();
    pen.shown = false;
    canvas.setPointerCapture(event.pointerId);
    touch(place(event));
    drawing = event.pointerId;
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drawing) return;
    const events = event.getCoalescedEvents?.() ?? [];
    extend((events.length ? events : [event]).map(place));
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
    canvas.addEventListener(end, (event) => event.pointerId === drawing && lift());

  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      const far = event.shiftKey ? 4 : 1;
      pen.x = Math.min(Math.max(pen.x + far * way[0], 0), WIDTH);
      pen.y = Math.min(Math.max(pen.y + far * way[1], 0), HEIGHT);
      pen.shown = true;
      if (pen.down) extend([[pen.x, pen.y]]);
      else show();
    } else if (event.key === " ") {
      pen.shown = true;
      if (pen.down) lift();
      else {
        touch([pen.x, pen.y]);
        pen.down = true;
      }
      say(pen.down ? "Pen down." : "Pen up.");
      show();
    } else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) undo();
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => {
    lift();
    pen.shown = false;
    show();
  });

  // --- reading: one at a time, the latest wins ---

  let picture = new Uint8Array(HEIGHT * WIDTH).fill(255);
  const read = latest(readOnce, (error) => say(`This could not be read: ${error.message}`, true));

  async function readOnce() {
    const drawn = sheet;
    const ink = () => ({ data: Float32Array.from(renderStrokes(drawn.strokes, settings.thickness)), height: HEIGHT, width: WIDTH });
    const shown = spoil(drawn.picture ?? ink(), settings);
    const grey = drawn.picture ? shown : spoil(strokesImage(drawn.strokes, settings.thickness), settings); // as a model sees it
    picture = Uint8Array.from(resize(shown, HEIGHT, WIDTH).data, (value) => Math.round(value));
    show();
    const fitting = drawn.picture ? backend.readers[0] : backend.readers[backend.readers.length - 1];
    if (!drawn.example) for (const receive of receivers) receive({ grey, drawn: !drawn.picture });
    const name = chosen === "auto" ? fitting : chosen;
    const { config } = await backend.reader(name);
    const stages = await backend.infer(name, standardise(grey, config.height, config.width), config.height, config.width);
    const symbols = ["-", ...config.alphabet];
    const K = symbols.length;
    const logProbs = stages.log_probs.data;
    const letters = (classes) => classes.map((c) => symbols[c]).join("");
    const classes = greedyDecode(logProbs, K);
    const reading = letters(classes);
    const p = Math.min(Math.exp(labelLogProb(logProbs, K, classes)), 1);
    const others = beamSearch(logProbs, K, BEAM, 3).map((b) => [letters(b.classes), Math.exp(b.logProb)]).filter(([other]) => other !== reading);
    setText(text, reading);
    setText(confidence, percent(p));
    setText(runners, others.slice(0, 2).map(([other, q]) => `${other || "(nothing)"} ${percent(q)}`).join(", "));
    setText(knows, `The reader knows ${config.alphabet}. It runs in this page.`);
    root.dataset.crnnRead = String(Number(root.dataset.crnnRead ?? 0) + 1);
    save({ reading, confidence: p, picture: new DataView(picture.slice().buffer) });
  }

  function show() {
    const context = canvas.getContext("2d", { willReadFrequently: true }); // it is redrawn from bytes anyway
    context.imageSmoothingEnabled = false;
    context.drawImage(greyCanvas(picture, HEIGHT, WIDTH), 0, 0, WIDTH * SCALE, HEIGHT * SCALE);
    if (!pen.shown) return;
    context.beginPath();
    context.arc(pen.x * SCALE, pen.y * SCALE, pen.down ? 8 : 14, 0, 2 * Math.PI);
    context.lineWidth = 3;
    context.strokeStyle = "#0b5c86";
    context.stroke();
  }

  /** The picture that Python laid on the pad, if any. */
  function given() {
    const view = model.get("given");
    if (!view?.byteLength) return null;
    return { data: Float32Array.from(new Uint8Array(view.buffer, view.byteOffset, HEIGHT * WIDTH)), height: HEIGHT, width: WIDTH };
  }

  function fromKernel(change) {
    if (!saving) change();
  }
  const listeners = {
    "change:strokes": () => fromKernel(() => lay({ strokes: model.get("strokes") })),
    "change:sample": () => fromKernel(() => pick(model.get("sample"))),
    ...Object.fromEntries(["thickness", "rotation", "lines", "blur"].map((name) => [`change:${name}`, () => fromKernel(() => {
      settings[name === "blur" ? "soft" : name] = model.get(name);
      sliders[name].show(model.get(name));
      read();
    })])),
    "change:given": () => fromKernel(() => given() && lay({ picture: given() })),
  };
  for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
  const sample = model.get("sample");
  if (sample && !sheet.strokes.length) {
    sheet = { ...sheet, picture: await loadSample(sample), name: sample };
    samples.value = sample;
  }
  else if (!sheet.strokes.length) sheet = { ...sheet, picture: given() };
  await read();
  return () => Object.entries(listeners).forEach(([event, listener]) => model.off(event, listener));
}
