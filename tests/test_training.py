import ctypes
import itertools
import json
import math
import os
from dataclasses import replace

import pytest
import torch
from killing import Killed, die
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from crnn_lib import checkpoints, metrics, reader, training
from crnn_lib.augment import Augmentation
from crnn_lib.data import LabelledImages
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN, Config
from crnn_lib.training import Recipe, Run, begin, fit, tune_process

CONFIG = Config(
    alphabet="2bx", height=32, width=32, channels=(4, 6), pools=((4, 2), (4, 2)), features=12, hidden=6
)  # fmt: skip
RECIPE = Recipe(epochs=3, batch_size=4, validation_fraction=0.25, plateau_patience=0, learning_rate=5e-3, warm_up=0.3)
KINDS = [(schedule, optimizer) for schedule in training.SCHEDULES for optimizer in training.OPTIMIZERS]


@pytest.fixture(scope="module")
def data():
    return captchas.dataset(count=12, alphabet="2bx", lengths=(2, 3), height=32, width=32)


def recipe_of(kind):
    return replace(RECIPE, schedule=kind[0], optimizer=kind[1])


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    """An uninterrupted run of each kind, and its last checkpoint."""
    folder = tmp_path_factory.mktemp("undisturbed")
    paths = {kind: folder / "-".join(kind) for kind in KINDS}
    return {kind: (fit(CONFIG, data, recipe_of(kind), checkpoint=path), path) for kind, path in paths.items()}


def same(a, b):
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)


def timeless(history):
    return [{key: value for key, value in record.items() if key != "cpu_seconds"} for record in history]


def assert_same_run(run, checkpoint, expected):
    other, other_checkpoint = expected
    assert run.finished and other.finished
    assert same(run.model.state_dict(), other.model.state_dict())
    assert timeless(run.history) == timeless(other.history)
    assert same(load_file(checkpoint), load_file(other_checkpoint))  # the last weights, the best, the optimizer's


def scripted(monkeypatch, losses):
    """Validation losses as given, one an epoch; the list that is returned gets the weights that were judged."""
    judged, losses = [], iter(losses)

    def evaluate(network, images, labels):
        judged.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return {"ctc_loss": next(losses), "exact": 0, "images": len(labels), "cer": 1.0}, None

    monkeypatch.setattr(metrics, "evaluate", evaluate)
    return judged


# --- the recipe ---


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "sgd"}, {"schedule": "cosine"}, {"epochs": 0}, {"epochs": -1}, {"batch_size": 0},
        {"learning_rate": 0.0}, {"learning_rate": -1e-3}, {"learning_rate": math.nan}, {"learning_rate": math.inf},
        {"validation_fraction": -0.1}, {"validation_fraction": 1.0}, {"validation_fraction": math.nan},
        {"schedule": "plateau", "validation_fraction": 0.0},
        {"warm_up": -0.1}, {"warm_up": 1.5}, {"weight_decay": -0.01}, {"clip": 0.0}, {"clip": -5.0},
        {"plateau_factor": 0.0}, {"plateau_factor": 1.0}, {"plateau_patience": -1},
    ],
)  # fmt: skip
def test_an_impossible_recipe_is_an_error(fields):
    with pytest.raises(UserError):
        replace(RECIPE, **fields)


