"""Real licence plates of the US: by transfer and from scratch, in folds and by state, beside OpenALPR.

    python bench/accuracy/plates.py --plates DIR [--init NAME|FILE] [--choose]

`crnn data fetch plates` brings the 746 labelled photographs; 0 and O count as one, in training too, since the labels
do not tell them apart. Each image is read by a model that was not trained on it:

- transfer: five folds, equal labels in one of them; the network starts from `--init` and is trained by the recipe for
  few images (`few.by_transfer`);
- scratch: the same folds, the default network and recipe, all images brought to 128 columns, since their own
  proportions leave a long number too few;
- states: by transfer, tested on a tenth of the states, of which the training saw no plate;
- shipped: `--init` as it is, which was trained on no real plate;
- openalpr: its recorded readings of the same images (openalpr_readings.csv). It was not trained on this collection, as
  far as anybody says; a model of the folds was, on its other images.

--choose compares recipes and prints, on the training part of the first fold alone, four fifths of it against the rest:
only there was the recipe compared with others. Each training is kept in --runs; a killed run continues after the last
one. --epochs N trains for N epochs only, to try the script. Writes data/results/plates.json: scores, and by file name
what was misread.
"""

import csv
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.accuracy import few
from bench.common import RESULTS, RUNS, options, record
from crnn_lib import reader
from crnn_lib.augment import Augmentation
from crnn_lib.data import LabelledImages, folds, split
from crnn_lib.model import CRNN
from crnn_lib.training import Recipe, tune_process

WIDTH, GROUPS = 128, 10
Parts = list[tuple[list[int], list[int]]]
RECIPES = [  # what --choose compares
    Recipe(epochs=epochs, learning_rate=rate, augmentation=changes)
    for rate, epochs, changes in (
        (5e-4, 20, Augmentation()), (1e-3, 20, Augmentation()), (2e-3, 20, Augmentation()),
        (1e-3, 10, Augmentation()), (1e-3, 40, Augmentation()), (1e-3, 20, None),
    )
]  # fmt: skip


def as_one(text: str) -> str:
    """The number with 0 and O as one."""
    return text.replace("O", "0")


def folded(data: LabelledImages) -> LabelledImages:
    return replace(data, labels=tuple(map(as_one, data.labels)))


def state(name: str) -> str:
    """The state that a photograph is from, by its file name: ky1249.png is Kentucky's."""
    return name[:2]


def by_state(names: Sequence[str], groups: int) -> Parts:
    """(training indices, test indices) for each group of states, dealt so that the groups are about equally large."""
    tests: list[list[str]] = [[] for _ in range(groups)]
    sizes = Counter(map(state, names))
    for one in sorted(sizes, key=lambda one: (-sizes[one], one)):
        min(tests, key=lambda group: sum(sizes[each] for each in group)).append(one)
    return [([i for i, n in enumerate(names) if state(n) not in group],
             [i for i, n in enumerate(names) if state(n) in group]) for group in tests]  # fmt: skip


def judged(data: LabelledImages, readings: dict[str, str], seconds: Iterable[float] = ()) -> dict:
    """Scores, and what was misread: {file: reading}, 0 for O."""
    texts = [as_one(readings.get(name, "")) for name in data.names]
    misread = {n: text for n, label, text in zip(data.names, data.labels, texts, strict=True) if text != label}
    spent = {"cpu_seconds": round(sum(seconds), 1)} if seconds else {}
    return few.scores(data.labels, texts) | spent | {"misread": misread}


def out_of_part(kept: Path, way: few.Way, data: LabelledImages, parts: Parts, epochs: int | None) -> dict:
    """Train and read part after part; the scores of all of them, and those of each part."""
    readings, rows, spent = {}, [], []
    for i, (train, test) in enumerate(parts):
        part, held_out = data.subset(train), data.subset(test)
        recipe = way.recipe(len(train), 0)
        recipe = replace(recipe, epochs=epochs or recipe.epochs)
        found = few.reading(kept.with_name(f"{kept.name}-{i}.json"), way, recipe, part, held_out)
        row = judged(held_out, found["readings"])
        rows.append(
            {key: row[key] for key in ("images", "exact")} | {"states": sorted(set(map(state, held_out.names)))}
        )
        readings, spent = readings | found["readings"], [*spent, found["cpu_seconds"]]
        print(f"{kept.name}, part {i + 1} of {len(parts)}: {row['exact']} of {row['images']} exact", flush=True)
    return judged(data, readings, spent) | {"parts": rows}


def shipped(model: CRNN, folder: Path) -> dict:
    """The scores of a model that was trained on none of these images."""
    data = few.transfer(model).load(folder)
    texts = reader.read(model, data.images).texts
    return judged(folded(data), dict(zip(data.names, texts, strict=True)))


def openalpr(folder: Path, data: LabelledImages) -> dict:
    with open(folder / "openalpr_readings.csv", encoding="utf-8", newline="") as file:
        return judged(data, {row["file"]: row["reading"] for row in csv.DictReader(file)})


def choose(a: Namespace) -> None:
    """Recipes side by side, on the training part of the first fold."""
    way = few.transfer(reader.load(a.init))
    data = folded(way.load(a.plates))
    part = data.subset(folds(data.labels)[0][0])
    train, rest = (part.subset(at) for at in split(part.labels, 0.8))
    for i, recipe in enumerate(RECIPES):
        found = few.reading(a.runs / f"choose-{a.init.stem}-{i}.json", way.of(data), recipe, train, rest)
        row = judged(rest, found["readings"])
        what = (
            f"rate {recipe.learning_rate}, {recipe.epochs} epochs, {'' if recipe.augmentation else 'no '}augmentation"
        )
        read = f"{row['exact']} of {row['images']} exact, CER {row['cer']:.4f}"
        print(f"{what}: {read}, {found['cpu_seconds']} CPU-seconds", flush=True)


def main(a: Namespace) -> None:
    tune_process()
    if a.choose:
        return choose(a)
    model, found = reader.load(a.init), {}
    for name, way in (
        ("transfer", few.transfer(model)),
        ("states", few.transfer(model)),
        ("scratch", few.scratch(WIDTH)),
    ):
        data = folded(way.load(a.plates))
        way = way.of(data)
        parts = by_state(data.names, GROUPS) if name == "states" else folds(data.labels)
        sizes = [(len(train), way.recipe(len(train), 0)) for train, _ in parts]
        print(f"{name}: about {few.estimate(way, data, sizes):.0f} CPU-seconds", flush=True)
        found[name] = out_of_part(a.runs / name, way, data, parts, a.epochs or None)
    found |= {"shipped": shipped(model, a.plates), "openalpr": openalpr(a.plates, data)}
    for name, row in found.items():
        print(f"{name}: {row['exact']} of {row['images']} exact, CER {row['cer']:.4f}")
    record(a.out, {"start": model.digest(), "rows": found}, "--plates DIR")


if __name__ == "__main__":
    parser = options(__doc__, runs=RUNS / "plates", out=RESULTS / "plates.json", epochs=0)
    parser.add_argument("--plates", type=Path, required=True, metavar="DIR")
    parser.add_argument("--init", type=Path, default=Path("plates"), metavar="NAME|FILE", help="default: plates")
    parser.add_argument("--choose", action="store_true", help="compare recipes on a part of the images, and stop")
    main(parser.parse_args())
