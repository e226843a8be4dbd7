// Bands that lead from what is lit in one stage to what is lit in the next below it.
import { svgElement } from "../page/dom.js";

const [NEAR, SIDE] = [80, 400]; // CSS pixels: what is farther below, or aside, is not the next
/** @typedef {{left: number, top: number, width: number, height: number}} Box */

/**
 * A layer under the stages, and what draws the bands on it. Where the views lie is asked once, and again after `measure`.
 * @param {HTMLElement} around @param {Object<string, HTMLElement>} views
 */
export function createLinks(around, views) {
  const layer = svgElement("svg", { class: "machine-links", "aria-hidden": "true" });
  /** @type {Object<string, Box>} */
  let boxes = {};

  function measure() {
    const { left, top, width, height } = around.getBoundingClientRect();
    if (width) layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
    boxes = Object.fromEntries(
      Object.entries(views).map(([name, view]) => {
        const box = view.getBoundingClientRect();
        return [name, { left: box.left - left, top: box.top - top, width: box.width, height: box.height }];
      }),
    );
  }

  /** @param {[string, number, number][]} lit stages from above to below, and which part of their width is lit */
  function draw(lit) {
    const marks = lit.filter(([name]) => boxes[name]?.width).map(([name, from, to]) => {
      const { left, top, width, height } = boxes[name];
      return { left: left + from * width, right: left + to * width, top, bottom: top + height };
    });
    const bands = marks.slice(1).flatMap((to, i) => {
      const from = marks[i];
      const gap = to.top - from.bottom;
      if (gap < 2 || gap > NEAR || Math.abs(to.left - from.left) > SIDE) return [];
      const [a, b, half] = [from.bottom, to.top, (from.bottom + to.top) / 2];
      const back = `H${to.right}C${to.right} ${half} ${from.right} ${half} ${from.right} ${a}Z`;
      return [`M${from.left} ${a}C${from.left} ${half} ${to.left} ${half} ${to.left} ${b}${back}`];
    });
    layer.replaceChildren(...bands.map((d) => svgElement("path", { d })));
  }
  return { layer, measure, draw };
}
