"""Trainings on few labelled images: from scratch and by transfer, each result kept as soon as it is there."""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median_high

from crnn_lib import metrics, reader
from crnn_lib.alphabet import Alphabet
from crnn_lib.data import LabelledImages, load_folder
from crnn_lib.files import cpu_seconds, write_text
from crnn_lib.model import CRNN, Config
from crnn_lib.training import Recipe, begin, fit


def from_scratch(images: int, seed: int = 0) -> Recipe:
    """The default recipe; of few images with more epochs, so that it takes as many steps as 400 of them give."""
    return Recipe(seed, epochs=max(40, 16_000 // images))


def by_transfer(images: int, seed: int = 0) -> Recipe:
    """The recipe that `crnn train --help` gives for few images: a third of the learning rate, half of the epochs."""
    return Recipe(seed, epochs=max(20, 7_000 // images), learning_rate=1e-3)


@dataclass(frozen=True)
class Way:
    """How to come to a reader: the shape of its network, what that starts from, the recipe by (images, seed)."""

    config: Config
    recipe: Callable[[int, int], Recipe]
    init: CRNN | None = None

    def load(self, folder: Path) -> LabelledImages:
        """The labelled images of a folder, as the network takes them."""
        return load_folder(folder, *self.config.frame)

    def of(self, data: LabelledImages) -> "Way":
        """This way to a reader of the symbols in `data`, as the command line has it."""
        symbols = Alphabet.of(data.labels).symbols
        return replace(self, config=replace(self.config, alphabet=symbols, width=median_high(data.widths)))


def scratch(width: int | None = None) -> Way:
    """The default network, from random weights, on images of their own or all of one width."""
    return Way(replace(Config(), width=width, stretch=None) if width else Config(), from_scratch)


def transfer(init: CRNN) -> Way:
    return Way(init.config, by_transfer, init)


def identity(way: Way, recipe: Recipe, train: LabelledImages, test: LabelledImages) -> str:
    """What distinguishes one result from another."""
    start = way.init.digest() if way.init else None
    parts = [asdict(way.config), asdict(recipe), train.fingerprint(), test.fingerprint(), start]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def reading(kept: Path, way: Way, recipe: Recipe, train: LabelledImages, test: LabelledImages) -> dict:
    """Train on `train` and read `test`: {readings (file: text), epochs, cpu_seconds}, from the file `kept` if there."""
    which = identity(way, recipe, train, test)
    if kept.exists() and (found := json.loads(kept.read_text(encoding="utf-8")))["identity"] == which:
        return found
    started = cpu_seconds()
    model = fit(way.config, train, recipe, init=way.init).model
    texts = dict(zip(test.names, reader.read(model, test.images).texts, strict=True))
    spent = round(cpu_seconds() - started, 1)
    found = {"identity": which, "epochs": recipe.epochs, "cpu_seconds": spent, "readings": texts}
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_text(kept, json.dumps(found))
    return found


def scores(labels: Sequence[str], texts: Sequence[str]) -> dict:
    """The figures that a result keeps."""
    found = metrics.scores(labels, texts)
    return {key: found[key] for key in ("images", "exact", "exact_interval", "edits", "characters", "cer")}


def steps(images: int, recipe: Recipe) -> int:
    """How many steps a training on `images` takes, its validation part left out."""
    return recipe.epochs * -(-round(images * (1 - recipe.validation_fraction)) // recipe.batch_size)


def estimate(way: Way, data: LabelledImages, trainings: Sequence[tuple[int, Recipe]]) -> float:
    """The CPU-seconds of `trainings`, (images, recipe) each, by that of a few steps on some of `data`."""
    some = data.subset(range(min(64, len(data))))
    run = begin(way.config, some, Recipe(epochs=1, validation_fraction=0.0), init=way.init)
    started = cpu_seconds()
    list(run)
    return (cpu_seconds() - started) / run.steps * sum(steps(images, recipe) for images, recipe in trainings)


def order(count: int, repetition: int) -> list[int]:
    """All of `count` images in random order: its first n are the subset of n, so larger subsets hold smaller ones."""
    return random.Random(repetition).sample(range(count), count)
