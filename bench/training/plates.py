"""Trains the model `plates`, which reads a licence plate, A-Z and 0-9, in pieces, on generated plates alone.

    crnn data generate --kind plates --faces all --count 80000 --seed 1 --shards 5000 --out runs/plates-1
    python bench/training/plates.py --piece 1 --data runs/plates-1 --init text --out runs/plates-1.safetensors
    crnn data generate --kind plates --faces all --count 100000 --seed 2 --shards 5000 --out runs/plates-2
    python bench/training/plates.py --piece 2 --data runs/plates-2 --init runs/plates-1.safetensors \
        --out runs/plates-2.safetensors

The fonts are those of the wheels and of Debian's packages, as for `text`, without the families that are held out. The
first piece starts from `text`, whose shape this network has: letters and digits keep their rows. A piece that was
interrupted continues from its last epoch; a plate that is too narrow for its number is left out, and counted.

    crnn data generate --kind plates --faces all --count 4800 --seed 0 --shards 5000 --out runs/plates-0
    python bench/training/plates.py --trial --data runs/plates-0 --init text

prints what one epoch of so few plates leads to, from `text` and from scratch, stretched more and less, on plates of
another seed. By such figures the start was chosen, and the stretch, which mattered little; no photograph took part.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.training import pieces
from bench.training.text import CONFIG as TEXT
from crnn_lib import images, metrics, reader
from crnn_lib.drawing import faces, plates
from crnn_lib.drawing.numbers import DIGITS, LETTERS
from crnn_lib.model import CRNN, Config
from crnn_lib.training import Recipe, begin, tune_process

CONFIG = replace(TEXT, alphabet=DIGITS + LETTERS, width=256, stretch=2.5)  # 0.860 million parameters
TWICE = Recipe(epochs=2, validation_fraction=0.02, learning_rate=2e-3)
PIECES = dict.fromkeys((1, 2), (pieces.MixedPrecision, TWICE))
TRIALS = ((2.5, True), (2.5, False), (2.0, True), (3.0, True))  # stretch, and whether it starts from --init
JUDGED, SEED = 400, 77  # plates that judge a trial


def tried(config: Config, init: CRNN | None, a: argparse.Namespace) -> dict:
    """Scores after one epoch, 0 and O as one, and what it cost."""
    once = replace(TWICE, epochs=1, validation_fraction=0.0, augmentation=None)
    run = begin(config, pieces.fitting(a.data, config)[0], once, init=init, kind=pieces.MixedPrecision)
    (epoch,) = list(run)
    drawn = list(plates.generate(JUDGED, SEED, faces.wheels()))
    read = reader.read(run.result().model, [images.standardise(g.astype(np.float32), *config.frame) for g, _ in drawn])
    labels, texts = ([text.replace("O", "0") for text in some] for some in ([text for _, text in drawn], read.texts))
    scores = metrics.scores(labels, texts)
    return {key: scores[key] for key in ("exact", "images", "cer")} | {"cpu_seconds": epoch["cpu_seconds"]}


def trial(a: argparse.Namespace) -> None:
    tune_process()
    init = reader.load(a.init)
    for stretch, starts in TRIALS:
        name = f"stretch {stretch}, from {a.init if starts else 'scratch'}"
        print(name, tried(replace(CONFIG, stretch=stretch), init if starts else None, a), flush=True)


if __name__ == "__main__":
    parser = pieces.arguments(__doc__)
    parser.add_argument("--trial", action="store_true", help="compare stretches and starts, and write nothing")
    a = parser.parse_args()
    if a.trial:
        trial(a)
    else:
        pieces.train(a, CONFIG, PIECES, "generated plates (crnn_lib.drawing.plates)")