@pytest.mark.parametrize("warm_up", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("epochs", [1, 2])
def test_one_cycle_works_however_few_its_steps(warm_up, epochs, data):
    recipe = replace(RECIPE, warm_up=warm_up, epochs=epochs, batch_size=5, schedule="onecycle", augmentation=None)
    run = fit(CONFIG, data.subset(range(10)), recipe)
    assert run.finished and all(math.isfinite(record["train_loss"]) for record in run.history)


# --- what a run does ---


def test_a_small_set_is_learnt_by_heart(data):
    few = data.subset(range(8))
    recipe = Recipe(
        epochs=60,
        batch_size=4,
        learning_rate=1e-2,
        warm_up=0.2,
        validation_fraction=0.0,
        augmentation=None,
        schedule="onecycle",
    )
    config = replace(CONFIG, channels=(8, 12), features=24, hidden=16)
    run = fit(config, few, recipe)
    figures, readings = metrics.evaluate(run.model, few.images, few.labels)
    assert run.history[-1]["train_loss"] < 0.1 < 1 < run.history[0]["train_loss"]
    assert figures["exact"] == 8 and readings.texts == list(few.labels)


def test_the_history_tells_each_epoch(undisturbed):
    for (schedule, _), (run, _) in undisturbed.items():
        assert [record["epoch"] for record in run.history] == [1, 2, 3]
        for record in run.history:
            assert set(record) == {
                "epoch", "learning_rate", "train_loss", "cpu_seconds",
                "validation_ctc_loss", "validation_exact", "validation_images", "validation_cer",
            }  # fmt: skip
            assert record["validation_images"] == 3 and 0 <= record["validation_exact"] <= 3
            assert math.isfinite(record["train_loss"]) and record["cpu_seconds"] >= 0
        assert json.loads(json.dumps(run.history)) == run.history
        if schedule == "onecycle":
            assert run.history[0]["learning_rate"] < max(record["learning_rate"] for record in run.history[1:])
        assert not run.model.training


def test_the_first_loss_is_the_mean_over_batches_of_torch_s_mean(data):
    recipe = replace(RECIPE, epochs=1, batch_size=100, augmentation=None, validation_fraction=0.0, schedule="onecycle")
    torch.manual_seed(recipe.seed)
    network = Run(CRNN(CONFIG), data, recipe).model.train()
    losses = reader.sequence_losses(network(data.images).double(), data.labels, network.alphabet)
    expected = sum(loss / len(label) for loss, label in zip(losses.tolist(), data.labels, strict=True)) / len(data)
    assert fit(CONFIG, data, recipe).history[0]["train_loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_follows_from_its_seed_alone(kind, data, undisturbed):
    torch.manual_seed(99)
    torch.rand(7)
    again = fit(CONFIG, data, recipe_of(kind))
    assert same(again.model.state_dict(), undisturbed[kind][0].model.state_dict())
    assert timeless(again.history) == timeless(undisturbed[kind][0].history)
    other = fit(CONFIG, data, replace(recipe_of(kind), seed=1))
    assert not same(again.model.state_dict(), other.model.state_dict())


def test_validation_is_cut_from_the_data_and_never_trained_on(data):
    def run_of(some):
        torch.manual_seed(0)
        return Run(CRNN(CONFIG), some, replace(RECIPE, schedule="onecycle"))

    run = run_of(data)
    assert len(run.validation) == 3 and len(run.train) == 9
    assert sorted(run.train.names + run.validation.names) == sorted(data.names)
    assert not set(run.train.labels) & set(run.validation.labels)
    spoilt = data.images.clone()
    spoilt[[data.names.index(name) for name in run.validation.names]] = torch.randn(3, 1, 32, 32)
    other = run_of(LabelledImages(spoilt, data.labels, data.names))
    for a, b in itertools.islice(zip(run, other, strict=True), 2):
        assert a["train_loss"] == b["train_loss"] and a["validation_ctc_loss"] != b["validation_ctc_loss"]
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(tensor, other.model.state_dict()[name])


def test_every_training_image_is_seen_once_an_epoch(data, monkeypatch):
    seen = []
    original = Run.batch
    monkeypatch.setattr(Run, "batch", lambda self, at, *more: seen.extend(at) or original(self, at, *more))
    fit(CONFIG, data, replace(RECIPE, epochs=2))
    assert sorted(seen[:9]) == sorted(seen[9:]) == list(range(9)) and seen[:9] != seen[9:]


@pytest.mark.parametrize(("losses", "kept"), [([3.0, 1.0, 2.0], 1), ([1.0, 1.0, 1.0], 0), ([3.0, 2.0, 1.0], 2)])
def test_the_weights_of_the_lowest_validation_loss_are_kept(losses, kept, data, monkeypatch):
    judged = scripted(monkeypatch, losses)
    run = fit(CONFIG, data, RECIPE)
    assert same(run.model.state_dict(), judged[kept])
    assert all(not same(judged[kept], other) for i, other in enumerate(judged) if i != kept)


def test_an_epoch_without_a_loss_is_never_the_best(data, monkeypatch):
    judged = scripted(monkeypatch, [math.nan, 2.0, math.nan])
    assert same(fit(CONFIG, data, RECIPE).model.state_dict(), judged[1])


def test_without_a_validation_part_the_last_weights_are_kept(data):
    recipe = replace(RECIPE, validation_fraction=0.0, schedule="onecycle")
    torch.manual_seed(recipe.seed)
    run = Run(CRNN(CONFIG), data, recipe)
    assert run.validation is None and len(run.train) == len(data)
    assert len(list(run)) == recipe.epochs
    found = fit(CONFIG, data, recipe)
    assert same(found.model.state_dict(), run.model.state_dict())
    assert set(found.history[0]) == {"epoch", "learning_rate", "train_loss", "cpu_seconds"}


def test_the_plateau_schedule_lowers_the_rate_when_nothing_improves(data, monkeypatch):
    scripted(monkeypatch, [3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0])
    recipe = replace(RECIPE, schedule="plateau", epochs=7, plateau_patience=1, plateau_factor=0.1, learning_rate=1e-3)
    rates = [record["learning_rate"] for record in fit(CONFIG, data, recipe).history]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4])


