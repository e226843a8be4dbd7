// What a stage's title opens: its detail, in the place of the whole. A detail is made of the reading, the place that is
// pointed at, and, for the convolution and the cell, the network's own weights.
import { button, slider } from "../page/controls.js";
import { beamSearch } from "../page/decode.js";
import { element, markup, setText, svgElement } from "../page/dom.js";
import { percent, spoken } from "../page/words.js";
import { stageSight, stripOf, topClasses } from "../page/sight.js";
import { createCell, createLens } from "./inner.js";
import { paintFloor } from "./paint.js";
import { share, sign, TITLES } from "./stages.js";

/** @typedef {import("./words.js").Whole} Whole @typedef {import("./words.js").Here} Here */
/** @typedef {{seen: Whole, here: Here, network: () => Promise<import("../page/engine.js").Network>}} Given */

const CHAPTERS = {
  image: ["02_images_and_labels", "Images and labels"],
  maps: ["03_cnn_features", "CNN features"],
  columns: ["04_map_to_sequence", "From map to sequence"],
  lstm: ["05_bilstm_context", "BiLSTM context"],
  probabilities: ["06_ctc_alignment", "CTC alignment"],
  path: ["07_decoding", "Decoding"],
  text: ["07_decoding", "Decoding"],
};
const ORDER = Object.keys(TITLES);
const [SHOWN, BEAM] = [6, 8]; // classes of a step; texts that beam search keeps

const note = (words) => element("p", { class: "machine-note" }, words);

/** A bar of that part of the width, with its name (a text, or nodes) and its value in words. */
function bar(name, part, words, hue) {
  const look = hue ? { class: "machine-bar-row crnn-hued", style: hue } : { class: "machine-bar-row" };
  return element(
    "div",
    look,
    element("b", {}, ...[name].flat()),
    element("i", { style: `width:${share(part, 1)}` }),
    element("span", {}, words),
  );
}

/** A class as a bar. @param {string[]} signs */
function classBar(signs, c, p) {
  const style = c ? sign(c, "").getAttribute("style") : null;
  return bar(spoken(signs, c), p, percent(p), style);
}

/** A text in which is marked what differs from `best`. @param {string} words @param {string} best */
function differing(words, best) {
  const most = Math.min(words.length, best.length);
  let [from, after] = [0, 0];
  while (from < most && words[from] === best[from]) from++;
  while (after < most - from && words.at(-1 - after) === best.at(-1 - after)) after++;
  const to = words.length - after;
  const mark = words === best ? [] : [element("mark", { class: "machine-differs" }, words.slice(from, to))];
  return [words.slice(0, from), ...mark, words.slice(to)];
}

/** Numbers as upright bars about a middle line. @param {Float32Array} values */
function comb(values, label) {
  const most = values.reduce((a, v) => Math.max(a, Math.abs(v)), 1e-9);
  const low = values.some((v) => v < 0) ? -1 : 0;
  const bar = (v, i) => `M${i} 0H${i + 0.8}V${(-v / most).toFixed(3)}H${i}Z`;
  const bars = (sign) => Array.from(values, (v, i) => (v * sign > 0 ? bar(v, i) : "")).join("");
  const box = { viewBox: `0 -1 ${values.length} ${1 - low}`, preserveAspectRatio: "none" };
  const paths = [1, -1].map((sign) =>
    svgElement("path", { d: bars(sign), class: sign > 0 ? "machine-plus" : "machine-minus" })
  );
  return svgElement("svg", { role: "img", "aria-label": label, class: "machine-comb-bars", ...box }, ...paths);
}

/** A detail that is drawn anew for each place. @param {(given: Given) => Node[]} make */
function simple(make) {
  return () => {
    const node = element("div", { class: "machine-simple" });
    return { node, show: (/** @type {Given} */ given) => Promise.resolve(node.replaceChildren(...make(given))) };
  };
}

