"""What three of the recipe's parts are good for: each is switched off alone, then all of them, on generated images.

    python bench/training/symptoms.py [--seeds 0 1 2] [--epochs 24]

Data, network and recipe are those of chapter 8's run; the seed decides the weights, the split and the order. The
recipe's learning rate was chosen with all parts in place, so those that matter are also switched off at a third of it.
After each epoch: the losses, the share of time steps whose most probable class is the blank, and how many validation
images are read exactly. Writes data/results/symptoms.json after each run, and keeps the runs that are in it already.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from crnn_lib import reader
from crnn_lib.alphabet import BLANK
from crnn_lib.drawing import captchas
from crnn_lib.images import resize
from crnn_lib.model import Config
from crnn_lib.training import Recipe, begin, tune_process

VARIANTS = {  # what is switched off
    "nothing": (),
    "prior": ("prior",),
    "standardisation": ("standardisation",),
    "BatchNorm": ("BatchNorm",),
    "all three": ("prior", "standardisation", "BatchNorm"),
}
RATE = 3e-3  # the recipe's peak learning rate
AT_A_LOWER_RATE = ("BatchNorm", "prior")


def generated(count, standardised):
    """Chapter 8's images; not standardised, they are grey levels in [0, 1], dark ink on a bright ground."""
    data = captchas.dataset(count, seed=7)
    if standardised:
        return data
    height, width = data.images.shape[2:]
    grey = [torch.tensor(resize(image, height, width)) / 255 for image in captchas.generate(count, seed=7)[0]]
    return replace(data, images=torch.stack(grey)[:, None])


def without_batchnorm(model):
    """Keep each BatchNorm's learned scale and shift, take its normalising: it stays in evaluation mode."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.training, module.train = False, lambda mode=True, module=module: module


def train(data, recipe, batchnorm):
    run = begin(Config(), data, recipe)
    if not batchnorm:
        without_batchnorm(run.model)
    rows = []
    for epoch in run:
        classes = reader.read(run.model, run.validation.images).log_probs.argmax(-1)
        rows.append(
            {
                "train_loss": round(epoch["train_loss"], 4),
                "validation_loss": round(epoch["validation_ctc_loss"], 4),
                "blank_share": round((classes == BLANK).float().mean().item(), 3),
                "exact": epoch["validation_exact"],
            }
        )
    return {key: [row[key] for row in rows] for key in rows[0]} | {"images": len(run.validation)}


def main() -> None:
    a = options(__doc__, seeds=[0, 1, 2], epochs=24, count=500, out=RESULTS / "symptoms.json").parse_args()
    tune_process()
    recipe = Recipe(epochs=a.epochs, validation_fraction=0.15)
    runs = json.loads(a.out.read_text(encoding="utf-8"))["runs"] if a.out.exists() else []
    wanted = [(name, RATE) for name in VARIANTS] + [(name, RATE / 3) for name in AT_A_LOWER_RATE]
    for name, rate in wanted:
        off = VARIANTS[name]
        data = generated(a.count, "standardisation" not in off)
        for seed in a.seeds:
            told = {"off": name, "rate": rate, "seed": seed}
            if any(told.items() <= run.items() for run in runs):
                continue
            one = replace(recipe, seed=seed, prior_bias="prior" not in off, learning_rate=rate)
            runs.append(told | train(data, one, "BatchNorm" not in off))
            print(*told.values(), runs[-1]["train_loss"][-1], f"{runs[-1]['exact'][-1]} exact", flush=True)
            record(a.out, {"recipe": asdict(recipe), "runs": runs}, indent=None)


if __name__ == "__main__":
    main()
