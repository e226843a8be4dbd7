// The feature maps under the microscope: all maps of a stage as tiles, and the chosen one over the image.
import { choice, field, fill, slider } from "../page/controls.js";
import { element, onPoint, painter } from "../page/dom.js";
import { heat, largest } from "../page/lanes.js";
import { stageSight } from "../page/sight.js";
import { gridOf, tileAt } from "../page/tiles.js";

/** Map `c` alone, dark for nothing, yellow for its own largest value. @param {Float32Array} data */
function mapCanvas(data, c, H, W) {
  const map = data.subarray(c * H * W, (c + 1) * H * W);
  const most = largest(map);
  return heat(H, W, "viridis", (y, x) => map[y * W + x] / most);
}

/**
 * @param {import("../page/model.js").Model} model @param {ReturnType<typeof import("../page/lanes.js").createLane>} lane
 * @param {() => void} onchange
 */
export function createMaps(model, lane, onchange) {
  let map = model.get("map") ?? 0;
  /** @type {any} the stages of the reading */
  let all = {};
  const canvas = element("canvas", {
    ...{ width: 1024, height: 160 },
    ...{ role: "img", "aria-label": "All maps of the stage; click one to enlarge it" },
  });
  const marks = element("div", { class: "crnn-tiles" });
  const grid = element("div", { class: "crnn-grid" }, canvas, marks);
  const stages = choice([], "", () => pick(0));
  const mapSlider = slider({ name: "Map", min: 0, max: 15, step: 1, value: map }, pick);
  const stage = () => all[stages.value];

  function pick(c) {
    map = c;
    onchange();
  }

  function layout() {
    const { dims: [, C, H, W] } = stage();
    return gridOf(C, W / H, canvas.width, canvas.height);
  }
  onPoint(grid, (event) => {
    if (event.type === "pointermove") return;
    const box = grid.getBoundingClientRect();
    const { across, down } = layout();
    const column = Math.floor(((event.clientX - box.left) / box.width) * across);
    const c = Math.floor(((event.clientY - box.top) / box.height) * down) * across + column;
    if (c < stage().dims[1]) pick(c);
  });

  /** Offer the stages of another reading. */
  function offer(given) {
    all = given;
    const names = Object.keys(all).filter((stage) => /^(conv|pool)\d/.test(stage));
    const chosen = stages.value || model.get("stage") || "conv1";
    const sized = (stage) => [stage, `${stage} (${all[stage].dims.slice(1).join(" × ")})`];
    fill(stages, names.map(sized), names.includes(chosen) ? chosen : names[0]);
  }

  /** The chosen map over the image, and the tiles. @param {HTMLCanvasElement} ink */
  function show(ink) {
    const { data, dims: [, C, H, W] } = stage();
    stage().maps ??= Array.from({ length: C }, (_, c) => mapCanvas(data, c, H, W)); // choosing a map needs them again
    map = Math.min(map, C - 1);
    mapSlider.input.max = String(C - 1);
    mapSlider.show(map);
    const over = element("canvas", { width: 6 * ink.width, height: 6 * ink.height });
    const context = painter(over);
    context.drawImage(ink, 0, 0, over.width, over.height);
    context.globalAlpha = 0.75;
    context.drawImage(stage().maps[map], 0, 0, over.width, over.height);
    lane.show(over);
    const tiles = layout();
    const tiled = painter(canvas);
    tiled.clearRect(0, 0, canvas.width, canvas.height);
    stage().maps.forEach((picture, c) => tiled.drawImage(picture, ...tileAt(tiles, c), tiles.width, tiles.height));
  }

  /** The step's own columns in every tile, and a frame around the chosen map. */
  function mark({ from, to }) {
    const tiles = layout();
    const part = (v, size) => `${((100 * v) / size).toFixed(3)}%`;
    const box = (c, left, width, look) => {
      const [x, y] = tileAt(tiles, c);
      const style = `left:${part(x + left, canvas.width)};top:${part(y, canvas.height)};` +
        `width:${part(width, canvas.width)};height:${part(tiles.height, canvas.height)}`;
      return element("i", { class: look, style });
    };
    const steps = Array.from(
      { length: stage().dims[1] },
      (_, c) => box(c, from * tiles.width, (to - from) * tiles.width, "crnn-tile-step"),
    );
    marks.replaceChildren(...steps, box(map, 0, tiles.width, "crnn-tile"));
  }

  function explain(pools) {
    const { dims: [, , H, W] } = stage();
    const sight = stageSight(pools, stages.value);
    return `Map ${map} of ${stages.value} is ${W} × ${H}. One of its pixels sees ${sight.along.size} × ` +
      `${sight.down.size} pixels of the image, and its neighbour looks ${sight.along.stride} further right. ` +
      "Yellow is strong, dark is nothing; each map has its own scale.";
  }
  return { controls: [field("Stage", stages), mapSlider.node], grid, stage, offer, show, mark, explain };
}