const DETAILS = {
  image: simple(({ seen: { image, W, T, config }, here: { t } }) => {
    const picture = element("canvas", {
      role: "img",
      "aria-label": "The image as the network gets it",
    });
    queueMicrotask(() => paintFloor(picture, image, config.height, W)); // once it has a size
    const rows = config.pools.map((_, i) => {
      const name = `pool${i + 1}`;
      const { size, stride, offset } = stageSight(config.pools, name).along;
      const from = Math.floor(((t + 0.5) * W) / T / stride) * stride + offset;
      const place = `left:${share(Math.max(from, 0), W)};right:${share(W - Math.min(from + size, W), W)}`;
      return element(
        "div",
        { class: "machine-span" },
        element("i", { style: place }),
        element("span", {}, `block ${i + 1}: ${size}`),
      );
    });
    const [first, last] = stripOf(config.pools, W, t);
    return [
      element("div", { class: "machine-lens" }, picture),
      ...rows,
      note(
        `The network gets ${config.height} × ${W} numbers: the ink moved and scaled to fill the frame, its mean 0, its ` +
          `standard deviation 1. With each block a number sees more of it, and step ${t} sees pixel columns ${first} to ${last}.`,
      ),
    ];
  }),
  maps: createLens,
  columns: simple(({ seen: { stages, config }, here: { t } }) => {
    const row = (/** @type {any} */ { data, dims: [, , size] }) => data.slice(t * size, (t + 1) * size);
    const [column, features] = [row(stages.columns), row(stages.features)];
    const C = config.channels[config.channels.length - 1];
    return [
      comb(column, `The ${column.length} numbers of column ${t}`),
      note(`Column ${t}: ${C} maps of ${column.length / C} rows each, put one after the other.`),
      comb(features, `The ${features.length} features of step ${t}`),
      note(
        `A layer without memory turns these ${column.length} numbers into ${features.length} features; they are what ` +
          "the BiLSTM gets. From here on there is no picture any more, only a sequence.",
      ),
    ];
  }),
  lstm: createCell,
  probabilities: simple(({ seen: { logProbs, K, signs }, here: { t } }) => {
    const best = topClasses(logProbs.subarray(t * K, (t + 1) * K), SHOWN);
    return [
      ...best.map(({ symbol, p }) => classBar(signs, symbol, p)),
      note(
        `Step ${t}: ${K} classes, ${
          K - 1
        } symbols and the blank, share a probability of 1. The most probable ${SHOWN} are shown.`,
      ),
    ];
  }),
  path: simple(({ seen: { path, signs, spans, text, T } }) => {
    const row = (items, words) =>
      element(
        "div",
        { class: "machine-collapse" },
        element("b", {}, words),
        element("div", { style: `--machine-steps:${T}` }, ...items),
      );
    const at = (from, to, c, on) => {
      const node = sign(c, signs[c]);
      Object.assign(node.style, { gridColumn: `${from + 1} / ${to + 2}`, visibility: on ? "" : "hidden" });
      return node;
    };
    const runs = path.flatMap((c, t) => (t && c === path[t - 1] ? [] : [t]));
    const merged = runs.map((from, i) => at(from, (runs[i + 1] ?? T) - 1, path[from], true));
    return [
      row(path.map((c, t) => at(t, t, c, true)), "1. the likeliest class of each step"),
      row(merged, "2. equal neighbours merge"),
      row(spans.map(({ symbol, from, to }) => at(from, to, symbol, true)), "3. blanks drop out"),
      note(
        `What is left: ${
          text || "nothing"
        }. Two equal letters survive only with a blank between them, which is what the ` +
          "blank is for.",
      ),
    ];
  }),
  text: simple(({ seen: { logProbs, K, spell, text } }) => {
    const found = beamSearch(logProbs, K, BEAM, SHOWN).map((b) => ({
      words: spell(b.classes),
      p: Math.exp(b.logProb),
    }));
    return [
      ...found.map(({ words, p }) => bar(words ? differing(words, found[0].words) : "(nothing)", p, percent(p))),
      note(
        `The probability of a text is the sum over all paths that collapse to it. ${
          text || "Nothing"
        } is read; these are ` +
          "the likeliest texts that a beam search finds.",
      ),
    ];
  }),
};
const STEPPED = new Set(["image", "columns", "lstm", "probabilities"]);

