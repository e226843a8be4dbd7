"""Shapes of a network for printed lines, side by side: what they cost, and what they read after one short training.

    crnn data generate --kind lines --faces all --count 10000 --seed 0 --shards 5000 --out runs/lines-0
    python bench/training/shapes.py --data runs/lines-0

Each is trained for one epoch by the recipe of the first piece of `bench/training/text.py`, and scored on lines of the
same faces, of another seed: the faces that judge the model `text` take no part in the choice. Times are CPU time, on
one thread: of a line of 480 columns, forward and backward, in a batch of 8, and of reading the sample sentence of 44
characters.
Writes data/results/text_shapes.json and text_shapes.csv.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from bench.training.pieces import fitting
from bench.training.text import CONFIG, PIECES
from crnn_lib import assets, images, metrics, reader
from crnn_lib.drawing import faces
from crnn_lib.drawing import lines as printing
from crnn_lib.drawing.texts import random_string, running_text
from crnn_lib.files import csv_text, write_text
from crnn_lib.model import CRNN, Config
from crnn_lib.training import begin, tune_process

ALPHABET, POOLS = CONFIG.alphabet, CONFIG.pools
SHAPES = {
    "chosen": CONFIG,
    "smaller": Config(ALPHABET, 32, 768, (16, 32, 64, 96, 128), POOLS, 192, 128, 2.0),
    "wider, fewer columns": Config(ALPHABET, 32, 480, (24, 48, 96, 128, 160), POOLS, 256, 160, 1.25),
    "between the two": Config(ALPHABET, 32, 672, (16, 48, 96, 96, 128), POOLS, 192, 160, 1.75),
    "a step every two columns": Config(
        ALPHABET, 32, 384, (24, 48, 96, 128, 128), ((2, 2), (2, 1), (2, 1), (2, 1), (1, 1)), 192, 128, 1.0
    ),
}
SEED = 77  # of the lines that score


def median_ms(act: Callable[[], object], times: int = 9) -> float:
    """The median CPU time of `act`, after one call that does not count."""
    act()
    found = []
    for _ in range(times):
        started = time.process_time()
        act()
        found.append((time.process_time() - started) * 1000)
    return round(statistics.median(found), 1)


def costs(config: Config) -> dict:
    """Parameters, and milliseconds to train on a line of 480 columns and to read one of 44 characters."""
    model = CRNN(config).to(memory_format=torch.channels_last)
    batch = torch.randn(8, 1, config.height, 480)
    training = median_ms(lambda: model(batch).mean().backward()) / len(batch)
    sentence = images.standardise(images.load_grey(assets.LINES["sentence"]), *config.frame)[None]
    return {
        "parameters": model.parameter_count(),
        "training_ms": round(training, 1),
        "reading_ms": median_ms(lambda: reader.read(model.eval(), sentence)),
    }


def scores(config: Config, a: argparse.Namespace) -> dict:
    """CER on running text and on random strings after one epoch, and what it cost."""
    run = begin(config, fitting(a.data, config)[0], PIECES[1][1])
    (record,) = list(run)
    model, found = run.result().model, {"cpu_seconds": record["cpu_seconds"]}
    known = [face for face in faces.joined(faces.wheels(), faces.find([a.faces])) if not face.held_out]
    for name, words in (("running", running_text), ("strings", random_string)):
        drawn = list(printing.generate(a.count, SEED, known, words))
        read = reader.read(model, [images.standardise(g.astype(np.float32), *config.frame) for g, _ in drawn])
        found[f"{name}_cer"] = metrics.scores([text for _, text in drawn], read.texts)["cer"]
    return found


def main(a: argparse.Namespace) -> None:
    tune_process()
    found = {}
    for name, config in SHAPES.items():
        found[name] = costs(config) | scores(config, a)
        print(name, found[name], flush=True)
    rows = [
        {
            "shape": name,
            "parameters": f"{one['parameters']:,}",
            "training, ms a line of 480 columns": one["training_ms"],
            "reading, ms a line of 44 characters": one["reading_ms"],
            "CER of running text": f"{one['running_cer']:.1%}",
            "CER of random strings": f"{one['strings_cer']:.1%}",
        }
        for name, one in found.items()
    ]
    write_text(RESULTS / "text_shapes.csv", csv_text(rows))
    record(RESULTS / "text_shapes.json", {"lines": a.count, "shapes": found}, "--data SHARDS")


if __name__ == "__main__":
    parser = options(__doc__, count=500, faces=faces.SYSTEM)
    parser.add_argument("--data", type=Path, required=True, metavar="SHARDS")
    main(parser.parse_args())
