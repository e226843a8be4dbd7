"""What a training costs, to the published mark and to its end: ours beside two others, and ours on growing data.

    python bench/training/training_cost.py --captchas DIR [--rounds 3] [--parts recipes growth] [--out JSON]

Recipes. Ours, and the Keras example's network and recipe, rebuilt from its description. In round r both train on the
same 749 images, those of split seed r, cut their validation part from it alike and go through the same loop, one
thread, a fresh process each, in an order that changes from round to round. The mark is 95.02 % exact on the validation
part; only training is counted, not validation. The test part of a round is scored once, at the end, with the weights of
the lowest validation loss, and decides nothing. The published recipe takes most of an hour to the mark, and its end, up
to 500 epochs, was never run: it is taken from data/results/published_recipe.json, beside the ours of that same run.

Growth. Ours on 1000, 2000, 4000 and 8000 generated images, to the mark; the full schedule is laid out, so the end costs
its 40 epochs. Memory is the process's peak.

A killed run continues at the first training that is missing (those that are done are in runs/training_cost). Writes
data/results/training_cost.json.
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, RUNS, again, options, parts, peak_megabytes, record, until
from bench.training.published_recipe import MARK, PUBLISHED, load_scaled, marked_at, seconds
from crnn_lib import metrics
from crnn_lib.alphabet import CAPTCHA_SYMBOLS, Alphabet
from crnn_lib.data import load_folder
from crnn_lib.drawing import captchas
from crnn_lib.files import write_text
from crnn_lib.model import CRNN, Config
from crnn_lib.training import Recipe, Run, tune_process

KERAS = Recipe(
    epochs=100,
    optimizer="adam",
    schedule="plateau",  # with a patience that never ends: a constant rate
    learning_rate=1e-3,
    weight_decay=0.0,
    clip=1e9,
    prior_bias=False,
    augmentation=None,
    plateau_patience=10**9,
)
EARLY_STOPPING = 10  # epochs without a lower validation loss, in the Keras example
KEYS = {  # what is compared
    "growth": ("cpu_seconds_an_epoch", "epochs_to_mark", "cpu_seconds_to_mark", "peak_megabytes"),
    "recipes": ("cpu_seconds_to_mark", "cpu_seconds", "cpu_seconds_an_epoch", "epochs_to_mark"),
}
PUBLISHED_RESULT = RESULTS / "published_recipe.json"


class LockedDropout(nn.Module):
    """Dropout with one mask for all time steps, as Keras gives it to an LSTM's input: (N, T, F) -> (N, T, F)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * nn.functional.dropout(torch.ones_like(x[:, :1]), 0.25, self.training)


class KerasCRNN(nn.Module):
    """The network of the Keras example "OCR model for reading captchas": (N, 1, 50, 200) -> (N, 50, 21).

    It is built after keras.io/examples/vision/captcha_ocr, with Keras's initial weights and one bias a gate. The 21st
    class is Keras's unknown symbol. Both directions of an LSTM share a mask here, in Keras each has its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.config = Config(
            alphabet=CAPTCHA_SYMBOLS + "?", height=50, width=200, channels=(32, 64), pools=((2, 2), (2, 2)),
            features=64, hidden=64,
        )  # fmt: skip
        self.alphabet = Alphabet(self.config.alphabet)
        self.maps = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.columns = nn.Sequential(nn.Linear(64 * 12, 64), nn.ReLU(), nn.Dropout(0.2))
        self.lstms = nn.ModuleList(
            nn.LSTM(before, hidden, bidirectional=True, batch_first=True) for before, hidden in ((64, 128), (256, 64))
        )
        self.masked = LockedDropout()
        self.classify = nn.Linear(128, len(self.alphabet))
        self.apply(start_as_keras)

    def forward(self, x: Tensor) -> Tensor:
        x = self.columns(self.maps(x).permute(0, 3, 1, 2).flatten(2))  # (N, C, H, W) -> (N, T, F)
        for lstm in self.lstms:
            x = lstm(self.masked(x))[0]
        return self.classify(x).log_softmax(-1)


def start_as_keras(layer: nn.Module) -> None:
    """He for convolutions, Glorot for dense layers, orthogonal recurrence, and 1 as the forget gates' bias."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.LSTM):
        for name, parameter in layer.named_parameters():
            if "weight_ih" in name:
                nn.init.xavier_uniform_(parameter)
            elif "weight_hh" in name:
                nn.init.orthogonal_(parameter)
            else:
                nn.init.zeros_(parameter)
            if "bias_ih" in name:
                nn.init.ones_(parameter.data[layer.hidden_size : 2 * layer.hidden_size])  # gates i, f, g, o
            parameter.requires_grad = "bias_hh" not in name  # torch has two biases, Keras one


SIZES = ("1000", "2000", "4000", "8000")
RECIPES = {
    "ours": (CRNN, load_folder, Recipe()),
    "keras": (KerasCRNN, lambda folder: load_scaled(folder, 50, 200, 255), KERAS),
}


def is_over(which: str, history: list[dict]) -> bool:
    """Whether a training has come to its end: all epochs, early stopping, or what this bench wants of it."""
    if which.isdigit():
        return marked_at(history) is not None
    losses = [epoch["validation_ctc_loss"] for epoch in history]
    return which == "keras" and bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= EARLY_STOPPING


