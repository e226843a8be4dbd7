"""Images that are no line, and labels that do not fit theirs: one clear line each, and nothing lost beside them."""

import json

import numpy as np
import pytest
import torch
from fuzzing import call, everything
from PIL import Image
from small import TWO_LAYERS

from crnn_lib import data, images, reader
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN, Config
from crnn_lib.tools import commands
from crnn_lib.training import Recipe, fit

REFUSED = {  # width and height: what is said
    (2000, 1): "'0.png' is too small: 2000 x 1, the least side is 4",
    (1, 2000): "'0.png' is too small: 1 x 2000, the least side is 4",
    (20_000, 32): "32 pixels high and 20000 wide is too long a line: at height 32 it has 20000 x 32 / 32 = 20,000 "
    "columns, at most 4,096 are read: cut it into pieces",
    (32, 20_000): "20000 pixels high and 32 wide is too narrow for a line: at height 32 it has 32 x 32 / 20000 = "
    "0.051 columns, at least 2 are read: turn it, or cut lines out of it",
}


def draw(path, size):
    width, height = size
    grey = np.full((height, width), 255, np.uint8)
    grey[height // 3 : 2 * height // 3, ::3] = 0
    Image.fromarray(grey).save(path)


@pytest.fixture
def folder(tmp_path):
    """Makes a set of images of these sizes and labels; its folder."""

    def make(*sized):
        place = tmp_path / "set"
        place.mkdir()
        for i, (size, _) in enumerate(sized):
            draw(place / f"{i}.png", size)
        rows = ["file,label", *(f"{i}.png,{label}" for i, (_, label) in enumerate(sized))]
        (place / "labels.csv").write_text("\n".join(rows))
        return place

    return make


@pytest.fixture
def taken(monkeypatch):
    """Trainings are played; the file names of each are kept."""
    seen = []

    def begin(config, part, *_, **__):
        seen.append(set(part.names))
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "fit", begin)
    return seen


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    reader.save(CRNN(Config("abcdefgh", **TWO_LAYERS)), tmp_path / "reader", {})
    return str(tmp_path / "reader")


# --- sizes ---


@pytest.mark.parametrize(
    ("shape", "stretch", "columns"),
    [((50, 200), 1, 128), ((50, 200), 1.25, 160), ((32, 4096), 1, 4096), ((32, 4097), 1, None), ((64, 8192), 1, 4096),
     ((32, 4096), 1.25, None), ((32, 8000), 0.5, 4000), ((32, 1), 1, None), ((32, 2), 1, 16), ((100, 4), 1, None),
     ((100, 4), 1.25, 16), ((32, 16), 1, 16), ((32, 17), 1, 17)],
)  # fmt: skip
def test_the_width_of_an_image_follows_from_its_proportions(shape, stretch, columns):
    if columns:
        assert images.natural_width(shape, stretch=stretch) == columns
    else:
        with pytest.raises(UserError, match=r"at height 32 it has \d+ x 32 / \d+( x 1.25)? = [\d.,]+ columns"):
            images.natural_width(shape, stretch=stretch)


@pytest.mark.parametrize("size", REFUSED, ids=str)
def test_an_image_that_is_no_line_is_one_clear_line_and_the_others_are_read(size, folder, weights):
    place = folder((size, "a"), ((90, 30), "abc"), ((200, 41), "defg"))
    before = everything(place)
    code, out, err = call(["predict", *(str(place / f"{i}.png") for i in range(3)), "--weights", weights])
    assert code == 2 and [line.split("\t")[0] for line in out.splitlines()] == [str(place / f"{i}.png") for i in (1, 2)]
    assert err.count("\n") == 1 and REFUSED[size].removeprefix("'0.png'") in err and "0.png" in err
    with pytest.raises(UserError) as caught:
        images.load(place / "0.png")
    assert str(caught.value) in err
    code, out, err = call(["evaluate", "--data", str(place), "--weights", weights])
    assert (code, out, err.count("\n")) == (2, "", 1) and "1 of 3 images cannot be used" in err and "0.png" in err
    code, out, err = call(["evaluate", "--data", str(place), "--weights", weights, "--skip-bad", "--json"])
    assert code == 0 and json.loads(out)["images"] == 2 and "0.png" in err
    code, out, err = call(["data", "check", str(place), "--json"])
    (one,) = json.loads(out)["unreadable"]
    assert (code, err, one["file"]) == (0, "", "0.png") and REFUSED[size].removeprefix("'0.png'") in one["problem"]
    assert everything(place) == before


