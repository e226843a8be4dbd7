// Chapter 10: how much damage a reading stands.
import { spoil } from "../page/damage.js";
import { bestPath, collapse } from "../page/decode.js";
import { element, percent, setText, slider } from "../page/dom.js";
import { WIDTH } from "../page/images.js";
import { createLane, inkCanvas, inspect } from "../page/lanes.js";
import { probability, probeFrame, row } from "./frame.js";

export const kind = "probe-robustness";
export const name = "Damage and reading";

const DAMAGES = {
  rotation: { name: "Rotation", min: -20, max: 20, step: 1, unit: "°" },
  soft: { name: "Blur", min: 0, max: 3, step: 0.1, unit: " px" },
  lines: { name: "Noise lines", min: 0, max: 8, step: 1, unit: "" },
  cover: { name: "Cover: width", min: 0, max: 48, step: 1, unit: " px" },
  from: { name: "Cover: left edge", min: 0, max: 120, step: 1, unit: " px" },
};
const POINTS = 13; // of a curve, at most
const CURVE = { width: 768, height: 300, left: 96, right: 28, top: 20, bottom: 76 };

/** A picture damaged as the sliders say; the cover has the grey of the paper. @param {Grey} grey */
export function damage(grey, { rotation, soft, lines, cover, from }) {
  const spoilt = spoil(grey, { rotation, soft, lines });
  if (!cover) return spoilt;
  const paper = Float32Array.from(grey.data).sort()[Math.floor(grey.data.length / 2)];
  const [left, right] = [from, from + cover].map((x) => Math.round((x * grey.width) / WIDTH));
  return { ...spoilt, data: spoilt.data.map((v, i) => (i % grey.width >= left && i % grey.width < right ? paper : v)) };
}

/** Chapter 10: how much damage a reading stands, live, and the whole curve of the slider that was moved last. */
export async function mount({ root, model, backend }) {
  const settings = { rotation: 0, soft: 0, lines: 0, cover: 0, from: 40 };
  let moved = "rotation";
  let drawn = 0; // number of the curve that is being computed
  const lane = createLane({ label: "The picture as the reader gets it", height: 192 });
  const chart = element("canvas", { class: "crnn-curve", width: CURVE.width, height: CURVE.height, role: "img", "aria-label": "Probability of the true text along the slider" });
  const curve = element("p", { class: "crnn-note", "data-crnn": "curve" });
  const sliders = Object.entries(DAMAGES).map(([key, options]) => slider({ ...options, value: settings[key], onchange: (value) => ((settings[key] = value), (moved = key), view.redraw()) }));
  const reset = element("button", { type: "button", onclick: undamaged }, "Undamaged");
  function undamaged() {
    Object.assign(settings, { rotation: 0, soft: 0, lines: 0, cover: 0 });
    Object.keys(DAMAGES).forEach((key, i) => sliders[i].show(settings[key]));
    view.redraw();
  }

  async function judge(picture, values, truth) {
    const read = await inspect(backend, { ...picture, grey: damage(picture.grey, values) });
    const logProbs = read.stages.log_probs.data;
    const classes = collapse(bestPath(logProbs, read.K));
    const reading = read.spell(classes);
    const true_ = truth ?? reading;
    const known = [...true_].every((symbol) => read.config.alphabet.includes(symbol));
    const p = known ? probability(logProbs, read.K, [...true_].map((symbol) => read.symbols.indexOf(symbol))) : 0;
    return { read, reading, p, own: probability(logProbs, read.K, classes) };
  }

  const view = probeFrame({ root, model }, async ({ picture, text, confidence, answer }) => {
    const number = ++drawn;
    const key = moved;
    picture.truth ??= (await judge(picture, { rotation: 0, soft: 0, lines: 0, cover: 0 })).reading;
    const now = await judge(picture, settings, picture.truth);
    lane.show(inkCanvas(now.read.image, now.read.config.height, now.read.config.width));
    setText(text, now.reading || "(nothing)");
    setText(confidence, percent(now.own));
    setText(answer, `${now.reading === picture.truth ? "Right" : "Wrong"}: the text is ${picture.truth}, and the reader gives it ${percent(now.p)}.`);
    void sweep(picture, key, number, now).catch((error) => setText(curve, error.message));
  });

  /** The curve along one slider, point by point, given up as soon as something else is wanted. */
  async function sweep(picture, key, number, now) {
    const { min, max, step, unit, name: what } = DAMAGES[key];
    const points = [];
    const last = Math.min(POINTS, (max - min) / step + 1) - 1;
    for (let i = 0; i <= last; i++) {
      await new Promise((resolve) => setTimeout(resolve));
      if (number !== drawn) return;
      const x = Math.round((min + ((max - min) * i) / last) / step) * step;
      const { p, reading } = await judge(picture, { ...settings, [key]: x }, picture.truth);
      points.push({ x, p, right: reading === picture.truth });
    }
    if (number !== drawn) return;
    drawCurve(chart, DAMAGES[key], points, { x: settings[key], p: now.p });
    const places = points.flatMap(({ right }, i) => (right ? [i] : []));
    const [from, to] = [places[0], places[places.length - 1]].map((i) => `${Number(points[i]?.x.toFixed(1))}${unit}`);
    const where = !places.length ? "" : places.length === 1 ? ` (${from})` : places[places.length - 1] - places[0] === places.length - 1 ? ` (${from} to ${to})` : ` (with gaps, ${from} to ${to})`;
    setText(curve, `Along ${what.toLowerCase()}: right at ${places.length} of ${points.length} points${where}. Filled: read right; hollow: wrong; the ring is where you are.`);
    root.dataset.crnnCurve = String(number);
  }

  root.append(lane.node, row(...sliders.map((s) => s.node)), element("div", { class: "crnn-controls" }, reset), view.answer, chart, curve, view.message);
  await view.source.start();
  return () => ((drawn = -1), view.source.takeDown());
}

/** A curve of probabilities on its own white ground, read the same on a dark page. */
function drawCurve(canvas, { min, max, name, unit }, points, here) {
  const { width, height, left, right, top, bottom } = CURVE;
  const at = ({ x, p }) => [left + ((x - min) / (max - min)) * (width - left - right), top + (1 - p) * (height - top - bottom)];
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  Object.assign(context, { font: "27px sans-serif", textAlign: "right", textBaseline: "middle", lineWidth: 1, strokeStyle: "#6b7280" });
  for (const p of [0, 0.5, 1]) {
    const [, y] = at({ x: min, p });
    context.strokeRect(left, y, width - left - right, 0);
    context.fillStyle = "#1f2933";
    context.fillText(`${100 * p} %`, left - 8, y);
  }
  Object.assign(context, { textAlign: "center" });
  for (let i = 0; i <= 4; i++) context.fillText(String(Number((min + ((max - min) * i) / 4).toFixed(2))), left + (i / 4) * (width - left - right), height - bottom + 24);
  context.fillText(`${name}${unit.trim() ? ` (${unit.trim()})` : ""}`, (left + width - right) / 2, height - 18);
  Object.assign(context, { strokeStyle: "#0b4f8f", fillStyle: "#0b4f8f", lineWidth: 3 });
  context.beginPath();
  points.forEach((point) => context.lineTo(...at(point)));
  context.stroke();
  const dot = (point, radius, fill) => {
    context.beginPath();
    context.arc(...at(point), radius, 0, 2 * Math.PI);
    context.fillStyle = fill;
    if (fill) context.fill();
    context.stroke();
  };
  for (const point of points) dot(point, 6, point.right ? "#0b4f8f" : "#fff");
  context.strokeStyle = "#b35806";
  dot(here, 12, "");
}