/**
 * @param {{given: () => Promise<Given>, onmove: (here: Here) => void, onopen: (stage: string) => void,
 *   onclose: (stage: string) => void, chapters: boolean}} acts
 *   chapters: whether there are pages that titles can lead to
 */
export function createDetails({ given, onmove, onopen, onclose, chapters }) {
  const title = element("strong", {
    class: "machine-heading",
    id: "crnn-machine-detail",
    role: "heading",
    "aria-level": 2,
  });
  const close = button("×", shut, { "aria-label": "Close" });
  const lead = element("p", { class: "machine-chapter" });
  const body = element("div", { class: "machine-body" });
  const step = slider({ name: "Step", min: 0, max: 31, step: 1, value: 0 }, (t) => now && go({ ...now.here, t }));
  const turns = [-1, 1].map((way) => button("", () => turn(way), { class: "machine-turn" }));
  const head = element(
    "div",
    { class: "machine-detail-head" },
    title,
    lead,
    element("div", { class: "machine-turns" }, ...turns, close),
  );
  const node = element(
    "div",
    { class: "machine-detail", role: "region", hidden: true },
    head,
    step.node,
    body,
  );
  let stage = "";
  /** @type {Given | null} */
  let now = null;
  /** @type {{node: HTMLElement, show: (given: Given) => Promise<void>} | null} */
  let detail = null;
  node.addEventListener("keydown", (event) => event.key === "Escape" && shut());

  /** @param {Here} here */
  function go(here) {
    onmove(here);
    show();
  }

  /** The open detail of the present reading. */
  async function show() {
    if (!detail) return;
    const mine = detail;
    const found = await given();
    if (mine !== detail) return;
    now = found;
    step.node.hidden = !STEPPED.has(stage);
    step.input.max = String(now.seen.T - 1);
    step.show(now.here.t);
    try {
      await mine.show(now);
    } catch (error) {
      body.replaceChildren(element("p", { class: "crnn-error", role: "alert" }, /** @type {Error} */ (error).message));
    }
  }

  /** To the stage before or after the open one. */
  function turn(way) {
    open(ORDER[ORDER.indexOf(stage) + way]);
    const pressed = turns[way > 0 ? 1 : 0];
    if (!pressed.hidden) pressed.focus({ preventScroll: true });
  }

  function open(/** @type {string} */ name) {
    if (stage) onclose(stage);
    stage = name;
    onopen(name);
    turns.forEach((node, i) => {
      const next = TITLES[ORDER[ORDER.indexOf(name) + (i ? 1 : -1)]];
      node.hidden = !next;
      node.setAttribute("aria-label", `${i ? "On to" : "Back to"} ${next}`);
      node.replaceChildren(...(i ? [element("span", {}, next), " ›"] : ["‹ ", element("span", {}, next)]));
    });
    const made = detail = DETAILS[name](go);
    setText(title, TITLES[name]);
    node.setAttribute("aria-label", TITLES[name]);
    const [page, words] = CHAPTERS[name];
    const number = Number(page.slice(0, 2));
    lead.replaceChildren(...(chapters ? markup`<a href=${`${page}.html`}>${`Chapter ${number}: ${words}`}</a>` : []));
    body.replaceChildren(made.node);
    node.hidden = false;
    show();
    close.focus({ preventScroll: true });
  }

  function shut() {
    if (!stage) return;
    const before = stage;
    [stage, detail, node.hidden] = ["", null, true];
    onclose(before);
  }
  return { node, open, shut, show, isOpen: () => stage !== "" };
}