def test_a_model_of_one_width_reads_a_line_of_any_length():
    for size in ((20_000, 32), (32, 20_000)):
        assert images.standardise(np.zeros(size[::-1]), 32, 128).shape == (1, 32, 128)


# --- labels ---


def test_a_label_longer_than_its_image_is_refused_with_the_arithmetic_or_left_out(folder, taken, tmp_path):
    place = folder(
        ((90, 30), "abc"), ((40, 30), "aabbccddeeff"), ((60, 31), "abcd"), ((40, 32), "hhhhhhh"), ((9, 9), "f")
    )
    train = ["train", "--data", str(place), "--out", str(tmp_path / "out")]
    code, out, err = call(train)
    assert (code, out, err.count("\n")) == (2, "", 1) and not taken
    assert "'1.png' labelled 'aabbccddeeff' needs T >= U + r = 12 + 6 = 18 time steps" in err
    assert "its 43 columns give T = 10; '3.png'" in err and "--width 72 has room for all" in err
    code, _, err = call([*train, "--skip-bad"])
    assert code == 130 and err.startswith("warning: skipped labels that do not fit their image (2): '1.png'")
    assert len(taken[0]) == 2 and taken[0] < {"0.png", "2.png", "4.png"}  # 70 % of three
    code, _, err = call([*train, "--width", "72"])
    assert code == 130 and "do not fit" not in err and len(taken[1]) == 4


def test_a_set_of_which_no_label_fits_is_refused(folder, taken, weights):
    place = folder(((40, 30), "aabbccddeeff"), ((40, 32), "hhhhhhh"))
    for more in ([], ["--skip-bad"]):
        code, out, err = call(["train", "--data", str(place), "--out", str(place / "out"), *more])
        assert (code, out, err.count("\n")) == (2, "", 1) and "(2): '" in err
        assert err.startswith("error: no image is left: ") is bool(more)
        assert call(["crossval", "--data", str(place), *more])[0] == 2
    assert not taken and sorted(path.name for path in place.iterdir()) == ["0.png", "1.png", "labels.csv"]
    code, out, err = call(["evaluate", "--data", str(place), "--weights", weights, "--json"])
    assert code == 0 and json.loads(out)["ctc_loss"] is None and "warning: labels that do not fit" in err
    for labels in (("aabbccddeeff", "hhhhhhh"), ("ab", "hhhhhhhhhh")):
        pictures = [torch.zeros(1, 32, 40), torch.zeros(1, 32, 41)]
        with pytest.raises(UserError, match=r"needs T >= U \+ r"):
            fit(Config("abcdefgh"), data.LabelledImages(pictures, labels, ("a", "b")), Recipe(epochs=1))


def test_what_a_training_left_out_an_evaluation_leaves_out_too(folder, tmp_path):
    place = folder(*(((60 + i, 30), "abcdefgh"[i : i + 2]) for i in range(6)), ((40, 30), "aabbccddeeff"))
    out = str(tmp_path / "own")
    assert call(["train", "--data", str(place), "--out", out, "--epochs", "1", "--skip-bad"])[0] == 0
    code, told, _ = call(["evaluate", "--data", str(place), "--weights", out, "--skip-bad", "--json"])
    assert code == 0 and (json.loads(told)["split"], json.loads(told)["images"]) == ("test", 2)
    code, told, err = call(["evaluate", "--data", str(place), "--weights", out, "--json"])
    assert code == 0 and json.loads(told)["split"] == "all"
    assert "leave them out with --skip-bad" in err and "was trained on other data: all of this is scored" in err
