// A run as it is seen while it learns: a few images, what the network makes of each, and the gradient in its layers.
import { DASHES } from "../page/chart.js";
import { element, greyCanvas, markup, part, setText, svgElement } from "../page/dom.js";
import { classHeat, classNames } from "../page/lanes.js";
import { decimals, share } from "../page/runs.js";
import { FRAME } from "./choices.js";
import { UNSEEN } from "./run.js";
import { verdict } from "./verdict.js";

/** @typedef {ReturnType<typeof import("./run.js").createRun>} Run @typedef {import("./run.js").Seen} Seen */

const ROW = 0.72; // rem: a class's row
const [SMALLEST, LARGEST] = [-4, 1]; // powers of ten between which a gradient's norm is drawn

/** An image with the probabilities under it, and its text. */
function createWindow() {
  const picture = element("div", { class: "trainer-picture" });
  const map = element("div", { class: "trainer-map crnn-classes" });
  const gutter = element("div", { class: "crnn-gutter", "aria-hidden": "true" });
  const [label, text] = [part("label", "code"), part("text", "strong", { class: "crnn-text" })];
  const [node] = markup`<div class="trainer-window"><span></span>${picture}${gutter}${map}
    <span></span><p>${label} is read as ${text}</p></div>`;
  /** @type {any} */
  let shown = null;

  /** @param {Seen} seen @param {string[]} symbols */
  function show({ image, logProbs, path, text: read }, symbols) {
    const [K, T] = [symbols.length + 1, logProbs.length];
    if (shown !== image) {
      shown = image;
      picture.replaceChildren(greyCanvas(image.grey.data, FRAME.height, FRAME.width));
      gutter.replaceChildren(...classNames([...symbols, "-"]));
      map.style.setProperty("--crnn-rows", String(K));
      setText(label, image.label);
    }
    const canvas = classHeat(K, T, (t, c) => Math.exp(logProbs[t][c]));
    const blanks = path.filter((c) => c === 0).length;
    const said = `${blanks} of ${T} time steps say blank`;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Class probabilities of ${image.label}: ${said}`);
    canvas.style.height = gutter.style.height = `${K * ROW}rem`;
    map.replaceChildren(canvas);
    setText(text, read || "(nothing)");
    text.classList.toggle("trainer-right", read === image.label);
  }
  return { node, show };
}

/** The gradient's norm by layer, on a scale of powers of ten. */
function createNorms() {
  const [node] = markup`<div class="trainer-norms" role="group" aria-label="Gradient norm by layer"></div>`;
  /** @param {[string, number][]} norms */
  function show(norms) {
    const rows = norms.map(([layer, norm]) => {
      const size = (Math.log10(Math.max(norm, 1e-9)) - SMALLEST) / (LARGEST - SMALLEST);
      const bar = element("span", { class: "trainer-bar", "aria-hidden": "true" });
      bar.style.setProperty("--trainer-size", `${100 * Math.min(Math.max(size, 0), 1)}%`);
      const number = norm >= 0.001 || !norm ? norm.toFixed(3) : norm.toExponential(0);
      return markup`<span>${layer}</span>${bar}<span>${number}</span>`;
    });
    node.replaceChildren(...rows.flat());
  }
  return { node, show };
}

/** One run's panel. @param {number} number 0 or 1 @param {number} windows images in it */
export function createPanel(number, windows = 3) {
  const attributes = { class: `crnn-curve crnn-run${number}`, "stroke-dasharray": DASHES[number] };
  const line = svgElement("line", { x1: 0, x2: 34, y1: 4, y2: 4, ...attributes });
  const swatch = svgElement("svg", { viewBox: "0 0 34 8", class: "trainer-swatch", "aria-hidden": "true" }, line);
  const title = part("run", "strong");
  const [facts, words] = [
    part("facts", "p", { class: "crnn-note trainer-facts" }),
    part("verdict", "p", { "aria-live": "polite" }),
  ];
  const all = Array.from({ length: windows }, createWindow);
  const norms = createNorms();
  const [node] = markup`<div class="trainer-run" role="group"><p class="trainer-title">${swatch}${title}</p>
    <div class="trainer-windows">${all.map((window) => window.node)}</div>
    <div class="trainer-below"><div>${facts}${words}</div><div><p class="crnn-note">Norm of the gradient by layer</p>
      ${norms.node}</div></div></div>`;
  words.classList.add("trainer-verdict");

  /** What the run has come to, in words. @param {Run} run */
  function tell({ facts: { steps, losses, first, milliseconds }, frames }) {
    const last = frames[frames.length - 1];
    if (!last) return "Nothing is trained yet.";
    const loss = losses.length ? losses[losses.length - 1][1] : last.loss;
    const trained = last.trained === null ? "" : ` Of its own training images it reads ${share(last.trained)}.`;
    const broke = first ? ` The first letter to break through was ${first.letter}, by step ${first.step}.` : "";
    return `Step ${steps}, ${(milliseconds / 1000).toFixed(1)} s of work, loss ${decimals(loss)}. ` +
      `${Math.round(last.exact * UNSEEN)} of ${UNSEEN} unseen images are read exactly; ` +
      `${share(last.blank)} of the time steps say blank.${trained}${broke}`;
  }

  /** @param {Run} run @param {string} name */
  function show(run, name) {
    node.setAttribute("aria-label", name);
    setText(title, name);
    setText(facts, tell(run));
    setText(words, run.frames.length ? verdict(run) : "");
    if (!run.isReady()) return;
    const fixed = run.fixed();
    all.forEach((window, i) => {
      window.node.hidden = !fixed[i];
      if (fixed[i]) window.show(fixed[i], run.symbols);
    });
    norms.show(run.facts.norms);
  }
  return { node, show };
}
