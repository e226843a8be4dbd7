"""Accuracy against damage: the committed reader on images that are turned, blurred, noised, covered and struck out.

    python bench/accuracy/robustness.py [--captchas DIR] [--out JSON]

Two sets: `COUNT` generated images in the real style, and the model's own test part of the real images (with
--captchas; its labels as the audit left them). Image i suffers the same direction and place at every strength, only
more of it. `thicker lines` redraws the generated images with thicker noise lines, so the real ones have no such curve.
The strengths were set before anything was scored, and nothing was chosen by these figures.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import AUDIT, RESULTS, options, record
from crnn_lib import metrics, reader
from crnn_lib.data import list_folder, read_labels, split
from crnn_lib.drawing import captchas
from crnn_lib.drawing.damage import DAMAGES, damaged
from crnn_lib.images import load_grey, standardise
from crnn_lib.model import CRNN

SEED, COUNT = 8, 1000  # generated images
FIRST = 60  # of them: their score is kept apart, so that one point can be computed again
MODEL = "captcha"
THICKER = ("times as thick", (1, 1.5, 2, 3, 4, 5, 6))


def generated(count: int = COUNT, thicker: float = 1) -> tuple[list[np.ndarray], list[str]]:
    """The generated set: greys (h, w) and labels. The first images are the same for every `count`."""
    low, high = captchas.DEFAULT.line_stroke
    return captchas.generate(count, SEED, style=replace(captchas.DEFAULT, line_stroke=(thicker * low, thicker * high)))


def row(model: CRNN, name: str, kind: str, unit: str, strength: float, greys: list, labels: list[str]) -> dict:
    size = model.config.frame
    readings = reader.read(model, torch.stack([standardise(grey, *size) for grey in greys]))
    figures = metrics.scores(labels, readings.texts)
    low, high = figures["exact_interval"]
    right = [label == text for label, text in zip(labels, readings.texts, strict=True)]
    found = {"set": name, "kind": kind, "unit": unit, "strength": strength, "images": len(labels), "exact": sum(right)}
    found |= {"low": round(low, 6), "high": round(high, 6), "edits": figures["edits"]}
    found |= {"characters": figures["characters"], "confidence": round(float(np.mean(readings.confidences)), 4)}
    print(found, flush=True)
    return found | {"first": sum(right[:FIRST])}


def main() -> None:
    a = options(__doc__, captchas=False, out=RESULTS / "robustness.json").parse_args()
    model = reader.load(MODEL)
    sets = {"generated": generated()}
    if a.captchas:
        files = list_folder(a.captchas)
        trained = model.provenance
        _, test = split([file.label for file in files], trained["train_fraction"], trained["split_seed"])
        labels = {file.name: file.label for file in files} | read_labels(AUDIT)
        sets["real test part"] = [load_grey(files[i].path) for i in test], [labels[files[i].name] for i in test]
    rows = []
    for name, (greys, labels) in sets.items():
        for kind, (unit, strengths, _) in DAMAGES.items():
            for s in strengths:
                rows.append(row(model, name, kind, unit, s, damaged(greys, kind, s), labels))
    for s in THICKER[1]:
        rows.append(row(model, "generated", "thicker lines", THICKER[0], s, *generated(thicker=s)))
    record(a.out, {"weights": MODEL, "seed": SEED, "first": FIRST, "rows": rows}, "--captchas DIR")


if __name__ == "__main__":
    main()
