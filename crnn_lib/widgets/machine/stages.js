// The machine's stages: what each is made of, and what a reading puts into it.
import { hueOf } from "../page/colours.js";
import { ARROWS, element, onPoint, part, svgElement } from "../page/dom.js";
import { letterAt } from "../page/letters.js";
import { certainty } from "../page/reading.js";
import { stripOf } from "../page/sight.js";
import { percent } from "../page/words.js";
import { gridOf, tileAt } from "../page/tiles.js";
import { paintColumns, paintFloor, paintMaps, paintStreams, sizeOf } from "./paint.js";

/** @typedef {import("./words.js").Whole} Whole @typedef {import("./words.js").Here} Here */
/** @typedef {ReturnType<typeof createStages>} Stages */
/** @typedef {{window: number, streams: number, peaks: number, merge: number, drop: number, gather: number}} Shown
 *   how far a reading is shown: steps of the first three, parts of the others */

export const TITLES = {
  image: "Image",
  maps: "Feature maps",
  columns: "Columns",
  lstm: "BiLSTM",
  probabilities: "Probabilities",
  path: "Path",
  text: "Text",
};
const LABELS = {
  maps: "Feature maps: left and right move along the image, up and down to another map",
  columns: "Columns, one a step",
  lstm: "States of both streams: left and right move along, up and down to another unit",
  probabilities: "Probabilities of each step",
  path: "Path and merged path",
  text: "Letters of the text",
};
const GLOSSES = { columns: "a vector a step", lstm: "each step learns what lies left and right of it" };
const FAINT = 0.02; // a class that is nowhere as probable is not drawn
const [TOP, LOW] = [0.84, 1.015]; // the height of probability 1; what is 0 lies below the edge

/** @returns {HTMLElement[]} */
const childrenOf = (/** @type {Element} */ node) => /** @type {any} */ ([...node.children]);
const KEYS = { ...ARROWS, Home: [-Infinity, 0], End: [Infinity, 0] }; // columns and rows that a key goes

/** A part of a whole as a length. @param {number} part @param {number} whole */
export const share = (part, whole) => `${(100 * part) / whole}%`;

/** @param {{onpoint: (stage: string, x: number, y: number) => void, onkey: (stage: string, way: number[]) => void,
 *   onopen: (stage: string) => void, onblock: (block: number) => void}} acts */
export function createStages({ onpoint, onkey, onopen, onblock }) {
  const canvas = () => element("canvas", { "aria-hidden": "true" });
  const canvases = { maps: canvas(), columns: canvas(), lstm: canvas(), floor: canvas() };
  const curves = svgElement("svg", { class: "machine-curves", preserveAspectRatio: "none", "aria-hidden": "true" });
  const layer = (/** @type {string} */ name, ...inside) =>
    element("div", { class: `machine-${name}`, "aria-hidden": "true" }, ...inside);
  const [peaks, cells, merged] = [layer("peaks"), layer("cells"), layer("merged")];
  const text = part("text", "strong", { class: "machine-letters", "aria-live": "polite", "aria-atomic": "true" });
  const confidence = part("confidence");
  const judged = part("judged");
  const sure = element("span", { class: "machine-sure" }, judged, " ", confidence);
  const colours = element("canvas", { class: "machine-colours", width: 64, height: 8, "aria-hidden": "true" });
  const scale = element("p", { class: "crnn-legend" }, "like paper ", colours, " unlike it");
  const blocks = element("div", { class: "machine-blocks", role: "group", "aria-label": "Maps of block" });
  const inside = {
    image: [
      layer("shade machine-before"),
      layer("shade machine-after"),
      layer("eye"),
      layer("invitation", "Draw here"),
    ],
    maps: [canvases.maps, layer("comb"), layer("tile")],
    columns: [canvases.columns],
    lstm: [canvases.lstm, layer("arrow machine-right", "→"), layer("arrow machine-left", "←")],
    probabilities: [layer("ribbons", curves, peaks), layer("floor", canvases.floor)],
    path: [cells, merged],
    text: [text, sure],
  };

  /** What takes pointer and keys over a stage. */
  function pointer(key) {
    const words = {
      role: "slider",
      "aria-label": LABELS[key],
      "aria-valuemin": 0,
      "aria-valuemax": 31,
      "aria-valuenow": 0,
    };
    const node = element("div", { class: "machine-point", tabindex: 0, ...words });
    onPoint(node, (event) => {
      const box = node.getBoundingClientRect();
      const within = (v) => Math.min(Math.max(v, 0), 0.9999);
      onpoint(key, within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height));
    }, true);
    node.addEventListener("keydown", (event) => {
      const way = KEYS[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      onkey(key, way);
    });
    return node;
  }

  const views = /** @type {Object<string, HTMLElement>} */ ({});
  const points = /** @type {Object<string, HTMLElement>} */ ({});
  const marks = /** @type {Object<string, HTMLElement>} */ ({});
  const tools = /** @type {Object<string, HTMLElement>} */ ({
    image: element("div", { class: "machine-tools" }),
    maps: blocks,
    columns: scale,
  });
  const titles = /** @type {Object<string, HTMLElement>} */ ({});
  const nodes = Object.entries(TITLES).map(([key, title]) => {
    const opens = { type: "button", class: "machine-title", "aria-expanded": "false", onclick: () => onopen(key) };
    views[key] = element("div", { class: "machine-view" }, ...inside[key]);
    if (key !== "image") {
      points[key] = pointer(key);
      if (key !== "maps" && key !== "text") views[key].append(marks[key] = layer("mark"));
      views[key].append(points[key]);
    }
    return element(
      "section",
      { class: `machine-stage machine-${key}`, "data-crnn-stage": key },
      titles[key] = element("button", opens, title),
      ...[GLOSSES[key] && element("small", { class: "machine-gloss" }, GLOSSES[key])].filter(Boolean),
      ...[tools[key]].filter(Boolean),
      views[key],
    );
  });

  /** Offer the maps of so many blocks. @param {number} count @param {number} chosen from 1 */
  function offer(count, chosen) {
    if (blocks.children.length !== count) {
      blocks.replaceChildren(...Array.from({ length: count }, (_, i) => {
        const words = { type: "button", class: "machine-block", "aria-label": `Block ${i + 1}` };
        return element("button", { ...words, onclick: () => onblock(i + 1) }, String(i + 1));
      }));
    }
    childrenOf(blocks).forEach((node, i) => node.setAttribute("aria-pressed", String(i + 1 === chosen)));
  }

  return {
    nodes,
    titles,
    views,
    points,
    marks,
    tools,
    canvases,
    colours,
    curves,
    peaks,
    cells,
    merged,
    text,
    sure,
    confidence,
    judged,
    offer,
  };
}

