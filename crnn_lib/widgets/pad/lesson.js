// Teaching, on the pad: a fold, whose content comes when it is opened, or when this browser has kept a lesson.
import { element, markup, part, setText } from "../page/dom.js";
import { stateOf } from "./taught.js";

/** @typedef {import("./teach.js").Host} Host */

/**
 * @param {Pick<Host, "strokes" | "reader" | "text" | "read">} pad
 * @param {import("../page/main.js").Open} open @param {(error: any) => void} fail
 */
export function createTeaching(pad, open, fail) {
  const host = /** @type {Host} */ ({ ...pad, meant: "", complain, relearn() {}, mean() {} });
  const room = element("div", {}, element("p", { class: "crnn-note" }, "One moment…"));
  const [node] = markup`<details class="crnn-fold"><summary>Wrong? Teach it your hand</summary>${room}</details>`;
  const words = part("taught", "p", { class: "crnn-note", hidden: true });
  let complaint = "";
  /** @type {Promise<void> | null} */
  let opened = null;
  function bring() {
    opened ??= open("teach", { host }, room);
    opened.catch(() => (opened = null)); // it may be tried again
    return opened;
  }
  node.addEventListener("toggle", () => bring().catch(fail));

  /** A lesson that was kept cannot be taken again. @param {string} reason */
  function complain(reason) {
    complaint = reason;
    tell("");
  }
  /** @param {string} taught */
  function tell(taught) {
    setText(words, taught || complaint);
    words.hidden = !words.textContent;
  }

  /** @param {import("../page/engine.js").Reader} reader */
  async function relearn(reader) {
    await bring();
    host.relearn(reader);
  }
  return {
    node,
    words,
    /** What the drawing says, as far as the pad was told. @param {string} text */
    mean(text) {
      host.meant = text;
      host.mean();
    },
    /** Who reads in a reader's place: what became of it by the lessons that this browser has kept. @param {any} reader */
    learnt(reader) {
      const { lesson, reader: taught, kept } = reader.network ? stateOf(reader.network) : { lesson: [], kept: true };
      const texts = lesson.map(({ text }) => text).join(", ");
      tell(lesson.length ? `Taught ${kept ? "in this browser" : "until this page is closed"}: ${texts}.` : "");
      if (lesson.length && !taught) relearn(reader).catch(fail);
      return taught ?? reader;
    },
  };
}
