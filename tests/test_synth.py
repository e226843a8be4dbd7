"""Generated images: deterministic, varied, inside the canvas, and clear about what cannot be drawn."""

import itertools
import string
from dataclasses import replace

import numpy as np
import pytest
import torch

from crnn_lib import assets
from crnn_lib.alphabet import CAPTCHA_SYMBOLS
from crnn_lib.data import LabelledImages
from crnn_lib.drawing import captchas, glyphs
from crnn_lib.drawing.captchas import Style
from crnn_lib.errors import UserError
from crnn_lib.images import load_grey

STILL = {  # nothing random, nothing but upright text on white
    "size": 40, "stroke": 5, "condense": 1, "stretch": 1, "slant": 0, "rotation": 0, "start": 28, "baseline": 42,
    "jump": 0, "gap": 2, "wave_x": 0, "wave_x_period": 94, "wave_y": 0, "wave_y_period": 31, "wave_phase": 0,
    "water": 0, "water_phase": 0, "water_radius": 50, "water_centre": 0.5, "lines": 0, "line_stroke": 0.9,
    "left_grey": 255, "right_grey": 255, "ink": 0, "blur": 0,
}  # fmt: skip


def fixed(**values):
    """Ranges of a style, each of one value."""
    return {name: (value, value) for name, value in values.items()}


PLAIN = Style(fonts=("mono",), mixed_fonts=0.0, **fixed(**STILL))  # one possible image for a text


def same(a, b):
    return np.array_equal(a, b)


def test_same_arguments_give_the_same_pixels():
    assert same(captchas.render("2b4xy", 7), captchas.render("2b4xy", 7))
    assert not same(captchas.render("2b4xy", 7), captchas.render("2b4xy", 8))


def test_an_image_depends_only_on_the_seed_and_its_number():
    images, labels = captchas.generate(4, seed=3)
    more, more_labels = captchas.generate(7, seed=3)
    assert more_labels[:4] == labels
    assert all(map(same, images, more))
    assert same(captchas.render(labels[2], (3, 2)), images[2])
    assert captchas.generate(4, seed=4)[1] != labels
    assert len({image.tobytes() for image in more}) == 7


def test_default_image_has_the_size_and_greys_of_the_real_ones():
    for seed in range(5):
        image = captchas.render("mwpyg", seed)
        assert image.shape == (50, 200) and image.dtype == np.uint8
        assert image.min() < 40
        assert 180 <= image[0, 0] <= 205 and image[-1, -1] >= 245


WAVE, WATER, TWO = fixed(wave_y=3), fixed(water=3), {"fonts": ("mono", "sans-bold")}
KNOBS = {  # each knob with another value, by what has to be there for it to act
    "nothing": ({}, {"fonts": ("sans-bold",), "stretch": (0.7, 1.3), "jump": (-4, 4), "height": 60, "width": 240}
                | fixed(size=35, stroke=7, condense=0.8, slant=0.3, rotation=10, start=20, baseline=38, gap=5, wave_x=3,
                        wave_y=3, water=3, lines=1, left_grey=150, right_grey=150, ink=90, blur=1, noise=5)),
    "waves along": (fixed(wave_x=3), fixed(wave_x_period=40)),
    "waves across": (WAVE, fixed(wave_y_period=20, wave_phase=1)),
    "water": (WATER, fixed(water_period=5, water_phase=0.3, water_radius=20, water_centre=0.3)),
    "lines": (fixed(lines=3), fixed(line_stroke=2)),
    "two fonts": (TWO, {"mixed_fonts": 1.0}),
}  # fmt: skip


@pytest.mark.parametrize("base, knob, value", [(b, k, v) for b, knobs in KNOBS.values() for k, v in knobs.items()])
def test_each_knob_changes_the_image(base, knob, value):
    style = replace(PLAIN, **base)
    plain, changed = (
        [captchas.render("2b4xy", seed, s) for seed in range(4)] for s in (style, replace(style, **{knob: value}))
    )
    assert not all(map(same, plain, changed))


def test_effects_can_be_switched_off():
    images = [captchas.render("2b4xy", seed, PLAIN) for seed in range(3)]
    assert same(images[0], images[1]) and same(images[1], images[2])
    assert (images[0][:, :24] == 255).all() and (images[0][:3] == 255).all()
    flat = captchas.render("2", 1, replace(Style(), left_grey=(200.0, 200.0), right_grey=(200.0, 200.0), lines=(0, 0)))
    assert (flat[:, 100:] == 200).all()


def test_lines_begin_at_a_tenth_of_the_width():
    with_lines = captchas.render("2", 5, replace(PLAIN, lines=(2, 2), start=(150.0, 150.0)))
    dark = np.flatnonzero((with_lines < 128).any(0))
    assert 18 <= dark[0] <= 21
    first = captchas.render("2", 5, replace(PLAIN, lines=(1, 1), start=(150.0, 150.0)))
    assert (first[:, 55:145] == 255).all()  # the first line is the short one


@pytest.mark.parametrize(
    ("face", "symbols"),
    [("mono", string.ascii_lowercase + string.digits), ("sans-bold", string.ascii_uppercase), ("sans", "µß€é?")]
    + [(face, "amQ4") for face in sorted(glyphs.FACES)],
)
def test_any_alphabet_in_every_face(face, symbols):
    drawn = {s: captchas.render(s, 0, replace(PLAIN, fonts=(face,))).tobytes() for s in symbols}
    assert len(set(drawn.values())) == len(symbols)


