"""How many labelled images one needs: exact strings and CER by their number, from scratch and by transfer.

    python bench/accuracy/learning_curves.py --captchas DIR --plates DIR --scans DIR --package

- captchas and plates: 25, 50, 100, 200, 400 and all images of the training part of a split by 7:3, always tested on
  the same other part; five repetitions up to 100, three above, each with images and weights of its own, and the larger
  subsets of a repetition hold the smaller ones. CAPTCHAs start from `text`, plates (0 and O as one) from `plates`;
- scans: the model `text` on 42 of 82 scanned lines, before and after it was trained on the other 40;
- package: 1,200 images that the PyPI package `captcha` draws, 160 x 60, with 4 to 6 of 62 symbols, 7:3: the default
  recipe from scratch, and the same with `--init text`. It needs `pip install --no-deps captcha==0.7.1`.

From scratch it is the default network and recipe (plates at 128 columns, since their own proportions leave a long
number too few), by transfer the recipe for few images; both with more epochs where the images are few, so that all
trainings take a thousand steps or four hundred at least (`few`). These numbers were chosen for the sum of the CPU
time, which is printed first, not by any score. Each training is kept in --runs as soon as it is there; a killed run
continues after the last one. The record is of `text` after its third piece. --estimate prints the CPU time and stops;
--epochs N trains for N epochs only, to try the script. Writes data/results/learning_curves.json.
"""

import random
import string
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.accuracy import few
from bench.accuracy.plates import WIDTH, as_one, folded
from bench.common import RESULTS, RUNS, options, parts, record
from crnn_lib import images, reader
from crnn_lib.data import LabelledImages
from crnn_lib.model import CRNN
from crnn_lib.training import Recipe, tune_process

SIZES = (25, 50, 100, 200, 400, 0)  # 0: all
FEW, REPETITIONS = 100, (5, 3)  # up to so many images, and above
SCANS = 40  # of them train
DRAWN, SYMBOLS = 1200, string.digits + string.ascii_letters


@dataclass
class Point:
    """One training: what it is called, and all that it takes."""

    name: str
    row: dict
    way: few.Way
    recipe: Recipe
    train: LabelledImages
    test: LabelledImages


def curve(name: str, how: str, way: few.Way, pool: LabelledImages, test: LabelledImages) -> Iterator[Point]:
    """The trainings of one curve, on more and more of `pool`."""
    for size in (size or len(pool) for size in SIZES if size <= len(pool)):
        for repetition in range(REPETITIONS[size > FEW]):
            row = {"set": name, "way": how, "images": size, "repetition": repetition}
            part = pool.subset(few.order(len(pool), repetition)[:size])
            yield Point(f"{name}-{how}-{size}-{repetition}", row, way, way.recipe(size, repetition), part, test)


def curves(name: str, folder: Path, start: CRNN, width: int | None) -> Iterator[Point]:
    """Both curves of one set."""
    for how, way in (("scratch", few.scratch(width)), ("transfer", few.transfer(start))):
        data = way.load(folder)
        data = folded(data) if name == "plates" else data
        yield from curve(name, how, way.of(data), *parts(data, 0))


def scans(folder: Path, text: CRNN) -> Iterator[Point]:
    """`text`, with all of its symbols, trained on some of the lines."""
    way = few.transfer(text)
    data = way.load(folder)
    at = few.order(len(data), 0)
    train, test = data.subset(at[:SCANS]), data.subset(at[SCANS:])
    row = {"set": "scans", "way": "transfer", "images": SCANS, "repetition": 0}
    yield Point("scans-transfer", row, way, way.recipe(SCANS, 0), train, test)


def drawn(frame: tuple) -> LabelledImages:
    """The images of the package `captcha`, the same every time: its randomness is the system's, and ours has a seed."""
    from captcha import image

    chance = random.Random(0)
    image.secrets = SimpleNamespace(randbelow=chance.randrange, choice=chance.choice, randbits=chance.getrandbits)
    labels = ["".join(chance.choices(SYMBOLS, k=chance.randint(4, 6))) for _ in range(DRAWN)]
    draw = image.ImageCaptcha(160, 60)
    greys = [np.asarray(draw.generate_image(label).convert("L"), np.float32) for label in labels]
    names = tuple(f"{i:04d}.png" for i in range(DRAWN))
    return LabelledImages([images.standardise(grey, *frame) for grey in greys], tuple(labels), names)