/** A letter in its colour. @param {number} c */
export function sign(c, words, more = {}) {
  const style = c ? `--crnn-hue:${hueOf(c)}` : null;
  return element("span", { class: c ? "machine-letter crnn-hued" : "machine-blank", style, ...more }, words);
}

/** A row of signs; those that are there already stay. @param {HTMLElement} row @param {number[]} path @param {string[]} signs */
function fillRow(row, path, signs) {
  const there = childrenOf(row);
  const next = path.map((
    c,
    t,
  ) => (there[t]?.dataset.symbol === String(c) ? there[t] : sign(c, signs[c], { "data-symbol": c })));
  if (there.length !== next.length || next.some((node, t) => node !== there[t])) row.replaceChildren(...next);
}

/** Put a reading into DOM: cells, merged path, letters. @param {Stages} stages @param {Whole} seen */
export function write({ cells, merged, text, confidence, judged, points }, seen) {
  const { path, signs, T, text: words, p } = seen;
  for (const node of [cells, merged]) node.style.setProperty("--machine-steps", String(T));
  for (const row of [cells, merged]) fillRow(row, path, signs);
  const letters = [...words];
  text.style.setProperty("--machine-count", String(letters.length));
  if (text.textContent !== words) text.replaceChildren(...seen.spans.map(({ symbol }, i) => sign(symbol, letters[i])));
  judged.textContent = words ? `${certainty(p)}:` : "nothing to read yet";
  confidence.textContent = words ? percent(p) : "";
  for (const node of Object.values(points)) node.setAttribute("aria-valuemax", String(T - 1));
}

/** @param {Stages} stages @param {Whole} seen @param {import("./paint.js").Theme} theme */
export function paint({ canvases }, seen, theme, maps, { window }) {
  const { stages, image, W, T, config } = seen;
  paintMaps(canvases.maps, stages[maps], theme.dark, Math.min(1, window / T));
  paintColumns(canvases.columns, stages.columns, theme.dark);
  paintStreams(canvases.lstm, stages.states, theme);
  paintFloor(canvases.floor, image, config.height, W);
}

/** The ribbons, each step's as high as it has risen. @param {Stages} stages @param {Whole} seen @param {Shown} shown */
export function drawCurves({ curves, peaks }, { logProbs, T, K, signs, spans, path }, shown) {
  const up = (t) => Math.min(Math.max(shown.peaks - t, 0), 1);
  const p = (t, c) => Math.exp(logProbs[t * K + c]) * up(t);
  const ribbon = (c) => {
    const at = Array.from({ length: T }, (_, t) => (LOW - TOP * p(t, c)).toFixed(4));
    const turns = at.slice(1).map((y, i) => `C${i + 1} ${at[i]} ${i + 1} ${y} ${i + 1.5} ${y}`);
    const line = `M0 ${at[0]}H.5${turns.join("")}H${T}`;
    const look = { class: c ? "crnn-hued" : "machine-still", style: c ? `--crnn-hue:${hueOf(c)}` : "" };
    return svgElement(
      "g",
      look,
      svgElement("path", { d: `${line}V1H0Z`, class: "machine-fill" }),
      svgElement("path", { d: line, class: "machine-line" }),
    );
  };
  const some = (c) => path.some((_, t) => Math.exp(logProbs[t * K + c]) > FAINT);
  const drawn = Array.from({ length: K }, (_, c) => c).filter((c) => c === 0 || some(c));
  curves.setAttribute("viewBox", `0 0 ${T} 1`);
  curves.replaceChildren(...drawn.map(ribbon));
  peaks.replaceChildren(...spans.map(({ symbol, from, to }) => {
    const steps = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const best = steps.reduce((a, b) => (p(b, symbol) > p(a, symbol) ? b : a), from);
    const node = sign(symbol, signs[symbol]);
    node.style.left = share(best + 0.5, T);
    node.style.bottom = share(TOP * p(best, symbol), 1);
    node.style.opacity = String(up(best));
    return node;
  }));
}

