// What lies on the machine's pad: strokes, or a picture; drawn, typed, picked, pasted or dropped. Undo leads back.
import { button, createMessage } from "../page/controls.js";
import { markup } from "../page/dom.js";
import { HEIGHT, WIDTH } from "../page/images.js";
import { createPen } from "../page/pen.js";
import { createSource, drawn, greyOf, openFile } from "../page/sources.js";
import { inkStrokes } from "../page/ink.js";
import { frameOf } from "../page/strokes.js";
import { placeText } from "../page/write.js";
import { inkOf } from "./paint.js";

/** @typedef {{strokes: number[][][], grey: import("../page/images.js").Grey | null, name: string, example: boolean}} Lying
 *   the `example` goes at the first touch */
const MOST = 99; // that can be undone
const TYPED = 12; // characters of pasted text
const STILL = 1.5; // pixels of the image: a stroke that stays within was a tap

/**
 * @param {HTMLElement} root @param {AbortSignal} signal
 * @param {{strokes: number[][][], onchange: () => void, onlift: (strokes: number[][][]) => void,
 *   onover: (part: number, drawing: boolean) => void, ontap: (part: number) => void}} options
 *   onover: the pen is over that part of the pad, 0 .. 1 of its width; ontap: the example was tapped there, and stays
 */
export function createSheet(root, signal, { strokes, onchange, onlift, onover, ontap }) {
  /** @type {Lying} */
  let lying = { strokes, grey: null, name: "", example: true };
  /** @type {Lying[]} */
  let past = [];
  /** @type {HTMLCanvasElement | null} */
  let photograph = null;
  let width = WIDTH; // columns of the drawing in its natural width, as it was read last
  const message = createMessage();
  const pen = createPen({
    onbegin: (point) => lay({ strokes: [...(lying.grey || lying.example ? [] : lying.strokes), [point]] }),
    onextend(points) {
      const last = lying.strokes.length - 1;
      show({ ...lying, strokes: [...lying.strokes.slice(0, last), [...lying.strokes[last], ...points]] });
    },
    onlift() {
      const [before] = past.slice(-1);
      if (!before?.example || !wasTap(lying.strokes)) return onlift(lying.strokes);
      const [[[x]]] = lying.strokes;
      past.pop();
      show(before);
      ontap(x / WIDTH);
    },
    onundo: undo,
    say: message.say,
    onover: ([x], drawing) => onover(x / WIDTH, drawing),
    ink,
  });
  pen.canvas.dataset.crnn = "pad";
  const source = createSource({
    onpicture: ({ strokes: given, grey, name = "" }) => lay(given ? { strokes: given } : { grey, name }),
    onerror: message.fail,
  });
  const [menu] = markup`<details class="machine-menu"><summary aria-label="Other pictures">More</summary>
    <div class="machine-drawer">${source.type}${source.samples}${source.file}
      <p class="crnn-note">A picture can also be pasted or dropped here. ${pen.help}</p></div></details>`;
  const tools = [button("Undo", undo), button("Clear", clear), menu];

  /** Whether all that was drawn is one stroke without an extent. @param {number[][][]} strokes */
  function wasTap(strokes) {
    const [first, ...more] = strokes;
    return !more.length && first?.every(([x, y]) => Math.hypot(x - first[0][0], y - first[0][1]) < STILL);
  }

  /** How the picture lies on the pad: its size there, and its corner, in pixels of the pad. */
  function fitted({ height, width }) {
    const scale = Math.min(HEIGHT / height, WIDTH / width);
    return { scale, x: (WIDTH - width * scale) / 2, y: (HEIGHT - height * scale) / 2 };
  }

  /** The picture as a reader gets it. @returns {import("../page/sources.js").Picture} */
  function picture() {
    if (lying.grey) return { grey: lying.grey, drawn: false };
    const made = drawn(lying.strokes);
    width = made.grey.width;
    return made;
  }

  /**
   * Where a part of the image that a network of that shape gets, 0 .. 1 of its width, lies on the pad, 0 .. 1.
   * @param {number} part @param {import("../page/engine.js").Config} config
   */
  function place(part, { stretch }) {
    if (lying.grey) {
      const { scale, x } = fitted(lying.grey);
      return (x + part * lying.grey.width * scale) / WIDTH;
    }
    if (!lying.strokes.length) return part;
    const columns = stretch ? width : WIDTH;
    const { left, scale, x0 } = frameOf(lying.strokes, HEIGHT, columns);
    return ((part * columns - x0) / scale + left) / WIDTH;
  }

  /** @param {CanvasRenderingContext2D} context */
  function ink(context, scale) {
    if (!lying.grey || !photograph) return inkStrokes(context, lying.strokes, scale);
    const at = fitted(lying.grey);
    const [w, h] = [lying.grey.width * at.scale, lying.grey.height * at.scale];
    context.imageSmoothingEnabled = true;
    context.drawImage(photograph, at.x * scale, at.y * scale, w * scale, h * scale);
  }

  /** @param {Lying} next */
  function show(next, words = "") {
    if (next.grey !== lying.grey) photograph = next.grey && inkOf(next.grey);
    lying = next;
    message.say(words);
    source.mark(lying.name);
    pen.paint();
    onchange();
  }

  /** Something new; what lay there before can be had back. @param {Partial<Lying>} next */
  function lay(next) {
    past = [...past.slice(-MOST), lying];
    show({ strokes: [], grey: null, name: "", example: false, ...next });
  }

  function undo() {
    pen.lift();
    const before = past.pop();
    if (before) show(before, "Undone.");
    else message.say("There is nothing to undo.");
  }

  function clear() {
    pen.lift();
    source.empty();
    lay({});
  }

  /** @param {Event} event @param {DataTransfer | null} data */
  function arrive(event, data) {
    if (event.target instanceof HTMLInputElement) return; // who pastes into a field means the field
    const file = [...(data?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    const words = data?.getData("text").replace(/\s/g, "").slice(0, TYPED);
    if (!file && !words) return;
    event.preventDefault();
    source.attempt(async () => {
      if (!file) return drawn(placeText(words ?? ""), "the pasted text");
      return { grey: greyOf(await openFile(file, "the picture")), drawn: false, name: "your picture" };
    });
  }
  root.addEventListener("paste", (event) => arrive(event, event.clipboardData), { signal });
  root.addEventListener("drop", (event) => arrive(event, event.dataTransfer), { signal });
  root.addEventListener("dragover", (event) => event.preventDefault(), { signal });
  root.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") menu.open = false;
  });
  globalThis.addEventListener?.("pointerdown", ({ target }) => {
    if (!menu.contains(/** @type {Node} */ (target))) menu.open = false;
  }, { signal });

  return {
    pen,
    tools,
    message,
    lying: () => lying,
    /** Whether nothing of somebody's own lies there. */
    invites: () => lying.example || !(lying.grey || lying.strokes.length),
    lay,
    repaint: () => pen.paint(),
    picture,
    place,
  };
}