def package(text: CRNN) -> Iterator[Point]:
    """The default recipe, from scratch and from `text`."""
    for how, way in (("scratch", few.scratch()), ("transfer", few.transfer(text))):
        data = drawn(way.config.frame)
        train, test = parts(data, 0)
        row = {"set": "package", "way": how, "images": len(train), "repetition": 0}
        yield Point(f"package-{how}", row, way.of(data), Recipe(), train, test)


def points(a: Namespace) -> list[Point]:
    """All trainings that are asked for."""
    text, found = reader.load(a.text), []
    if a.captchas:
        found += curves("captchas", a.captchas, text, None)
    if a.plates:
        found += curves("plates", a.plates, reader.load(a.plate_model), WIDTH)
    if a.scans:
        found += scans(a.scans, text)
    if a.package:
        found += package(text)
    return sorted(found, key=lambda point: point.row["images"])


def measured(point: Point, runs: Path) -> dict:
    """One row of the result: what a training led to."""
    found = few.reading(runs / f"{point.name}.json", point.way, point.recipe, point.train, point.test)
    scores = few.scores(point.test.labels, [found["readings"][name] for name in point.test.names])
    spent = {"epochs": found["epochs"], "cpu_seconds": found["cpu_seconds"]}
    return point.row | {"tested": scores.pop("images")} | scores | spent


def before(point: Point) -> dict:
    """The row of the model that a training starts from."""
    texts = reader.read(point.way.init, point.test.images).texts
    texts = [as_one(text) for text in texts] if point.row["set"] == "plates" else texts
    scores = few.scores(point.test.labels, texts)
    return point.row | {"way": "before", "images": 0, "tested": scores.pop("images")} | scores


def announce(todo: list[Point]) -> None:
    """Say what all of it will cost."""
    kinds = {(point.row["set"], point.row["way"]): [] for point in todo}
    for point in todo:
        kinds[point.row["set"], point.row["way"]].append(point)
    costs = {
        kind: few.estimate(some[0].way, some[-1].train, [(len(one.train), one.recipe) for one in some])
        for kind, some in kinds.items()
    }
    for (name, how), cost in costs.items():
        print(f"{name}, {how}: {len(kinds[name, how])} trainings, about {cost:.0f} CPU-seconds")
    print(f"in all about {sum(costs.values()) / 3600:.1f} CPU-hours", flush=True)


def main(a: Namespace) -> None:
    tune_process()
    todo = points(a)
    if a.epochs:
        todo = [replace(point, recipe=replace(point.recipe, epochs=a.epochs)) for point in todo]
    announce(todo)
    if a.estimate:
        return
    starts = {one.row["set"]: one for one in todo if one.row["way"] == "transfer"}
    rows = [before(point) for point in starts.values()]
    for point in todo:
        rows.append(measured(point, a.runs))
        print(*(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    given = [f"--{name} DIR" for name in ("captchas", "plates", "scans") if getattr(a, name)]
    record(a.out, {"rows": rows}, " ".join([*given, *["--package"] * a.package]))


if __name__ == "__main__":
    parser = options(__doc__, captchas=False, runs=RUNS / "curves", out=RESULTS / "learning_curves.json", epochs=0)
    parser.add_argument("--plates", type=Path, metavar="DIR", help="the real plates")
    parser.add_argument("--scans", type=Path, metavar="DIR", help="the scanned lines, with labels.csv")
    parser.add_argument("--package", action="store_true", help="images of the PyPI package captcha too")
    parser.add_argument("--text", type=Path, default=Path("text"), metavar="NAME|FILE", help="default: text")
    parser.add_argument("--plate-model", type=Path, default=Path("plates"), metavar="NAME|FILE", help="default: plates")
    parser.add_argument("--estimate", action="store_true", help="print what it will cost, and stop")
    main(parser.parse_args())
