// Chapter 5: hide some pixel columns, and see which states and outputs change.
import { slider } from "../page/controls.js";
import { markup, setText } from "../page/dom.js";
import { createLane, heat, inkCanvas, legend } from "../page/lanes.js";
import { createReading, greedy, inspectImage } from "../page/reading.js";
import { largestGaps, movedMass, stepsThatSee } from "../page/sight.js";
import { createProbe } from "../page/probe.js";

export const kind = "probe-context";
export const name = "What hidden columns change";

/** The steps at which more than `least` changed, in words. @param {number[]} gaps @param {number} least */
function changedSteps(gaps, least) {
  const steps = gaps.flatMap((gap, t) => (gap > least ? [t] : []));
  return steps.length ? `steps ${steps[0]} to ${steps[steps.length - 1]}` : "no step";
}

/** @param {import("../page/main.js").Place} place */
export async function mount(place) {
  let from = place.model.get("left") ?? 48;
  let size = place.model.get("size") ?? 12;
  const reading = createReading();
  const lanes = {
    image: createLane({ label: "The image, with the hidden columns outlined" }),
    forward: createLane({ label: "How much each forward state changed", css: "5rem" }),
    backward: createLane({ label: "How much each backward state changed", css: "5rem" }),
    outputs: createLane({ label: "How much probability moved at each step", css: "2rem" }),
  };
  const { chooser, redraw, answer } = createProbe(place, async (before) => {
    const { config: { height, pools, hidden: units }, W: width, image, T, K } = before;
    for (const lane of Object.values(lanes)) lane.fit(T);
    from = Math.min(from, width - 1);
    starts.input.max = String(width - 1);
    starts.show(from);
    const to = Math.min(from + size, width);
    const paper = Float32Array.from(image).sort()[Math.floor(image.length / 2)];
    const hidden = image.map((v, i) => (i % width >= from && i % width < to ? paper : v));
    const after = await inspectImage(before.reader, hidden);
    const marks = size ? [{ from: from / width, to: to / width, style: "cover" }] : [];
    const [old, young] = [before, after].map(({ stages }) => stages.states.data);
    const moved = (half) =>
      heat(units, T, "viridis", (u, t) => {
        const i = (2 * t + half) * units + u;
        return Math.abs(young[i] - old[i]);
      });
    const shift = movedMass(before.logProbs, after.logProbs, K);
    lanes.image.show(inkCanvas(hidden, height, width), marks);
    lanes.forward.show(moved(0), marks);
    lanes.backward.show(moved(1), marks);
    lanes.outputs.show(heat(1, T, "viridis", (_, t) => shift[t]), marks);
    const { text, p } = greedy(after);
    reading.show(text || "(nothing)", p);
    const sees = size ? stepsThatSee(pools, width, from, to - 1) : null;
    if (!sees) return setText(answer, "Nothing is hidden, and nothing changes.");
    const states = (half) => changedSteps(largestGaps(old, young, 2 * units, half * units, (half + 1) * units), 0.01);
    setText(
      answer,
      `Hidden: pixel columns ${from} to ${to - 1}. Through the convolutions steps ${sees.join(" to ")} can see them. ` +
        `By more than 0.01 the forward states change at ${states(0)}, the backward states at ${states(1)}. ` +
        `More than 1 % of the probability moves at ${changedSteps(shift, 0.01)}.`,
    );
  });
  const starts = slider({ name: "Hide from column", min: 0, max: from, step: 1, value: from }, (value) => {
    from = value;
    redraw();
  });
  const sizes = slider({ name: "How many", min: 0, max: 48, step: 1, value: size, unit: " px" }, (value) => {
    size = value;
    redraw();
  });
  place.root.append(...markup`${chooser.node}${reading.node}${lanes.image.node}
    <div class="crnn-controls crnn-sliders">${starts.node}${sizes.node}</div>${answer}
    <p class="crnn-note">Change of the forward states →</p>${lanes.forward.node}
    <p class="crnn-note">← Change of the backward states</p>${lanes.backward.node}
    <p class="crnn-note">Probability moved</p>${lanes.outputs.node}
    ${legend("as before", "changed by 1 or more")}<p class="crnn-note">The outline marks the hidden columns.</p>
    ${chooser.message.node}`);
  await chooser.start();
}
