"""Trainings on few labelled images: which images, which recipe, and that what is there is not done again."""

import dataclasses
import json
import re
from itertools import pairwise

import pytest
from places import text_of

from bench.accuracy import few, learning_curves, plates
from crnn_lib.data import LabelledImages
from crnn_lib.drawing import captchas
from crnn_lib.model import CRNN, Config
from crnn_lib.tools import cli
from crnn_lib.training import Recipe, Run

TINY = Config("2b", 16, 40, (4, 4), ((2, 2), (2, 2)), 8, 4)


@pytest.fixture(scope="module")
def small():
    return captchas.dataset(20, alphabet="2b", lengths=(1, 2), height=16, width=40)


def test_larger_subsets_hold_the_smaller_ones_and_repeat():
    assert few.order(90, 3) == few.order(90, 3) != few.order(90, 4)
    assert sorted(few.order(90, 3)) == list(range(90))


def test_a_curve_is_more_and_more_of_one_part_with_five_repetitions_and_then_three(small):
    pool = LabelledImages(small.images[[0] * 120], ("2",) * 120, tuple(map(str, range(120))))
    points = list(learning_curves.curve("s", "w", few.transfer(CRNN(TINY)), pool, small))
    by_size = [[p for p in points if p.row["images"] == size] for size in (25, 50, 100, 120)]
    assert [len(some) for some in by_size] == [5, 5, 5, 3] and len(points) == 18
    assert len({p.name for p in points}) == 18 and all(p.test is small for p in points)
    for smaller, larger in pairwise(by_size):
        for a, b in zip(smaller, larger, strict=False):
            assert set(a.train.names) < set(b.train.names) and a.recipe.seed == b.recipe.seed
    assert len({p.train.names for p in by_size[0]}) == 5


def test_few_images_are_trained_on_for_as_many_steps_as_more():
    for recipe in (few.from_scratch, few.by_transfer):
        taken = [few.steps(count, recipe(count)) for count in (25, 50, 100, 200)]
        assert min(taken) > 0.7 * max(taken) > 0
        assert recipe(4000).epochs == recipe(2000).epochs
    assert few.from_scratch(749) == Recipe()
    recipe, data = Recipe(epochs=3, batch_size=4), captchas.dataset(21)
    assert few.steps(21, recipe) == recipe.epochs * Run(CRNN(), data, recipe).steps_per_epoch


def test_the_recipe_for_few_images_is_the_one_that_is_told(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    told = [" ".join(text.split()) for text in (capsys.readouterr().out, text_of("README.md"))]
    for text in told:
        rate, epochs = re.search(r"--learning-rate ([\d.]+),? (?:for|--epochs) (\d+)", text).groups()
        images, seen = re.search(r"(\d{3}) images, (\d+) (?:/ images|divided by)", text).groups()
        assert few.by_transfer(int(images)) == Recipe(epochs=int(epochs), learning_rate=float(rate))
        assert few.by_transfer(40).epochs == int(seen) // 40 and int(seen) == int(images) * int(epochs)


def test_a_number_is_judged_with_0_and_o_as_one(small):
    data = dataclasses.replace(small.subset(range(3)), labels=("AO1", "O0", "B8"), names=("a", "b", "c"))
    data = plates.folded(data)
    assert data.labels == ("A01", "00", "B8")
    found = plates.judged(data, {"a": "A01", "b": "OO"}, [1.5, 2])
    assert (found["exact"], found["images"], found["cpu_seconds"]) == (2, 3, 3.5)
    assert found["misread"] == {"c": ""}


def test_states_are_dealt_whole_and_evenly():
    sizes = {"ny": 30, "va": 20, "ca": 12, "mt": 1, "ks": 3, "ak": 4, "oh": 20}
    names = [f"{state}{i}.png" for state, size in sizes.items() for i in range(size)]
    parts = plates.by_state(names, 3)
    assert sorted(i for _, test in parts for i in test) == list(range(len(names)))
    for train, test in parts:
        assert sorted(train + test) == list(range(len(names)))
        assert not {plates.state(names[i]) for i in train} & {plates.state(names[i]) for i in test}
    assert max(len(test) for _, test in parts) - min(len(test) for _, test in parts) < 5
    assert plates.by_state(names, 3) == parts


def test_what_is_there_is_not_trained_again(small, tmp_path, monkeypatch):
    way, recipe, kept = few.transfer(CRNN(TINY)), Recipe(epochs=1, batch_size=8), tmp_path / "runs" / "one.json"
    train, test = small.subset(range(14)), small.subset(range(14, 20))
    found = few.reading(kept, way, recipe, train, test)
    assert list(found["readings"]) == list(test.names) and found["epochs"] == 1
    assert json.loads(kept.read_text()) == found
    begun = []
    monkeypatch.setattr(few, "fit", lambda *a, **b: begun.append(a) or 1 / 0)
    assert few.reading(kept, way, recipe, train, test) == found and begun == []
    for other in ((way, Recipe(epochs=2), train, test), (few.transfer(CRNN(TINY)), recipe, train, test),
                  (way, recipe, train.subset(range(13)), test)):  # fmt: skip
        with pytest.raises(ZeroDivisionError):
            few.reading(kept, *other)
