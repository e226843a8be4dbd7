"""The table of results beside others, made of the recorded results alone.

    python bench/accuracy/comparison.py [--out data/results/comparison.csv]

Different images carry Wilson's interval; splits that share images carry their mean and range, and no interval.
"""

import csv
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import AUDIT, RESULTS, options
from crnn_lib import metrics
from crnn_lib.files import csv_text, write_text
from crnn_lib.tools import audit

PUBLISHED = {"exact": 305, "images": 321, "cer": 0.0100, "ctc_loss": 0.0425}
OTHERS = {
    "ddddocr": "ddddocr 1.6.1",
    "ddddocr_beta": "ddddocr 1.6.1, `beta=True`",
    "rapidocr": "RapidOCR 1.4.4 (PP-OCRv4, Chinese and English)",
    "tesseract": "Tesseract 5",
}


def result(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def row(name: str, labels: str, strings: str, cer: float, ctc_loss: float | None = None) -> dict[str, str]:
    loss = "" if ctc_loss is None else f"{ctc_loss:.4f}"
    return {"result": name, "labels": labels, "exact strings": strings, "CER": f"{cer:.2%}", "CTC loss": loss}


def once(name: str, labels: str, found: dict) -> dict[str, str]:
    """A count of different images, with Wilson's interval."""
    exact, images = found["exact"], found["images"]
    low, high = metrics.interval(exact, images)
    strings = f"{exact} of {images} = {exact / images:.2%} ({low:.2%} to {high:.2%})"
    return row(name, labels, strings, found["cer"], found.get("ctc_loss"))


def over_splits(name: str, labels: str, runs: list[dict]) -> dict[str, str]:
    """Counts of splits that share images: their sum, the mean and the range, and no interval."""
    shares = [run["exact"] / run["images"] for run in runs]
    exact, images = sum(run["exact"] for run in runs), sum(run["images"] for run in runs)
    strings = f"{exact} of {images}, mean {sum(shares) / len(shares):.2%} ({min(shares):.2%} to {max(shares):.2%})"
    cer, loss = (sum(run[key] for run in runs) / len(runs) for key in ("cer", "ctc_loss"))
    return row(name, labels, strings, cer, loss)


def out_of_fold(labels: str) -> dict:
    """The scores of the five folds; the loss was recorded for the given labels alone."""
    rows = audit.read_rows(RESULTS / "crossval.csv")
    with open(AUDIT, encoding="utf-8", newline="") as file:
        corrected = {line["file"]: line["label"] for line in csv.DictReader(file)} if labels == "audited" else {}
    truth = [corrected.get(line.file, line.label) for line in rows]
    scores = metrics.scores(truth, [line.reading for line in rows], [line.loss for line in rows])
    return scores if labels == "given" else {key: scores[key] for key in ("exact", "images", "cer")}


def table() -> list[dict[str, str]]:
    rows = [once("published, one test part", "given", PUBLISHED)]
    for name, recipe in (("**ours**", "ours"), ("our network, plain recipe", "plain")):
        for labels in ("given", "audited"):
            scores = [score for run in result(f"protocol_{recipe}")["runs"] for score in run["scores"]]
            tests = [score for score in scores if (score["part"], score["labels"]) == ("test", labels)]
            rows.append(over_splits(f"{name}, five splits", labels, tests))
    recipes = result("training_cost")["recipes"]
    for name, recipe in (("Keras example, rebuilt, three splits", "keras"), ("ours, the same three splits", "ours")):
        rows.append(over_splits(name, "given", [run["test"] for run in recipes[recipe]["rounds"]]))
    last = result("published_recipe")["published"]["history"][-1]
    rebuilt = {key: last[f"validation_{key}"] for key in ("exact", "images", "cer", "ctc_loss")}
    rows.append(once(f"published recipe, rebuilt, *validation* part, epoch {last['epoch']}", "given", rebuilt))
    rows += [once("**ours**, 5-fold", labels, out_of_fold(labels)) for labels in ("given", "audited")]
    held_out = {key: result("zero_shot")["held_out"][key] for key in ("exact", "images", "cer")}
    rows.append(once("ours, generated images only, held-out half", "given", held_out))
    readers = result("other_readers")["readers"]
    return rows + [once(name, "given", readers[key]["given"]) for key, name in OTHERS.items()]


def main() -> None:
    a = options(__doc__, out=RESULTS / "comparison.csv").parse_args()
    write_text(a.out, csv_text(table()))


if __name__ == "__main__":
    main()
