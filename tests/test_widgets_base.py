"""The kernel's side of a widget: what it answers, what it remembers, what it leaves on a page."""

import base64
import html
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from small import worn

from crnn_lib import assets, images, reader, widgets
from crnn_lib.drawing import pen, skeletons
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN, Config
from crnn_lib.widgets import bundle, host, picture, shared, weights


@pytest.fixture
def pad(captcha):
    return widgets.Pad(captcha, sample="2b7xy")


def test_the_page_gets_script_and_weights_as_state(captcha, pad):
    files = {"script": bundle.module().encode(), "yours": weights.to_bytes(captcha)}
    assert pad.files == {name: shared.reference(content) for name, content in files.items()}
    assert list(widgets.Pad().files) == ["script", *host.readers()]
    assert "files" in pad.keys and pad.readers == ["yours"]


def test_refresh_reads_with_the_weights_that_the_model_has_now():
    network = CRNN(Config(alphabet="ab")).eval()
    drawn, picture = widgets.Pad(network, strokes=skeletons.place("n7x")), widgets.Pad(network, sample="55dne")
    probe = widgets.ProbeConvolution(network)
    shown = {pad: (pad.image.tolist(), dict(pad.files)) for pad in (drawn, picture)}
    with torch.no_grad():
        network.classify.bias[2] += 40
        network.blocks[0][0].weight += 1
    for widget in (drawn, picture, probe):
        widget.refresh()
        assert widget.files["yours"] == shared.reference(weights.to_bytes(network))
        assert widget.get_state("files")["files"] == widget.files
    for pad, (image, files) in shown.items():
        assert pad.text == "b" and pad.confidence > 0.99 and pad.image.tolist() == image
        assert [name for name in files if files[name] != pad.files[name]] == ["yours"]
    assert min(min(kernel) for kernel in probe.kernels) > 0
    with torch.no_grad():
        network.classify.bias[0] = 1e6
    before = dict(drawn.files)
    with pytest.raises(UserError, match="too large"):
        drawn.refresh()
    assert drawn.files == before and drawn.text == "b"


def test_a_kernel_sends_each_file_once():
    network = host.readers()["captcha"]
    one, two = widgets.Pad(network), widgets.Pad(host.readers()["captcha"])
    assert one.files == two.files
    with torch.no_grad():
        network.classify.bias += 1  # trained on, say: another model's weights
    changed = widgets.Pad(network)
    assert changed.files["script"] == one.files["script"] and changed.files["yours"] != one.files["yours"]
    assert len(json.dumps(one.get_state(drop_defaults=True), default=len)) < 30_000  # copied with each widget
    shared._FILES[bundle.module().encode()].close()
    assert widgets.Pad(network).files["script"] != one.files["script"]


def test_a_cell_shows_the_picture_and_below_it_the_live_view(pad, monkeypatch):
    shown = []
    monkeypatch.setattr(picture, "display", lambda data, raw: shown.append(data))
    pad._ipython_display_()
    (html_alone, view) = shown
    assert list(html_alone) == ["text/html"] and html_alone["text/html"].startswith(pad.baked())
    assert view == {picture.LIVE: pad._repr_mimebundle_()[0][picture.LIVE]} and view[picture.LIVE]["model_id"]


def test_text_image_and_strokes_can_be_read_and_set(pad, captcha):
    assert (pad.text, pad.image.shape) == ("2b7xy", (32, 128))
    pad.text = "p7x"
    assert pad.strokes == skeletons.place("p7x") and np.array_equal(pad.image, pen.render(pad.strokes))
    said = reader.read(captcha, images.standardise(pen.image(pad.strokes))[None])
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
    assert np.array_equal(pad.image, pen.render([[[5, 5], [9, 9]]]))


def test_a_picture_laid_on_is_read_as_it_is_though_the_reader_is_of_strokes(penman):
    small = [[[x * 0.3 + 4, y * 0.3 + 20] for x, y in stroke] for stroke in skeletons.place("n7x")]
    pad = widgets.Pad(strokes=small)
    pad._models, pad.readers = {"pen": penman}, ["pen"]
    pad.image = pen.render(small)
    assert pad.text != "n7x"
    pad.image = pen.render(pen.normalise(small))
    assert pad.text == "n7x"


