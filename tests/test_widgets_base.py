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

from crnn_lib.widgets import base, weights

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def pad():
    return base.Pad(base.readers()["captcha"], sample="2b7xy")


def ask(pad, monkeypatch, question, buffers=()):
    said = []
    monkeypatch.setattr(pad, "send", lambda content, buffers=None: said.append((content, buffers)))
    pad._answer(pad, question, list(buffers))
    assert len(said) == 1
    return said[0]


def test_infer_gives_every_stage(pad, monkeypatch):
    image = torch.randn(1, 1, 32, 128)
    question = {"kind": "infer", "id": 7, "reader": "yours", "H": 32, "W": 128, "want": None}
    answer, buffers = ask(pad, monkeypatch, question, [memoryview(image.numpy().tobytes())])
    with torch.no_grad():
        stages = base.readers()["captcha"].stages(image)
    assert (answer["id"], answer["names"]) == (7, list(stages))
    for dims, buffer, stage in zip(answer["dims"], buffers, stages.values(), strict=True):
        assert np.allclose(np.frombuffer(buffer, np.float32).reshape(dims), stage.numpy(), atol=1e-5)
    answer, buffers = ask(pad, monkeypatch, {**question, "want": ["logits"]}, [image.numpy().tobytes()])
    assert answer["names"] == ["logits"] and len(buffers) == 1


def test_weights_are_those_of_the_page(pad, monkeypatch):
    answer, (content,) = ask(pad, monkeypatch, {"kind": "weights", "id": 1, "reader": "yours"})
    assert answer == {"id": 1} and content == weights.to_bytes(base.readers()["captcha"])


@pytest.mark.parametrize(
    "question", [{}, {"reader": "other"}, {"reader": "yours", "kind": "infer", "H": 3, "W": 3}, {"reader": "yours"}]
)
def test_every_error_is_answered(pad, monkeypatch, question):
    answer, _ = ask(pad, monkeypatch, {"id": 4, **question}, [b"\0" * 36])
    assert answer["id"] == 4 and len(answer["error"]) > 5


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
    reader = base.readers()["strokes"]
    said = metrics.read(reader, images.standardise(strokes.render(strokes.normalise(small)).astype(np.float32))[None])
    assert (pad.text, pad.confidence) == (said.texts[0], pytest.approx(said.confidences[0]))
    assert metrics.read(reader, images.standardise(pad.image.astype(np.float32))[None]).texts != ["n7x"]
    only = base.Pad(strokes=small)
    only._models, only.readers = {"strokes": reader}, ["strokes"]
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
    assert len(page) < 10_000 and page == base.Pad(**fields).baked()


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
