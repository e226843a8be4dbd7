// Chapter 10: how much damage a reading tolerates, live, and the whole curve of the slider that was moved last.
import { createChart } from "../page/chart.js";
import { spoil } from "../page/damage.js";
import { button, slider } from "../page/controls.js";
import { markup, part, setText } from "../page/dom.js";
import { percent } from "../page/words.js";
import { HEIGHT, naturalWidth } from "../page/images.js";
import { createLane, inkCanvas } from "../page/lanes.js";
import { createReading, greedy, inspect, probability } from "../page/reading.js";
import { createProbe } from "../page/probe.js";

export const kind = "probe-robustness";
export const name = "Damage and reading";
const DAMAGES = {
  rotation: { name: "Rotation", min: -20, max: 20, step: 1, unit: "°" },
  blur: { name: "Blur", min: 0, max: 3, step: 0.1, unit: " px" },
  lines: { name: "Noise lines", min: 0, max: 8, step: 1, unit: "" },
  cover: { name: "Cover: width", min: 0, max: 48, step: 1, unit: " px" },
  from: { name: "Cover: left edge", min: 0, max: 120, step: 1, unit: " px" },
};
const POINTS = 13; // of a curve, at most
const UNDAMAGED = { rotation: 0, blur: 0, lines: 0, cover: 0 };

/** A picture damaged as the sliders say; the cover has the grey of the paper. @param {import("../page/images.js").Grey} grey */
export function damage(grey, { cover, from, ...others }) {
  const spoilt = spoil(grey, others);
  if (!cover) return spoilt;
  const paper = Float32Array.from(grey.data).sort()[Math.floor(grey.data.length / 2)];
  const [left, right] = [from, from + cover].map((x) => Math.round((x * grey.height) / HEIGHT));
  const hidden = (i) => i % grey.width >= left && i % grey.width < right;
  return { ...spoilt, data: spoilt.data.map((v, i) => (hidden(i) ? paper : v)) };
}

/** Where along a slider a reading is right, in words. @param {{x: number, right: boolean}[]} points @param {string} unit */
function rightInWords(points, unit) {
  const places = points.flatMap(({ right }, i) => (right ? [i] : []));
  const [first, last] = [places[0], places[places.length - 1]];
  const [from, to] = [first, last].map((i) => `${Number(points[i]?.x.toFixed(1))}${unit}`);
  const gaps = last - first === places.length - 1 ? "" : "with gaps, ";
  const where = places.length > 1 ? ` (${gaps}${from} to ${to})` : places.length ? ` (${from})` : "";
  return `right at ${places.length} of ${points.length} points${where}`;
}

/** @param {import("../page/main.js").Place} place */
export async function mount(place) {
  const settings = { ...UNDAMAGED, from: 40 };
  let moved = "rotation";
  let drawn = 0; // number of the curve that is being computed
  const reading = createReading();
  const lane = createLane({ label: "The picture as the model gets it" });
  const chart = createChart();
  const curve = part("curve", "p", { class: "crnn-note" });
  const sliders = Object.entries(DAMAGES).map(([key, options]) =>
    slider({ ...options, value: settings[key] }, (value) => {
      settings[key] = value;
      moved = key;
      redraw();
    })
  );
  function undamaged() {
    Object.assign(settings, UNDAMAGED);
    Object.keys(DAMAGES).forEach((key, i) => sliders[i].show(settings[key]));
    redraw();
  }

  async function judge(picture, values, truth) {
    const seen = await inspect(place.backend, { ...picture, grey: damage(picture.grey, values) });
    const classes = [...truth].map((symbol) => seen.symbols.indexOf(symbol));
    const p = classes.includes(-1) ? 0 : probability(seen.logProbs, seen.K, classes);
    const read = greedy(seen);
    return { seen, read, p, right: read.text === truth };
  }

  const { chooser, redraw, answer } = createProbe(place, async (undisturbed, picture) => {
    const number = ++drawn;
    sliders[Object.keys(DAMAGES).indexOf("from")].input.max = String(naturalWidth(picture.grey) - 8);
    const truth = picture.truth ?? greedy(undisturbed).text;
    const now = await judge(picture, settings, truth);
    const { image, config: { height }, W, T } = now.seen;
    lane.fit(T);
    lane.show(inkCanvas(image, height, W));
    reading.show(now.read.text || "(nothing)", now.read.p, truth);
    const verdict = now.right ? "Right" : "Wrong";
    setText(answer, `${verdict}: the text is ${truth}, and the model gives it ${percent(now.p)}.`);
    sweep(picture, truth, moved, number, now.p).catch((error) => setText(curve, error.message));
  });

  /** The curve along one slider, point by point, given up as soon as something else is wanted. */
  async function sweep(picture, truth, key, number, p) {
    const { min, max, step, unit, name: what } = DAMAGES[key];
    const last = Math.min(POINTS, (max - min) / step + 1) - 1;
    const here = [settings[key], p];
    const points = [];
    for (let i = 0; i <= last; i++) {
      await new Promise((resolve) => setTimeout(resolve));
      if (number !== drawn || place.signal.aborted) return;
      const x = Math.round((min + ((max - min) * i) / last) / step) * step;
      points.push({ x, ...(await judge(picture, { ...settings, [key]: x }, truth)) });
    }
    if (number !== drawn) return;
    const said = `Along ${what.toLowerCase()}: ${rightInWords(points, unit)}.`;
    const quarters = [0, 1, 2, 3, 4].map((i) => Number((min + ((max - min) * i) / 4).toFixed(2)));
    const part = (x) => (x - min) / (max - min);
    const title = what + (unit.trim() && ` (${unit.trim()})`);
    const across = { name: title, ticks: quarters, part, value: (at) => min + at * (max - min) };
    const up = { name: "probability of the true text", top: 1, ticks: [0, 0.5, 1], shares: true, say: percent };
    const drawnOnes = points.map((point) => [point.x, point.p]);
    const curves = [{ points: drawnOnes, here, filled: points.map(({ right }) => right) }];
    chart.show({ words: `Probability of the true text. ${said}`, across, up, curves });
    setText(curve, `${said} Filled: read right; hollow: wrong; the ring is where you are.`);
    place.root.dataset.crnnCurve = String(number);
  }

  place.root.append(...markup`${chooser.node}${reading.node}${lane.node}
    <div class="crnn-controls crnn-sliders">${sliders.map(({ node }) => node)}</div>
    <div class="crnn-controls">${button("Undamaged", undamaged)}</div>
    ${answer}${chart.node}${curve}${chooser.message.node}`);
  await chooser.start();
}
