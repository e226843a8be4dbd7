"""One way from strokes to what a model sees: writing of any size, anywhere on the pad, is read alike everywhere."""

import base64

import numpy as np
import pytest
import torch

from crnn_lib import images, metrics, skeletons, strokes
from crnn_lib.model import CRNN, Config

py_mini_racer = pytest.importorskip("py_mini_racer")
pytest.importorskip("anywidget")

from crnn_lib.widgets import base, microscope, source, weights  # noqa: E402

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
    return strokes.quantise([[[x * 0.3 + 1, y * 0.3 + 21] for x, y in stroke] for stroke in drawing])


@pytest.fixture(scope="module")
def strings():
    rng = np.random.default_rng(5)
    return ["".join(rng.permutation(list(skeletons.SYMBOLS))[: rng.integers(3, 6)]) for _ in range(60)]


@pytest.fixture(scope="module")
def pen():
    return base.readers()["pen"]


@pytest.fixture(scope="module")
def js(pen):
    racer = py_mini_racer.MiniRacer()
    racer.eval(source.joined() + GLUE + "0")
    racer.call("load", base64.b64encode(weights.to_bytes(pen, 8)).decode())
    return racer


def right(texts, strings):
    return sum(a.translate(SAME) == b.translate(SAME) for a, b in zip(texts, strings, strict=True))


def test_an_image_of_strokes_is_normalised_then_rendered():
    drawing = base.typed("n7x")
    assert np.array_equal(strokes.image(drawing), strokes.render(strokes.normalise(drawing)))
    assert (strokes.image(drawing, 5.0) < 128).sum() > (strokes.image(drawing) < 128).sum() > 100
    assert strokes.image(drawing, 2.0, 48, 200).shape == (48, 200)
    moved = [[[x / 4 + 90, y / 4] for x, y in stroke] for stroke in drawing]
    assert np.abs(strokes.image(moved).astype(int) - strokes.image(drawing)).mean() < 4
    assert (strokes.image([]) == 255).all()


def test_small_writing_in_a_corner_is_read_in_python(strings, pen):
    drawings = [in_a_corner(base.typed(text)) for text in strings]
    as_seen = torch.stack([images.standardise(strokes.image(drawing)) for drawing in drawings])
    read = metrics.read(pen, as_seen).texts
    assert right(read, strings) == len(strings)
    as_drawn = torch.stack([images.standardise(strokes.render(drawing)) for drawing in drawings])
    assert right(metrics.read(pen, as_drawn).texts, strings) < len(strings) / 2  # what version 1's microscope showed
    pad, scope = base.Pad(), microscope.Microscope()
    for drawing, text in list(zip(drawings, read, strict=True))[:8]:
        pad.strokes = scope.strokes = drawing
        assert pad.text == text and f"the text {text!r}" in scope._picture()[1]
        assert np.array_equal(pad.image, strokes.render(drawing))  # the pad shows it as it was drawn


def test_small_writing_in_a_corner_is_read_in_javascript(strings, js):
    drawings = [in_a_corner(base.typed(text)) for text in strings]
    for drawing in drawings:
        pixels = np.array(js.call("imageOf", drawing)).reshape(32, 128)
        assert np.array_equal(pixels, strokes.image(drawing))
    assert right([js.call("reads", drawing) for drawing in drawings], strings) == len(strings)


def test_a_model_of_one_s_own_sees_a_drawing_by_the_same_way():
    torch.manual_seed(0)
    own = CRNN(Config("ab", 16, 40, (4,), ((2, 2),), 8, 4))
    drawing = in_a_corner(base.typed("n7x"))
    image = images.standardise(strokes.image(drawing, 3.0), 16, 40)
    read = metrics.read(own, image[None])
    pad = base.Pad(own, strokes=drawing, thickness=3)
    assert (pad.text, pad.confidence) == (read.texts[0], pytest.approx(read.confidences[0]))
