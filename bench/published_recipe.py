"""What the published recipe costs until 95.02 % of strings are right, against ours, in one run.

    python bench/published_recipe.py --captchas DIR [--budget CPU_SECONDS] [--out JSON]

All train on the 749 images of split seed 0, cut their validation part from it alike, and go through the same loop;
the mark is 95.02 % exact on that validation part, and only training is counted, not validation. The published recipe:
75 x 300 RGB scaled to [-1, 1], 36 symbols, the CRNN of Shi et al. 2015 (table 1), Adam at 1e-4, batch 16, clip 5,
ReduceLROnPlateau(0.5, 8), no augmentation. It stops at the budget if the mark does not come first; a killed run goes on
from its last epoch.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from crnn_lib import images
from crnn_lib.alphabet import Alphabet
from crnn_lib.data import LabelledImages, list_folder, load_folder, split
from crnn_lib.files import environment, write_text
from crnn_lib.model import CRNN, Config
from crnn_lib.training import Recipe, Run, tune_process

MARK = 0.9502
PUBLISHED = Recipe(
    epochs=500,
    optimizer="adam",
    schedule="plateau",
    learning_rate=1e-4,
    weight_decay=0.0,
    augmentation=None,
    prior_bias=False,
)
OURS = {"ours": Recipe(), "ours in 6 epochs": Recipe(epochs=6)}  # the second: the same, its schedule cut to the purpose


class PaperCRNN(nn.Module):
    """Shi et al. 2015, table 1, on 75 x 300 RGB: (N, 1, 75, 300) -> (N, 74, 37)."""

    def __init__(self) -> None:
        super().__init__()
        self.config = Config(
            alphabet="0123456789abcdefghijklmnopqrstuvwxyz",
            height=75,
            width=300,
            channels=(64, 128, 256, 256, 512, 512, 512),
            pools=((2, 2), (2, 2), (1, 1), (2, 1), (1, 1), (2, 1), (1, 1)),
            features=512,
            hidden=256,
        )
        self.alphabet = Alphabet(self.config.alphabet)
        layers: list[nn.Module] = []
        before = 3
        for i, (after, pool) in enumerate(zip(self.config.channels, self.config.pools, strict=True)):
            last = i == 6
            layers.append(nn.Conv2d(before, after, 2 if last else 3, padding=0 if last else 1))
            layers += [nn.BatchNorm2d(after)] if i in (4, 5) else []
            layers += [nn.ReLU(), nn.MaxPool2d(pool)]
            before = after
        self.features = nn.Sequential(*layers)
        self.lstm = nn.LSTM(512 * 3, 256, num_layers=2, bidirectional=True, batch_first=True)
        self.classify = nn.Linear(512, len(self.alphabet))

    def forward(self, x: Tensor) -> Tensor:
        maps = self.features(x.expand(-1, 3, -1, -1))
        columns = maps.permute(0, 3, 1, 2).flatten(2)  # (N, C, H, T) -> (N, T, C*H)
        return self.classify(self.lstm(columns)[0]).log_softmax(-1)


def load_published(folder: Path) -> LabelledImages:
    """Every image at 75 x 300, scaled to [-1, 1]; one channel, since R = G = B in all of them."""
    files = list_folder(folder)
    grey = [torch.from_numpy(images.resize(images.load_grey(f.path), 75, 300)) for f in files]
    stack = torch.stack(grey)[:, None] / 127.5 - 1
    return LabelledImages(stack, tuple(f.label for f in files), tuple(f.name for f in files))


def run_one(which: str, captchas: Path, budget: float, state: Path) -> None:
    """Train until the mark or the budget; the history is written to `state`.json after each epoch."""
    tune_process()
    torch.manual_seed(0)
    data = load_published(captchas) if which == "published" else load_folder(captchas)
    data = data.subset(split(data.labels, 0.7, seed=0)[0])
    model = PaperCRNN() if which == "published" else CRNN()
    run = Run(model, data, OURS.get(which, PUBLISHED))
    checkpoint = state.with_suffix(".checkpoint")
    if checkpoint.exists():
        run.restore(checkpoint)
    while len(run.history) < run.recipe.epochs:
        spent = sum(r["cpu_seconds"] for r in run.history)
        if spent >= budget or any(r["validation_exact"] >= MARK * r["validation_images"] for r in run.history):
            break
        print(json.dumps(run.epoch(lambda: False)), file=sys.stderr, flush=True)
        run.save(checkpoint)
        parameters = sum(p.numel() for p in model.parameters())
        result = {"recipe": asdict(run.recipe), "parameters": parameters, "history": run.history}
        write_text(state.with_suffix(".json"), json.dumps(result))


def cost(result: dict) -> dict:
    """CPU-seconds until the mark, or all that were spent without reaching it."""
    spent = 0.0
    for record in result["history"]:
        spent += record["cpu_seconds"]
        if record["validation_exact"] >= MARK * record["validation_images"]:
            return {"reached": True, "epochs": record["epoch"], "cpu_seconds": round(spent, 1)}
    return {"reached": False, "epochs": len(result["history"]), "cpu_seconds": round(spent, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captchas", type=Path, required=True)
    parser.add_argument("--budget", type=float, default=6000, help="CPU-seconds for the published recipe")
    parser.add_argument("--out", type=Path, default=Path("data/results/published_recipe.json"))
    parser.add_argument(
        "--state", type=Path, default=Path("runs/published_recipe"), help="folder for what can be resumed"
    )
    parser.add_argument("--only", choices=["published", *OURS], help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.only:
        return run_one(a.only, a.captchas, a.budget, a.state / a.only)
    results = {}
    for which in ("published", *OURS):  # a fresh process each, one after the other
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--only", which], check=True)
        result = json.loads((a.state / which).with_suffix(".json").read_text())
        results[which] = {**cost(result), **result}
    for which in OURS:
        results[which]["ratio"] = round(results["published"]["cpu_seconds"] / results[which]["cpu_seconds"], 1)
    results |= {
        "mark": MARK,
        "ratios_are": "measured" if results["published"]["reached"] else "at least",
        "command": "python bench/published_recipe.py --captchas DIR",
        "environment": environment(),
    }
    write_text(a.out, json.dumps(results, indent=1) + "\n")
    print({which: results[which]["ratio"] for which in OURS}, results["ratios_are"])


if __name__ == "__main__":
    main()
