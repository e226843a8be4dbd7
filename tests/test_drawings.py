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
    own = CRNN(Config("ab", 16, 40, (4,), ((2, 2),), 8, 4))
    drawing = in_a_corner(skeletons.place("n7x"))
    image = images.standardise(pen.image(drawing, 3.0), 16, 40)
    read = reader.read(own, image[None])
    pad = widgets.Pad(own, strokes=drawing, thickness=3)
    assert (pad.text, pad.confidence) == (read.texts[0], pytest.approx(read.confidences[0]))
