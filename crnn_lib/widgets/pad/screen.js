// The pad over the whole screen, on a telephone lying on its side.
import { button } from "../page/controls.js";
import { setText } from "../page/dom.js";

/** The button that opens and closes it. @param {HTMLElement} root @param {AbortSignal} signal */
export function createScreen(root, signal) {
  const node = button("Full screen", turn, { class: "pad-switch" });
  const isOpen = () => root.classList.contains("pad-full");

  function show(/** @type {boolean} */ open) {
    root.classList.toggle("pad-full", open);
    setText(node, open ? "Close" : "Full screen");
  }

  async function turn() {
    show(!isOpen());
    try {
      if (!isOpen()) return void (document.fullscreenElement && await document.exitFullscreen());
      await root.requestFullscreen?.();
      await /** @type {any} */ (screen.orientation)?.lock?.("landscape");
    } catch { /* this browser lets no page do so: the pad fills the window as it is */ }
  }

  addEventListener("fullscreenchange", () => document.fullscreenElement || show(false), { signal });
  root.addEventListener("keydown", (event) => event.key === "Escape" && isOpen() && turn());
  return node;
}
