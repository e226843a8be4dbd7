"""A training in pieces, each of which starts from the weights of the one before: what `text` and `plates` share."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from bench.common import options
from crnn_lib.data import LabelledImages, list_set, load_files
from crnn_lib.files import environment
from crnn_lib.model import Config
from crnn_lib.reader import load, save
from crnn_lib.training import Recipe, Run, begin, tune_process


class MixedPrecision(Run):
    """A run whose layers compute in bfloat16, on weights in float32 (Micikevicius et al. 2018, arXiv 1710.03740).

    It takes two thirds of the time where the processor has instructions for it (AVX-512 BF16), and more elsewhere.
    """

    def step(self, *batch: Any) -> float:
        with torch.autocast(self.device, torch.bfloat16):
            return super().step(*batch)


def fitting(folder: Path, config: Config) -> tuple[LabelledImages, int]:
    """The images of a folder of shards that the network can read, and how many it cannot: too long, or too narrow."""
    data, problems = load_files(list_set(folder), *config.frame)
    pairs = enumerate(zip(data.labels, data.widths, strict=True))
    fits = [i for i, (label, width) in pairs if config.fits(label, width)]
    return data.subset(fits), len(problems) + len(data) - len(fits)


def progress(run: Run) -> None:
    """A line on stderr now and then: how far the epoch is, and the CPU time so far."""
    done = run.steps % run.steps_per_epoch
    if done % 100 == 0:
        print(
            f"step {done} of {run.steps_per_epoch}, {time.process_time():.0f} CPU-seconds", file=sys.stderr, flush=True
        )


def arguments(description: str) -> argparse.ArgumentParser:
    """The options of a piece."""
    parser = options(description, piece=1)
    parser.add_argument("--data", type=Path, required=True, metavar="SHARDS")
    parser.add_argument("--init", type=Path, metavar="NAME|FILE", help="the weights of the piece before")
    parser.add_argument("--out", type=Path, metavar="FILE")
    return parser


def train(a: argparse.Namespace, config: Config, pieces: dict[int, tuple[type[Run], Recipe]], trained_on: str) -> None:
    """Train piece `a.piece`; write the weights, and in their provenance how each piece was trained."""
    if not a.out:
        raise SystemExit("a piece needs --out FILE")
    tune_process()
    (kind, recipe), (data, unfit) = pieces[a.piece], fitting(a.data, config)
    init = load(a.init) if a.init else None
    checkpoint = a.out.with_name(a.out.name + ".checkpoint")
    run = begin(config, data, recipe, checkpoint=checkpoint, on_step=progress, init=init, kind=kind)
    for record in run:
        print(json.dumps(record), file=sys.stderr, flush=True)
    piece = {
        "trained_on": trained_on, "data": data.fingerprint(), "images": len(data), "unfit": unfit,
        "recipe": asdict(recipe), "run": kind.__name__, "environment": environment(), "history": run.history,
    }  # fmt: skip
    before = init.provenance.get("pieces", []) if init else []
    save(run.result().model, a.out, {"trained_on": trained_on, "pieces": [*before, piece]})
