// Work in slices that leave the page to whoever uses it, none of them while the page is hidden.

const LONGEST = 24; // milliseconds of a slice; a unit of work that takes longer has one of its own
const PACE = 80; // milliseconds between two looks at it

/**
 * @param {{work: () => boolean, show: () => void, ended: () => void}} acts
 *   work: a small unit, and whether there is more; show: at least every 100 milliseconds, if nothing takes longer
 * @param {AbortSignal} signal
 */
export function createClock({ work, show, ended }, signal) {
  /** @type {any} */
  let timer = null;
  let [running, shown, slowest] = [false, 0, 0];

  function slice() {
    timer = null;
    if (!running || document.hidden) return;
    const began = performance.now();
    if (began - shown > PACE) {
      show();
      shown = performance.now();
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
    running = true;
    go();
  }
  addEventListener("visibilitychange", () => running && go(), { signal });
  signal.addEventListener("abort", () => (running = false));
  return { start, stop, running: () => running };
}
