"""What the BiLSTM buys: the same reader without context, reading forward only, and reading in both directions.

    python bench/training/context.py --captchas DIR [--seeds 0 1 2 3 4] [--epochs 20]

Only the layer between columns and classifier differs, at nearly the same number of parameters: `none` looks at each
column by itself, `forward` also at the columns to its left, `both` is the library's reader. The `narrow` three are the
same on convolutions that are one column wide from the third block on, so that a column sees 10 pixels of the image, not
34. Convolutions of a kind start from the same weights, and the recipe is the library's with fewer epochs, on the splits
of bench/accuracy/protocol.py; labels are the given ones. `misread` holds every label of the test part that was not read
exactly, and its reading. A killed run continues at the first training that is missing.
Writes data/results/context.json.
"""

import json
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, parts, record
from crnn_lib import metrics
from crnn_lib.alphabet import BLANK
from crnn_lib.data import LabelledImages, load_folder
from crnn_lib.model import CRNN
from crnn_lib.training import Recipe, Run, tune_process

READERS = ("none", "forward", "both", "narrow none", "narrow forward", "narrow both")


class PerColumn(nn.Module):
    """Two layers in the LSTM's place that see one column at a time: (N, T, F) -> (N, T, outputs)."""

    def __init__(self, features: int, width: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, outputs), nn.Tanh())

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return self.layers(x), None  # as nn.LSTM: the outputs, and a last state that nobody uses


def build(reader: str) -> CRNN:
    """The library's CRNN, with another layer in the BiLSTM's place unless it reads in both directions."""
    model = CRNN()
    features, outputs = model.config.features, 2 * model.config.hidden
    if reader.startswith("narrow"):
        for block in model.blocks[2:]:
            block[0] = nn.Conv2d(block[0].in_channels, block[0].out_channels, (3, 1), padding=(1, 0), bias=False)
    if reader.endswith("none"):
        model.lstm = PerColumn(features, 386, outputs)
    elif reader.endswith("forward"):
        model.lstm = nn.LSTM(features, 105, batch_first=True)
        model.classify = nn.Linear(105, len(model.alphabet))
    return model


def judge(model: CRNN, test: LabelledImages) -> dict:
    """The figures of a test part, what was misread, and how sharply the columns speak."""
    figures, readings = metrics.evaluate(model, test.images, test.labels)
    pairs = list(zip(test.labels, readings.texts, strict=True))
    operations = Counter(op[0] for pair in pairs for op in metrics.edit_operations(*pair))
    best = readings.log_probs.argmax(-1)  # (N, T, K) -> (N, T)
    p = readings.log_probs.exp()
    return figures | {
        "operations": dict(sorted(operations.items())),
        "slices": metrics.slices(test.labels, readings.texts),
        "columns_per_letter": (best != BLANK).sum().item() / max(1, sum(map(len, readings.texts))),
        "entropy": -(p * readings.log_probs).sum(-1).mean().item(),  # nats a column
        "misread": [pair for pair in pairs if pair[0] != pair[1]],
    }


def train(reader: str, data: LabelledImages, recipe: Recipe) -> dict:
    """One training on the split of the recipe's seed, and its record."""
    started = time.process_time()
    torch.manual_seed(recipe.seed)
    kept, tested = parts(data, recipe.seed)
    run = Run(build(reader), kept, recipe)
    history, model = list(run), run.result().model
    return {
        "reader": reader,
        "split_seed": recipe.seed,
        "parameters": model.parameter_count(),
        "cpu_seconds": round(time.process_time() - started, 1),
        "recipe": asdict(recipe),
        "test": judge(model, tested),
        "history": {key: [r[key] for r in history] for key in ("train_loss", "validation_ctc_loss")},
    }


def main() -> None:
    a = options(__doc__, captchas=True, seeds=[0, 1, 2, 3, 4], epochs=20, out=RESULTS / "context.json").parse_args()
    tune_process()
    data = load_folder(a.captchas)
    runs = json.loads(a.out.read_text(encoding="utf-8"))["runs"] if a.out.exists() else []
    for seed in a.seeds:
        for reader in READERS:
            recipe = Recipe(seed=seed, epochs=a.epochs)
            same = json.loads(json.dumps(asdict(recipe)))
            if any(r["reader"] == reader and r["recipe"] == same for r in runs):
                continue
            runs.append(json.loads(json.dumps(train(reader, data, recipe))))
            told = runs[-1]
            runs.sort(key=lambda r: (r["split_seed"], READERS.index(r["reader"])))
            record(a.out, {"runs": runs}, "--captchas DIR")
            test = {key: told["test"][key] for key in ("exact", "images", "cer", "ctc_loss", "operations")}
            print(seed, reader, told["parameters"], told["cpu_seconds"], test, flush=True)


if __name__ == "__main__":
    main()