def train(which: str, seed: int, folder: Path | None, state: Path) -> None:
    """One training, its history and what it cost, in `state`."""
    tune_process()
    torch.manual_seed(seed)
    started = time.process_time()
    if which.isdigit():
        data, test, recipe, model = captchas.dataset(int(which), seed), None, Recipe(seed=seed), CRNN()
    else:
        build, read, recipe = RECIPES[which]
        data, test = parts(read(folder), seed)
        recipe, model = replace(recipe, seed=seed), build()
    prepared = time.process_time() - started
    run = Run(model, data, recipe)
    for epoch in until(run, lambda history: is_over(which, history)):
        print(json.dumps(epoch), file=sys.stderr, flush=True)
    result = {"recipe": asdict(recipe), "prepare_cpu_seconds": round(prepared, 1), "history": run.history}
    result |= {"parameters": sum(p.numel() for p in model.parameters() if p.requires_grad), "images": len(data)}
    result |= {"peak_megabytes": peak_megabytes()}
    if test:
        figures, _ = metrics.evaluate(run.result().model, test.images, test.labels)
        result["test"] = {key: figures[key] for key in ("images", "exact", "cer", "ctc_loss")}
    write_text(state, json.dumps(result))


def price(history: list[dict]) -> float:
    """CPU-seconds an epoch."""
    return statistics.median(epoch["cpu_seconds"] for epoch in history)


def cost(result: dict) -> dict:
    """Epochs and CPU-seconds to the mark and to the end of one training."""
    history, at = result["history"], marked_at(result["history"])
    return {
        "epochs_to_mark": at,
        "cpu_seconds_to_mark": seconds(history[:at]) if at else None,
        "epochs": len(history),
        "cpu_seconds": seconds(history),
        "cpu_seconds_an_epoch": round(price(history), 2),
        "spent_cpu_seconds": round(seconds(history) + result["prepare_cpu_seconds"], 1),
        **{key: result[key] for key in ("parameters", "images", "prepare_cpu_seconds", "peak_megabytes")},
        **({"test": result["test"]} if "test" in result else {}),
    }


def median(runs: list[dict], key: str) -> float | None:
    """The median of a figure over the rounds; None where most rounds never came to it."""
    found = statistics.median(math.inf if run[key] is None else run[key] for run in runs)
    return round(found, 1) if found < math.inf else None


def ratio(runs: list[dict], others: list[dict], key: str) -> float | None:
    above, below = median(runs, key), median(others, key)
    return round(above / below, 2) if above and below else None


def compare(runs: dict[str, list[dict]], kind: str) -> dict:
    """By training: the medians of its rounds, their ratios to those of the first training, and every round."""
    first, keys = next(iter(runs.values())), KEYS[kind]
    found = {
        name: {
            "medians": {key: median(of, key) for key in keys},
            "ratios": {key: ratio(of, first, key) for key in keys},
            "rounds": of,
        }
        for name, of in runs.items()
    }
    for name, entry in found.items():
        values = (f"{key} {value} (x {entry['ratios'][key]})" for key, value in entry["medians"].items())
        print(f"{name:>10}  {'  '.join(values)}")
    return found


def published() -> dict:
    """What the published recipe costs over ours, by the recorded run of both; each epoch at the median price."""
    recorded = json.loads(PUBLISHED_RESULT.read_text(encoding="utf-8"))
    found = {}
    for name, recipe in (("published", PUBLISHED), ("ours", Recipe())):
        epoch = price(recorded[name]["history"])
        found[name] = {
            "cpu_seconds_to_mark": recorded[name]["cpu_seconds"] if recorded[name]["reached"] else None,
            "cpu_seconds_an_epoch": epoch,
            "computed_cpu_seconds": round(epoch * recipe.epochs),
        }
    keys = found["ours"]
    ratios = {key: round(found["published"][key] / found["ours"][key], 1) for key in keys if found["published"][key]}
    return {"from": PUBLISHED_RESULT.name, **found, "ratios": ratios}


def run_all(names: Sequence[str], rounds: int, state: Path) -> dict[str, list[dict]]:
    """Every training of every round, each in a process of its own; the finished ones are not repeated."""
    for r in range(rounds):
        for name in (*names[r % len(names) :], *names[: r % len(names)]):
            path = state / f"{name}-{r}.json"
            if not path.exists():
                print(f"{name}, round {r + 1} of {rounds}", file=sys.stderr, flush=True)
                again("--only", name, "--seed", str(r), "--only-out", str(path))
    return {name: [cost(json.loads((state / f"{name}-{r}.json").read_text())) for r in range(rounds)] for name in names}


def main() -> None:
    state = RUNS / "training_cost"
    parser = options(__doc__, captchas=False, rounds=3, state=state, out=RESULTS / "training_cost.json")
    parser.add_argument("--parts", nargs="+", choices=list(KEYS), default=list(KEYS))
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--only-out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.only:
        return train(a.only, a.seed, a.captchas, a.only_out)
    if "recipes" in a.parts and not a.captchas:
        parser.error("the recipes need --captchas DIR")
    result = json.loads(a.out.read_text(encoding="utf-8")) if a.out.exists() else {}
    result["mark"] = MARK
    if "growth" in a.parts:
        result["growth"] = compare(run_all(SIZES, a.rounds, a.state), "growth")
    if "recipes" in a.parts:
        result["recipes"] = compare(run_all(list(RECIPES), a.rounds, a.state), "recipes")
        result["published"] = published()
        print(f"{'published':>10}  {result['published']['ratios']}")
    entries = [entry for kind in KEYS for entry in result.get(kind, {}).values()]
    result["cpu_seconds"] = round(sum(run["spent_cpu_seconds"] for entry in entries for run in entry["rounds"]))
    record(a.out, result, "--captchas DIR")


if __name__ == "__main__":
    main()
