// An experiment's text, its question, and what came of it.
import { button, choice, field } from "../page/controls.js";
import { element, markup, part, setText } from "../page/dom.js";
import { EXPERIMENTS } from "./experiments.js";

/** @typedef {ReturnType<typeof import("./run.js").createRun>} Run */

/**
 * The choice of an experiment, the prediction that it asks for, and what came of it.
 * @param {(key: string) => void} onchoose @param {() => void} begin what is done when somebody has predicted
 */
export function createGuide(onchoose, begin) {
  let key = "";
  let said = "";
  const names = Object.entries(EXPERIMENTS).map(([id, experiment]) => [id, experiment.name]);
  const select = choice([["", "none: turn the knobs yourself"], ...names], "", (id) => {
    show(id);
    onchoose(id);
  });
  const [text, question] = [part("experiment", "p"), element("legend")];
  const [answers, outcome] = [element("div"), part("outcome", "p", { role: "status" })];
  const [card] = markup`<div class="trainer-card">${text}<fieldset>${question}${answers}</fieldset>${outcome}</div>`;

  function show(/** @type {string} */ id) {
    [key, said] = [id, ""];
    select.value = id;
    card.hidden = !id;
    setText(outcome, "");
    if (!id) return;
    const experiment = EXPERIMENTS[id];
    setText(text, experiment.text);
    setText(question, `First predict: ${experiment.question}`);
    const predict = (/** @type {string} */ answer, /** @type {any} */ chosen) => {
      said = answer;
      for (const node of answers.children) node.setAttribute("aria-pressed", String(node === chosen));
      begin();
    };
    const buttons = experiment.answers.map((answer, i) =>
      button(answer, () => predict(answer, buttons[i]), { "aria-pressed": "false" })
    );
    answers.replaceChildren(...buttons);
  }
  /** What came of it. @param {Run[]} runs */
  function conclude(runs) {
    if (key && said) setText(outcome, `You said: “${said}”. ${EXPERIMENTS[key].outcome(runs)}`);
  }
  show("");
  return {
    node: field("Experiment", select),
    card,
    show,
    conclude,
    chosen: () => (key ? EXPERIMENTS[key] : null),
    said: () => said,
  };
}
