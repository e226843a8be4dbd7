"""One way from strokes to what a model sees: writing of any size, anywhere on the pad, is read alike everywhere."""

import numpy as np
import pytest
import torch
from v8 import Page, weights_of

from bench.training.scores import alike
from crnn_lib import images, reader, widgets
from crnn_lib.drawing import pen, skeletons
from crnn_lib.drawing.distortion import distort, random_from
from crnn_lib.model import CRNN, Config
from crnn_lib.widgets import weights

GLUE = """
let pen = null;
function load(text) { pen = createReader(fromBase64(text)); return pen.config; }
const placedOf = (text) => placeText(text, 32, 128, 1024);
const pictured = ({ data, width }) => [width, Array.from(data)];
const picturesOf = (drawing) =>
    [imageFor({ stretch: 1 }, drawing), imageFor({}, drawing), sheetImage(drawing, 2)].map(pictured);
function reads(drawing) {
    const { height, alphabet } = pen.config;
    const image = standardise(strokesImage(drawing), height);
    const { log_probs } = pen.infer(image, height, image.length / height);
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
    return sum(alike(a) == alike(b) for a, b in zip(texts, strings, strict=True))


def test_an_image_of_strokes_is_normalised_then_rendered():
    drawing = skeletons.place("n7x")
    assert np.array_equal(pen.image(drawing, width=128), pen.render(pen.normalise(drawing)))
    assert (pen.image(drawing, 5.0) < 128).sum() > (pen.image(drawing) < 128).sum() > 100
    assert pen.image(drawing, 2.0, 48, 200).shape == (48, 200)
    moved = [[[x / 4 + 90, y / 4] for x, y in stroke] for stroke in drawing]
    assert np.abs(pen.image(moved).astype(int) - pen.image(drawing)).mean() < 4
    assert (pen.image([]) == 255).all()


def test_small_writing_in_a_corner_is_read_in_python(strings, penman):
    drawings = [in_a_corner(skeletons.place(text)) for text in strings]
    as_seen = [images.standardise(pen.image(drawing)) for drawing in drawings]
    read = reader.read(penman, as_seen).texts
    assert right(read, strings) == len(strings)
    as_drawn = [images.standardise(pen.render(drawing)) for drawing in drawings]
    assert right(reader.read(penman, as_drawn).texts, strings) < len(strings) / 2  # what version 1's microscope showed
    pad, scope = widgets.Pad(), widgets.Microscope()
    for drawing, text in list(zip(drawings, read, strict=True))[:8]:
        pad.strokes = scope.strokes = drawing
        assert pad.text == text and f"picture as &#x27;{text}&#x27;," in scope.baked()
        assert np.array_equal(pad.image, pen.render(drawing))  # the pad shows it as it was drawn


def test_small_writing_in_a_corner_is_read_in_javascript(strings, js):
    drawings = [in_a_corner(skeletons.place(text)) for text in strings]
    assert right([js.call("reads", drawing) for drawing in drawings], strings) == len(strings)


@pytest.mark.parametrize("stretch", [0.625, None])
def test_a_model_of_one_s_own_sees_a_drawing_by_the_same_way(stretch):
    torch.manual_seed(0)
    own = CRNN(Config("ab", 16, 40, (4,), ((2, 2),), 8, 4, stretch=stretch))
    drawing = in_a_corner(skeletons.place("n7x"))
    grey = pen.image(drawing, 3.0, width=None if stretch else 128)
    assert np.array_equal(pen.image_for(own.config, drawing, 3.0), grey)
    image = images.standardise(grey, *own.config.frame)
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


ODD = {
    "nothing": [], "a dot": [[[60, 16]]], "a dash": [[[10, 16], [110, 16]]], "a bar": [[[60, 4], [60, 28]]],
    "a line of 4,000 pixels": [[[0, 10], [4000, 12]]], "left of the pad": [[[-40, 3], [-9.03, 30]]],
    "10,000 points": np.random.default_rng(1).uniform([0, 0], [300, 32], (10_000, 2)).round(3).tolist(),
}  # fmt: skip
ODD["10,000 points"] = [ODD["10,000 points"]]


def test_the_page_draws_the_same_picture_of_any_length(js):
    """Bit for bit: at its natural width, in a frame of one width, and as it lies on a pad."""
    rng, symbols = np.random.default_rng(8), list(skeletons.SYMBOLS)
    texts = ["".join(rng.choice(symbols, length)) for length in (1, 1, 2, 4, 7, 12, 20, 64)]
    drawings = [skeletons.write(text, height=rng.uniform(4, 40), gap=rng.uniform(-2, 9)) for text in texts]
    widths = []
    for drawing in [*drawings, *ODD.values(), skeletons.place(20 * "w", pen.WIDEST)]:
        expected = [pen.image(drawing), pen.image(drawing, width=128), pen.sheet(drawing)]
        for (width, data), image in zip(js.call("picturesOf", drawing), expected, strict=True):
            assert np.array_equal(np.array(list(data)).reshape(32, width), image)
        widths.append(expected[0].shape[1])
    assert min(widths) == pen.NARROWEST and max(widths) == pen.WIDEST and len(set(widths)) > 6


def test_typed_text_is_small_only_where_the_pad_is_full(js):
    for text in ("n7x", "nine9letters", 20 * "w", 64 * "m"):
        assert js.call("placedOf", text) == skeletons.place(text, pen.WIDEST)
    assert skeletons.place("n7x", pen.WIDEST) == skeletons.place("n7x")
    long = skeletons.place(20 * "w", pen.WIDEST)
    assert min(x for stroke in long for x, _ in stroke) == 6 and pen.sheet(long).shape[1] > 256
    assert pen.sheet(skeletons.place(20 * "w")).shape[1] == 128
    pad = widgets.Pad()
    pad.text = 20 * "w"
    assert pad.strokes == long and np.array_equal(pad.image, pen.sheet(long))


@pytest.mark.slow
def test_drawings_of_mixed_lengths_are_read_alike(js, penman):
    """300, from the same stored weights, whatever they are read as."""
    rng, random = np.random.default_rng(3), random_from(3)
    texts = ["".join(rng.choice(list(skeletons.SYMBOLS), rng.integers(1, 21))) for _ in range(300)]
    drawings = [distort(skeletons.write(text, height=40), rng.uniform(0, 1.5), random) for text in texts]
    stored = weights.from_bytes(weights.to_bytes(penman))
    read = reader.read(stored, [images.standardise(pen.image(drawing)) for drawing in drawings]).texts
    assert [js.call("reads", drawing) for drawing in drawings] == read


def test_a_drawing_of_very_many_points_is_drawn_in_parts(monkeypatch):
    points = np.random.default_rng(0).uniform(0, 128, (300, 2))
    whole = pen.render([points.tolist()])
    monkeypatch.setattr(pen, "AT_ONCE", 1)
    assert np.array_equal(pen.render([points.tolist()]), whole)
