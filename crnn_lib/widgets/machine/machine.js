// The machine: one drawing on its way to a text, all stages in one view, and whatever is pointed at lit up in all of them.
import { lookOf } from "../page/colours.js";
import { element, markup, part, setText } from "../page/dom.js";
import { certainty, greedy, inspect, latestReading, readerOf } from "../page/reading.js";
import { spansOf } from "../page/sight.js";
import { createDetails } from "./details.js";
import { createFilm, whole } from "./film.js";
import { createLinks } from "./links.js";
import { measure, paintScale } from "./paint.js";
import { moved, placed, within } from "./pointing.js";
import { createSheet } from "./sheet.js";
import { collapseTo, createStages, drawCurves, look, mark, paint, write } from "./stages.js";
import { atRest, narrate, say } from "./words.js";

const REST = 1500; // milliseconds after a stroke, until the pen points again
export const kind = "machine";
export const name = "The machine: from an image to its text, stage by stage";

/** Colours that canvases need, as the style sheet has them. @param {HTMLElement} root */
function themeOf(root) {
  return { dark: lookOf(root, "theme") === "dark", first: lookOf(root, "first"), second: lookOf(root, "second") };
}

/** The step in which the letter next to step `t` is named first. @param {{from: number}[]} spans @param {number} t */
function letterNear(spans, t) {
  const steps = spans.map(({ from }) => from);
  return steps.length ? steps.reduce((a, b) => (Math.abs(b - t) < Math.abs(a - t) ? b : a)) : null;
}

