"""Sets of images of any sizes and labels: each is checked, drawn, read and trained on, or refused in words; none lost.

What takes long is played, as in test_fuzz_cli.py, but for the last properties, which train and draw.
"""

import json
import math
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzzing import HOSTILE, answer, as_csv, assert_plain, call, everything, few, fuzz
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small import TWO_LAYERS

from crnn_lib import data, images, reader
from crnn_lib.model import CRNN, Config
from crnn_lib.tools import checks, commands, sheet
from crnn_lib.training import Fit, Recipe, fit

EXTREMES = [(1, 2000), (2000, 1), (20_000, 32), (32, 20_000), (4, 4), (4, 100), (4096, 32), (4097, 32), (9000, 71)]
sizes = st.sampled_from(EXTREMES) | st.tuples(st.integers(1, 300), st.integers(1, 90))  # width and height
SYMBOLS = "ab.é "
labels = st.text(SYMBOLS, min_size=1, max_size=12).filter(str.strip) | st.sampled_from(["a" * 9, "ab" * 600, ".  ."])
sets = st.lists(st.tuples(sizes, labels), min_size=1, max_size=5)


def grey(size, seed):
    """Strokes (h, w) on paper."""
    rng, (width, height) = np.random.default_rng(seed), size
    levels = np.full((height, width), 230, np.uint8)
    levels[height // 3 : 2 * height // 3 + 1] = np.where(rng.random(width) < 0.4, 20, 230)
    return levels


# --- sizes ---


@fuzz
@given(
    st.tuples(st.integers(1, 25_000), st.integers(1, 60))
    | st.tuples(st.integers(1, 60), st.integers(1, 25_000))
    | st.tuples(st.integers(1, 700), st.integers(1, 700)),
    st.integers(1, 64),
    st.none() | st.integers(1, 300),
    st.floats(0.1, 10),
)
def test_an_image_of_any_size_is_a_line_or_refused(size, height, width, stretch):
    picture = grey(size, 0)
    line = answer(images.standardise, picture, height, width, stretch)
    exact = size[0] * height / size[1] * stretch
    if line is None:
        assert width is None and not images.THINNEST - 0.5 <= exact < images.WIDEST + 0.5
    else:
        wanted = width or min(max(math.floor(exact + 0.5), images.NARROWEST), images.WIDEST)
        assert line.shape == (1, height, wanted) and line.isfinite().all()


# --- folders ---


@pytest.fixture(scope="module")
def weights(place):
    """A reader of the symbols here, nobody trained it."""
    torch.manual_seed(0)
    reader.save(CRNN(Config("ab.é \u00a0", **TWO_LAYERS)), place / "reader", {})
    return str(place / "reader")


@pytest.fixture(scope="module", autouse=True)
def played():
    def pretended(config, *_, **__):
        return Fit(CRNN(config).eval(), [{"epoch": 1, "train_loss": 1.0, "validation_ctc_loss": 2.0}], True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "fit", pretended)
        yield


def write(folder, chosen):
    names = [f"{i}.png" for i in range(len(chosen))]
    for i, (name, (size, _)) in enumerate(zip(names, chosen, strict=True)):
        Image.fromarray(grey(size, i)).save(folder / name, compress_level=1)
    rows = [["file", "label"], *([name, label] for name, (_, label) in zip(names, chosen, strict=True))]
    (folder / "labels.csv").write_bytes(as_csv(rows))
    return names


def asked(*arguments):
    """What a command answers as JSON (None where it refuses), and what it says on stderr; it is one of the two."""
    code, out, err = call([*map(str, arguments), "--json"])
    assert_plain(out), assert_plain(err)
    assert code in (0, 2) and "Traceback" not in err
    lines = err.rstrip("\n").split("\n")
    assert all(line.startswith("warning: ") for line in (lines[:-1] if code else filter(None, lines)))
    assert lines[-1].startswith("error: ") is (code == 2)
    return (json.loads(out) if out else None), err


@fuzz
@given(sets, st.booleans(), st.sampled_from([[], ["--width", "40"]]))
def test_no_image_of_any_set_is_lost(weights, chosen, skip, width):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "set")
        place.mkdir()
        names = write(place, chosen)
        before = everything(place)

        report, err = asked("data", "check", place)
        bad = {one["file"] for one in report["unreadable"]}
        assert not err and report["images"] + len(bad) == len(names) and bad <= set(names)
        if report["images"]:
            assert images.NARROWEST <= report["widths"][0] <= report["widths"][2] <= images.WIDEST

        read, err = asked("predict", *(place / name for name in names), "--weights", weights)
        assert [Path(one["file"]).name for one in read["predictions"]] == [name for name in names if name not in bad]
        assert len(read["errors"]) == len(bad) and all(error in err for error in read["errors"])

        arguments = ("--weights", weights, "--split", "all", *(["--skip-bad"] * skip))
        figures, err = asked("evaluate", "--data", place, *arguments)
        misfits = {one["file"] for one in report["too_long"]}
        left = set(names) - bad - (misfits if skip else set())
        if figures is None:
            assert (bad and not skip) or not left
        else:
            assert figures["images"] == len(left)
        assert all(name in err for name in (bad | misfits if skip or not bad else bad))

        assert_trained_or_refused(place, folder, skip, width)
        assert everything(place) == before


