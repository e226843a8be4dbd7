"""The generator's knobs: what is set is what is seen, and what cannot be drawn is said in words."""

import html
import io
from base64 import b64decode
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError
from crnn_lib.widgets.knobs.knobs import KNOBS, SPREAD, GeneratorKnobs


def decoded(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("L"))


@pytest.mark.parametrize("field", KNOBS)
def test_every_knob_changes_the_picture_and_comes_back(field):
    knobs = GeneratorKnobs(seed=3)
    first, style, slider = knobs.view.value, knobs.style, knobs.sliders[field]
    start = slider.value
    assert slider.min <= start <= slider.max
    for end in (slider.min, slider.max):
        slider.value = end
        assert (knobs.style == style) == (end == start)
        assert getattr(knobs.style, field) == ((-end, end) if field in SPREAD else (end, end))
        assert np.array_equal(knobs.image, captchas.render("2b7xy", 3, knobs.style))
    assert knobs.view.value == knobs.picture() != first
    slider.value = start
    assert (knobs.style, knobs.view.value) == (style, first)


def test_the_knobs_are_fields_that_start_in_the_default_style():
    assert set(KNOBS) <= {field.name for field in fields(captchas.Style)}
    knobs = GeneratorKnobs()
    for field in KNOBS:
        low, high = getattr(captchas.DEFAULT, field)
        assert low <= knobs.sliders[field].value <= high


def test_text_and_seed_are_drawn():
    knobs = GeneratorKnobs("ww8", 5)
    assert np.array_equal(knobs.image, captchas.render("ww8", 5, knobs.style))
    knobs.text.value, knobs.seed.value = " 2345 ", 6
    assert np.array_equal(knobs.image, captchas.render("2345", 6, knobs.style))
    assert knobs.message.value == ""


@pytest.mark.parametrize(("text", "told"), [("2a", "'a'"), ("<b>", "'<'"), ("", "1 to 8"), ("2" * 9, "1 to 8")])
def test_a_text_that_cannot_be_drawn_is_explained_and_the_picture_stays(text, told):
    knobs = GeneratorKnobs()
    image, style, shown = knobs.image, knobs.style, knobs.view.value
    knobs.text.value = text
    assert knobs.message.value.startswith("Not drawn: ")
    assert told in html.unescape(knobs.message.value) and "<" not in knobs.message.value
    knobs.sliders["noise"].value = 40  # while the text is wrong, the picture shown stays the one described
    assert knobs.image is image
    assert (knobs.style, knobs.view.value) == (style, shown)
    knobs.text.value = "b7"
    assert knobs.message.value == ""
    assert np.array_equal(knobs.image, captchas.render("b7", 0, knobs.style))
    assert knobs.style.noise == (40, 40)


def test_a_wrong_first_text_is_explained_too():
    knobs = GeneratorKnobs("öl")
    assert "'ö'" in knobs.message.value
    assert np.array_equal(knobs.image, captchas.render("2b7xy", 0, knobs.style))


def test_reset_brings_back_the_first_picture():
    knobs = GeneratorKnobs()
    first = knobs.view.value
    for slider in knobs.sliders.values():
        slider.value = slider.max
    assert knobs.view.value != first
    knobs.reset.click()
    assert knobs.view.value == first


def test_the_stored_output_holds_the_picture_beside_the_live_view():
    knobs = GeneratorKnobs()
    knobs.sliders["blur"].value = 2
    bundle = knobs._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    picture = decoded(b64decode(bundle["image/png"]))
    assert picture.shape == (100, 400)
    assert abs(picture.mean() - knobs.image.mean()) < 1
    assert np.array_equal(picture, decoded(knobs.view.value))


def test_every_control_has_a_name_of_its_own():
    knobs = GeneratorKnobs()
    controls = [knobs.text, knobs.seed, knobs.reset, *knobs.sliders.values()]
    names = [control.description for control in controls]
    assert all(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("arguments", [{"text": 5}, {"seed": "one"}, {"seed": -1}, {"seed": 2**31}, {"seed": 1.5}])
def test_a_text_and_a_seed_of_another_kind_are_refused(arguments):
    with pytest.raises(UserError, match="give the knobs a text, and as seed a whole number from 0 to 2,147,483,647"):
        GeneratorKnobs(**arguments)
