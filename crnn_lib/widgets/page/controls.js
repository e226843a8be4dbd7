// What a widget is worked with: buttons, choices, lines to type into, sliders; and where it says what happened.
import { element, part, setText } from "./dom.js";

/** @param {string} name @param {() => void} onclick */
export function button(name, onclick, more = {}) {
  return element("button", { type: "button", onclick, ...more }, name);
}

/** A control with its name. @param {string} name @param {Element} node */
export function field(name, node) {
  return element("label", { class: "crnn-field" }, element("span", {}, name), node);
}

/** A choice. @param {string[][]} options @param {(value: string) => void} onchange */
export function choice(options, value, onchange) {
  const node = element("select", { onchange: () => onchange(node.value) });
  fill(node, options, value);
  return node;
}

/** Other options for a choice. @param {HTMLSelectElement} select @param {string[][]} options */
export function fill(select, options, value) {
  select.replaceChildren(...options.map(([v, text]) => element("option", { value: v }, text)));
  select.value = value;
}

/** A line to type into, in which nothing is corrected. @param {(text: string) => void} oninput */
export function textInput(value, maxlength, oninput) {
  const plain = { autocomplete: "off", spellcheck: "false", autocapitalize: "none" };
  const node = element("input", { type: "text", maxlength, value, ...plain, oninput: () => oninput(node.value) });
  return node;
}

/** Where a widget says what happened, and what went wrong. */
export function createMessage() {
  const node = part("message", "p", { class: "crnn-message", role: "status" });
  function say(words, isError = false) {
    node.setAttribute("role", isError ? "alert" : "status");
    node.classList.toggle("crnn-error", isError);
    setText(node, words);
  }
  return { node, say, fail: (/** @type {any} */ error) => say(error.message, true) };
}

/** A slider's value where the finger on it turns out to scroll the page: as before. @param {HTMLInputElement} input */
export function keepWhileScrolling(input) {
  let before = input.value;
  input.addEventListener("pointerdown", () => (before = input.value));
  input.addEventListener("pointercancel", () => {
    if (input.value === before) return;
    input.value = before;
    input.dispatchEvent(new Event("input"));
  });
}

/**
 * A slider with its name and its value in words.
 * @param {{name: string, min: number, max: number, step: number, value: number, unit?: string}} options
 * @param {(value: number) => void} onchange
 */
export function slider({ name, min, max, step, value, unit = "" }, onchange) {
  const output = element("output");
  const input = element("input", { type: "range", min, max, step, "aria-label": name });
  input.addEventListener("input", () => {
    show(Number(input.value));
    onchange(Number(input.value));
  });
  function show(v, words = `${v}${unit}`) {
    input.value = String(v);
    input.setAttribute("aria-valuetext", words);
    setText(output, words);
  }
  show(value);
  keepWhileScrolling(input);
  return { node: element("div", { class: "crnn-slider" }, element("span", {}, name), output, input), input, show };
}

let tabsMade = 0; // for ids: several widgets lie on a page

/** Panels of which one is shown at a time. @param {[string, HTMLElement][]} panels their names, and what they hold */
export function tabs(panels) {
  const id = `crnn-tabs${tabsMade++}`;
  const nodes = panels.map(([name, panel], i) => {
    Object.assign(panel, { id: `${id}-${i}`, role: "tabpanel" });
    return button(name, () => open(i), { role: "tab", "aria-controls": panel.id });
  });
  function open(chosen, focus = false) {
    nodes.forEach((node, i) => {
      node.setAttribute("aria-selected", String(i === chosen));
      node.setAttribute("tabindex", i === chosen ? "0" : "-1");
      panels[i][1].hidden = i !== chosen;
    });
    if (focus) nodes[chosen].focus();
  }
  const list = element("div", { class: "crnn-tabs", role: "tablist" }, ...nodes);
  list.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    open((nodes.findIndex((node) => node === document.activeElement) + by + nodes.length) % nodes.length, true);
  });
  open(0);
  return element("div", {}, list, ...panels.map(([, panel]) => panel));
}
