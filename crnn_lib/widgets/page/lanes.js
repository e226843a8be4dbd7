// Shared parts of the microscope and the probes. A lane is a picture as wide as the image: whatever lies at one place of
// the text line stands above and below each other in all of them, and one mark goes through all.
import { fromBase64 } from "./engine.js";
import { standardise } from "./images.js";
import { renderStrokes, strokesImage } from "./strokes.js";
import { placeText } from "./write.js";
import { SAMPLES } from "./embedded.js";
import { loadFile, loadSample, receivers } from "./sources.js";
import { element, greyCanvas, onPoint, setText } from "./dom.js";
import { colourOf } from "./sight.js";

const ACROSS = 768; // a lane's canvas pixels; the page stretches them

/** Values 0 .. 1 of (rows, columns) on a canvas of that size. @param {(y: number, x: number) => number} value */
export function heat(rows, columns, palette, value) {
  const canvas = element("canvas", { width: columns, height: rows });
  const pixels = new ImageData(columns, rows);
  for (let y = 0, i = 0; y < rows; y++)
    for (let x = 0; x < columns; x++, i += 4) {
      const [r, g, b] = colourOf(palette, value(y, x));
      pixels.data[i] = r; pixels.data[i + 1] = g; pixels.data[i + 2] = b; pixels.data[i + 3] = 255;
    }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

/** A standardised image (H, W) as dark ink on white. @param {Float32Array} image */
export function inkCanvas(image, H, W) {
  const [low, high] = image.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  return greyCanvas(Array.from(image, (v) => 255 - (255 * (v - low)) / (high - low || 1)), H, W);
}

/**
 * A lane with an optional gutter of row names on its left.
 * @param {{label: string, height: number, css?: string, rows?: string[], onplace?: (part: number) => void}} options
 *   height in canvas pixels, css: a fixed height on the page; onplace: pointed at, 0 (left) .. 1 (right)
 */
export function createLane({ label, height, css, rows = [], onplace }) {
  const canvas = element("canvas", { width: ACROSS, height, role: "img", "aria-label": label, style: css ? `height:${css}` : null });
  const gutter = element("div", { class: "crnn-gutter", "aria-hidden": "true" });
  const node = element("div", { class: "crnn-lane" }, gutter, canvas);
  let base = null;
  function point(event) {
    const box = canvas.getBoundingClientRect();
    onplace(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 0.9999));
  }
  if (onplace) onPoint(canvas, point, true);

  /** `marks`: {from, to, top, bottom} in parts of the width and height; style "step" (outlined), "strip" (all else dimmed), "span" (bars at the rims),
   *  "cell" (a line at its end), "cover" (outlined in another colour). */
  function draw(marks = []) {
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, ACROSS, height);
    if (base) context.drawImage(base, 0, 0, ACROSS, height);
    for (const { from, to, style, top = 0, bottom = 1 } of marks) {
      const [left, width] = [from * ACROSS, (to - from) * ACROSS];
      const box = [left, 1 + top * (height - 2), width, (bottom - top) * (height - 2)];
      if (style === "strip") {
        context.fillStyle = "rgba(40, 48, 60, 0.55)";
        context.fillRect(0, 0, left, height);
        context.fillRect(left + width, 0, ACROSS, height);
      } else if (style === "span") {
        for (const [colour, thick] of [["#fff", 12], ["#b35806", 8]]) {
          context.fillStyle = colour;
          context.fillRect(left, 0, width, thick);
          context.fillRect(left, height - thick, width, thick);
        }
      } else if (style === "cell") {
        context.fillStyle = "rgba(11, 79, 143, 0.75)";
        context.fillRect(left + width - 1, 0, 2, height);
      } else {
        context.lineWidth = 5;
        context.strokeStyle = "#fff";
        context.strokeRect(...box);
        context.lineWidth = 2;
        context.strokeStyle = style === "cover" ? "#b35806" : "#111";
        context.strokeRect(...box);
      }
    }
  }

  function name(names, each) {
    node.classList.toggle("crnn-named", names.length > 0);
    gutter.replaceChildren(...names.map((text) => element("span", {}, text)));
    if (each) canvas.style.height = `${names.length * each}rem`;
  }
  name(rows);
  return { node, canvas, name, draw, show: (picture, marks) => ((base = picture), draw(marks)) };
}

/**
 * What a reader makes of a picture: its stages, and names for its classes.
 * @param {{grey: Grey, drawn: boolean}} picture drawn: from the pen, so read by the reader of strokes
 */
export async function inspect(backend, { grey, drawn }) {
  const reader = backend.readers[drawn ? backend.readers.length - 1 : 0];
  const { config } = await backend.reader(reader);
  const image = standardise(grey, config.height, config.width);
  return inspectImage(backend, reader, config, image);
}

/** The same for an image that is standardised already. */
export async function inspectImage(backend, reader, config, image) {
  const stages = await backend.infer(reader, image, config.height, config.width);
  const [, T, K] = (stages.log_probs ?? stages.logits).dims;
  const symbols = ["-", ...config.alphabet];
  return { reader, config, image, stages, T, K, symbols, spell: (classes) => classes.map((c) => symbols[c]).join("") };
}

