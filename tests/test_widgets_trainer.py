"""The page's trainer in V8, without a browser: choices and their arithmetic, images, floors, a run and its file."""

import json
import re
from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from places import text_of
from torch import nn
from v8 import Page, Refusal, encoded

from crnn_lib import images, reader, widgets
from crnn_lib.errors import UserError
from crnn_lib.model import steps_needed
from crnn_lib.widgets import bundle
from crnn_lib.widgets.trainer.trainer import EXPERIMENTS as NAMED

GLUE = """
let run, made;
const chosen = (change) => ({ ...DEFAULTS, ...change });
const wrong = (change) => complaint(chosen(change));
const careful = (change) => caution(chosen(change));
function labels(change, count) {
  const next = createLabels(chosen(change), randomFrom(1));
  return Array.from({ length: count }, next);
}
function examples(change, count) {
  const next = createExamples(chosen(change));
  return Array.from({ length: count }, () => {
    const { label, target, grey, image } = next();
    return { label, target, grey: Array.from(grey.data), image: Array.from(image) };
  });
}
function floors(change) {
  const work = floorsOf(chosen(change));
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
function train(change, steps, file) {
  run = createRun(chosen(change));
  if (file) run.load(opened(fromBase64(file)).weights);
  return on(steps);
}
function on(goal) {
  while (run.behind(goal)) run.advance();
  return told();
}
const told = () => ({ facts: run.facts, frames: run.frames, verdict: verdict(run) });
function readings() {
  return run.fixed().map(({ image, text, logProbs }) => ({ grey: Array.from(image.grey.data), text, logProbs }));
}
const saved = () => Array.from(run.file());
const fileChoices = (file) => opened(fromBase64(file)).choices;
const place = (floors, loss, failed = "") =>
  placeOf({ facts: { floors, failed, losses: Array.from({ length: 9 }, (_, i) => [i, loss]) } });
const spoil = () => run.load(Object.fromEntries(Object.entries(libraryWeights(run.shape, weightsOf(run))).map(
  ([name, { data, dims }]) => [name, { data: data.map(() => 1e30), dims }])));
const weightsOf = (run) => opened(run.file()).weights;
const strange = { data: Float32Array.from({ length: 1024 }, (_, i) => (i % 7 < 3 ? 0 : 255)), height: 16, width: 64 };
const teach = (label) => run.teach(strange, label);
const strangeLoss = () => -logLikelihood(run.read([{ image: imageOf(strange, true) }])[0].logProbs, [8, 1, 8]);
const parameterCount = (shape) =>
  Object.values(parameterShapes(shape)).reduce((sum, dims) => sum + dims.reduce((a, b) => a * b, 1), 0);
function clocked(painting, time) {
  const kept = ["performance", "setTimeout", "document", "addEventListener"].map((name) => [name, globalThis[name]]);
  const queue = [];
  let [now, late, worked, shows] = [0, 0, 0, 0];
  const own = { performance: { now: () => now }, document: { hidden: false }, addEventListener() {} };
  Object.assign(globalThis, own, { setTimeout: (act) => queue.push(act) });
  const work = () => (now += 5, ++worked, true);
  createClock({ work, show: () => (++shows, late = painting), ended() {} }, { addEventListener() {} }).start();
  while (now < time) {
    now += 4 + late;
    late = 0;
    queue.shift()();
  }
  Object.assign(globalThis, Object.fromEntries(kept));
  return { worked: 5 * worked / time, shows: 1000 * shows / time };
}
const words = (runs) => Object.values(EXPERIMENTS).map(({ outcome }) => outcome(runs));
"""


@pytest.fixture(scope="module")
def js():
    names = ("keep", "verdict", "experiments", "run")
    return Page(GLUE, script=bundle.flat("page/clock.js", *(f"trainer/{name}.js" for name in names)))


# --- choices ---