def test_the_gradient_is_clipped(data, monkeypatch):
    norms = []
    original = torch.nn.utils.clip_grad_norm_

    def clip(parameters, most):
        parameters = list(parameters)
        original(parameters, most)
        norms.append(torch.stack([p.grad.norm() for p in parameters]).norm().item())

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
    fit(CONFIG, data, replace(RECIPE, epochs=1, clip=0.25))
    assert norms and max(norms) == pytest.approx(0.25, rel=1e-3)


def test_augmentation_changes_training_but_not_validation(data, monkeypatch):
    shown = []
    monkeypatch.setattr(training, "augment", lambda images, ranges, generator: shown.append(ranges) or images)
    mild = Augmentation(rotate=1.0)
    with_it = fit(CONFIG, data, replace(RECIPE, epochs=1, augmentation=mild))
    assert shown == [mild] * 3
    without = fit(CONFIG, data, replace(RECIPE, epochs=1, augmentation=None))
    assert len(shown) == 3 and same(with_it.model.state_dict(), without.model.state_dict())


# --- weights to start from ---


def test_weights_are_carried_over_to_another_alphabet_and_stretch():
    source, model = CRNN(replace(CONFIG, alphabet="2bx")), CRNN(replace(CONFIG, alphabet="xy2", stretch=2.0))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert training.carry_over(source, model) == [2]
    ours, theirs = model.state_dict(), source.state_dict()
    for name in ("classify.weight", "classify.bias"):
        blank, x, y, two = ours.pop(name)
        assert blank.equal(theirs[name][0]) and x.equal(theirs[name][3]) and two.equal(theirs[name][1])
        assert y.equal(before[name][2])
    assert all(tensor.equal(theirs[name]) for name, tensor in ours.items())


def test_weights_are_not_carried_over_to_another_shape(data):
    other = CRNN(replace(CONFIG, hidden=7, channels=(4, 9)))
    with pytest.raises(UserError, match=r"of a different shape: channels \(4, 9\) and not .*, hidden 7 and not"):
        fit(CONFIG, data, RECIPE, init=other)


def test_a_run_starts_from_the_weights_given_and_goes_on_only_with_them(data, tmp_path):
    first = fit(CONFIG, data, RECIPE).model
    begun = begin(CONFIG, data, RECIPE, init=first, checkpoint=tmp_path / "checkpoint")
    assert same(begun.model.state_dict(), first.state_dict())  # also the biases
    next(iter(begun))
    with pytest.raises(UserError, match="a different recipe, model or data"):
        begin(CONFIG, data, RECIPE, checkpoint=tmp_path / "checkpoint")
    wider = replace(CONFIG, alphabet=CONFIG.alphabet + "q")
    bias = begin(wider, data, RECIPE, init=first).model.classify.bias
    assert bias[:-1].equal(first.classify.bias) and bias[-1] == begin(wider, data, RECIPE).model.classify.bias[-1]


# --- data that cannot be trained on ---