@pytest.mark.parametrize("length", range(1, 9))
def test_text_of_any_length_stays_inside_the_canvas(length):
    style = replace(Style(), lines=(0, 0), **fixed(left_grey=255, right_grey=255, ink=0))
    for seed, width in ((0, 200), (1, 200), (2, 120)):
        image = captchas.render("mwgpy8bm"[:length], seed, replace(style, width=width))
        dark = np.flatnonzero((image < 128).any(0))
        assert dark[0] > 15 and dark[-1] < width - 1
        assert dark[-1] - dark[0] > 6 * length


def test_glyph_outlines_grow_with_the_stroke():
    inks = [(captchas.render("mmmmm", 0, replace(PLAIN, stroke=(s, s))) < 128).sum() for s in (3.0, 5.0, 6.5)]
    assert inks[0] < inks[1] < inks[2]
    column = captchas.render("l", 0, replace(PLAIN, fonts=("sans",), stroke=(5.0, 5.0)))[25] / 255
    assert (1 - column).sum() == pytest.approx(5.0, abs=0.3)  # the stem of an l, in pixels


def test_canvas_of_any_size():
    for height, width in ((16, 16), (32, 128), (100, 400)):
        image = captchas.render("2b", 1, replace(Style(), height=height, width=width))
        assert image.shape == (height, width) and image.min() < 128


def test_labels_use_the_alphabet_and_the_lengths():
    labels = captchas.generate(60, 1, "abc", (2, 4))[1]
    assert {len(label) for label in labels} == {2, 3, 4}
    assert set("".join(labels)) == set("abc")
    assert captchas.random_label(5) == captchas.random_label(5)
    assert len(captchas.random_label(5)) == 5 and set(captchas.random_label(5)) <= set(CAPTCHA_SYMBOLS)


def test_the_fingerprint_of_a_generated_set_is_the_same_on_every_machine():
    """Processors round sines differently, and with them a few pixels, so it is of what the images are drawn from."""
    data = captchas.dataset(4, seed=2)
    blurred = LabelledImages(data.images + 1e-6, data.labels, data.names, data.digests)
    assert data.fingerprint() == blurred.fingerprint() == captchas.dataset(4, seed=2, width=64).fingerprint()
    others = [
        captchas.dataset(4, seed=3),
        captchas.dataset(5, seed=2),
        captchas.dataset(4, seed=2, style=captchas.Style(noise=(0, 1))),
    ]
    assert len({data.fingerprint(), *(other.fingerprint() for other in others)}) == 4
    assert others[2].labels == data.labels and others[2].names == data.names


def test_dataset_is_standardised_and_named():
    data = captchas.dataset(6, seed=2, lengths=(1, 8))
    assert data.images.shape == (6, 1, 32, 128) and data.images.dtype == torch.float32
    assert data.names == tuple(f"{i:05d}_{label}.png" for i, label in enumerate(data.labels))
    assert data.labels == tuple(captchas.generate(6, 2, lengths=(1, 8))[1])
    assert data.images.mean((1, 2, 3)).abs().max() < 1e-4
    assert captchas.dataset(2, height=16, width=64).images.shape == (2, 1, 16, 64)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: captchas.render("", 0), "1 to 8 characters"),
        (lambda: captchas.render("123456789", 0), "1 to 8 characters"),
        (lambda: captchas.render("a中", 0), "no visible glyph for '中'"),
        (lambda: captchas.render("a b", 0), "no visible glyph for ' '"),
        (lambda: captchas.generate(2, alphabet=""), "empty"),
        (lambda: captchas.generate(2, lengths=(0, 5)), "lengths"),
        (lambda: captchas.generate(2, lengths=(5, 9)), "lengths"),
        (lambda: captchas.generate(2, lengths=(5, 4)), "lengths"),
        (lambda: captchas.generate(-1), "negative"),
        (lambda: captchas.generate(1, seed=-1), "negative"),
        (lambda: captchas.dataset(0), "1 at least"),
        (lambda: Style(size=(5.0, 4.0)), "style.size"),
        (lambda: Style(size=(0.0, 4.0)), "above 0"),
        (lambda: Style(gap=(float("nan"), 4.0)), "style.gap"),
        (lambda: Style(gap=(0.0, float("inf"))), "style.gap"),
        (lambda: Style(blur=(1.0,)), "two numbers"),
        (lambda: Style(blur=0.5), "two numbers"),
        (lambda: Style(lines=(0.5, 2)), "style.lines"),
        (lambda: Style(lines=(-1, 2)), "negative"),
        (lambda: Style(noise=(-1.0, 2.0)), "negative"),
        (lambda: Style(fonts=()), "choose from"),
        (lambda: Style(fonts=("papyrus",)), "choose from"),
        (lambda: Style(width=10), "too small"),
    ],
)
def test_mistakes_are_told_in_one_line(attempt, message):
    with pytest.raises(UserError, match=message) as error:
        attempt()
    assert "\n" not in str(error.value)


def test_the_committed_samples_cover_the_alphabet():
    samples = list(assets.SAMPLES.values())
    labels = [path.stem for path in samples]
    assert len(labels) == 8 and all(len(label) == 5 for label in labels)
    assert set("".join(labels)) == set(CAPTCHA_SYMBOLS)
    assert sum(any(a == b for a, b in itertools.pairwise(label)) for label in labels) == 2
    assert all(load_grey(path).shape == (50, 200) for path in samples)
