// A path's collapse as three rows of signs: the path, merged, and what is left.
import { svgElement } from "./dom.js";

const BOX = 36; // a sign's place

/** The runs of a path, each with its first step, length and place in the label (null for a blank). */
export function runsOf(path) {
  const runs = [];
  let letters = 0;
  path.forEach((sign, t) => {
    const last = runs[runs.length - 1];
    if (last?.sign === sign) last.length++;
    else runs.push({ sign, from: t, length: 1, at: sign === "-" ? null : letters++ });
  });
  return runs;
}

/**
 * Path, merged, label: three rows of signs with ribbons between; `playing`, one after another.
 * @param {string[]} path @param {boolean} [playing]
 */
export function ribbons(path, playing = false) {
  const width = Math.max(path.length, 1) * BOX;
  const style = `width:${width + 8}px`;
  const look = { class: `crnn-ribbons ${playing ? "crnn-playing" : ""}`, "aria-hidden": "true", style };
  const rows = [0, 1, 2].map((i) => svgElement("g", { class: `crnn-act${i}` })); // what is typed, merged, left
  const svg = svgElement("svg", { viewBox: `-4 0 ${width + 8} 172`, ...look }, ...[...rows].reverse());
  const put = (row, tag, attributes, ...words) => rows[row].append(svgElement(tag, attributes, ...words));
  const write = (row, x, y, words) => put(row, "text", { x: x + BOX / 2, y, "text-anchor": "middle" }, words);
  const spot = (row, x, y, sign) => {
    const kind = sign === "-" ? "blank" : "letter";
    put(row, "rect", { x: x + 3, y, width: BOX - 6, height: 32, rx: 5, class: kind });
    write(row, x, y + 22, sign);
  };
  for (const { sign, from, length, at } of runsOf(path)) {
    const [left, right, x] = [from * BOX + 3, (from + length) * BOX - 3, (from + length / 2 - 0.5) * BOX];
    const kind = at === null ? "blank" : "band";
    put(1, "path", { d: `M${left} 34 L${right} 34 L${x + BOX - 3} 70 L${x + 3} 70 Z`, class: kind });
    spot(1, x, 70, sign);
    if (at === null) write(2, x, 124, "✕");
    else {
      put(2, "path", { d: `M${x + 3} 102 H${x + BOX - 3} V138 H${x + 3} Z`, class: kind });
      spot(2, x, 138, sign);
    }
  }
  path.forEach((sign, t) => spot(0, t * BOX, 2, sign));
  return svg;
}