def test_data_that_does_not_suit_the_model_is_an_error(data):
    with pytest.raises(UserError, match="'x', not in the alphabet"):
        fit(replace(CONFIG, alphabet="2b"), data, RECIPE)
    narrow = captchas.dataset(count=12, alphabet="2bx", lengths=(2, 3), height=32, width=8)
    with pytest.raises(UserError, match="T >= U"):
        fit(replace(CONFIG, width=8), narrow, RECIPE)
    for wrong, wanted in (
        (replace(CONFIG, width=64, stretch=None), "32 x 32 pixels do not suit a model for 32 x 64"),
        (replace(CONFIG, height=64), "32 x 32 pixels do not suit a model for 64 x any"),
    ):
        with pytest.raises(UserError, match=wanted):
            fit(wrong, data, RECIPE)
    with pytest.raises(UserError, match="more images"):
        fit(CONFIG, data.subset([0]), RECIPE)


# --- interruptions ---


def stopped_at(step):
    """An `on_step` that stops the run before its step of that number, counted from 0."""
    return lambda run: run.steps == step and run.stop()


def test_a_stop_a_left_loop_and_ctrl_c_end_early_with_the_history_so_far(data, monkeypatch):
    run = begin(CONFIG, data, RECIPE)
    assert next(iter(run)) == run.history[0] and run.steps == run.steps_per_epoch == 3
    found = run.result()
    assert not found.finished and found.history == run.history and len(run.history) == 1
    assert found.model is not run.model and not found.model.training
    run = begin(CONFIG, data, RECIPE, on_step=stopped_at(4))
    assert len(list(run)) == 1 and len(run.result().history) == 1
    run = begin(CONFIG, data, RECIPE, on_step=Run.stop)
    assert list(run) == [] and not run.result().finished and not run.result().model.training
    die(monkeypatch, Run, "step", 8, False, KeyboardInterrupt)
    found = fit(CONFIG, data, RECIPE)
    assert not found.finished and len(found.history) == 2


def test_a_run_that_was_stopped_inside_an_epoch_goes_on_from_a_state_only(data):
    run = begin(CONFIG, data, RECIPE)
    epochs = iter(run)
    run.stop()  # before its first step: counts too
    assert list(epochs) == [] and run.steps == 0
    with pytest.raises(UserError, match="after its first epoch"):
        run.state()
    next(iter(run))
    state, run.on_step = run.state(), stopped_at(4)
    assert list(run) == []
    for act in (run.state, lambda: list(run)):
        with pytest.raises(UserError, match="stopped inside an epoch"):
            act()
    run.on_step = lambda run: None
    run.load_state(state)
    assert len(list(run)) == RECIPE.epochs - 1


