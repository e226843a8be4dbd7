// The one chart: curves over a line of numbers, redrawn as wide as it stands.
import { onPoint, svgElement } from "./dom.js";

const PLOT = { height: 250, left: 48, right: 10, top: 12, bottom: 40 }; // in CSS pixels
export const DASHES = ["none", "7 4"]; // the first curve, the second: told apart without colour

/**
 * @typedef {{points: number[][], here: number[] | null, filled?: boolean[], marked?: number[] | null, mark?: string}} Curve
 *   points: [x, y]; here: the present one; filled: a dot for each point, filled or hollow, and a ring where one is;
 *   marked: one with a diamond and the words `mark`
 * @typedef {{name: string, ticks: number[], part: (x: number) => number, value: (part: number) => number}} Across
 *   part: a number's place, 0 (left) .. 1 (right); value: the number there; of the ticks those are shown that have room
 * @typedef {{name: string, top: number, ticks: number[], shares?: boolean, say: (y: number) => string}} Up
 *   what lies above top is named; shares: the ticks are percentages
 * @typedef {{words: string, curves: Curve[], across: Across, up: Up, now?: number | null, lines?: [number, string][]}} Shown
 *   words: all of it for who does not see it; now: a line there; lines: named levels
 */

/** @param {(x: number) => void} [onplace] the number pointed at */
export function createChart(onplace) {
  const look = `crnn-chart${onplace ? " crnn-scrub" : ""}`;
  const node = svgElement("svg", { role: "img", "aria-label": "No curve yet", class: look });
  let width = 640;
  /** @type {Shown | null} */
  let shown = null;
  const room = () => width - PLOT.left - PLOT.right;

  /** @param {Shown} given */
  function show(given) {
    shown = given;
    const { words, curves, across, up, now = null, lines = [] } = given;
    const bottom = PLOT.height - PLOT.bottom;
    const x = (v) => PLOT.left + room() * across.part(v);
    const y = (v) => bottom - (bottom - PLOT.top) * (v / up.top);
    const text = (at, row, anchor, said, more = "") =>
      svgElement("text", { x: at, y: row, "text-anchor": anchor, class: `crnn-tick ${more}` }, said);
    const level = (v, kind) =>
      svgElement("line", { x1: PLOT.left, x2: width - PLOT.right, y1: y(v), y2: y(v), class: kind });
    const tick = (v) => text(PLOT.left - 6, y(v) + 4, "end", up.shares ? `${100 * v} %` : `${v}`);
    const parts = up.ticks.flatMap((v) => [level(v, v ? "crnn-rule" : "crnn-axis"), tick(v)]);
    let last = -Infinity;
    for (const v of across.ticks) {
      if (x(v) - last <= 40) continue;
      last = x(v);
      parts.push(text(last, bottom + 16, "middle", `${v}`));
    }
    parts.push(text(width - PLOT.right, PLOT.height - 6, "end", across.name));
    parts.push(text(2, PLOT.height - 6, "start", `up: ${up.name}`));
    const box = { x: 0, y: PLOT.top, width, height: bottom - PLOT.top + 2 };
    const viewBox = `0 ${PLOT.top} ${width} ${box.height}`;
    const inside = svgElement("svg", { "aria-hidden": "true", ...box, viewBox }); // cuts off what lies above
    parts.push(...lines.map(([v]) => level(v, "crnn-floor")), inside);
    lines.forEach(([v, name], i) =>
      parts.push(text(width - PLOT.right, y(v) + (i ? 15 : -5), "end", name, "crnn-halo"))
    );
    if (now !== null) {
      parts.push(svgElement("line", { x1: x(now), x2: x(now), y1: PLOT.top, y2: bottom, class: "crnn-now" }));
    }
    curves.forEach(({ points, here, filled, marked, mark = "" }, i) => {
      const dot = (/** @type {number[]} */ [at, v], r, more = "") =>
        svgElement("circle", { cx: x(at), cy: y(v), r, class: `crnn-dot crnn-run${i} ${more}` });
      const line = points.map(([at, v]) => `${x(at).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
      const look = { class: `crnn-curve crnn-run${i}`, "stroke-dasharray": DASHES[i] };
      inside.append(svgElement("polyline", { points: line, ...look }));
      parts.push(...(filled ?? []).map((full, k) => dot(points[k], 4, full ? "" : "crnn-hollow")));
      if (marked) {
        const [at, high] = [x(marked[0]), Math.max(y(marked[1]), PLOT.top + 8)];
        parts.push(svgElement("path", { d: `M${at} ${high - 7}l7 7l-7 7l-7 -7Z`, class: `crnn-dot crnn-run${i}` }));
        const left = i > 0 && at > width / 2; // where the floors' names are at its right
        const [beside, row] = [left ? at - 11 : at + 11, high + (i && !left ? -8 : 16)];
        parts.push(text(beside, row, left ? "end" : "start", mark, "crnn-halo"));
      }
      const above = here && here[1] > up.top ? here : points.find(([, v]) => v > up.top);
      if (above) {
        const at = x(above[0]);
        const d = `M${at - 6} ${PLOT.top + 10}L${at} ${PLOT.top}L${at + 6} ${PLOT.top + 10}Z`;
        parts.push(svgElement("path", { d, class: `crnn-dot crnn-run${i}` }));
        parts.push(text(at + 10, PLOT.top + 10, "start", `above: ${up.say(above[1])}`, "crnn-halo"));
      }
      if (here && here[1] <= up.top) parts.push(dot(here, filled ? 8 : 5, filled ? "crnn-ring" : ""));
    });
    node.setAttribute("viewBox", `0 0 ${width} ${PLOT.height}`);
    node.setAttribute("aria-label", words);
    node.replaceChildren(...parts);
  }

  function point(event) {
    const part = (event.clientX - node.getBoundingClientRect().left - PLOT.left) / room();
    if (shown) onplace?.(shown.across.value(Math.min(Math.max(part, 0), 1)));
  }
  if (onplace) onPoint(node, point);
  new ResizeObserver(([{ contentRect }]) => {
    if (!contentRect.width || Math.abs(contentRect.width - width) < 1) return;
    width = contentRect.width;
    if (shown) show(shown);
  }).observe(node);
  return { node, show };
}