/** Call `act` when the page turns dark or light, until the signal. @param {() => void} act @param {AbortSignal} signal */
function onTheme(act, signal) {
  const watch = new MutationObserver(act);
  for (const node of [document.documentElement, document.body]) {
    watch.observe(node, { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light"] });
  }
  signal.addEventListener("abort", () => watch.disconnect());
}

/**
 * Put a machine into `root`. The model's fields: strokes; it sets strokes, reading and confidence.
 * @param {import("../page/main.js").Place} place
 */
export async function mount({ root, model, backend, signal }) {
  /** @type {any} the reading, a `Whole` once there is one */
  let seen = null;
  /** @type {import("./words.js").Here} */
  let here = { stage: "text", t: 0 };
  let pointed = false; // at anything yet
  let drew = false; // and the pen has neither left the image nor rested since
  let rested = 0;
  /** @type {ReturnType<typeof import("./film.js").momentOf> | null} what slow motion shows */
  let moment = null;
  let maps = "pool1";
  let shown = whole(1);
  let theme = themeOf(root);

  const stages = createStages({
    onpoint: (stage, x, y) => seen && point(placed(seen, stages, { stage, maps, t: here.t }, x, y)),
    onkey: (stage, way) => seen && point(moved(seen, { ...here, stage }, maps, way)),
    onopen(stage) {
      film.stop();
      details.open(stage);
    },
    onblock(block) {
      maps = `pool${block}`;
      film.stop();
      here = { stage: "maps", t: here.t, map: 0 };
      pointed = true;
      ready(maps).then(showAll);
    },
  });
  const sheet = createSheet(root, signal, {
    strokes: model.get("strokes") ?? [],
    onchange: () => {
      film.stop();
      pointed = false;
      read();
    },
    onlift: (strokes) => model.save({ strokes }),
    onover: over,
    async ontap(at) {
      drew = false;
      await read();
      over(at, false);
    },
  });
  const film = createFilm({
    steps: () => seen?.T ?? 1,
    signal,
    onshow(now) {
      if (!seen) return;
      details.shut();
      moment = now;
      shown = now.shown;
      root.dataset.phase = now.phase;
      here = { stage: "image", t: now.along ? now.t : here.t };
      showAll();
    },
    onend() {
      moment = null;
      delete root.dataset.phase;
      shown = whole(seen?.T ?? 1);
      showAll();
    },
  });
  const says = part("says", "p", { class: "machine-says" }); // no live region: the keys' own sliders speak
  const details = createDetails({
    chapters: Boolean(model.get("chapters")),
    given: async () => {
      await ready("features");
      return { seen, here, network };
    },
    onmove: point,
    onopen(stage) {
      opened(stage, true);
      point({ stage, t: here.t });
    },
    onclose(stage) {
      opened(stage, false);
      stages.titles[stage].focus({ preventScroll: true });
    },
  });
  stages.views.image.append(sheet.pen.node);
  stages.views.image.addEventListener("pointerleave", () => (drew = false), { signal });
  stages.tools.image.append(...sheet.tools);
  const around = element("div", { class: "machine-stages" }, ...stages.nodes, details.node);
  const links = createLinks(around, stages.views);
  around.append(links.layer);
  root.append(...markup`
    <div class="machine-words">${says}${sheet.message.node}</div>
    <div class="machine-bar">${film.play}${film.more}</div>
    ${around}`);

  /** The pen is over that part of the pad. @param {number} at @param {boolean} drawing */
  function over(at, drawing) {
    if (!seen || film.isOpen() || (drew && !drawing)) return;
    const [start, end] = [place(0), place(1)];
    here = { stage: "image", t: within(Math.floor((at - start) / (end - start) * seen.T), seen.T) };
    clearTimeout(rested);
    drew = drawing;
    if (!drawing) sheet.message.say("");
    if (drawing) return void (rested = setTimeout(() => (drew = false), REST)); // the reading shows it
    pointed = true;
    showHere();
  }

  /** Where a part of the image lies on the pad. */
  const place = (/** @type {number} */ part) => sheet.place(part, seen.config);

  /** Wait until a stage is known: of a recorded reading that is only what was shown at the start. @param {string} stage */
  async function ready(stage) {
    if (!seen || seen.stages[stage].data) return;
    backend.wake();
    await read();
  }

  /** The weights of the network that reads what lies there. @returns {Promise<import("../page/engine.js").Network>} */
  async function network() {
    backend.wake();
    const reader = await readerOf(backend, sheet.picture());
    return /** @type {import("../page/engine.js").Reader} */ (reader).network;
  }

  /** Show the stages, or one's detail in their place. */
  function opened(stage, on) {
    root.classList.toggle("machine-inside", on);
    for (const node of stages.nodes) node.inert = on;
    stages.titles[stage].setAttribute("aria-expanded", String(on));
  }

  /** @param {import("./words.js").Here} next */
  function point(next) {
    if (!seen?.stages[maps].data || film.isOpen()) return;
    [here, pointed] = [next, true];
    sheet.message.say("");
    showHere();
  }

  /** What depends on the place alone. */
  function showHere() {
    if (!seen?.stages[maps].data) return;
    here.t = Math.min(here.t, seen.T - 1);
    const words = say(seen, here, maps);
    setText(says, moment ? narrate(seen, moment) : pointed ? words : atRest(seen, sheet.lying().example));
    mark(stages, seen, here, maps, words);
    const eye = look(stages, seen, here.t, place);
    const step = [here.t / seen.T, (here.t + 1) / seen.T];
    const below = ["columns", "lstm", "probabilities", "path"].map((stage) => [stage, ...step]);
    const reached = moment ? below.slice(0, 1) : below; // while the window slides
    links.draw(/** @type {any} */ ([["image", ...eye], ...reached]));
  }

  /** A reading, as far as it is shown. */
  function showAll() {
    if (!seen?.stages[maps].data) return;
    const { views } = stages;
    const set = (name, value) => root.style.setProperty(`--machine-${name}`, `${(100 * value).toFixed(2)}%`);
    set("window", shown.window / seen.T);
    set("streams", shown.streams / seen.T);
    drawCurves(stages, seen, shown);
    collapseTo(stages, seen, shown);
    paint(stages, seen, theme, maps, shown);
    stages.offer(seen.config.pools.length, Number(maps.slice(4)));
    views.image.classList.toggle("machine-untouched", sheet.invites());
    showHere();
  }

  const read = latestReading(root, sheet.message, async () => {
    const found = await inspect(backend, sheet.picture());
    const { path, text, p } = greedy(found);
    const first = !seen;
    seen = { ...found, path, text, p, spans: spansOf(path) };
    shown = whole(seen.T);
    if (!pointed) here.t = letterNear(seen.spans, first ? seen.T / 2 : here.t) ?? here.t;
    root.dataset.state = !text ? "idle" : certainty(p);
    write(stages, seen);
    showAll();
    details.show();
    model.save({ reading: text, confidence: p });
  });

  let watched = false;
  function repaint() {
    if (!watched) onTheme(repaint, signal);
    watched = true;
    theme = themeOf(root);
    paintScale(stages.colours, theme.dark);
    measure(Object.values(stages.canvases));
    links.measure();
    sheet.repaint();
    showAll();
  }
  root.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") film.stop();
  });
  new ResizeObserver(repaint).observe(root);
  model.on(["strokes"], () => sheet.lay({ strokes: model.get("strokes") }));
  backend.onrenew(read, signal);
  await read();
}