WRONG = {
    "one symbol": ({"content": "letters", "letters": "a"}, "K = 1 + 1 = 2 classes. Give two or more"),
    "no symbol": ({"content": "letters", "letters": ""}, "K = 0 + 1 = 1 classes, and every label is empty"),
    "a symbol twice": ({"content": "letters", "letters": "aba"}, "“a” is in the alphabet twice"),
    "no letter of the pen's": ({"content": "letters", "letters": "aé"}, "The pen cannot write “é”"),
    "T too small": ({"T": 4}, "T = 64 / (4 · 2 · 2) = 4 < U = 5"),
    "lengths": ({"least": 4, "most": 2}, "from 4 to 2 symbols long cannot be drawn"),
    "a rate of 100": ({"rate": 100}, "a rate of 100 moves them 300 times as far as the largest"),
    "a rate of 100, SGD": ({"rate": 100, "optimizer": "sgd"}, "100 · 5 = 500 long"),
    "no rate": ({"rate": None}, "A learning rate of null does not learn"),
    "a rate of 0": ({"rate": 0}, "give a number above 0"),
    "no images": ({"images": 0}, "the mean loss of 0 images is 0 / 0"),
    "half an image": ({"images": 2.5}, "2.5 images: give a whole number from 1 to 1000"),
    "no batch": ({"batch": 0}, "A batch of 0 images"),
    "a batch too large": ({"batch": 64}, "for longer than 50 milliseconds"),
    "a seed": ({"seed": -1}, "The seed is a whole number"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_bad_choice_is_answered_with_its_arithmetic(js, case):
    change, words = WRONG[case]
    assert words in js.call("wrong", change)


def test_what_can_be_trained_is_not_complained_of(js):
    for change in (
        {},
        {"T": 8},
        {"content": "letters", "letters": "ab"},
        {"content": "alike"},
        {"rate": 1},
        {"images": 1},
    ):
        assert js.call("wrong", change) == ""
    assert js.call("careful", {}) == ""
    assert "U + r = 5 + 4 = 9 steps, and there are T = 8" in js.call("careful", {"T": 8})
    assert js.call("careful", {"T": 8, "doubled": "never"}) == ""


def test_each_experiment_can_be_trained(js):
    experiments = js.value("EXPERIMENTS")
    assert tuple(experiments) == NAMED
    for experiment in experiments.values():
        beside = experiment["beside"]
        for change in (experiment["choices"], experiment["choices"] | {beside["key"]: beside["value"]}):
            assert js.call("wrong", change) == ""
        assert js.value("DEFAULTS")[beside["key"]] != beside["value"] or beside["key"] in experiment["choices"]
        assert experiment["steps"] % js.value("EVERY") == 0  # so that the last step is looked at


def test_the_page_tells_how_large_the_network_is(js):
    js.call("train", {}, 0)
    told = re.search(r"([\d,]+) parameters", text_of("book", "training_in_the_page.md"))[1]
    assert int(told.replace(",", "")) == js.value("parameterCount(run.shape)")


# --- images ---


def repeats(label):
    return sum(a == b for a, b in pairwise(label))


def test_labels_are_as_chosen_and_fit(js):
    labels = list(js.call("labels", {"least": 2, "most": 4}, 600))
    assert {len(label) for label in labels} == {2, 3, 4} and set("".join(labels)) == set("0123456789")
    pairs = sum(len(label) - 1 for label in labels)
    assert sum(map(repeats, labels)) / pairs == pytest.approx(0.1, abs=0.03)
    often = list(js.call("labels", {"doubled": "often", "T": 8}, 600))
    assert sum(map(repeats, often)) / sum(len(label) - 1 for label in often) == pytest.approx(0.5, abs=0.06)
    assert all(steps_needed(list(label)) <= 8 for label in often)
    assert not any(map(repeats, js.call("labels", {"doubled": "never"}, 300)))


def test_what_is_drawn_alike_can_be_told_by_the_rest(js):
    labels = list(js.call("labels", {"content": "alike", "least": 2}, 400))
    assert all(set(label) <= set("0123") or set(label) <= set("oabc") for label in labels)
    assert not any(set(label) in ({"0"}, {"o"}) for label in labels)


def test_examples_come_again_with_the_seed_and_are_what_the_network_gets(js):
    first, again, other = (js.call("examples", {"seed": seed}, 5) for seed in (3, 3, 4))
    first, again, other = (
        json.loads(json.dumps(list(map(dict, part)), default=list)) for part in (first, again, other)
    )
    assert first == again and [e["label"] for e in first] != [e["label"] for e in other]
    for example in first:
        grey = np.array(example["grey"]).reshape(16, 64)
        assert 0 <= grey.min() < 100 and grey.max() > 200
        expected = images.standardise(grey, 16, 64).flatten().numpy()
        assert np.abs(np.array(example["image"]) - expected).max() < 1e-4
        assert [int(c) + 1 for c in example["label"]] == example["target"]
    raw = next(iter(js.call("examples", {"standardise": False}, 1)))
    assert list(raw["image"]) == pytest.approx([1 - v / 255 for v in raw["grey"]], abs=1e-6)


# --- floors ---


def lowest(labels, T, K, varying):
    """The least mean loss of an output that ignores the image, by torch: a logit a class, at each step if varying."""
    logits = nn.Parameter(0.1 * torch.randn(T if varying else 1, K, dtype=torch.float64))
    targets = torch.tensor([ord(c) - ord("a") + 1 for c in chain(*labels)])
    lengths = [len(label) for label in labels]
    optimizer = torch.optim.LBFGS([logits], max_iter=300, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        log_probs = logits.log_softmax(-1).expand(T, K)[:, None].expand(T, len(labels), K)
        loss = nn.functional.ctc_loss(log_probs, targets, [T] * len(labels), lengths)
        loss.backward()
        return loss

    optimizer.step(closure)
    return closure().item()


@pytest.mark.parametrize("varying", [False, True])
def test_the_floors_are_the_best_losses_without_an_image(js, varying):
    change = {"content": "letters", "letters": "abc", "least": 1, "most": 3, "T": 8}
    labels = list(js.call("labels", change, 2000))
    torch.manual_seed(1)
    found = list(js.call("floors", change))[varying]
    assert found == pytest.approx(lowest(labels, 8, 4, varying), rel=0.01)


# --- a run ---

SHORT = {"T": 8, "most": 3, "batch": 4}


def test_a_run_notes_each_step_and_looks_after_every_tenth(js):
    js.call("train", SHORT, 20)
    told = js.value("told()")
    assert [frame["step"] for frame in told["frames"]] == [0, 10, 20] and told["facts"]["steps"] == 20
    assert [step for step, _ in told["facts"]["losses"]] == list(range(1, 21))
    start = told["frames"][0]
    assert start["blank"] > 0.5 and start["exact"] == 0 and start["trained"] is None
    assert start["loss"] == pytest.approx(told["facts"]["floors"][0], rel=0.1)  # it starts at the prior
    assert [layer for layer, _ in told["facts"]["norms"]] == ["conv 1", "conv 2", "conv 3", "columns", "LSTM", "output"]
    assert "on floor" in told["verdict"] or "below both floors" in told["verdict"]
    assert js.value("words([run, run])") and not re.search("undefined|NaN", " ".join(js.value("words([run, run])")))


def test_it_is_seen_often_and_learns_even_where_painting_is_slow(js):
    """Shares of the time for work, and looks at it a second, by the milliseconds that painting one takes."""
    quick, slow = (dict(js.call("clocked", painting, 10_000)) for painting in (10, 300))
    assert quick["shows"] >= 10 and quick["worked"] > 0.6
    assert 1 < slow["shows"] < 3 and slow["worked"] > 0.3


def test_the_same_choices_give_the_same_run(js):
    ends = []
    for seed in (5, 5, 6):
        js.call("train", SHORT | {"seed": seed}, 3)
        ends.append(js.value("run.facts.losses"))
    assert ends[0] == ends[1] != ends[2]


@pytest.mark.slow
def test_ten_images_are_learnt_by_heart(js):
    js.call("train", {"images": 10}, 150)
    frame = js.value("told()")["frames"][-1]
    assert frame["trained"] == 1 and frame["exact"] < 0.5


def test_the_library_reads_what_was_saved_and_the_page_loads_it(js, tmp_path):
    js.call("train", SHORT | {"batchnorm": "blocks"}, 10)
    content = bytes(list(js.call("saved")))
    path = tmp_path / "trained.safetensors"
    path.write_bytes(content)
    model = reader.load(path)
    assert model.provenance["steps"] == 10 and model.provenance["choices"]["batch"] == 4
    readings = js.value("readings()")
    for reading in readings:
        image = images.standardise(np.array(reading["grey"]).reshape(16, 64), 16, 64)
        expected = reader.read(model, image[None])
        assert expected.texts == [reading["text"]]
        assert np.abs(expected.log_probs[0].numpy() - np.array(reading["logProbs"])).max() < 1e-3
    choices = dict(js.call("fileChoices", encoded(content)))
    assert choices == {"T": 8, "batchnorm": "all", "lstm": "both"}
    js.call("train", SHORT | choices, 0, encoded(content))
    for before, after in zip(readings, js.value("readings()"), strict=True):
        assert np.abs(np.array(before["logProbs"]) - np.array(after["logProbs"])).max() < 1e-3
    widget = widgets.Trainer()
    with pytest.raises(UserError, match="nothing is trained yet"):
        _ = widget.model
    widget.set_state({"trained": memoryview(content)})
    assert widget.model.config == model.config
    assert torch.equal(widget.model.classify.weight, model.classify.weight)


def test_a_file_of_another_model_is_refused(js, captcha, tmp_path):
    path = tmp_path / "other.safetensors"
    reader.save(captcha, path, {})
    with pytest.raises(Refusal, match="was not trained here: its height is 32, not 16"):
        js.call("fileChoices", encoded(path.read_bytes()))


@pytest.mark.parametrize(
    "change, words", [({"lstm": "none"}, "has an LSTM"), ({"standardise": False}, "standardises every")]
)
def test_what_the_library_cannot_hold_is_not_saved(js, change, words):
    js.call("train", SHORT | change, 1)
    assert words in js.value("run.unfit()")
    with pytest.raises(Refusal, match=words):
        js.call("saved")


def test_a_picture_of_one_s_own_is_learnt(js):
    """A strange one: its label becomes probable only where the network is trained on it."""
    change = {"T": 16, "most": 2, "batch": 8}
    js.call("train", change, 40)
    without = js.value("strangeLoss()")
    js.call("train", change, 0)
    refused = {"": "Type what", "7x": "reads only 0123456789", "7" * 9: r"9 \+ 8 = 17 time steps, and there are T = 16"}
    for label, words in refused.items():
        with pytest.raises(Refusal, match=words):
            js.call("teach", label)
    assert js.call("teach", "707") == 1
    js.call("on", 40)
    assert js.value("strangeLoss()") < 0.6 * without


def test_a_run_that_diverges_stops_and_says_so(js):
    js.call("train", SHORT, 1)
    js.eval("spoil()")
    js.call("on", 5)
    told = js.value("told()")
    assert told["facts"]["steps"] == 2 and "divide it by ten and begin again" in told["verdict"]


def test_a_verdict_tells_on_which_floor_a_loss_stands(js):
    floors = [3.0, 2.5]
    places = {4: "above", 3.05: "a", 2.9: "a", 2.6: "b", 2.45: "b", 2.0: "below"}
    assert {loss: js.call("place", floors, loss) for loss in places} == places
    assert js.call("place", None, 1) == "begun" and js.call("place", floors, 1, "NaN") == "failed"


# --- the kernel's side ---


def test_a_static_page_starts_with_the_chosen_experiment():
    assert '"experiment": "overfit"' in widgets.Trainer(experiment="overfit").baked().replace("&quot;", '"')
    with pytest.raises(UserError, match="experiment must be one of blanks, doubled, overfit, rate, context"):
        widgets.Trainer(experiment="luck")
