// Chapter 3: the largest of each 2 x 2 window, and what becomes of it when the picture moves.
import { element, setText, slider } from "../page/dom.js";
import { poolPairs, windowAt } from "../page/sight.js";
import { createCells, createCrank, patchOf, visitedPart } from "./crank.js";

export const kind = "probe-pooling";
export const name = "Pooling by hand";

/** Chapter 3: the largest of each 2 x 2 window, and what becomes of it when the picture moves. */
export async function mount({ root, model }) {
  const now = createCells("Pooled: the largest of each window visited");
  const before = createCells("Pooled before the picture moved");
  const verdict = element("p", { class: "crnn-note", "aria-live": "polite", "data-crnn": "lost" });
  const shift = slider({ name: "Move the picture to the right by", min: 0, max: 2, step: 1, value: 0, unit: " px", onchange: (value) => ((parts.state.shift = value), parts.redraw()) });
  function draw(state, { patch, answer }) {
    const rows = patchOf(state);
    const still = poolPairs(patchOf({ ...state, shift: 0 }));
    const pooled = poolPairs(rows);
    const ink = (v) => v / 9;
    const inside = (y, x) => Math.floor(y / 2) === state.y && Math.floor(x / 2) === state.x;
    const lost = (y, x) => pooled[y][x] !== still[y][x];
    patch.show(rows, "grey", ink, (y, x) => (inside(y, x) ? "crnn-in" : ""));
    now.show(visitedPart(pooled, state), "grey", ink, (y, x) => [y === state.y && x === state.x ? "crnn-in" : "", state.visited.has(y * state.across + x) && lost(y, x) ? "crnn-lost" : ""].join(" "));
    before.show(still, "grey", ink);
    const four = windowAt(rows, 2 * state.y, 2 * state.x, 2);
    setText(answer, `Window at row ${2 * state.y}, column ${2 * state.x}: the largest of ${four.join(", ")} is ${pooled[state.y][state.x]}; three numbers are gone.`);
    const cells = pooled.flatMap((row, y) => row.map((_, x) => [y, x]));
    const changed = cells.filter(([y, x]) => lost(y, x)).length;
    const apart = cells.filter(([y, x]) => x > 0 && pooled[y][x] !== still[y][x - 1]).length;
    setText(verdict, state.shift === 0 ? "The picture has not moved." : `Moved by ${state.shift} px: ${changed} of ${cells.length} pooled numbers are not what they were (outlined). ${
      state.shift === 2 ? `Set beside their left neighbour of before, ${apart} differ: the pooled map has moved by one, whole.` : "One pixel is half a window, so this is no movement of the pooled map: its numbers are new ones."}`);
  }
  const parts = await createCrank({ root, model, size: 2, stride: 2, draw, extra: [shift.node] });
  const note = (words) => element("p", { class: "crnn-note" }, words);
  root.append(element("div", { class: "crnn-crank" }, element("div", {}, note("Patch"), parts.patch.node),
    element("div", {}, note("Pooled"), now.node), element("div", {}, note("Pooled before it moved"), before.node)), verdict, parts.message);
  await parts.source.start();
  return parts.source.takeDown;
}