def assert_trained_or_refused(place, folder, skip, width):
    """A training takes each image that is sound and fits its label, and names the others."""
    files = data.list_folder(place)
    config = Config(width=int(width[1]), stretch=None) if width else Config()
    loaded, problems = data.load_files(files, *config.frame)
    bad = set(problems) | {one["file"] for one in checks.too_long(loaded, config)}
    kept = [file.label for file in files if file.name not in bad]
    out = Path(folder, "out")
    told, err = asked("train", "--data", place, "--out", out, *width, *(["--skip-bad"] * skip))
    assert (told is None) == ((bool(bad) and not skip) or len(set(kept)) < 2)
    if told is not None:
        assert told["images"] == len(kept) and reader.load(out).config.stretch == config.stretch
    if kept or not skip:
        assert all(name in err for name in (bad if skip or not problems else problems))


# --- training and drawing ---


@few
@given(st.lists(st.tuples(st.integers(16, 90), st.text("ab", min_size=1, max_size=9)), min_size=1, max_size=9))
def test_lines_of_any_widths_are_trained_on_or_refused(chosen):
    config = Config("ab", 8, 24, (3, 4), ((2, 2), (2, 2)), 6, 5)
    tensors = [images.standardise(grey((width, 8), i), 8) for i, (width, _) in enumerate(chosen)]
    names = tuple(f"{i}.png" for i in range(len(chosen)))
    labelled = data.LabelledImages(tensors, tuple(label for _, label in chosen), names)
    done = answer(fit, config, labelled, Recipe(epochs=1, batch_size=4, learning_rate=1e-3))
    if done is None:
        assert checks.too_long(labelled, config) or len(set(labelled.labels)) < 2
    else:
        assert math.isfinite(done.history[0]["train_loss"]) and math.isfinite(done.history[0]["validation_ctc_loss"])
        assert len(reader.read(done.model, tensors).texts) == len(chosen)


@few
@given(st.lists(st.tuples(sizes, labels | st.sampled_from(HOSTILE).filter(bool)), max_size=12), st.text(max_size=90))
def test_a_picture_of_any_set_is_drawn_in_silence(chosen, name):
    prepared = [(answer(partial(images.standardise, grey(size, i))), label) for i, (size, label) in enumerate(chosen)]
    good = [(tensor, label) for tensor, label in prepared if tensor is not None]
    names = tuple(f"{i}.png" for i in range(len(good)))
    labelled = data.LabelledImages([tensor for tensor, _ in good], tuple(label for _, label in good), names)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        path = Path(folder, "set.png")
        sheet.draw(path, name, checks.check([], labelled, {"x.png": "is damaged"}), labelled)
        with Image.open(path) as picture:
            picture.load()
            assert picture.width == 1440 and picture.text["Description"].isprintable()