def test_the_page_reports_what_it_read(pad):
    """What comes from the page is taken as it is: buffers arrive as memoryview, and nothing is read a second time."""
    picture = np.full((32, 128), 9, dtype=np.uint8)
    pad.set_state({"strokes": [[[1, 1], [5, 5]]], "sample": ""})
    assert pad.text == "2b7xy"
    pad.set_state({"reading": "seen", "confidence": 0.25, "picture": memoryview(picture.tobytes())})
    assert (pad.text, pad.confidence) == ("seen", 0.25) and np.array_equal(pad.image, picture)


@pytest.mark.parametrize("fields", [{"sample": "2b7xy"}, {"strokes": [[[3, 3], [40, 20]]], "thickness": 3.0}, {}])
def test_a_static_page_gets_an_element_with_a_picture(fields):
    page = widgets.Pad(**fields).baked()
    picture = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]*)", page)[1])))
    assert picture.size == ((200, 50) if "sample" in fields else (128, 32))
    assert 'alt="The network reads this picture as' in page and len(page) < 10_000


def test_typed_text_fits_the_pad():
    for text in ["i", "mmmmmmmm", skeletons.SYMBOLS]:
        points = np.array([point for stroke in skeletons.place(text) for point in stroke])
        assert points[:, 0].min() >= 5.9 and points[:, 0].max() <= 122.1
        assert abs(points[:, 0].min() + points[:, 0].max() - 128) < 0.2
    assert skeletons.place("") == []


@pytest.mark.parametrize("shape", [{}, {"alphabet": "ab", "channels": (3, 5), "pools": ((2, 1), (3, 3)), "hidden": 3}])
def test_a_stored_weight_is_off_by_half_a_step_at_most(shape):
    network = worn(Config(**shape))
    content = weights.to_bytes(network)
    stored, exact = weights.folded(weights.from_bytes(content)), weights.folded(network)
    for name, tensor in exact.items():
        largest = tensor.abs().flatten(1).amax(1) if name.endswith(".weight") else tensor.abs()
        step = largest / (127 if name.endswith(".weight") else 2**10)
        off = (stored[name] - tensor).abs().flatten(1).amax(1) if tensor.dim() > 1 else (stored[name] - tensor).abs()
        assert (off <= 0.6 * step + 1e-7).all(), name
    assert weights.from_bytes(content).config == network.config


def test_a_parameter_takes_little_more_than_a_byte(captcha, penman):
    for network in (captcha, penman):
        assert len(weights.to_bytes(network)) < 1.021 * network.parameter_count()


@pytest.mark.parametrize("name, number", [("weight", 1e7), ("bias", 1e5), ("bias", float("nan"))])
def test_weights_too_large_for_the_page_are_refused(name, number):
    network = worn()
    with torch.no_grad():
        getattr(network.classify, name)[0] = number
    with pytest.raises(UserError, match="too large"):
        weights.to_bytes(network)


def test_a_picture_of_other_proportions_keeps_them_on_the_pad(pad, captcha):
    """As the model reads it: at 32 rows, and not squeezed to the pad's 128 columns."""
    grey = np.tile(images.load_grey(assets.SAMPLES["2b7xy"]), (1, 3))
    pad.image = grey
    assert pad.image.shape == (32, 384) and np.abs(pad.image - images.resize(grey, 32, 384)).max() <= 0.5
    assert pad.text == host.read(captcha, grey).texts[0]
    pad.set_state({"picture": memoryview(bytes(32 * 50))})
    assert pad.image.shape == (32, 50)
    pad.set_state({"picture": memoryview(bytes(33 * 50 + 1))})
    assert pad.image.shape == (32, 50)


def test_a_line_is_read_by_the_reader_of_print_where_there_is_one(captcha, penman, monkeypatch):
    assert widgets.Line(penman).model is penman
    monkeypatch.setattr(host, "readers", lambda model=None: {"captcha": captcha, "pen": penman})
    assert widgets.Line().model is captcha
    print_reader = worn(Config(alphabet="abc "))
    monkeypatch.setattr(host, "readers", lambda model=None: {"captcha": captcha, "text": print_reader, "pen": penman})
    line = widgets.Line(sample="code")
    grey = images.load_grey(assets.LINES["code"])
    assert line.model is print_reader
    assert html.escape(repr(host.read(print_reader, grey).texts[0])) in line.baked()
    line.set_state({"mark": [1, 2, 30, 8], "reading": "x7", "confidence": 0.5})
    assert (line.mark, line.reading, line.confidence) == ([1, 2, 30, 8], "x7", 0.5)
