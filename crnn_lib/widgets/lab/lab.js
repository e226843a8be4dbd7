// The CTC laboratory: a label, a matrix of probabilities, and all that CTC makes of the two, with real numbers.
import { createMessage, tabs } from "../page/controls.js";
import { count, markup } from "../page/dom.js";
import { createModels } from "../page/own_model.js";
import { receive } from "../page/sources.js";
import { createDescent, createPlayer, createSettings } from "./lab_controls.js";
import { createStage } from "./lab_stage.js";
import { createDesk, createSession } from "./lab_state.js";
import { createBeamBench, createCollapseToy, createPathList } from "./lab_toys.js";
import { createNumbers } from "./lab_view.js";

export const kind = "lab";
export const name = "CTC laboratory";

/**
 * Put a laboratory into `root`. The model's fields: label, source, sample, steps, seed, symbols and matrix (T rows of
 * probabilities; where it is given, it is the source); the laboratory sets label, source, symbols and matrix.
 * @param {import("../page/main.js").Place} place
 */
export async function mount({ root, model, backend, signal }) {
  const session = createSession({ model, backend });
  const desk = createDesk(session);
  const message = createMessage();
  const numbers = createNumbers();
  const onpicture = (/** @type {File} */ file) => settings.open(file);
  const models = createModels({ root, backend, signal, message, onpicture });
  const settings = createSettings(desk, { relabel, remake, fail: message.fail, more: models.nodes });
  const descent = createDescent(desk, session, { begin: stop, changed, undo, say: message.say });
  const stage = createStage(desk, { onpick: () => player.pause(), setCell });
  const toy = createCollapseToy(desk);
  const beams = createBeamBench(desk);
  const paths = createPathList(desk, (cells) => {
    desk.view.path = cells;
    stage.showPlace();
  });
  const player = createPlayer(desk, { stage, paths, begin: stop, steps: descent.buttons });
  const benches = tabs([["Alignments", paths.node], ["Collapse a path", toy.node], ["Beam search", beams.node]]);
  root.append(...markup`${settings.nodes}${message.node}${numbers.nodes}${stage.nodes}${benches}`);

  function stop() {
    player.pause();
    descent.stop();
  }
  /** Do something to the session, then show what came of it; a mistake is reported and changes nothing. */
  async function act(action) {
    stop();
    try {
      const words = await action();
      if (words !== null) changed(words ?? "");
    } catch (error) {
      settings.show();
      message.fail(error);
    }
  }
  /** @param {Partial<import("./lab_state.js").State>} wish @param {string | null} [label] */
  function remake(wish, label = null) {
    return act(() => session.remake(wish, label));
  }
  function undo() {
    act(() => (session.undo() ? "Undone." : "There is nothing to undo."));
  }
  /** Take another label, or say why not. @returns {boolean} whether it was taken */
  function relabel(text) {
    const wrong = session.complaint(text);
    if (wrong) message.say(wrong, true);
    else {
      stop();
      changed(session.relabel(text));
    }
    return !wrong;
  }
  function setCell(t, c, p) {
    stop();
    session.setCell(t, c, p);
    changed("");
  }
  function changed(words, moving = false) {
    desk.update();
    if (!moving) {
      message.say(words);
      session.save();
    }
    settings.show();
    player.refresh();
    stage.show();
    numbers.show(desk.found, desk.sign);
    if (!moving) { for (const bench of [paths, beams]) bench.refresh(); }
    count(root);
  }

  changed(await session.begin());
  model.on(["label", "matrix"], () => act(() => session.follow()));
  backend.onrenew((picked = false) => {
    const reads = desk.state.source === "reader";
    if (reads || picked) remake({ source: "reader" }, reads ? desk.state.label : null);
  }, signal);
  receive((picture) => desk.state.source === "reader" && remake({ picture: { ...picture, truth: "" } }), signal);
  signal.addEventListener("abort", stop);
}
