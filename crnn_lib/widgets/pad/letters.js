// What is read, letter by letter, each with its probability; whoever points at one sees its strip of ink. And what else the
// drawing may say.
import { button } from "../page/controls.js";
import { beamSearch } from "../page/decode.js";
import { element, markup, onPoint, part, setText } from "../page/dom.js";
import { spansOf } from "../page/sight.js";
import { percent, visible } from "../page/words.js";

/** @typedef {import("../page/reading.js").Seen} Seen */
/** @typedef {{sign: string, p: number, from: number, to: number}} Letter from .. to: its strip, in parts of the image */
/** @typedef {{text: string, p: number}} Text */

const BEAM = 8;
const OTHERS = 3;
const SURE = 0.9; // of a reading that needs no caution

/** The letters of a path: each has the image up to halfway to its neighbours. @param {Seen} seen @param {number[]} path @returns {Letter[]} */
export function lettersOf({ logProbs, K, T, symbols }, path) {
  const spans = spansOf(path);
  const border = (/** @type {number} */ i) => (spans[i - 1].to + 1 + spans[i].from) / 2 / T;
  return spans.map(({ symbol, from, to }, i) => {
    const steps = Array.from({ length: to - from + 1 }, (_, step) => logProbs[(from + step) * K + symbol]);
    const p = Math.exp(Math.max(...steps));
    return { sign: symbols[symbol], p, from: i ? border(i) : 0, to: i + 1 < spans.length ? border(i + 1) : 1 };
  });
}

/** The most probable texts but for the one that is read. @param {Seen} seen @returns {Text[]} */
export function runnersUp({ logProbs, K, spell }, text) {
  const beams = beamSearch(logProbs, K, BEAM, OTHERS + 1);
  const others = beams.map(({ classes, logProb }) => ({ text: spell(classes), p: Math.exp(logProb) }));
  return others.filter((other) => other.text !== text).slice(0, OTHERS);
}

/** How far a reading is to be trusted, in words. @param {Text} reading @param {{empty: boolean, flat: boolean}} ink */
function caution({ text, p }, { empty, flat }) {
  if (empty) return "The pad is empty.";
  if (flat) return "A dot or a dash is hardly writing.";
  if (!text) return "It finds nothing here that it can read.";
  return p < SURE ? "It is not sure." : "";
}

/** @param {{onpoint: (letter: Letter | null, aloud: boolean) => void, ontake: (other: Text) => void}} acts */
export function createLetters({ onpoint, ontake }) {
  const line = part("text", "strong", { class: "crnn-text", "aria-live": "polite", "aria-atomic": "true" });
  const [confidence, verdict] = [part("confidence"), part("verdict")];
  const runners = part("runners", "div", { class: "pad-runners" });
  const keys = { tabindex: 0, role: "group", "aria-label": "What is read; the arrow keys point at its letters" };
  const reading = element("div", { class: "crnn-reading pad-line", ...keys }, line, confidence);
  /** @type {Letter[]} */
  let letters = [];
  let here = -1;

  /** @param {number} letter its number; -1: nothing is pointed at */
  function point(letter, aloud = false) {
    if (letter === here) return;
    here = letter;
    [...line.children].forEach((node, i) => node.classList.toggle("pad-here", i === here));
    onpoint(letters[here] ?? null, aloud);
  }

  const [node] = markup`<div class="pad-read">${reading}
    <p class="crnn-note crnn-runners">${verdict}</p>${runners}</div>`;
  onPoint(line, ({ target }) => point([...line.children].indexOf(/** @type {Element} */ (target))), true);
  line.addEventListener("mouseleave", () => point(-1));
  reading.addEventListener("blur", () => point(-1));
  reading.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") point(-1);
    if (!by || !letters.length) return;
    event.preventDefault();
    point(Math.min(Math.max(here + by, 0), letters.length - 1), true);
  });

  /** @param {Text} said @param {Letter[]} found its letters, none for a text that was not read */
  function show(said, found) {
    point(-1);
    letters = found;
    const signs = found.length ? found.map(({ sign }) => sign) : [...said.text];
    if (line.textContent !== signs.map(visible).join("")) {
      line.replaceChildren(...signs.map((sign) => element("span", { class: "pad-letter" }, sign)));
    }
    const nodes = /** @type {HTMLElement[]} */ ([...line.children]);
    nodes.forEach((letter, i) => {
      letter.dataset.p = found[i] ? `${Math.max(1, Math.min(99, Math.round(100 * found[i].p)))} %` : "";
    });
    setText(confidence, percent(said.p));
    node.dataset.state = !said.text ? "idle" : said.p < SURE ? "unsure" : "sure";
  }

  return {
    node,
    show,
    /** Show a reading whole. @param {Text} said @param {Letter[]} found @param {Text[]} others @param {{empty: boolean, flat: boolean}} ink */
    read(said, found, others, ink) {
      show(said, found);
      setText(verdict, `${caution(said, ink)} ${ink.empty || !others.length ? "" : "It may also say:"}`.trim());
      runners.replaceChildren(...Array.from({ length: OTHERS }, (_, i) => {
        const other = ink.empty ? undefined : others[i];
        if (!other) return element("div", { class: "pad-runner" });
        const name = element("span", {}, other.text || "(nothing)");
        const made = button("", () => ontake(other), { class: "pad-runner", style: `--pad-p:${other.p.toFixed(4)}` });
        made.replaceChildren(name, " ", element("span", {}, percent(other.p)));
        return made;
      }));
    },
    /** Point at the letter whose strip holds a part of the image. @param {number} at */
    pointAt(at) {
      point(letters.findIndex(({ from, to }) => at >= from && at < to));
    },
    rest: () => point(-1),
  };
}
