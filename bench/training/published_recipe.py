"""What the published recipe costs until 95.02 % of strings are right, against ours, in one run.

    python bench/training/published_recipe.py --captchas DIR [--budget CPU_SECONDS] [--out JSON]

All train on the 749 images of split seed 0, cut their validation part from it alike, and go through the same loop;
the mark is 95.02 % exact on that validation part, and only training is counted, not validation. The published recipe:
75 x 300 RGB scaled to [-1, 1], 36 symbols, the CRNN of Shi et al. 2015 (table 1), Adam at 1e-4, batch 16, clip 5,
ReduceLROnPlateau(0.5, 8), no augmentation. It stops at the budget if the mark does not come first; a killed run
continues from its last epoch.
"""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, RUNS, again, options, parts, record, until
from crnn_lib import checkpoints, images
from crnn_lib.alphabet import Alphabet
from crnn_lib.data import LabelledImages, list_folder, load_folder
from crnn_lib.files import write_text
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
            alphabet="0123456789abcdefghijklmnopqrstuvwxyz", height=75, width=300, features=512, hidden=256,
            channels=(64, 128, 256, 256, 512, 512, 512),
            pools=((2, 2), (2, 2), (1, 1), (2, 1), (1, 1), (2, 1), (1, 1)),
        )  # fmt: skip
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


def load_scaled(folder: Path, height: int, width: int, white: float) -> LabelledImages:
    """Every image at one size, its grey levels divided by `white`; one channel, since R = G = B in all of them."""
    files = list_folder(folder)
    grey = [torch.from_numpy(images.resize(images.load_grey(f.path), height, width)) for f in files]
    stack = torch.stack(grey)[:, None] / white
    return LabelledImages(stack, tuple(f.label for f in files), tuple(f.name for f in files))


def load_published(folder: Path) -> LabelledImages:
    """Every image at 75 x 300, scaled to [-1, 1]."""
    data = load_scaled(folder, 75, 300, 127.5)
    return replace(data, images=data.images - 1)


def marked_at(history: list[dict]) -> int | None:
    """The first epoch with 95.02 % of the validation part exact."""
    return next((r["epoch"] for r in history if r["validation_exact"] >= MARK * r["validation_images"]), None)


def seconds(history: list[dict]) -> float:
    return round(sum(epoch["cpu_seconds"] for epoch in history), 1)


def run_one(which: str, captchas: Path, budget: float, state: Path) -> None:
    """Train until the mark or the budget; a killed one continues. Its history ends in `state`.json."""
    tune_process()
    torch.manual_seed(0)
    data = load_published(captchas) if which == "published" else load_folder(captchas)
    model = PaperCRNN() if which == "published" else CRNN()
    checkpoint = state.with_suffix(".checkpoint")
    run = Run(model, parts(data, 0)[0], OURS.get(which, PUBLISHED), checkpoint=checkpoint)
    if checkpoint.exists():
        run.load_state(checkpoints.read(checkpoint))
    for epoch in until(run, lambda history: marked_at(history) or seconds(history) >= budget):
        print(json.dumps(epoch), file=sys.stderr, flush=True)
    parameters = sum(p.numel() for p in model.parameters())
    result = {"recipe": asdict(run.recipe), "parameters": parameters, "history": run.history}
    write_text(state.with_suffix(".json"), json.dumps(result))


def cost(history: list[dict]) -> dict:
    """CPU-seconds until the mark, or all that were spent without reaching it."""
    at = marked_at(history)
    return {"reached": at is not None, "epochs": at or len(history), "cpu_seconds": seconds(history[:at])}


def main() -> None:
    parser = options(__doc__, captchas=True, budget=6000.0, state=RUNS / "published_recipe",
                     out=RESULTS / "published_recipe.json")  # fmt: skip
    parser.add_argument("--only", choices=["published", *OURS], help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.only:
        return run_one(a.only, a.captchas, a.budget, a.state / a.only)
    results = {}
    for which in ("published", *OURS):  # a fresh process each, one after the other
        again("--only", which)
        result = json.loads((a.state / which).with_suffix(".json").read_text())
        results[which] = {**cost(result["history"]), **result}
    for which in OURS:
        results[which]["ratio"] = round(results["published"]["cpu_seconds"] / results[which]["cpu_seconds"], 1)
    results |= {"mark": MARK, "ratios_are": "measured" if results["published"]["reached"] else "at least"}
    record(a.out, results, "--captchas DIR")
    print({which: results[which]["ratio"] for which in OURS}, results["ratios_are"])


if __name__ == "__main__":
    main()
