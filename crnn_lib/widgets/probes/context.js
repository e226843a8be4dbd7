// Chapter 5: hide some pixel columns, and see which states and outputs hear of it.
import { bestPath, collapse } from "../page/decode.js";
import { percent, setText, slider } from "../page/dom.js";
import { WIDTH } from "../page/images.js";
import { createLane, heat, inkCanvas, inspect, inspectImage } from "../page/lanes.js";
import { largestGaps, movedMass, stepsThatSee } from "../page/sight.js";
import { note, probability, probeFrame, row } from "./frame.js";

export const kind = "probe-context";
export const name = "What hidden columns change";

/** Chapter 5: hide some pixel columns, and see which states and outputs hear of it. */
export async function mount({ root, model, backend }) {
  let [from, size] = [model.get("left") ?? 48, model.get("size") ?? 12];
  let known = null; // the reading with nothing hidden
  const lanes = {
    image: createLane({ label: "The image, with the hidden columns outlined", height: 192 }),
    forward: createLane({ label: "How much each forward state changed", height: 96, css: "5rem" }),
    backward: createLane({ label: "How much each backward state changed", height: 96, css: "5rem" }),
    outputs: createLane({ label: "How much probability moved at each step", height: 48, css: "2rem" }),
  };
  const view = probeFrame({ root, model }, async ({ picture, text, confidence, answer }) => {
    if (known?.picture !== picture) known = { picture, read: await inspect(backend, picture) };
    const { config, image, stages: before, T, K, reader, spell } = known.read;
    const { width, pools } = config;
    const to = Math.min(from + size, width);
    const paper = Float32Array.from(image).sort()[Math.floor(image.length / 2)];
    const hidden = image.map((v, i) => (i % width >= from && i % width < to ? paper : v));
    const { stages: after } = await inspectImage(backend, reader, config, hidden);
    const cover = { from: from / width, to: to / width, style: "cover" };
    lanes.image.show(inkCanvas(hidden, config.height, width), size ? [cover] : []);
    const units = config.hidden;
    const moved = (half) => heat(units, T, "viridis", (u, t) => Math.abs(after.states.data[(2 * t + half) * units + u] - before.states.data[(2 * t + half) * units + u]));
    const shift = movedMass(before.log_probs.data, after.log_probs.data, K);
    const mark = size ? [cover] : [];
    lanes.forward.show(moved(0), mark);
    lanes.backward.show(moved(1), mark);
    lanes.outputs.show(heat(1, T, "viridis", (_, t) => shift[t]), mark);
    const classes = collapse(bestPath(after.log_probs.data, K));
    setText(text, spell(classes) || "(nothing)");
    setText(confidence, percent(probability(after.log_probs.data, K, classes)));
    const sees = size ? stepsThatSee(pools, width, from, to - 1) : null;
    const beyond = (gaps, least) => gaps.flatMap((gap, t) => (gap > least ? [t] : []));
    const span = (steps) => (steps.length ? `steps ${steps[0]} to ${steps[steps.length - 1]}` : "no step");
    const gaps = (half) => beyond(largestGaps(before.states.data, after.states.data, 2 * units, half * units, (half + 1) * units), 0.01);
    setText(answer, sees ? `Hidden: pixel columns ${from} to ${to - 1}. Through the convolutions steps ${sees[0]} to ${sees[1]} can see them. By more than 0.01 the forward states change at ${span(gaps(0))}, the backward states at ${span(gaps(1))}. More than 1 % of the probability moves at ${span(beyond(shift, 0.01))}.` : "Nothing is hidden, and nothing changes.");
  });
  root.append(lanes.image.node,
    row(slider({ name: "Hide from column", min: 0, max: WIDTH - 1, step: 1, value: from, onchange: (v) => ((from = v), view.redraw()) }).node,
      slider({ name: "How many", min: 0, max: 48, step: 1, value: size, unit: " px", onchange: (v) => ((size = v), view.redraw()) }).node),
    view.answer, note("Change of the forward states →"), lanes.forward.node, note("← Change of the backward states"), lanes.backward.node,
    note("Probability moved"), lanes.outputs.node, note("Dark: as before. Yellow: changed by 1 or more. The outline marks the hidden columns."), view.message);
  await view.source.start();
  return view.source.takeDown;
}
