"""Training in several processes, with two or three of them on this machine (gloo).

Started by torchrun, this file is also one of these processes: see `PARTS`.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from PIL import Image

from crnn_lib import data, metrics, processes, reader
from crnn_lib.augment import Augmentation
from crnn_lib.checkpoints import read
from crnn_lib.data import LabelledImages
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN, Config
from crnn_lib.tools import cli
from crnn_lib.training import Recipe, Run, begin

torchrun = pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="needs gloo")
CONFIG = Config("ab", 8, 32, (3, 4), ((2, 2), (2, 2)), 6, 5)
RECIPE = Recipe(epochs=6, batch_size=7, validation_fraction=0.2, learning_rate=1e-2, augmentation=Augmentation())
STILL = replace(RECIPE, epochs=1, validation_fraction=0, learning_rate=1e-12, augmentation=None)
TRAIN = ("train", "--data", "data", "--label-until", "_", "--epochs", "12")


def mixed():
    """29 images of four widths: batches of 7, shared as 4 and 3, and one of a single image."""
    images = torch.randn(29, 1, 8, 44, generator=torch.Generator().manual_seed(0))
    labels = tuple("ab"[i & 1] + "ab"[i >> 1 & 1] + "ab"[i >> 2 & 1] for i in range(29))
    return LabelledImages(
        [one[..., : 32 + 4 * (i % 4)] for i, one in enumerate(images)], labels, tuple(map(str, labels))
    )


# --- in each of two processes ---


def watch(kind, recipe):
    """A run whose batches, gradients and augmentation are written down, with BatchNorm at rest if the recipe is."""
    seen = {"indices": [], "gradients": [], "seeds": set()}

    class Watched(kind):
        def batch(self, indices, generator, images=None):
            seen["indices"] += indices
            seen["seeds"].add(generator.initial_seed())
            if recipe == STILL:
                self.model.eval()
            return super().batch(indices, generator, images)

        def step(self, *batch):
            loss = super().step(*batch)
            seen["gradients"].append([p.grad.clone() for p in self.model.parameters()])
            return loss

    return Watched, seen


def follow(run, seen):
    history = [{key: value for key, value in record.items() if key != "cpu_seconds"} for record in run]
    return {**seen, "history": history, "state": run.model.state_dict()}


def watched():
    """Two runs one after the other, as `train` would begin and assist them; what was seen is written down."""
    found = {}
    with processes.together("cpu") as first:
        for name, recipe in (("still", STILL), ("whole", RECIPE)):
            kind, seen = watch(processes.SharedRun, recipe)
            if first:
                run = begin(CONFIG, mixed(), recipe, kind=kind)
            else:
                config, images, told = processes._from_first()
                assert told == recipe
                run = kind(CRNN(config), images, told, "cpu")
            found[name] = follow(run, seen)
        if not first:
            processes.assist("cpu")  # no more is to be done
    torch.save(found, f"{os.environ['RANK']}.pt")


def acting(rank, step, act):
    """The command line, where the process of this rank acts before its step of that number.

    Nothing fits into memory there, on which the result does not depend.
    """
    original, data.IN_MEMORY = Run.step, -1

    def stepping(run, *batch):
        if os.environ["RANK"] == rank and run.steps == step:
            act()
        return original(run, *batch)

    Run.step = stepping
    sys.exit(cli.main())


def fail():
    raise UserError("this disk is gone")


PARTS = {
    "watched": watched,
    "killed": lambda: acting("1", 40, lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "interrupted": lambda: acting("0", 12, lambda: os.killpg(0, signal.SIGINT)),  # as a terminal does
    "failing": lambda: acting("1", 3, fail),
}


# --- here ---


def start(*arguments, part=None, count=2):
    """Processes of the command line, or of a part of this file; (exit code of torchrun, stdout, stderr)."""
    what = ("-m", "crnn_lib") if part is None else (__file__, part)
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count))
    done = subprocess.run(
        [*torchrun, *what, *arguments], capture_output=True, text=True, timeout=900, start_new_session=True
    )
    return done.returncode, done.stdout, done.stderr


def ours(errors):
    """The lines that the library wrote, not torchrun, nor the progress bar."""
    lines = [line.split("\r")[-1] for line in errors.splitlines()]
    return [line for line in lines if line.startswith(("error:", "stopped", "warning:", "Traceback"))]


@pytest.fixture(scope="module")
def both(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        code, _, errors = start(part="watched")
    assert code == 0, errors
    return [torch.load(place / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.fixture(scope="module")
def alone():
    kind, seen = watch(Run, STILL)
    return follow(begin(CONFIG, mixed(), STILL, kind=kind), seen)


@torchrun
@pytest.mark.slow
def test_each_step_has_the_gradient_of_the_joint_batch(both, alone):
    """With BatchNorm at rest: in training each process normalises by its own images, which is another function."""
    assert len(alone["gradients"]) == 5
    for one in both:
        assert one["still"]["history"][0]["train_loss"] == pytest.approx(alone["history"][0]["train_loss"], abs=1e-5)
        for shared, wanted in zip(one["still"]["gradients"], alone["gradients"], strict=True):
            assert max(map(torch.max, map(torch.abs, wanted))) > 1e-3
            assert all((a - b).abs().max() < 1e-6 for a, b in zip(shared, wanted, strict=True))


@torchrun
@pytest.mark.slow
def test_each_image_is_seen_once_an_epoch(both, alone):
    first, second = (one["still"]["indices"] for one in both)
    assert sorted(first + second) == list(range(29)) and (len(first), len(second)) == (17, 12)
    assert {*first[:4], *second[:3]} == {*alone["indices"][:7]}
    whole = [sorted(one["whole"]["indices"]) for one in both]
    train = dict.fromkeys(range(len(mixed()) - both[0]["whole"]["history"][0]["validation_images"]), 6)
    assert {i: whole[0].count(i) + whole[1].count(i) for i in {*whole[0], *whole[1]}} == train


@torchrun
@pytest.mark.slow
def test_all_processes_end_with_the_same_model_which_is_a_better_one(both):
    first, second = (one["whole"] for one in both)
    assert first["history"] == second["history"] and [r["processes"] for r in first["history"]] == [2] * 6
    assert all(torch.equal(tensor, second["state"][name]) for name, tensor in first["state"].items())
    assert first["history"][-1]["train_loss"] < 0.95 * first["history"][0]["train_loss"]
    assert not first["seeds"] & second["seeds"], "each process augments by numbers of its own"


@torchrun
@pytest.mark.slow
def test_the_validation_part_is_scored_as_by_one_process(both):
    record = both[0]["whole"]["history"][-1]
    run = begin(CONFIG, mixed(), RECIPE)
    run.model.load_state_dict(both[0]["whole"]["state"])
    figures = metrics.evaluate(run.model, run.validation.images, run.validation.labels)[0]
    assert record["validation_ctc_loss"] == pytest.approx(figures["ctc_loss"], abs=1e-5)
    assert [record[f"validation_{key}"] for key in ("exact", "images", "cer")] == [
        figures[key] for key in ("exact", "images", "cer")
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with images, and the weights that three processes trained undisturbed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "data").mkdir()
    drawn = captchas.generate(160, alphabet="ab", lengths=(2, 3), style=captchas.Style(width=140))
    for i, (image, label) in enumerate(zip(*drawn, strict=True)):
        Image.fromarray(image).save(folder / "data" / f"{label}_{i}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        code, out, errors = start(*TRAIN, "--out", "three", "--json", count=3)
    assert code == 0, errors
    assert json.loads(out)["processes"] == 3 and ours(errors) == []
    assert sorted(path.name for path in folder.iterdir()) == ["data", "three"]
    assert {record["processes"] for record in reader.load(folder / "three").provenance["history"]} == {3}
    return folder


@torchrun
@pytest.mark.slow
def test_several_processes_learn_to_read_as_well_as_one(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained)
    assert cli.main([*TRAIN, "--out", "one"]) == 0
    figures = []
    for weights in ("one", "three"):
        capsys.readouterr()
        assert cli.main(["evaluate", *TRAIN[1:5], "--weights", weights, "--json"]) == 0
        figures.append(json.loads(capsys.readouterr().out))
    one, three = figures
    assert one["images"] == three["images"] == 49 and min(one["exact"], three["exact"]) > 30
    lows, highs = zip(one["exact_interval"], three["exact_interval"], strict=True)
    assert max(lows) <= min(highs)


@torchrun
@pytest.mark.slow
def test_interrupted_then_killed_a_run_ends_as_if_it_was_not(trained, monkeypatch):
    monkeypatch.chdir(trained)
    out, checkpoint = Path("torn"), Path("torn.checkpoint")
    code, _, errors = start(*TRAIN, "--out", "torn", part="interrupted", count=3)
    assert code and ours(errors)[:2] in (TOLD, TOLD[::-1]) and "crnn_lib/" not in errors
    code, _, errors = start(*TRAIN, "--out", "torn", part="killed", count=3)
    assert code and "Signal 9 (SIGKILL)" in errors and "crnn_lib/" not in errors
    told = [line for line in ours(errors) if line.startswith(("error:", "stopped"))]
    assert told == [] or told == [TOLD_OF_DEATH]  # torchrun may be faster
    assert not out.exists() and len(read(checkpoint)["history"]) == 5
    kept = checkpoint.read_bytes()
    code, _, errors = start(*TRAIN, "--out", "torn", count=3)
    assert code == 0, errors
    assert out.read_bytes() == Path("three").read_bytes()
    assert not list(Path().glob("*torn*.*")), "neither a checkpoint nor a lock is left"
    out.unlink()
    checkpoint.write_bytes(kept)
    assert cli.main([*TRAIN, "--out", "torn"]) == 0, "another number of processes continues, too"
    history = reader.load(out).provenance["history"]
    assert [record.get("processes") for record in history] == [3] * 5 + [None] * 7


TOLD = ["stopped after epoch 1 of 12: the same command continues", "stopped"]
TOLD_OF_DEATH = (
    "error: another process of this training run has ended, or cannot be reached: "
    "the same command without --fresh continues from the last epoch"
)


@torchrun
@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "arguments", "line"),
    [
        ("failing", (*TRAIN, "--out", "x"), "error: this disk is gone"),
        (None, (*TRAIN, "--out", "x", "--batch-size", "1"), "error: a batch of 1 images is too small for 2 processes"),
        (None, ("train", "--out", "x", "--epochs", "0"), "error: argument --epochs: '0' is not a whole number"),
    ],
)
def test_a_mistake_ends_all_processes_with_one_line(part, arguments, line, trained, monkeypatch):
    monkeypatch.chdir(trained)
    code, out, errors = start(*arguments, part=part)
    assert code and not out and "exitcode  : 2" in errors and "crnn_lib/" not in errors
    (told,) = (told for told in ours(errors) if told.startswith("error:"))
    assert told.startswith(line)


def test_other_commands_are_refused_and_one_process_tells(monkeypatch, capsys):
    for name, value in (("WORLD_SIZE", "2"), ("LOCAL_RANK", "0"), ("RANK", "0")):
        monkeypatch.setenv(name, value)
    for first in (True, False):
        monkeypatch.setattr(processes, "_is_first_to_tell", lambda first=first: first)
        assert cli.main(["evaluate"]) == 2
        line = "error: several processes can train, but not evaluate: start it without torchrun\n"
        assert capsys.readouterr().err == line * first


def test_each_process_takes_a_gpu_of_its_own(monkeypatch):
    assert not processes.several() and processes.own("mps") == "mps"
    for name, value in (("WORLD_SIZE", "8"), ("LOCAL_RANK", "3")):
        monkeypatch.setenv(name, value)
    assert processes.several() and processes.own("cuda") == "cuda:3" and processes.own("cpu") == "cpu"
    for name in ("mps", "cuda:1"):
        with pytest.raises(UserError, match=f"--device cuda, not {name}"):
            processes.own(name)


if __name__ == "__main__":
    PARTS[sys.argv.pop(1)]()
