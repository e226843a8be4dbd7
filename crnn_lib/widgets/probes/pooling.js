// Chapter 3: the largest of each 2 x 2 window, and what becomes of it when the picture moves.
import { slider } from "../page/controls.js";
import { markup, part, setText } from "../page/dom.js";
import { legend } from "../page/lanes.js";
import { poolPairs, windowAt } from "../page/sight.js";
import { createCells, createCrank, visitedPart } from "./crank.js";

export const kind = "probe-pooling";
export const name = "Pooling by hand";

/** @param {import("../page/main.js").Place} place */
export async function mount(place) {
  const now = createCells("Pooled: the largest of each window visited");
  const before = createCells("Pooled before the picture moved");
  const verdict = part("lost", "p", { class: "crnn-note", "aria-live": "polite" });
  const options = { name: "Move the picture to the right by", min: 0, max: 2, step: 1, value: 0, unit: " px" };
  const shift = slider(options, (value) => {
    crank.state.shift = value;
    crank.redraw();
  });
  function draw(state, rows) {
    const [still, pooled] = [poolPairs(crank.rowsAt(0)), poolPairs(rows)];
    const ink = (v) => v / 9;
    const lost = (y, x) => pooled[y][x] !== still[y][x];
    const seen = (y, x) => state.visited.has(y * state.across + x);
    crank.patch.show(rows, "grey", ink);
    crank.patch.slide(2 * state.y, 2 * state.x, 2);
    now.show(visitedPart(pooled, state), "grey", ink, (y, x) => (seen(y, x) && lost(y, x) ? "crnn-lost" : ""));
    now.slide(state.y, state.x, 1);
    before.show(still, "grey", ink);
    const four = windowAt(rows, 2 * state.y, 2 * state.x, 2).join(", ");
    const largest = `the largest of ${four} is ${pooled[state.y][state.x]}; three numbers are gone`;
    crank.say(`Window at row ${2 * state.y}, column ${2 * state.x}: ${largest}.`);
    if (state.shift === 0) return setText(verdict, "The picture has not moved.");
    const cells = pooled.flatMap((row, y) => row.map((_, x) => [y, x]));
    const changed = cells.filter(([y, x]) => lost(y, x)).length;
    const apart = cells.filter(([y, x]) => x > 0 && pooled[y][x] !== still[y][x - 1]).length;
    const why = state.shift === 2
      ? `Compared with their left neighbours before the move, ${apart} differ: the whole pooled map has moved by one.`
      : "One pixel is half a window, so the pooled map does not move: its numbers are new.";
    const told = `${changed} of ${cells.length} pooled numbers are not what they were (outlined)`;
    setText(verdict, `Moved by ${state.shift} px: ${told}. ${why}`);
  }
  const crank = createCrank(place, { size: 2, stride: 2, draw, more: [shift.node] });
  place.root.append(
    ...crank.nodes,
    ...markup`<div class="crnn-crank">
      <div><p class="crnn-note">Patch</p>${crank.patch.node}</div>
      <div><p class="crnn-note">Pooled</p>${now.node}</div>
      <div><p class="crnn-note">Pooled before it moved</p>${before.node}</div>
    </div>${legend("0", "9, the darkest ink", "grey")}${verdict}${crank.chooser.message.node}`,
  );
  await crank.chooser.start();
}