def test_on_step_is_called_before_each_step(data):
    seen = []
    run = begin(CONFIG, data, RECIPE, on_step=lambda run: seen.append((run.steps, len(run.history))))
    list(run)
    assert seen == [(step, step // 3) for step in range(9)] and run.steps == 9


def test_a_state_is_a_copy_that_a_run_goes_on_from(data):
    run = begin(CONFIG, data, RECIPE)
    next(iter(run))
    state = run.state()
    rest = list(run)
    run.load_state(state)
    assert len(run.history) == 1 and run.steps == 3
    again = list(run)
    assert [record["train_loss"] for record in again] == [record["train_loss"] for record in rest]
    before = run.state()
    with pytest.raises(UserError, match="not those of this run"):
        run.load_state(state | {"model": {}})
    assert same(run.state()["model"], before["model"]) and run.history == before["history"]


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_anywhere_and_resumed_a_run_ends_like_an_undisturbed_one(kind, data, undisturbed, tmp_path):
    path = tmp_path / "checkpoint"
    for step in (1, 4, 8, 6):  # stopped in the first epoch, in the second, in the third, and at its start
        run = begin(CONFIG, data, recipe_of(kind), checkpoint=path, on_step=stopped_at(step))
        assert len(list(run)) <= 1
    assert len(run.history) == 2
    run = begin(CONFIG, data, recipe_of(kind), checkpoint=path)
    assert [record["epoch"] for record in run] == [3]
    assert_same_run(run.result(), path, undisturbed[kind])


MOMENTS = {
    "in the first step": (Run, "step", 1, False),
    "in the second epoch": (Run, "step", 5, True),
    "while validating": (metrics, "evaluate", 2, False),
    "before the checkpoint": (checkpoints, "write", 2, False),
    "half of a checkpoint written": (os, "fsync", 2, False),
    "before a checkpoint is in place": (os, "replace", 2, False),
    "with the checkpoint just in place": (os, "replace", 1, True),
    "with the last checkpoint in place": (checkpoints, "write", 3, True),
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", [KINDS[0], KINDS[-1]])
def test_killed_at_any_moment_and_resumed_a_run_ends_like_an_undisturbed_one(
    kind, moment, data, undisturbed, tmp_path, monkeypatch
):
    path = tmp_path / "checkpoint"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die(patch, *MOMENTS[moment])
        fit(CONFIG, data, recipe_of(kind), checkpoint=path)
    torch.manual_seed(123)
    run = fit(CONFIG, data, recipe_of(kind), checkpoint=path)
    if path.exists():
        assert_same_run(run, path, undisturbed[kind])
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint"]


def test_a_run_at_its_end_has_nothing_left_to_do(data, undisturbed, checkpoint):
    again = fit(CONFIG, data, recipe_of(KINDS[0]), checkpoint=checkpoint)
    assert_same_run(again, checkpoint, undisturbed[KINDS[0]])


@pytest.fixture
def checkpoint(undisturbed, tmp_path):
    path = tmp_path / "checkpoint"
    path.write_bytes(undisturbed[KINDS[0]][1].read_bytes())
    return path


@pytest.mark.parametrize("other", ["recipe", "seed", "model", "data", "labels"])
def test_a_checkpoint_of_another_run_is_refused(other, data, checkpoint):
    recipe, config, images = recipe_of(KINDS[0]), CONFIG, data
    if other == "recipe":
        recipe = replace(recipe, epochs=4)
    elif other == "seed":
        recipe = replace(recipe, seed=5)
    elif other == "model":
        config = replace(CONFIG, hidden=7)
    elif other == "data":
        images = data.subset(range(11))
    else:
        images = replace(data, labels=("2b2", *data.labels[1:]))
    before = checkpoint.read_bytes()
    with pytest.raises(UserError, match="a different recipe, model or data; delete it"):
        fit(config, images, recipe, checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before


def rewrite(path, tensors=lambda t: t, metadata=lambda m: m):
    with safe_open(path, framework="pt") as file:
        old = dict(file.metadata())
    save_file(tensors(load_file(path)), path, metadata(old))


def without(*names):
    return lambda mapping: {name: value for name, value in mapping.items() if name not in names}


DAMAGE = {
    "empty": lambda p: p.write_bytes(b""),
    "text": lambda p: p.write_text("no checkpoint " * 50),
    "half": lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]),
    "a folder": lambda p: (p.unlink(), p.mkdir()),
    "weights": lambda p: reader.save(CRNN(CONFIG), p, {}),
    "no metadata": lambda p: rewrite(p, metadata=lambda m: None),
    "no history": lambda p: rewrite(p, metadata=without("history")),
    "deep": lambda p: rewrite(p, metadata=lambda m: m | {"history": "[" * 100_000}),
    "no tensors": lambda p: rewrite(p, tensors=lambda t: {}),
    "no bias": lambda p: rewrite(p, tensors=lambda t: {k: v for k, v in t.items() if "classify.bias" not in k}),
    "foreign tensor": lambda p: rewrite(p, tensors=lambda t: t | {"weight": torch.zeros(1)}),
    "a tensor of no part": lambda p: rewrite(p, tensors=lambda t: t | {"history.0": torch.zeros(1)}),
    "other shape": lambda p: rewrite(p, tensors=lambda t: {k: v[None] for k, v in t.items()}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_refused(damage, data, checkpoint):
    DAMAGE[damage](checkpoint)
    with pytest.raises(UserError, match="--fresh to start anew") as caught:
        fit(CONFIG, data, recipe_of(KINDS[0]), checkpoint=checkpoint)
    assert str(checkpoint) in str(caught.value)


def test_a_checkpoint_that_cannot_be_written_is_an_error(data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        fit(CONFIG, data, RECIPE, checkpoint=tmp_path / "file" / "checkpoint")


# --- the process ---


def test_tuning_the_process_is_harmless_everywhere(monkeypatch):
    tune_process()
    assert torch.get_num_threads() == 1
    tune_process(threads=2)
    assert torch.get_num_threads() == 2

    class Musl:  # a libc without mallopt
        def __getattr__(self, name):
            raise AttributeError(name)

    def missing(name):
        raise OSError(name)

    for library in (lambda name: Musl(), missing):
        monkeypatch.setattr(ctypes, "CDLL", library)
        tune_process()
    assert torch.get_num_threads() == 1
