"""The kernel's side of a widget: what it answers, what it remembers, what it leaves on a page."""

import base64
import html
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crnn_lib import assets, images, metrics, model, skeletons, strokes
from crnn_lib.errors import UserError

pytest.importorskip("anywidget")

from crnn_lib.widgets import base, picture, shared, source, weights

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def pad():
    return base.Pad(base.readers()["captcha"], sample="2b7xy")


def test_the_page_gets_script_and_weights_as_state():
    reader = base.readers()["captcha"]
    files = {"script": source.module().encode(), "yours": weights.to_bytes(reader)}
    assert base.Pad(reader).files == {name: shared.reference(content) for name, content in files.items()}
    assert list(base.Pad().files) == ["script", *base.readers()]
    assert "files" in base.Pad(reader).keys and base.Pad(reader).readers == ["yours"]


def test_a_kernel_sends_each_file_once():
    reader = base.readers()["captcha"]
    one, two = base.Pad(reader), base.Pad(base.readers()["captcha"])
    assert one.files == two.files
    with torch.no_grad():
        reader.classify.bias += 1  # trained on, say: another model's weights
    changed = base.Pad(reader)
    assert changed.files["script"] == one.files["script"] and changed.files["yours"] != one.files["yours"]
    assert len(json.dumps(one.get_state(drop_defaults=True), default=len)) < 30_000  # copied with each widget
    shared._FILES[source.module().encode()].close()
    assert base.Pad(reader).files["script"] != one.files["script"]


def test_a_cell_shows_the_picture_and_below_it_the_live_view(pad, monkeypatch):
    shown = []
    monkeypatch.setattr(picture, "display", lambda data, raw: shown.append(data))
    pad._ipython_display_()
    (html_alone, view) = shown
    assert list(html_alone) == ["text/html"] and html_alone["text/html"].startswith(pad.baked())
    assert view == {picture.LIVE: pad._repr_mimebundle_()[0][picture.LIVE]} and view[picture.LIVE]["model_id"]


def test_text_image_and_strokes_can_be_read_and_set(pad):
    reader = base.readers()["captcha"]
    assert (pad.text, pad.image.shape) == ("2b7xy", (32, 128))
    pad.text = "p7x"
    assert pad.strokes == base.typed("p7x") and np.array_equal(pad.image, strokes.render(pad.strokes))
    said = metrics.read(reader, images.standardise(strokes.image(pad.strokes))[None])
    assert (pad.text, pad.confidence) == (said.texts[0], pytest.approx(said.confidences[0]))
    grey = images.load_grey(assets.SAMPLES["c3f8n"])
    pad.image = grey
    assert pad.text == "c3f8n" and pad.image.dtype == np.uint8
    assert np.abs(pad.image - images.resize(grey, 32, 128)).max() <= 0.5
    with pytest.raises(UserError, match="grey levels"):
        pad.image = grey * 2
    with pytest.raises(UserError, match="cannot be drawn"):
        pad.text = "É"
    pad.strokes = [[[5, 5], [9, 9]]]
    assert np.array_equal(pad.image, strokes.render([[[5, 5], [9, 9]]]))


def test_the_reader_of_strokes_sees_the_drawing_normalised():
    """Wherever and however small somebody writes; the picture stays as drawn, and a picture is read as it is."""
    pad = base.Pad(strokes=base.typed("n7x"))
    large, sure = pad.text, pad.confidence
    small = [[[x * 0.3 + 4, y * 0.3 + 20] for x, y in stroke] for stroke in pad.strokes]
    pad.strokes = small
    assert (pad.text, np.abs(pad.confidence - sure) < 0.2) == ("n7x", True) == (large, True)
    assert np.array_equal(pad.image, strokes.render(small))
    reader = base.readers()["pen"]
    said = metrics.read(reader, images.standardise(strokes.render(strokes.normalise(small)).astype(np.float32))[None])
    assert (pad.text, pad.confidence) == (said.texts[0], pytest.approx(said.confidences[0]))
    assert metrics.read(reader, images.standardise(pad.image.astype(np.float32))[None]).texts != ["n7x"]
    only = base.Pad(strokes=small)
    only._models, only.readers = {"pen": reader}, ["pen"]
    only.image = strokes.render(strokes.normalise(base.typed("n7x")))
    assert only.text == "n7x"


def test_the_page_reports_what_it_read(pad):
    """What comes from the page is taken as it is: buffers arrive as memoryview, and nothing is read a second time."""
    picture = np.full((32, 128), 9, dtype=np.uint8)
    pad.set_state({"strokes": [[[1, 1], [5, 5]]], "sample": ""})
    assert pad.text == "2b7xy"
    pad.set_state({"reading": "seen", "confidence": 0.25, "picture": memoryview(picture.tobytes())})
    assert (pad.text, pad.confidence) == ("seen", 0.25) and np.array_equal(pad.image, picture)


def test_any_model_will_do():
    torch.manual_seed(0)
    small = model.CRNN(model.Config("ab", 16, 40, (4,), ((2, 2),), 8, 4)).eval()
    pad = base.Pad(small, strokes=base.typed("hello"))
    assert set(pad.text) <= set("ab") and 0 <= pad.confidence <= 1


@pytest.mark.parametrize("fields", [{"sample": "2b7xy"}, {"strokes": [[[3, 3], [40, 20]]], "thickness": 3.0}, {}])
def test_a_static_page_gets_an_element_with_a_picture(fields):
    data, _ = base.Pad(**fields)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    page = data["text/html"]
    state = json.loads(html.unescape(re.search(r'state="([^"]*)"', page)[1]))
    assert page.startswith('<crnn-widget kind="pad" ') and {k: state[k] for k in fields} == fields
    picture = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]*)", page)[1])))
    assert picture.size == ((200, 50) if "sample" in fields else (128, 32))
    assert 'alt="Example: the network reads this picture as' in page
    assert len(page) < 10_000 and page.startswith(base.Pad(**fields).baked())


def test_typed_text_fits_the_pad():
    for text in ["i", "mmmmmmmm", skeletons.SYMBOLS]:
        points = np.array([point for stroke in base.typed(text) for point in stroke])
        assert points[:, 0].min() >= 5.9 and points[:, 0].max() <= 122.1
        assert abs(points[:, 0].min() + points[:, 0].max() - 128) < 0.2
    assert base.typed("") == []


@pytest.mark.parametrize("bits, share", [(16, 1e-3), (8, 0.005)])
def test_weights_keep_what_their_format_can(bits, share):
    from safetensors.torch import load

    reader = base.readers()["captcha"]
    kept, exact = load(weights.to_bytes(reader, bits)), weights.folded(reader)
    for name, tensor in exact.items():
        value = kept[name].float()
        if name + ".scale" in kept:
            value = value * kept[name + ".scale"].reshape(-1, *[1] * (value.dim() - 1))
        assert (value - tensor).abs().max() <= share * tensor.abs().max(), name


def test_weights_too_large_for_the_page_are_refused():
    reader = model.CRNN(model.Config("ab", 16, 40, (4,), ((2, 2),), 8, 4)).eval()
    with torch.no_grad():
        reader.classify.weight[0, 0] = 1e6
    with pytest.raises(UserError, match="too large"):
        weights.to_bytes(reader)
