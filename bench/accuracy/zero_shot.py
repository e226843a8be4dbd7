"""A reader trained on generated images alone, scored on the real ones.

    python bench/accuracy/zero_shot.py --captchas DIR [--labels CSV] [--seed S] [--count N] [--weights FILE]

No real pixel and no real label is trained on. The generator was designed by looking at the real images (samples,
grey levels, the average look of each symbol, in both halves) and by following the public Java libraries that draw
such images. Its ranges and this recipe were chosen by the score on half of them ("tuned": the SHA-256 of the label is
even); the other half ("held_out") was scored only when they were final. --labels scores once more against corrected
labels.
"""

import hashlib
import sys
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from crnn_lib import metrics
from crnn_lib.data import load_folder, read_labels, with_labels
from crnn_lib.drawing import captchas
from crnn_lib.model import Config
from crnn_lib.reader import save
from crnn_lib.training import Recipe, fit, tune_process


def is_tuned(label: str) -> bool:
    return int(hashlib.sha256(label.encode()).hexdigest(), 16) % 2 == 0


def main() -> None:
    parser = options(__doc__, captchas=True, seed=0, count=16000, epochs=5, out=RESULTS / "zero_shot.json")
    parser.add_argument("--labels", type=Path, help="a CSV with the columns file,label")
    parser.add_argument("--weights", type=Path, help="where to keep the reader")
    a = parser.parse_args()

    tune_process()
    started = time.process_time()
    generated = captchas.dataset(a.count, seed=a.seed)
    drawn = time.process_time() - started
    recipe = Recipe(seed=a.seed, epochs=a.epochs, batch_size=32, validation_fraction=0.02)
    run = fit(Config(), generated, recipe)
    seconds = time.process_time() - started

    real = load_folder(a.captchas)  # read only after the training has ended
    halves = {
        "all": range(len(real)),
        "tuned": [i for i, label in enumerate(real.labels) if is_tuned(label)],
        "held_out": [i for i, label in enumerate(real.labels) if not is_tuned(label)],
    }
    result = {"seed": a.seed, "count": a.count, "parameters": run.model.parameter_count()}
    result |= {"cpu_seconds": round(seconds, 1), "cpu_seconds_drawing": round(drawn, 1)}
    given, readings = metrics.evaluate(run.model, real.images, real.labels)
    for name, half in halves.items():
        result[name] = metrics.scores([real.labels[i] for i in half], [readings.texts[i] for i in half])
    result["all"]["ctc_loss"] = given["ctc_loss"]
    if a.labels:
        corrected = with_labels(real, read_labels(a.labels))
        result["all_corrected"] = metrics.evaluate(run.model, corrected.images, corrected.labels)[0]
    result["misread"] = [
        {"file": name, "label": label, "reading": text}
        for name, label, text in zip(real.names, real.labels, readings.texts, strict=True)
        if label != text
    ]
    result |= {"recipe": asdict(recipe), "style": asdict(captchas.DEFAULT), "history": run.history}
    if a.weights:
        save(run.model, a.weights, {"data": "generated", "recipe": asdict(recipe), "style": asdict(captchas.DEFAULT)})
    record(a.out, result, "--captchas DIR")
    for name in ("all", "tuned", "held_out", "all_corrected"):
        if name in result:
            low, high = result[name]["exact_interval"]
            score = f"{result[name]['exact']}/{result[name]['images']}"
            print(f"{name:<14}{score:>10}  {result[name]['exact_accuracy']:.4f} [{low:.4f}, {high:.4f}]", end="")
            print(f"  CER {result[name]['cer']:.4f}")
    print(f"{seconds:.0f} CPU-seconds, {drawn:.0f} of them drawing {a.count} images")


if __name__ == "__main__":
    main()