/** Path, merged path and text, as far as they are shown. @param {Stages} stages @param {Whole} seen @param {Shown} shown */
export function collapseTo(
  { cells, merged, text, sure, views },
  { path, spans, T },
  { peaks, merge, drop, gather },
) {
  let from = 0;
  const places = path.map((c, t) => {
    if (t && c !== path[t - 1]) from = t;
    const rest = path.slice(from).findIndex((other) => other !== c);
    return { first: t === from, middle: from + (rest < 0 ? T - from : rest) / 2 };
  });
  childrenOf(cells).forEach((node, t) => (node.style.opacity = String(Math.min(Math.max(peaks - t, 0), 1))));
  childrenOf(merged).forEach((node, t) => {
    const { first, middle } = places[t];
    node.style.left = share(t + 0.5 + (middle - t - 0.5) * merge, T);
    const down = path[t] ? 0 : 50 * drop;
    node.style.transform = `translate(-50%, ${100 * (merge - 1) + down}%)`;
    const left = path[t] ? 1 : 1 - drop * (0.6 + 0.4 * gather); // of a blank
    node.style.opacity = String((merge ? 1 : 0) * (first ? 1 : 1 - merge) * left);
  });
  const wide = gather < 1 ? views.text.clientWidth : 0;
  childrenOf(text).forEach((node, i) => {
    const { from, to } = spans[i];
    const own = () => node.offsetLeft + node.offsetWidth / 2;
    const away = gather < 1 ? ((from + to + 1) / 2 / T) * wide - own() : 0;
    node.style.transform = gather < 1 ? `translate(${away * (1 - gather)}px, ${-90 * (1 - gather)}%)` : "";
    node.style.opacity = String(Math.min(1, 2 * gather));
  });
  sure.style.opacity = String(gather < 1 ? 0 : 1);
}

/** Light up what is pointed at, in every stage. @param {Stages} stages @param {Whole} seen @param {Here} here @param {string} maps */
export function mark({ views, marks, points, canvases, cells, merged, text }, seen, here, maps, words) {
  const { T, spans } = seen;
  const { t } = here;
  const set = (node, styles) => Object.entries(styles).forEach(([name, value]) => (node.style[name] = value));
  for (const node of Object.values(marks)) set(node, { left: share(t, T), width: share(1, T) });
  for (const node of Object.values(points)) {
    node.setAttribute("aria-valuenow", String(t));
    node.setAttribute("aria-valuetext", words);
  }
  const { dims: [, C, H, W] } = seen.stages[maps];
  const [w, h] = sizeOf(canvases.maps);
  const grid = gridOf(C, W / H, w || 1, h || 1);
  const [, comb, tile] = childrenOf(views.maps);
  comb.style.setProperty("--machine-from", `${(t / T) * grid.width}px`);
  comb.style.setProperty("--machine-to", `${Math.max(((t + 1) / T) * grid.width, (t / T) * grid.width + 1.5)}px`);
  comb.style.setProperty("--machine-every", `${grid.width + grid.gap}px`);
  const [x, y] = tileAt(grid, Math.min(here.map ?? 0, C - 1));
  set(tile, { left: `${x}px`, top: `${y}px`, width: `${grid.width}px`, height: `${grid.height}px` });
  tile.hidden = here.stage !== "maps";
  const letter = letterAt(spans, t);
  childrenOf(text).forEach((node, i) => node.classList.toggle("machine-lit", i === letter));
  for (const row of [cells, merged]) {
    childrenOf(row).forEach((node, i) => {
      const span = spans[letter];
      node.classList.toggle("machine-lit", span ? span.from <= i && i <= span.to : i === t);
    });
  }
}

/**
 * Show on the pad what step `t` sees: all but its strip veiled, its own columns lit; the part of the pad that these are.
 * @param {Stages} stages @param {Whole} seen @param {(part: number) => number} place where a part of the image lies on the pad
 */
export function look({ views }, { config, W, T }, t, place) {
  const [first, last] = stripOf(config.pools, W, t);
  const [from, to, left, right] = [first / W, (last + 1) / W, t / T, (t + 1) / T].map((part) =>
    Math.min(Math.max(place(part), 0), 1)
  );
  const [before, after, eye] = childrenOf(views.image);
  before.style.width = share(from, 1);
  after.style.left = share(to, 1);
  eye.style.left = share(left, 1);
  eye.style.right = share(1 - right, 1);
  return [left, right];
}
