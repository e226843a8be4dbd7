"""The picture of a set: every image counts in its charts, and what is called in question is shown."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from fuzzing import HOSTILE, call
from matplotlib import rc_context
from PIL import Image
from places import ROOT

from crnn_lib import data, images
from crnn_lib.drawing import captchas
from crnn_lib.model import Config
from crnn_lib.tools import checks, figures, sheet

CASES = ROOT / "tests" / "cases"


@pytest.fixture
def page():
    """Composes the page of a folder or of labelled images; gives it and the report."""

    def compose(source):
        files = data.list_folder(source) if not isinstance(source, data.LabelledImages) else []
        labelled, problems = data.load_files(files) if files else (source, {})
        report = checks.check(files, labelled, problems)
        return sheet.compose("x", report, labelled, Config()), report

    with rc_context(figures.rc()):
        yield compose


def axes_of(page, title):
    (found,) = [axes for axes in page.get_axes() if axes.get_title().startswith(title)]
    return found


def said(page):
    return [text.get_text() for text in page.texts]


def test_every_image_and_symbol_counts(page):
    drawn, report = page(CASES / "mixed_widths")
    for title, ends in (("Width", report["widths"]), ("Length", report["lengths"])):
        bars = [bar for bar in axes_of(drawn, title).patches if bar.get_height()]
        assert sum(bar.get_height() for bar in bars) == 24
        assert bars[0].get_x() <= ends[0] and ends[-1] < bars[-1].get_x() + bars[-1].get_width()
    (points,) = axes_of(drawn, "Time steps").collections
    assert len(points.get_offsets()) == 24 and points.get_offsets()[:, 1].min() > 1
    symbols = axes_of(drawn, f"The {len(report['symbols'])} symbols, of which 50 occur fewer than 10 times")
    assert [bar.get_height() for bar in symbols.patches] == list(report["symbols"].values())
    assert [label.get_text() for label in symbols.get_xticklabels()][:3] == ["␣", "l", "o"]
    assert "Narrowest" in said(drawn) and "an uncommonly long line of small print that goes on and on" in said(drawn)


def test_what_is_called_in_question_is_shown_with_the_reason(page):
    pictures, labels = captchas.generate(30, seed=4)
    labels[2], labels[5] = labels[2][:1], "abc def ghi " * 4
    tensors = [images.standardise(picture) for picture in pictures]
    drawn, report = page(data.LabelledImages(tensors, tuple(labels), tuple(f"{i}.png" for i in range(30))))
    assert {one["file"] for one in report["doubtful"]} == {"2.png", "5.png"}
    assert {"Some images", "Doubtful labels", "Labels that do not fit"} <= set(said(drawn))
    assert any(text.startswith(f"{labels[2]}  (2.png: ") and "columns of ink" in text for text in said(drawn))
    assert any("(5.png: needs T = 48, has 32)" in text for text in said(drawn))
    drawn, _ = page(CASES / "two_rows")
    assert {"All images, the narrowest first", "Two rows of text?"} <= set(said(drawn))
    marks = [points.get_label() for points in axes_of(drawn, "Time steps").collections]
    assert marks[1:] == ["labels that do not fit"]


def test_nothing_lies_outside_the_page_or_on_something_else(page):
    drawn, _ = page(CASES / "mixed_widths")
    boxes = [axes.get_position() for axes in drawn.get_axes() if not axes.axison]
    boxes = [box for box in boxes if box.height < 0.2]
    assert len(boxes) == 15
    assert all(box.x0 > 0 and box.x1 < 1 and box.y0 > 0 for box in boxes)
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:i])


def test_the_command_draws_one_picture_that_describes_itself(tmp_path):
    path = tmp_path / "set.png"
    code, out, err = call(["data", "check", str(CASES / "two_rows"), "--picture", str(path)])
    assert (code, err) == (0, "") and [one.name for one in tmp_path.iterdir()] == ["set.png"]
    with Image.open(path) as picture:
        assert picture.format == "PNG" and picture.width == 1440
        told = picture.text["Description"]
    assert all(line in told for line in out.splitlines())
    code, out, err = call(["data", "check", str(CASES / "two_rows"), "--picture", str(tmp_path / "set.svg")])
    assert (code, out, err.count("\n")) == (2, "", 1) and "must end in .png" in err


def test_a_set_with_odd_labels_or_without_images_is_drawn_in_silence(tmp_path):
    labels = [*dict.fromkeys(label for label in HOSTILE if label.strip("\0 ")), "漢字", "x" * 500]
    rng = np.random.default_rng(0)
    tensors = [images.standardise(rng.integers(0, 255, (20, 5 + 60 * i % 400))) for i in range(len(labels))]
    odd = data.LabelledImages(tensors, tuple(labels), tuple(f"{label[:90]}{i}" for i, label in enumerate(labels)))
    for i, one in enumerate((odd, data.LabelledImages([], (), ()))):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            sheet.draw(tmp_path / f"{i}.png", "\x1b[2J$_$", checks.check([], one, {"a.png": "is bad"}), one)
        with Image.open(tmp_path / f"{i}.png") as picture:
            picture.load()
            assert picture.text["Title"].isprintable() and picture.text["Description"].isprintable()


@pytest.mark.slow
def test_who_wants_no_picture_waits_for_no_matplotlib():
    program = (
        "import sys; from crnn_lib.tools import cli; "
        f"assert cli.main(['data', 'check', {str(CASES / 'twins')!r}]) == 0; assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
