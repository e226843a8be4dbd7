// A picture, and a rectangle on it that mouse, finger or keys move.
import { lookOf, PAPER } from "../page/colours.js";
import { ARROWS, element, painter } from "../page/dom.js";

/** @typedef {{width: number, height: number, view: HTMLCanvasElement}} Sheet @typedef {number[]} Box left, top, width, height */

const LEAST = 4; // pixels of a box
const REACH = { mouse: 10, finger: 24 }; // CSS pixels: how far from a handle it is still taken
const HANDLE = 9; // CSS pixels
const WAYS = [-1, 0, 1];
const HELP =
  "Drag a rectangle over one line; its edges and corners can be dragged, and inside it all of it moves. With the " +
  "keyboard: arrow keys move it, with Shift they move its right and its lower edge.";
const within = (value, low, high) => Math.min(Math.max(value, low), high);
let markers = 0;

/** The box between two corners, in whole pixels inside of the picture. @param {Sheet} sheet @returns {Box} */
function boxOf({ width, height }, x0, y0, x1, y1) {
  const along = (a, b, size) => {
    const least = Math.min(LEAST, size);
    const from = within(Math.round(Math.min(a, b)), 0, size - least);
    return [from, within(Math.round(Math.max(a, b)) - from, least, size - from)];
  };
  const [[left, wide], [top, high]] = [along(x0, x1, width), along(y0, y1, height)];
  return [left, top, wide, high];
}

/** A box moved within the picture. @param {Sheet} sheet @param {Box} box @returns {Box} */
function moved({ width, height }, [left, top, wide, high], dx, dy) {
  return [within(Math.round(left + dx), 0, width - wide), within(Math.round(top + dy), 0, height - high), wide, high];
}

/** A box whose edges on these sides have moved; they may cross. @param {Sheet} sheet @param {Box} box @param {number[]} sides */
function stretched(sheet, [left, top, wide, high], [across, down], dx, dy) {
  const [right, bottom] = [left + wide, top + high];
  const x = [across < 0 ? left + dx : left, across > 0 ? right + dx : right];
  const y = [down < 0 ? top + dy : top, down > 0 ? bottom + dy : bottom];
  return boxOf(sheet, x[0], y[0], x[1], y[1]);
}

/**
 * @param {{onmark: (box: Box | null, moving: boolean) => void}} acts what is done with a box; moving: more may come at once
 */
