// From a place in a stage to what lies there, and from an arrow key to what lies beside it.
import { gridOf } from "../page/tiles.js";
import { sizeOf } from "./paint.js";
import { letterAt } from "../page/letters.js";

/** @typedef {import("./words.js").Whole} Whole @typedef {import("./words.js").Here} Here */

/** @param {number} v @param {number} size @returns {number} */
export const within = (v, size) => Math.min(Math.max(v, 0), size - 1);

/**
 * What lies at part x, y (0 .. 1) of a stage's view.
 * @param {Whole} seen @param {import("./stages.js").Stages} stages
 * @param {{stage: string, maps: string, t: number}} now the stage pointed at, the one shown as maps, the step before
 * @returns {Here}
 */
export function placed(seen, stages, { stage, maps, t: before }, x, y) {
  const { T } = seen;
  const t = Math.floor(x * T);
  if (stage === "lstm") return { stage, t, unit: unitAt(seen, t, y) };
  if (stage === "text") return { stage, t: nearest(seen, stages, x) ?? before };
  if (stage !== "maps") return { stage, t };
  const { dims: [, C, H, W] } = seen.stages[maps];
  const [w, h] = sizeOf(stages.canvases.maps);
  const { across, width, height, gap } = gridOf(C, W / H, w, h);
  const [column, row] = [Math.floor((x * w) / (width + gap)), Math.floor((y * h) / (height + gap))];
  const inside = (v, each, size) => within(Math.floor(((v % (each + gap)) / each) * size), size);
  const at = inside(x * w, width, W);
  return { stage, t: stepOf(at, W, T), map: within(row * across + column, C), x: at, y: inside(y * h, height, H) };
}

const stepOf = (x, W, T) => within(Math.floor(((x + 0.5) / W) * T), T);

/** The unit whose thread passes nearest at step `t`. @param {Whole} seen */
function unitAt({ stages: { states: { data, dims: [, , size] } } }, t, y) {
  const from = y < 0.5 ? 0 : size / 2;
  const value = ((y < 0.5 ? 0.25 : 0.75) - y) / 0.23;
  const far = (unit) => Math.abs(data[t * size + unit] - value);
  return Array.from({ length: size / 2 }, (_, i) => from + i).reduce((a, b) => (far(b) < far(a) ? b : a));
}

/** The first step of the letter nearest to part x of the view. @param {Whole} seen @param {import("./stages.js").Stages} stages */
function nearest({ spans }, { text, views }, x) {
  const at = x * views.text.clientWidth;
  const nodes = /** @type {HTMLElement[]} */ ([...text.children]);
  const far = ({ offsetLeft, offsetWidth }) => Math.abs(offsetLeft + offsetWidth / 2 - at);
  const best = nodes.reduce((a, b, i) => (far(b) < far(nodes[a]) ? i : a), 0);
  return spans[best]?.from;
}

/** Where an arrow key leads from here. @param {Whole} seen @param {Here} here @param {string} maps @param {number[]} way @returns {Here} */
export function moved(seen, here, maps, [dx, dy]) {
  const { T, stages, spans } = seen;
  const { stage } = here;
  if (stage === "text") {
    const now = letterAt(spans, here.t);
    const next = now < 0 ? spans.findIndex(({ from }) => from > here.t) : within(now + dx, spans.length);
    return { stage, t: spans[next]?.from ?? here.t };
  }
  const t = within(here.t + dx, T);
  if (stage === "lstm") return { stage, t, unit: within((here.unit ?? 0) + dy, stages.states.dims[2]) };
  if (stage !== "maps") return { stage, t };
  const { dims: [, C, , W] } = stages[maps];
  return { stage, t, map: within((here.map ?? 0) + dy, C), x: Math.floor(((t + 0.5) / T) * W), y: here.y };
}
