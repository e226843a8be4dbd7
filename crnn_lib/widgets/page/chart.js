// Curves of training runs, as wide as they stand, and in words.
import { onPoint, svgElement } from "./dom.js";

const PLOT = { height: 250, left: 48, right: 10, top: 12, bottom: 40 }; // of the chart, in CSS pixels
export const DASHES = ["none", "7 4"]; // the first run, the second: told apart without colour
export const decimals = (v) => v.toFixed(2);
export const share = (v) => `${(100 * v).toFixed(1)} %`;
export const CURVES = { // top: of the chart; what lies above it is shown as such
  loss: { name: "CTC loss", top: 5, ticks: [0, 1, 2, 3, 4, 5], value: (f) => f.loss, say: decimals },
  blank: { name: "share of blanks", top: 1, ticks: [0, 0.25, 0.5, 0.75, 1], value: (f) => f.blank, say: share },
  exact: { name: "share read exactly", top: 1, ticks: [0, 0.25, 0.5, 0.75, 1], value: (f, run) => f.exact / run.validation_images, say: share },
  gradient: { name: "gradient norm, as clipped", top: 6, ticks: [0, 1, 2, 3, 4, 5, 6], value: (f) => f.gradient, say: decimals },
};

/** The last frame of a run at `step` or before it. */
export function frameAt(run, step) {
  const after = run.frames.findIndex((f) => f.step > step);
  return after < 0 ? run.frames.length - 1 : Math.max(after - 1, 0);
}

/** A run's curve in words: some values from first to last. */
function curveInWords(run, { value, say }) {
  const known = run.frames.filter((f) => value(f, run) !== null);
  const every = Math.max(Math.ceil(known.length / 8), 1);
  const some = known.filter((f, i) => i % every === 0 || i === known.length - 1);
  return `${run.what}: ${some.map((f) => `${say(value(f, run))} at step ${f.step}`).join(", ") || "nothing yet"}`;
}

/** Round step numbers for the axis, as many as have room. @param {(step: number) => number} across */
function stepTicks(last, across) {
  const ticks = [0];
  for (const step of [5, 10, 20, 50, 100, 200, 400, 800, 1500, 3000, 6000, 12000, 24000, 50000])
    if (step <= last && across(step) - across(ticks[ticks.length - 1]) > 40) ticks.push(step);
  return ticks;
}

/**
 * A chart that redraws itself as wide as it stands: the curves of runs, under the loss the plateau's two floors, and a
 * line at the present step (null: none). A root scale across gives the dense beginning room.
 * @param {(step: number) => void} [onstep] the step pointed at
 */
export function createCurves(onstep) {
  const chart = svgElement("svg", { role: "img", class: onstep ? "learn-chart learn-scrub" : "learn-chart" });
  let [width, shown] = [640, null];
  const last = () => Math.max(1, ...shown.runs.flatMap((run) => run.frames.map((f) => f.step)));
  const room = () => width - PLOT.left - PLOT.right;
  const across = (step) => PLOT.left + room() * Math.sqrt(step / last());
  const text = (x, y, anchor, words, more = "") => svgElement("text", { x, y, "text-anchor": anchor, class: `learn-tick ${more}` }, words);
  const level = (y, kind) => svgElement("line", { x1: PLOT.left, x2: width - PLOT.right, y1: y, y2: y, class: kind });

  function draw() {
    const { runs, kind, step } = shown;
    const { name, top, ticks, value, say } = CURVES[kind];
    const bottom = PLOT.height - PLOT.bottom;
    const up = (v) => bottom - (bottom - PLOT.top) * (v / top);
    const parts = ticks.flatMap((v) => [level(up(v), v ? "learn-grid" : "learn-axis"), text(PLOT.left - 6, up(v) + 4, "end", top === 1 ? `${100 * v} %` : `${v}`)]);
    for (const s of stepTicks(last(), across)) parts.push(text(across(s), bottom + 16, "middle", `${s}`));
    parts.push(text(width - PLOT.right, PLOT.height - 6, "end", "training step"), text(2, PLOT.height - 6, "start", `up: ${name}`));
    const floors = kind === "loss" ? runs[0].floors ?? [] : [];
    const inside = svgElement("svg", { "aria-hidden": "true", x: 0, y: PLOT.top, width, height: bottom - PLOT.top + 2, viewBox: `0 ${PLOT.top} ${width} ${bottom - PLOT.top + 2}` }); // cuts off what lies above
    parts.push(...floors.map((floor) => level(up(floor), "learn-floor")), inside);
    floors.forEach((floor, i) => parts.push(text(width - PLOT.right, up(floor) + (i ? 15 : -5), "end", `floor (${"ab"[i]}): ${decimals(floor)}`, "learn-halo")));
    if (step !== null) parts.push(svgElement("line", { x1: across(step), x2: across(step), y1: PLOT.top, y2: bottom, class: "learn-now" }));
    runs.forEach((run, i) => {
      const known = run.frames.filter((f) => value(f, run) !== null);
      const points = known.map((f) => `${across(f.step).toFixed(1)},${up(value(f, run)).toFixed(1)}`).join(" ");
      inside.append(svgElement("polyline", { points, class: `learn-curve learn-run${i}`, "stroke-dasharray": DASHES[i] }));
      const over = known.find((f) => value(f, run) > top);
      const now = step === null || !run.frames.length ? null : run.frames[frameAt(run, step)];
      const v = now && value(now, run);
      if (over) {
        const above = v > top ? now : over;
        const x = across(above.step);
        parts.push(svgElement("path", { d: `M${x - 6} ${PLOT.top + 10}L${x} ${PLOT.top}L${x + 6} ${PLOT.top + 10}Z`, class: `learn-dot learn-run${i}` }));
        parts.push(text(x + 10, PLOT.top + 10, "start", `above: ${say(value(above, run))}`, "learn-halo"));
      }
      if (now && v !== null && v <= top) parts.push(svgElement("circle", { cx: across(now.step), cy: up(v), r: 5, class: `learn-dot learn-run${i}` }));
    });
    chart.setAttribute("viewBox", `0 0 ${width} ${PLOT.height}`);
    chart.setAttribute("aria-label", `Curves: ${name} by training step. ${runs.map((run) => curveInWords(run, CURVES[kind])).join(". ")}${floors.length ? `. Floors: (a) ${decimals(floors[0])}, (b) ${decimals(floors[1])}` : ""}`);
    chart.replaceChildren(...parts);
  }

  const point = (event) => onstep(last() * Math.min(Math.max((event.clientX - chart.getBoundingClientRect().left - PLOT.left) / room(), 0), 1) ** 2);
  if (onstep) onPoint(chart, point);
  const watch = new ResizeObserver(([{ contentRect }]) => {
    if (!contentRect.width || Math.abs(contentRect.width - width) < 1) return;
    width = contentRect.width;
    if (shown) draw();
  });
  watch.observe(chart);
  return { node: chart, show: (runs, kind, step) => { shown = { runs, kind, step }; draw(); } };
}
