// Slow motion: one reading played from the image to the text. It can be stopped, stepped and dragged.
import { button } from "../page/controls.js";
import { element } from "../page/dom.js";

const LAST = 6; // units of each of the last three phases
const SECONDS = { window: 5, streams: 4, peaks: 4, merge: 1.6, drop: 1.6, gather: 1.6 };
const PHASES = Object.keys(SECONDS);

/** Where a reading of T steps is after `at` units: its phase, the step in it where it goes along them, how far each part is shown. @param {number} T */
export function momentOf(T, at) {
  const units = PHASES.map((_, i) => (i < 3 ? T : LAST));
  let [i, left] = [0, at];
  while (i < PHASES.length - 1 && left >= units[i]) left -= units[i++];
  const done = PHASES.map((_, k) => (k < i ? units[k] : k > i ? 0 : Math.min(left, units[k])));
  const [window, streams, peaks, ...last] = done;
  const [merge, drop, gather] = last.map((v) => v / LAST);
  const shown = { window, streams, peaks, merge, drop, gather };
  const t = Math.min(Math.floor(left), T - 1);
  return { phase: PHASES[i], t, along: i < 3, shown, rate: units[i] / SECONDS[PHASES[i]] };
}

/** How many units a reading of T steps has. */
export const lengthOf = (T) => 3 * T + 3 * LAST;

/** How a reading is shown at rest: all of it, the merged path with its blanks. @param {number} T */
export const whole = (T) => ({ ...momentOf(T, lengthOf(T)).shown, drop: 0 });

/**
 * The button, and what it turns into while a reading plays.
 * @param {{steps: () => number, onshow: (moment: ReturnType<typeof momentOf>) => void, onend: () => void, signal: AbortSignal}} acts
 *   steps: T of the reading; onend: back to the whole
 */
export function createFilm({ steps, onshow, onend, signal }) {
  let [at, playing, open, frame] = [0, false, false, 0];
  const play = button("Slow motion", press, { class: "machine-play" });
  const step = button("Step", () => go(next()));
  const close = button("Close", stop, { "aria-label": "Close slow motion" });
  const bar = element("input", {
    type: "range",
    min: 0,
    max: lengthOf(32),
    step: 1,
    value: 0,
    "aria-label": "Moment of the reading",
  });
  bar.addEventListener("input", () => {
    pause();
    go(Number(bar.value));
  });
  const more = element("div", { class: "machine-film", hidden: true }, step, bar, close);
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** The moment that Step leads to: the next step, or the end of a phase without steps. */
  function next() {
    const sure = 3 * steps();
    return at < sure ? Math.floor(at) + 1 : sure + (Math.floor((at - sure) / LAST) + 1) * LAST;
  }

  function go(/** @type {number} */ moment) {
    const end = lengthOf(steps());
    at = Math.min(moment, end);
    bar.max = String(end);
    bar.value = String(Math.floor(at));
    const now = momentOf(steps(), at);
    bar.setAttribute("aria-valuetext", `${now.phase}, step ${now.t}`);
    onshow(now);
    if (at >= end) pause();
  }

  function tick(/** @type {number} */ last) {
    frame = requestAnimationFrame((time) => {
      if (!playing || signal.aborted) return;
      go(at + (Math.min(time - last, 100) / 1000) * momentOf(steps(), at).rate);
      if (playing) tick(time);
    });
  }

  function pause() {
    playing = false;
    play.classList.remove("machine-playing");
    cancelAnimationFrame(frame);
    play.textContent = at >= lengthOf(steps()) ? "Again" : "Play";
  }

  function press() {
    if (playing) return pause();
    if (!open || at >= lengthOf(steps())) at = 0;
    [open, more.hidden] = [true, false];
    go(at);
    play.hidden = still();
    if (still()) return step.focus();
    playing = true;
    play.textContent = "Pause";
    play.classList.add("machine-playing");
    tick(performance.now());
  }

  /** Back to the whole. */
  function stop() {
    if (!open) return;
    pause();
    const held = more.contains(document.activeElement);
    [open, at, more.hidden, play.hidden] = [false, 0, true, false];
    play.textContent = "Slow motion";
    if (held) play.focus();
    onend();
  }
  return { play, more, stop, isOpen: () => open };
}
