// The one surface to draw on: mouse, pen, finger, or keyboard.
import { lookOf, PAPER } from "./colours.js";
import { ARROWS, element, greyCanvas, painter } from "./dom.js";
import { HEIGHT, WIDTH } from "./images.js";
import { createRoll } from "./roll.js";

const SCALE = 6; // canvas pixels to an image pixel
const HELP =
  "Draw with mouse, pen or finger. With the keyboard: arrow keys move the pen (with Shift faster), Space puts it " +
  "down and lifts it.";
const within = (value, low, high) => Math.min(Math.max(value, low), high);
let surfaces = 0;

/** Where an event points at, in pixels of the image. @param {MouseEvent} event @param {number} from the column at the left rim */
function pointOf(event, canvas, from) {
  const box = canvas.getBoundingClientRect();
  const parts = [[(event.clientX - box.left) / box.width, WIDTH], [(event.clientY - box.top) / box.height, HEIGHT]];
  const [x, y] = parts.map(([part, size]) => Math.round(16 * within(part * size, -8, size + 8)) / 16);
  return [x + from, y];
}

/**
 * While the canvas has the focus it stays where it is on the screen, whatever grows or shrinks above it: the page scrolls,
 * and where it is at its top already the canvas gets a margin.
 * @param {HTMLCanvasElement} canvas
 * @returns {() => void} does it at once: a pen may be told of before the page is laid out
 */
function keepStill(canvas) {
  let [top, margin, watching] = [0, 0, false];
  let own = -1; // where the page was scrolled to by `follow`, of which a later event tells
  const moved = () => canvas.getBoundingClientRect().top - top;
  const note = () => scrollY !== own && (top = canvas.getBoundingClientRect().top);
  function follow() {
    const by = moved();
    if (!by) return; // as nearly always, while the pen is moving
    scrollBy({ top: by, behavior: "instant" });
    own = scrollY;
    const missing = -moved();
    if (missing < 1) return; // browsers scroll to whole pixels
    margin += missing;
    canvas.style.marginTop = `${margin}px`;
  }
  const watch = new ResizeObserver(follow);
  function begin() {
    if (watching) return;
    [watching, own] = [true, -1];
    note();
    addEventListener("scroll", note, true);
    watch.observe(document.body);
  }
  canvas.addEventListener("focus", begin);
  canvas.addEventListener("blur", () => {
    watching = false;
    removeEventListener("scroll", note, true);
    watch.disconnect();
  });
  return () => {
    if (document.activeElement !== canvas) return;
    begin(); // of a window without the focus no element is told
    follow();
  };
}

/**
 * @param {{onbegin: (point: number[]) => void, onextend: (points: number[][]) => void, onlift: () => void,
 *   onundo?: () => void, say?: (words: string) => void, onover?: (point: number[], drawing: boolean) => void, ink?: (context: CanvasRenderingContext2D, scale: number) => void,
 *   onmove?: () => void, longest?: number, dense?: number}} acts
 *   what a stroke does, its points in pixels of the image; onover: where mouse or pen is; ink: draws what lies on the surface, without it `paint` is told;
 *   onmove: another part of a surface of up to `longest` columns is seen; dense: canvas pixels, more than those of others
 */
