"""The published protocol on the real images: five 7:3 splits, train and test figures, given and audited labels.

    python bench/accuracy/protocol.py --captchas DIR [--seeds 0 1 2 3 4] [--recipe ours|plain]

`ours` is `python -m crnn_lib train` with its defaults; `plain` is the same network, started in the same way, with the
optimiser and the schedule that the published document names (Adam, ReduceLROnPlateau on the validation loss) and no
augmentation. It is not the published system: that one, rebuilt, is in bench/training/published_recipe.py. Each training
is a process of its own whose CPU-seconds are counted whole, from the start of the interpreter. Weights stay in --runs;
a killed run continues where it was, and runs already finished are only scored. The five test parts overlap, so they are
summed up by mean and range, without an interval; what each split misread is kept, by image. Writes
data/results/protocol_RECIPE.json and .csv.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import AUDIT, RESULTS, RUNS, options, record
from crnn_lib import metrics
from crnn_lib.data import LabelledImages, load_folder, read_labels, split, with_labels
from crnn_lib.files import csv_text, write_text
from crnn_lib.reader import load

OPTIONS = {"ours": [], "plain": ["--optimizer", "adam", "--schedule", "plateau", "--no-augmentation", "--epochs", "60"]}


def train(recipe: str, captchas: Path, seed: int, out: Path) -> dict:
    """Run the command line's `train`; what it printed, with the CPU-seconds of the whole process."""
    record = out.with_suffix(".json")
    if record.exists() and out.exists():
        return json.loads(record.read_text())
    command = [sys.executable, "-m", "crnn_lib", "train", "--data", str(captchas), "--out", str(out), "--json"]
    command += ["--split-seed", str(seed), "--seed", str(seed), *OPTIONS[recipe]]
    before = os.times()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    result = json.loads(done.stdout) | {"cpu_seconds_whole_process": round(spent, 1)}
    write_text(record, json.dumps(result))
    return result


def score(weights: Path, data: LabelledImages, audited: LabelledImages) -> tuple[list[dict], dict[str, dict[str, str]]]:
    """Train and test figures of one model under both sets of labels, and what it misread by part: {file: reading}.

    Images are split, and misread, by the given labels.
    """
    model = load(weights)
    seed = model.provenance["split_seed"]
    rows, misread = [], {}
    for part, indices in zip(("train", "test"), split(data.labels, 0.7, seed), strict=True):
        for name, labelled in (("given", data), ("audited", audited)):
            chosen = labelled.subset(indices)
            figures, readings = metrics.evaluate(model, chosen.images, chosen.labels)
            low, high = figures.pop("exact_interval")
            rows.append({"split_seed": seed, "part": part, "labels": name, **figures, "low": low, "high": high})
            if name == "given":
                read = zip(chosen.names, chosen.labels, readings.texts, strict=True)
                misread[part] = {file: text for file, label, text in read if text != label}
    return rows, misread


def summed(rows: list[dict]) -> dict:
    """All splits together: counts summed, rates as means over the splits with their extremes."""
    result = {"exact": sum(r["exact"] for r in rows), "images": sum(r["images"] for r in rows)}
    for key in ("cer", "ctc_loss", "exact_accuracy"):
        values = [r[key] for r in rows]
        result[f"{key}_mean"], result[f"{key}_range"] = sum(values) / len(values), [min(values), max(values)]
    return result


def main() -> None:
    parser = options(__doc__, captchas=True, seeds=[0, 1, 2, 3, 4], runs=RUNS / "protocol", out=RESULTS)
    parser.add_argument("--recipe", choices=list(OPTIONS), default="ours")
    a = parser.parse_args()
    a.runs.mkdir(parents=True, exist_ok=True)
    data = load_folder(a.captchas)
    audited = with_labels(data, read_labels(AUDIT))
    runs, rows = [], []
    for seed in a.seeds:
        weights = a.runs / f"{a.recipe}-{seed}.safetensors"
        training = train(a.recipe, a.captchas, seed, weights)
        provenance = load(weights).provenance
        found, misread = score(weights, data, audited)
        rows += found
        run = {"split_seed": seed, "cpu_seconds": training["cpu_seconds_whole_process"]}
        run |= {key: provenance[key] for key in ("recipe", "environment", "history")}
        runs.append(run | {"scores": found, "misread": misread})
        print(json.dumps([r for r in found if r["part"] == "test"]), training["cpu_seconds_whole_process"], flush=True)
    summary = {
        f"{part} {labels}": summed([r for r in rows if r["part"] == part and r["labels"] == labels])
        for part in ("train", "test")
        for labels in ("given", "audited")
    }
    result = {"splits": summary, "runs": runs}
    record(a.out / f"protocol_{a.recipe}.json", result, f"--captchas DIR --recipe {a.recipe}")
    write_text(a.out / f"protocol_{a.recipe}.csv", csv_text(rows))
    print(json.dumps(summary["test given"]), json.dumps(summary["test audited"]), sep="\n")


if __name__ == "__main__":
    main()
