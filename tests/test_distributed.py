"""The example of training in several processes, with two of them on this machine (gloo).

Started by torchrun, this file is also one of the two processes: see `process`.
"""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from crnn_lib import reader
from crnn_lib.data import load_folder
from crnn_lib.drawing import captchas
from crnn_lib.model import Config
from crnn_lib.tools import cli
from crnn_lib.training import Recipe, begin

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "examples" / "distributed.py"
CONFIG = Config(alphabet="ab", width=64, channels=(8, 8, 8, 8, 8), features=16, hidden=8)
RECIPE = Recipe(epochs=12, batch_size=8, validation_fraction=0, learning_rate=1e-2, augmentation=None)
UNEVEN = torch.arange(5)  # a batch that two processes share as three and two

missing = not dist.is_available() or not dist.is_gloo_available()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing, reason="needs gloo")]


def example():
    spec = importlib.util.spec_from_file_location("distributed", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def few():
    return captchas.dataset(17, alphabet="ab", lengths=(2, 3), width=64)


def fresh_run():
    return begin(CONFIG, few(), RECIPE)


def process(folder):
    """One of two: the gradient of one uneven batch with BatchNorm at rest, then a whole training; both are written."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    distributed, rank = example(), dist.get_rank()
    run = distributed.Shared(fresh_run().model, few(), RECIPE, "cpu", None)
    run.model.eval()
    loss = run.gradients(*run.batch(UNEVEN, torch.Generator()))
    gradient = [p.grad for p in run.model.parameters()]
    trained = distributed.train(CONFIG, few(), RECIPE, "cpu", folder / "checkpoint", fresh=True)
    found = {"loss": loss, "gradient": gradient, "state": trained.model.state_dict(), "history": trained.history}
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


def start(*arguments, processes=2):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen([*command, *map(str, arguments)], stdout=pipe, stderr=pipe, text=True, env=environment)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    started = start(__file__, folder)
    _, errors = started.communicate(timeout=120)
    assert started.returncode == 0, errors
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


def test_shared_gradients_are_those_of_the_joint_batch(both):
    run = fresh_run()
    run.model.eval()  # in training each process has BatchNorm statistics of its own images: another function
    images, targets, lengths = run.batch(UNEVEN, torch.Generator())
    steps = torch.full_like(lengths, CONFIG.steps())
    loss = nn.functional.ctc_loss(run.model(images).transpose(0, 1), targets, steps, lengths)
    loss.backward()
    for one in both:
        assert one["loss"] == pytest.approx(loss.item(), abs=1e-5)
        for shared, parameter in zip(one["gradient"], run.model.parameters(), strict=True):
            assert (shared - parameter.grad).abs().max() < 1e-6
    assert max(p.grad.abs().max() for p in run.model.parameters()) > 1e-3


def test_both_processes_end_with_the_same_weights_and_a_lower_loss(both):
    first, second = both
    assert first["state"].keys() == second["state"].keys()
    assert all(torch.equal(first["state"][name], second["state"][name]) for name in first["state"])
    losses, others = ([record["train_loss"] for record in one["history"]] for one in both)
    assert losses == others
    assert len(losses) == RECIPE.epochs
    assert losses[-1] < 0.95 * losses[0]


def test_a_killed_process_ends_the_run_and_the_next_goes_on(tmp_path):
    data, out = tmp_path / "data", tmp_path / "reader.safetensors"
    assert cli.main(["data", "generate", "--out", str(data), "--count", "24"]) == 0
    command = (SCRIPT, "--data", data, "--out", out, "--epochs", 8, "--batch-size", 8)
    log = []
    killed = start(*command)
    for line in killed.stderr:
        log.append(line)
        if line.startswith('{"epoch": 2'):
            break
    victim = int(re.search(r"process 1 of 2 on \S+, pid (\d+)", "".join(log))[1])
    os.kill(victim, signal.SIGKILL)
    died = time.monotonic()
    _, errors = killed.communicate(timeout=60)
    assert killed.returncode == 1
    assert time.monotonic() - died < 40
    assert "Signal 9 (SIGKILL)" in errors and re.search(r"rank\s*: 1", errors)
    assert not out.exists()

    resumed = start(*command, processes=1)  # the state of a run does not depend on their number
    output, errors = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, errors
    assert '{"epoch": 1,' not in errors and '{"epoch": 8,' in errors
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "reader.safetensors"]
    kept = reader.load(out)
    assert kept.provenance["processes"] == 1
    losses = [record["train_loss"] for record in kept.provenance["history"]]
    assert len(losses) == 8 and losses[-1] < losses[0]
    images = load_folder(data).images
    assert len(reader.read(kept, images).texts) == 24
    assert json.loads(output)["images"] == 24 - kept.provenance["train_images"]


if __name__ == "__main__":
    process(Path(sys.argv[1]))