export function createPen({ onbegin, onextend, onlift, onundo, say, onover, ink, onmove, longest = WIDTH, dense = 1 }) {
  const fine = SCALE * dense;
  const help = element("p", { class: "crnn-note", id: `crnn-pen${++surfaces}-help` }, HELP);
  const words = { role: "application", "aria-label": "Drawing pad", "aria-describedby": help.id };
  const canvas = element("canvas", { width: WIDTH * fine, height: HEIGHT * fine, tabindex: 0, ...words });
  const roll = createRoll({ longest, onmove: () => (paint(), onmove?.()) });
  const pointed = (/** @type {MouseEvent} */ event) => pointOf(event, canvas, roll.from());
  let at = [WIDTH / 2, HEIGHT / 2];
  let reached = 0; // the last column of the stroke that is drawn
  let [down, shown] = [false, false]; // the pen that the keyboard moves
  /** @type {number | null} the pointer that draws */
  let pointer = null;
  let pixels = new Uint8Array(HEIGHT * WIDTH).fill(255);

  /** A picture (HEIGHT, W): one that is not as wide as the surface lies in its middle, whole. */
  function pixelled(/** @type {CanvasRenderingContext2D} */ context) {
    const W = pixels.length / HEIGHT;
    const scale = SCALE * Math.min(1, WIDTH / W);
    Object.assign(context, { fillStyle: PAPER, imageSmoothingEnabled: scale < SCALE });
    context.fillRect(0, 0, canvas.width, canvas.height);
    const [wide, high] = [W * scale, HEIGHT * scale];
    const corner = [(canvas.width - wide) / 2, (canvas.height - high) / 2];
    context.drawImage(greyCanvas(pixels, HEIGHT, W), corner[0], corner[1], wide, high);
  }

  function paint(picture = pixels) {
    pixels = picture;
    const context = painter(canvas, { willReadFrequently: true }); // it is redrawn from bytes anyway
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(dense, 0, 0, dense, -roll.from() * fine, 0);
    (ink ?? pixelled)(context, SCALE);
    if (!shown) return;
    context.beginPath();
    context.arc(at[0] * SCALE, at[1] * SCALE, down ? 8 : 14, 0, 2 * Math.PI);
    context.lineWidth = 3;
    context.strokeStyle = lookOf(canvas, "here");
    context.stroke();
  }

  function lift() {
    const drew = down || pointer !== null;
    [down, pointer] = [false, null];
    if (!drew) return;
    onlift();
    roll.rest(reached);
  }

  const stay = keepStill(canvas);
  // No gesture: to Chrome a quick stroke is a fling, which the next tap, on a button too, only stops.
  canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    event.preventDefault();
    canvas.classList.add("crnn-pointed"); // who sees the pen needs no frame about what has the focus
    canvas.focus({ preventScroll: true });
    stay();
    lift();
    shown = false;
    roll.stop();
    canvas.setPointerCapture(event.pointerId);
    const point = pointed(event);
    [reached] = point;
    onbegin(point);
    pointer = event.pointerId;
  });
  canvas.addEventListener("pointermove", (event) => {
    if (pointer !== null) stay();
    onover?.(pointed(event), pointer !== null);
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const points = (events.length ? events : [event]).map(pointed);
    reached = points.reduce((most, [x]) => Math.max(most, x), reached);
    onextend(points);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(end, (/** @type {any} */ event) => event.pointerId === pointer && lift());
  }

  function press(event) {
    const way = ARROWS[event.key];
    if (!way && event.key !== " ") return false;
    shown = true;
    canvas.classList.remove("crnn-pointed");
    if (way) at = [longest, HEIGHT].map((size, i) => within(at[i] + way[i] * (event.shiftKey ? 4 : 1), 0, size));
    if (way) roll.show(at[0]);
    onover?.(at, down);
    if (way && down) onextend([at]);
    else if (!way) {
      if (down) lift();
      else {
        onbegin(at);
        down = true;
      }
      say?.(down ? "Pen down." : "Pen up.");
    }
    paint();
    return true;
  }
  canvas.addEventListener("keydown", (event) => {
    const undo = onundo && event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey);
    if (undo) onundo();
    if (undo || press(event)) event.preventDefault();
  });
  canvas.addEventListener("blur", () => {
    lift();
    shown = false;
    paint();
  });
  canvas.addEventListener("wheel", (event) => {
    const by = event.deltaX || (event.shiftKey ? event.deltaY : 0);
    const before = roll.from();
    if (by) roll.move(before + (by * WIDTH) / canvas.clientWidth);
    if (roll.from() !== before) event.preventDefault();
  }, { passive: false });
  paint();
  return { node: element("div", { class: "crnn-sheet" }, canvas), canvas, help, paint, lift, roll };
}