export function createMarker({ onmark }) {
  const help = element("p", { class: "crnn-note", id: `crnn-marker${++markers}-help` }, HELP);
  const words = { role: "application", "aria-label": "Picture: mark one line of it", "aria-describedby": help.id };
  const canvas = element("canvas", { width: 768, height: 96, tabindex: 0, ...words });
  const node = element("div", { class: "crnn-sheet line-sheet" }, canvas);
  /** @type {Sheet | null} */
  let sheet = null;
  /** @type {Box | null} */
  let box = null;
  /** The picture in the size in which it is seen: a large one takes long to scale. @type {{view: HTMLCanvasElement, canvas: HTMLCanvasElement} | null} */
  let small = null;
  /** What a pointer does: its id, where it began, what it holds. @type {any} */
  let drag = null;

  /** Where the picture lies on the canvas, in CSS pixels: left and top, and the size of one of its pixels. */
  function place() {
    const { width, height } = /** @type {Sheet} */ (sheet);
    const [w, h] = [canvas.clientWidth || 768, canvas.clientHeight || 96];
    const scale = Math.min(w / width, h / height);
    return { left: (w - width * scale) / 2, top: (h - height * scale) / 2, scale };
  }

  function paint() {
    if (!sheet) return;
    const dense = globalThis.devicePixelRatio ?? 1;
    const [width, height] = [canvas.clientWidth || 768, canvas.clientHeight || 96].map((n) => Math.round(n * dense));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const at = place();
    const [x0, y0, scale] = [at.left * dense, at.top * dense, at.scale * dense];
    const [wide, high] = [sheet.width * scale, sheet.height * scale].map((n) => Math.max(1, Math.round(n)));
    if (small?.view !== sheet.view || small.canvas.width !== wide || small.canvas.height !== high) {
      small = { view: sheet.view, canvas: element("canvas", { width: wide, height: high }) };
      const brush = painter(small.canvas);
      brush.imageSmoothingEnabled = scale < 3;
      brush.drawImage(sheet.view, 0, 0, wide, high);
    }
    const context = painter(canvas);
    context.fillStyle = PAPER;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(small.canvas, x0, y0);
    if (box) frame(context, box.map((n, i) => n * scale + [x0, y0, 0, 0][i]), dense);
  }

  const isWhole = () => box?.[2] === sheet?.width && box?.[3] === sheet?.height;

  /** The box, all around it dimmed, and its handles. @param {CanvasRenderingContext2D} context @param {Box} on */
  function frame(context, [x, y, w, h], dense) {
    context.fillStyle = lookOf(canvas, "veil");
    context.beginPath();
    context.rect(0, 0, canvas.width, canvas.height);
    context.rect(x, y, w, h);
    context.fill("evenodd");
    for (const [colour, thick] of /** @type {[string, number][]} */ ([["rim", 4], ["here", 2]])) {
      Object.assign(context, { strokeStyle: lookOf(canvas, colour), lineWidth: thick * dense });
      context.strokeRect(x, y, w, h);
    }
    if (isWhole()) return;
    const side = HANDLE * dense;
    for (const across of WAYS) {
      for (const down of WAYS) {
        if (!across && !down) continue;
        const corner = [x + ((across + 1) * w) / 2 - side / 2, y + ((down + 1) * h) / 2 - side / 2];
        Object.assign(context, { fillStyle: PAPER, lineWidth: 2 * dense });
        context.fillRect(corner[0], corner[1], side, side);
        context.strokeRect(corner[0], corner[1], side, side);
      }
    }
  }

  /** An event's place in pixels of the picture. @param {PointerEvent} event */
  function pointOf(event) {
    const { left, top, scale } = place();
    const { x, y } = canvas.getBoundingClientRect();
    return [(event.clientX - x - left) / scale, (event.clientY - y - top) / scale];
  }

  /** What lies under a pointer: sides of the box (0: neither), all of it, or nothing. */
  function gripAt(/** @type {number[]} */ [x, y], reach) {
    if (!sheet || !box || isWhole()) return null; // of all of it, a drag from its rim takes a part
    const [left, top, wide, high] = box;
    if (x < left - reach || x > left + wide + reach || y < top - reach || y > top + high + reach) return null;
    const side = (value, from, size) => {
      const [before, after] = [Math.abs(value - from), Math.abs(value - from - size)];
      const near = Math.min(reach, Math.max(size / 4, reach / 2)); // a small box can still be moved
      return Math.min(before, after) > near ? 0 : before < after ? -1 : 1;
    };
    const sides = [side(x, left, wide), side(y, top, high)];
    return { sides: sides[0] || sides[1] ? sides : null };
  }

  /** @param {Box | null} next @param {boolean} [moving] */
  function mark(next, moving = false) {
    box = next;
    paint();
    onmark(box, moving);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!sheet || drag || event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    const reach = (event.pointerType === "mouse" ? REACH.mouse : REACH.finger) / place().scale;
    const from = pointOf(event);
    drag = { id: event.pointerId, from, before: box, grip: gripAt(from, reach), far: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!sheet || event.pointerId !== drag?.id) return;
    const [x, y] = pointOf(event);
    const [dx, dy] = [x - drag.from[0], y - drag.from[1]];
    drag.far ||= Math.max(Math.abs(dx), Math.abs(dy)) * place().scale > 3; // a click marks nothing
    if (!drag.far) return;
    if (!drag.grip) mark(boxOf(sheet, drag.from[0], drag.from[1], x, y), true);
    else if (drag.grip.sides) mark(stretched(sheet, drag.before, drag.grip.sides, dx, dy), true);
    else mark(moved(sheet, drag.before, dx, dy), true);
  });
  function lift(/** @type {PointerEvent} */ event) {
    if (event.pointerId !== drag?.id) return;
    const { far, before } = drag;
    drag = null;
    if (event.type === "pointercancel") mark(before); // the page took the finger, to zoom
    else if (far) mark(box);
  }
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => lift(/** @type {PointerEvent} */ (event)));
  }
  canvas.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (!way || !sheet || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { width, height } = sheet;
    const [dx, dy] = way.map((n) => n * Math.max(1, Math.round(Math.max(width, height) / 400)));
    if (!box) mark(boxOf(sheet, width / 4, height / 3, (3 * width) / 4, (2 * height) / 3), true);
    else mark(event.shiftKey ? stretched(sheet, box, [1, 1], dx, dy) : moved(sheet, box, dx, dy), true);
  });
  new ResizeObserver(paint).observe(canvas);

  /** Show a picture, all of it marked. @param {Sheet} next */
  function show(next) {
    [sheet, drag] = [next, null];
    node.style.aspectRatio = `${next.width} / ${next.height}`;
    whole();
  }
  function whole() {
    if (sheet) mark([0, 0, sheet.width, sheet.height]);
  }
  return { node, help, show, whole, clear: () => mark(null) };
}