/**
 * Sample, typed text, file, and, where `pen` is set, a drawing: whatever is chosen goes to `onpicture`. A pad's
 * picture goes there too.
 * @returns {{node: HTMLElement, start: () => Promise<void>, takeDown: () => void}}
 */
export function chooser({ model, onpicture, message, pen = false }) {
  const say = (error) => {
    message.classList.toggle("crnn-error", Boolean(error));
    setText(message, error ? error.message : "");
  };
  const give = (picture) => (say(null), onpicture(picture));
  const attempt = async (make) => {
    try {
      await give(await make());
    } catch (error) {
      say(error);
    }
  };
  const drawing = (strokes, name) => attempt(() => ({ grey: strokesImage(strokes), drawn: true, name }));
  const sample = (name) => attempt(async () => ({ grey: await loadSample(name), drawn: false, name, truth: name }));
  const samples = element("select", { onchange: () => samples.value && sample(samples.value) }, element("option", { value: "" }, "choose…"));
  samples.append(...Object.keys(SAMPLES).map((name) => element("option", { value: name }, name)));
  const typed = element("input", { type: "text", maxlength: 8, autocomplete: "off", spellcheck: "false", autocapitalize: "none" });
  typed.addEventListener("input", () => attempt(() => {
    const text = typed.value.toLowerCase().replace(/\s/g, "");
    samples.value = "";
    return { grey: strokesImage(placeText(text)), drawn: true, name: `the typed "${text}"`, truth: text };
  }));
  const file = element("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/bmp,image/webp" });
  file.addEventListener("change", () => file.files[0] && attempt(async () => {
    samples.value = "";
    return { grey: await loadFile(file.files[0]), drawn: false, name: "your file" };
  }));
  const field = (label, node) => element("label", { class: "crnn-field" }, element("span", {}, label), node);
  const node = element("div", {}, element("div", { class: "crnn-controls" }, field("Sample", samples), field("Type", typed), field("Image file", file)));
  if (pen) node.append(penSheet((strokes) => ((samples.value = ""), drawing(strokes, "your drawing"))));
  const receive = (picture) => ((samples.value = ""), attempt(() => ({ ...picture, name: "the pad's picture" })));
  receivers.add(receive);

  /** The picture that Python gave: bytes (32, 128), and its text where that is known. */
  function given() {
    const data = Float32Array.from(fromBase64(model.get("grey")));
    return { grey: { data, height: 32, width: 128 }, drawn: false, name: "the given picture", truth: model.get("truth") || undefined };
  }

  function start() {
    const name = model.get("sample");
    const strokes = model.get("strokes") ?? [];
    if (strokes.length) return drawing(strokes, "your drawing");
    if (model.get("grey")) return attempt(given);
    samples.value = name || "2b7xy";
    return sample(samples.value);
  }
  return { node, start, takeDown: () => receivers.delete(receive) };
}

/** A small pad that folds away: mouse, pen and finger; arrow keys and Space. @param {(strokes: number[][][]) => void} ondraw */
function penSheet(ondraw) {
  const [W, H, SCALE] = [128, 32, 4];
  const help = "Arrow keys move the pen (with Shift faster), Space puts it down and lifts it.";
  const canvas = element("canvas", { class: "crnn-sheet crnn-pen", width: W * SCALE, height: H * SCALE, tabindex: 0, role: "application", "aria-label": `Drawing pad. ${help}` });
  let strokes = [];
  let at = [20, 16];
  let down = false;
  let shown = false;
  const paint = () => {
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(greyCanvas(renderStrokes(strokes, 2), H, W), 0, 0, W * SCALE, H * SCALE);
    if (!shown) return;
    context.strokeStyle = "#0b5c86";
    context.lineWidth = 3;
    context.strokeRect(at[0] * SCALE - 7, at[1] * SCALE - 7, 14, 14);
  };
  const changed = () => (paint(), ondraw(strokes));
  const begin = (point) => ((strokes = [...strokes, [point]]), (down = true), changed());
  const extend = (point) => ((strokes = [...strokes.slice(0, -1), [...strokes[strokes.length - 1], point]]), changed());
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * W, ((event.clientY - box.top) / box.height) * H].map((v) => Math.min(Math.max(v, -8), W + 8));
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || down) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    shown = false;
    begin(place(event));
  });
  canvas.addEventListener("pointermove", (event) => down && canvas.hasPointerCapture(event.pointerId) && extend(place(event)));
  for (const end of ["pointerup", "pointercancel", "blur"]) canvas.addEventListener(end, () => ((down = shown = false), paint()));
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way && event.key !== " ") return;
    event.preventDefault();
    shown = true;
    if (way) {
      at = at.map((v, i) => Math.min(Math.max(v + way[i] * (event.shiftKey ? 4 : 1), 0), i ? H : W));
      if (down) return extend(at);
    } else if (down) down = false;
    else return begin(at);
    paint();
  });
  paint();
  const clear = element("button", { type: "button", onclick: () => ((strokes = []), (down = false), changed()) }, "Clear");
  return element("details", { class: "crnn-fold" }, element("summary", {}, "Draw a text of your own"),
    canvas, element("p", { class: "crnn-note" }, `Draw with mouse, pen or finger. ${help}`), element("div", { class: "crnn-controls" }, clear));
}
