// The letters of a reading as handles: whoever points at one is shown where it comes from, and the other way round.
import { element, setText } from "./dom.js";
import { spoken, stepsInWords } from "./words.js";

/** @typedef {{symbol: number, from: number, to: number}} Span a letter of a text, and its steps */

const MANY = 14; // letters that are wide enough for a finger

/**
 * The letters of a text, in the node that says it; the one that is pressed stays lit when nothing is pointed at.
 * @param {HTMLElement} node @param {(letter: number) => void} onlight which letter is pointed at; -1: none
 */
export function createLetters(node, onlight) {
  let picked = -1;
  /** @type {HTMLElement[]} */
  let buttons = [];

  function tell(/** @type {number} */ letter) {
    light(letter);
    onlight(letter);
  }
  /** Light a letter, and no other: it is pointed at elsewhere. @param {number} letter -1: none */
  function light(letter) {
    buttons.forEach((button, i) => {
      button.classList.toggle("crnn-lit", i === letter);
      button.setAttribute("aria-pressed", String(i === picked));
    });
  }
  /** No letter stays lit. */
  function release() {
    picked = -1;
    light(-1);
  }
  function press(/** @type {number} */ letter) {
    picked = picked === letter ? -1 : letter;
    tell(letter);
  }

  /** @param {string} text @param {Span[]} spans one for each character of the text @param {string[]} signs */
  function show(text, spans, signs) {
    picked = -1;
    const characters = [...text];
    buttons = spans.map(({ symbol, from, to }, i) => {
      const button = element("button", {
        ...{ type: "button", class: "crnn-character", "aria-pressed": "false" },
        "aria-label": `${spoken(signs, symbol)}: ${stepsInWords(from, to)}`,
        onclick: () => press(i),
        onfocus: () => tell(i),
        onblur: () => tell(picked),
        onpointerenter: (event) => event.pointerType === "mouse" && tell(i),
        onpointerleave: (event) => event.pointerType === "mouse" && tell(picked),
      });
      button.append(characters[i]);
      return button;
    });
    node.classList.toggle("crnn-many", buttons.length > MANY);
    if (buttons.length) node.replaceChildren(...buttons);
    else setText(node, text);
  }
  return { show, light, release, picked: () => picked };
}

/** The letter whose steps hold `t`; -1: none. @param {Span[]} spans @param {number} t */
export function letterAt(spans, t) {
  return spans.findIndex(({ from, to }) => from <= t && t <= to);
}
