// What microscope and probes look into: a picture of any source, the pad's and the kernel's included.
import { button, createMessage } from "./controls.js";
import { markup } from "./dom.js";
import { fromBase64 } from "./base64.js";
import { bytesAsGrey } from "./images.js";
import { createPen } from "./pen.js";
import { createModels } from "./own_model.js";
import { createSource, drawn, receive } from "./sources.js";
import { renderStrokes } from "./strokes.js";

/** @typedef {import("./sources.js").Picture} Picture */

/**
 * @param {{model: import("./model.js").Model, signal: AbortSignal, onpicture: (picture: Picture) => any,
 *   own?: Pick<import("./main.js").Place, "root" | "backend">}} options
 *   own: of a widget in which there is a surface to draw on, and which takes models of somebody's own
 */
export function createChooser({ model, signal, onpicture, own }) {
  const message = createMessage();
  const source = createSource({
    onerror: message.fail,
    onpicture(picture) {
      message.say("");
      source.mark(picture.name);
      return onpicture(picture);
    },
  });
  receive((picture) => source.attempt(() => ({ ...picture, name: "the pad's picture" })), signal);

  /** The picture that Python gave: bytes (32, W), and its text where that is known. @returns {Picture} */
  function given() {
    return {
      grey: bytesAsGrey(fromBase64(model.get("grey"))),
      drawn: false,
      name: "the given picture",
      truth: model.get("truth") || undefined,
    };
  }

  function start() {
    const handed = model.get("handed"); // by the widget in which this one was opened
    if (handed) return source.attempt(() => handed);
    const strokes = model.get("strokes") ?? [];
    if (strokes.length) return source.attempt(() => drawn(strokes));
    return model.get("grey") ? source.attempt(given) : source.sample(model.get("sample") || "2b7xy");
  }
  model.on(["sample"], start);
  const models = own && createModels({ ...own, signal, message, onpicture: source.open }).nodes;
  const fields = [source.samples, source.type, source.file, models];
  const [node] = markup`<div><div class="crnn-controls">${fields}</div></div>`;
  if (own) node.append(createSheet((strokes) => source.attempt(() => drawn(strokes))));
  return { node, message, start, attempt: source.attempt };
}

/** A small pad that folds away. @param {(strokes: number[][][]) => void} ondraw */
function createSheet(ondraw) {
  /** @type {number[][][]} */
  let strokes = [];
  function change(/** @type {number[][][]} */ next) {
    strokes = next;
    surface.paint(renderStrokes(strokes, 2));
    ondraw(strokes);
  }
  const surface = createPen({
    onbegin: (point) => change([...strokes, [point]]),
    onextend: (points) => change([...strokes.slice(0, -1), [...strokes[strokes.length - 1], ...points]]),
    onlift() {},
  });
  function clear() {
    surface.lift();
    change([]);
  }
  const [node] = markup`<details class="crnn-fold"><summary>Draw a text of your own</summary>
    ${surface.node}${surface.help}<div class="crnn-controls">${button("Clear", clear)}</div></details>`;
  return node;
}
