"""One way from strokes to what a model sees: writing of any size, anywhere on the pad, is read alike everywhere."""

import numpy as np
import pytest
import torch
from v8 import Page, weights_of

from crnn_lib import images, reader, widgets
from crnn_lib.drawing import pen, skeletons
from crnn_lib.model import CRNN, Config

SAME = str.maketrans("0il", "o11")  # either counts as right
GLUE = """
let pen = null;
function load(text) { pen = createReader(fromBase64(text)); return pen.config; }
const imageOf = (drawing) => Array.from(strokesImage(drawing).data);
function reads(drawing) {
    const { height, width, alphabet } = pen.config;
    const { log_probs } = pen.infer(standardise(strokesImage(drawing), height, width), height, width);
    return greedyDecode(log_probs.data, alphabet.length + 1).map((c) => alphabet[c - 1]).join("");
}
"""


def in_a_corner(drawing):
    """At a third of its size, at the lower left."""
    return pen.quantise([[[x * 0.3 + 1, y * 0.3 + 21] for x, y in stroke] for stroke in drawing])


@pytest.fixture(scope="module")
def strings():
    rng = np.random.default_rng(5)
    return ["".join(rng.permutation(list(skeletons.SYMBOLS))[: rng.integers(3, 6)]) for _ in range(60)]


@pytest.fixture(scope="module")
def js(penman):
    page = Page(GLUE)
    page.call("load", weights_of(penman))
    return page


def right(texts, strings):
    return sum(a.translate(SAME) == b.translate(SAME) for a, b in zip(texts, strings, strict=True))


def test_an_image_of_strokes_is_normalised_then_rendered():
    drawing = skeletons.place("n7x")
    assert np.array_equal(pen.image(drawing), pen.render(pen.normalise(drawing)))
    assert (pen.image(drawing, 5.0) < 128).sum() > (pen.image(drawing) < 128).sum() > 100
    assert pen.image(drawing, 2.0, 48, 200).shape == (48, 200)
    moved = [[[x / 4 + 90, y / 4] for x, y in stroke] for stroke in drawing]
    assert np.abs(pen.image(moved).astype(int) - pen.image(drawing)).mean() < 4
    assert (pen.image([]) == 255).all()


def test_small_writing_in_a_corner_is_read_in_python(strings, penman):
    drawings = [in_a_corner(skeletons.place(text)) for text in strings]
    as_seen = torch.stack([images.standardise(pen.image(drawing)) for drawing in drawings])
    read = reader.read(penman, as_seen).texts
    assert right(read, strings) == len(strings)
    as_drawn = torch.stack([images.standardise(pen.render(drawing)) for drawing in drawings])
    assert right(reader.read(penman, as_drawn).texts, strings) < len(strings) / 2  # what version 1's microscope showed
    pad, scope = widgets.Pad(), widgets.Microscope()
    for drawing, text in list(zip(drawings, read, strict=True))[:8]:
        pad.strokes = scope.strokes = drawing
        assert pad.text == text and f"picture as &#x27;{text}&#x27;," in scope.baked()
        assert np.array_equal(pad.image, pen.render(drawing))  # the pad shows it as it was drawn


def test_small_writing_in_a_corner_is_read_in_javascript(strings, js):
    drawings = [in_a_corner(skeletons.place(text)) for text in strings]
    for drawing in drawings:
        pixels = np.array(js.call("imageOf", drawing)).reshape(32, 128)
        assert np.array_equal(pixels, pen.image(drawing))
    assert right([js.call("reads", drawing) for drawing in drawings], strings) == len(strings)


def test_a_model_of_one_s_own_sees_a_drawing_by_the_same_way():
    torch.manual_seed(0)
    own = CRNN(Config("ab", 16, 40, (4,), ((2, 2),), 8, 4, stretch=0.625))  # 40 columns of 128
    drawing = in_a_corner(skeletons.place("n7x"))
    image = images.standardise(pen.image(drawing, 3.0), *own.config.frame)
    read = reader.read(own, image[None])
    pad = widgets.Pad(own, strokes=drawing, thickness=3)
    assert (pad.text, pad.confidence) == (read.texts[0], pytest.approx(read.confidences[0]))


# ---- natural width


def test_a_drawing_is_as_wide_as_it_needs():
    long = skeletons.write("natural1width")
    grey = pen.image(long, width=None)
    narrow, wide = (pen.image(long, width=grey.shape[1] + by) for by in (-30, 8))
    rows = [np.flatnonzero((image < 128).any(axis=1)) for image in (grey, narrow, wide)]
    assert rows[0][0] == rows[2][0] == 2 and rows[0][-1] == rows[2][-1] == 29  # it fills the height, and no more
    assert rows[1][0] > 2
    moved = [[[3 * x + 500, 3 * y - 70] for x, y in stroke] for stroke in long]
    assert abs(pen.image(moved, width=None).shape[1] - grey.shape[1]) <= 1


@pytest.mark.parametrize(
    ("strokes", "width"),
    [([], 128), ([[[5, 5]]], 128), ([[[0, 0], [0, 9]]], pen.NARROWEST), ([[[0, 0], [900, 0]]], 128),
     ([[[0, 0], [4000, 1]]], pen.WIDEST)],
)  # fmt: skip
def test_what_is_no_writing_has_a_width_too(strokes, width):
    assert pen.image(strokes, width=None).shape == (32, width)


def test_a_drawing_of_very_many_points_is_drawn_in_parts(monkeypatch):
    points = np.random.default_rng(0).uniform(0, 128, (300, 2))
    whole = pen.render([points.tolist()])
    monkeypatch.setattr(pen, "AT_ONCE", 1)
    assert np.array_equal(pen.render([points.tolist()]), whole)
