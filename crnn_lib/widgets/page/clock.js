// Work in slices that leave the page usable, none of them while the page is hidden.

const LONGEST = 24; // milliseconds of a slice; a unit of work that takes longer has one of its own
const PACE = 80; // milliseconds between two looks at it, more where painting one takes longer

/**
 * @param {{work: () => boolean, show: () => void, ended: () => void}} acts
 *   work: a small unit, and whether there is more; show: at least every 100 milliseconds, where the browser paints that fast
 * @param {AbortSignal} signal
 */
export function createClock({ work, show, ended }, signal) {
  /** @type {any} */
  let timer = null;
  let [running, slowest] = [false, 0];
  let [shown, painting] = [-Infinity, 0]; // when it was last looked at, and how long that and its painting took
  let justShown = false;

  function slice() {
    timer = null;
    if (document.hidden) justShown = false; // nothing is painted
    if (!running || document.hidden) return;
    const began = performance.now();
    if (justShown) painting = began - shown;
    justShown = !justShown && began - shown > Math.max(PACE, 2 * painting); // so half of the time is for work
    if (justShown) {
      shown = began;
      show();
    } else {
      for (let last = began; last - began + slowest < LONGEST || last === began;) {
        if (!work()) return stop();
        const now = performance.now();
        slowest = Math.max(now - last, 0.9 * slowest);
        last = now;
      }
    }
    go();
  }
  function go() {
    timer ??= setTimeout(slice);
  }
  function stop() {
    if (!running) return;
    running = false;
    clearTimeout(timer);
    timer = null;
    ended();
  }
  function start() {
    [running, justShown] = [true, false];
    go();
  }
  addEventListener("visibilitychange", () => running && go(), { signal });
  signal.addEventListener("abort", () => (running = false));
  return { start, stop, running: () => running };
}
