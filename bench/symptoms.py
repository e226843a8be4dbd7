"""What three of the recipe's parts are good for: each is switched off alone, then all of them, on generated images.

    python bench/symptoms.py [--seeds 0 1 2] [--epochs 24]

Data, network and recipe are those of chapter 8's run; the seed decides the weights, the split and the order. After
each epoch: the losses, the share of time steps whose most probable class is the blank, and how many validation images
are read exactly. Writes data/results/symptoms.json.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import nn

from crnn_lib import reader
from crnn_lib.alphabet import BLANK
from crnn_lib.drawing import captchas
from crnn_lib.files import environment, write_text
from crnn_lib.images import resize
from crnn_lib.model import CRNN
from crnn_lib.training import Recipe, Run, tune_process

VARIANTS = {  # what is switched off
    "nothing": (),
    "prior": ("prior",),
    "standardisation": ("standardisation",),
    "BatchNorm": ("BatchNorm",),
    "all three": ("prior", "standardisation", "BatchNorm"),
}


def generated(count, standardised):
    """Chapter 8's images; not standardised, they are grey levels in [0, 1], dark ink on a bright ground."""
    data = captchas.dataset(count, seed=7)
    if standardised:
        return data
    height, width = data.images.shape[2:]
    grey = [torch.tensor(resize(image, height, width)) / 255 for image in captchas.generate(count, seed=7)[0]]
    return replace(data, images=torch.stack(grey)[:, None])


def without_batchnorm(model):
    """Keep each BatchNorm's learned scale and shift, take its normalising: it stays in evaluation mode for ever."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.training, module.train = False, lambda mode=True, module=module: module
    return model


def train(data, recipe, batchnorm):
    torch.manual_seed(recipe.seed)
    run = Run(CRNN() if batchnorm else without_batchnorm(CRNN()), data, recipe)
    rows = []
    for _ in range(recipe.epochs):
        record = run.epoch(lambda: False)
        classes = reader.read(run.model, run.validation.images).log_probs.argmax(-1)
        rows.append(
            {
                "train_loss": round(record["train_loss"], 4),
                "validation_loss": round(record["validation_ctc_loss"], 4),
                "blank_share": round((classes == BLANK).float().mean().item(), 3),
                "exact": record["validation_exact"],
            }
        )
    return {key: [row[key] for row in rows] for key in rows[0]} | {"images": len(run.validation)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("data/results/symptoms.json"))
    a = parser.parse_args()
    tune_process()
    recipe = Recipe(epochs=a.epochs, validation_fraction=0.15)
    runs = []
    for name, off in VARIANTS.items():
        data = generated(a.count, "standardisation" not in off)
        for seed in a.seeds:
            found = train(data, replace(recipe, seed=seed, prior_bias="prior" not in off), "BatchNorm" not in off)
            runs.append({"off": name, "seed": seed, **found})
            print(name, seed, found["train_loss"][-1], f"{found['exact'][-1]} of {found['images']}", flush=True)
    result = {
        "command": "python bench/symptoms.py",
        "environment": environment(),
        "recipe": asdict(recipe),
        "runs": runs,
    }
    write_text(a.out, json.dumps(result, indent=None) + "\n")


if __name__ == "__main__":
    main()
