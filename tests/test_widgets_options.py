"""Every option of every widget: shown in a notebook and on a page, or refused in one clear line."""

import html
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from options import GOOD, GREY, LINE, ROWS, TINY, assert_shown
from v8 import Page

from crnn_lib import widgets
from crnn_lib.drawing import pen, skeletons
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN, Config
from crnn_lib.widgets import fields, host

pytestmark = pytest.mark.usefixtures("loaded_once")

CASES = [
    (kind, {name: value}) for kind, options in GOOD.items() for name, values in options.items() for value in values
]
CASES += [
    (widgets.Lab, {"label": "ab", "symbols": "ab", "matrix": ROWS}),
    (widgets.Lab, {"label": "gxxw6", "source": "reader"}),
    (widgets.Lab, {"label": "a\U0001f600"}),
]
CASES += [(widgets.Microscope, {"stage": "pool5", "map": 63})]


def named(value):
    """A short id of a class or of its options: the same on every worker."""
    return value.__name__ if isinstance(value, type) else " ".join(str(value).split())[:60]


@pytest.fixture(scope="module")
def page():
    """page(kind, options as text) -> the HTML that the directive puts on a page."""
    pytest.importorskip("docutils", reason="needs Sphinx")
    import crnn_widgets

    def show(kind, options):
        assert set(options) <= set(crnn_widgets.CrnnWidget.option_spec)
        state = SimpleNamespace(reporter=None)
        (node,) = crnn_widgets.CrnnWidget("crnn-widget", [kind], options, None, 1, 0, "", None, state).run()
        return node.astext()

    return show


def state_of(shown):
    return json.loads(html.unescape(re.search(r'state="([^"]*)"', shown)[1]))


def test_every_option_is_tried():
    registered = {getattr(widgets, name) for name in widgets.WIDGETS}
    assert set(GOOD) == {kind for kind in registered if issubclass(kind, host.Widget)}
    assert all(set(options) == set(kind.options) for kind, options in GOOD.items())


@pytest.mark.parametrize("kind, options", CASES, ids=named)
def test_a_good_option_is_shown(kind, options, page):
    widget = kind(**options)
    state = state_of(assert_shown(widget))
    for name in {*options} & {*state}:
        assert np.allclose(state[name], ROWS) if name == "matrix" else state[name] == options[name]
    if "image" in options or None in options.values():
        return  # no text can say these
    written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in options.items()}
    assert page(widget.kind, written) == widget.baked()


def test_on_a_page_the_pen_writes_a_text(page):
    assert state_of(page("pad", {"text": "n7x"}))["strokes"] == skeletons.place("n7x")
    shown = page("microscope", {"text": "n7x"})
    assert state_of(shown)["strokes"] == skeletons.place("n7x") and "&#x27;n7x&#x27;" in shown


FLAT = np.full((32, 128), 200.0)
BAD = [
    (widgets.Machine, {"strokes": 5}, "a drawing is a list of strokes"),
    (widgets.Machine, {"sample": "2b7xy"}, "Machine has no option 'sample': it takes model, strokes"),
    (widgets.Pad, {"thickness": 0.5}, "Pad: thickness must be a number from 1 to 6, not 0.5"),
    (widgets.Pad, {"thickness": float("nan")}, "not nan"),
    (widgets.Pad, {"thickness": "2"}, "not '2'"),
    (widgets.Pad, {"rotation": 21}, "from -20 to 20"),
    (widgets.Pad, {"lines": 1.5}, "a whole number from 0 to 6"),
    (widgets.Pad, {"lines": True}, "a whole number"),
    (widgets.Pad, {"blur": 10**400}, "from 0 to 2, not a value of type int"),
    (widgets.Pad, {"sample": "../secret"}, "sample must be one of 2b7xy, 55dne"),
    (widgets.Pad, {"strokes": 5}, "a drawing is a list of strokes"),
    (widgets.Pad, {"strokes": [[[0, 1e9]]]}, "within 4096 pixels"),
    (widgets.Pad, {"strokes": [[[1, 1]] * 20_001]}, "at most 20,000 points"),
    (widgets.Pad, {"strokes": np.zeros((1, 1, 2, 0))}, "no .x, y. within"),
    (widgets.Lab, {"sample": np.zeros(0)}, "sample must be one of"),
    (widgets.Pad, {"picture": b""}, "Pad has no option 'picture': it takes model, strokes, sample"),
    (widgets.Pad, {"model": "captcha"}, "a model is a CRNN"),
    (widgets.Pad, {"model": 0}, "a model is a CRNN"),
    (widgets.Lab, {"label": 5}, "label must be text"),
    (widgets.Lab, {"label": "x" * 65}, "at most 64 characters"),
    (widgets.Lab, {"label": "a-b"}, "must all differ, without white space"),
    (widgets.Lab, {"label": "a b"}, "must all differ, without white space"),
    (widgets.Lab, {"symbols": "ab", "matrix": ROWS, "source": "random"}, "leave out source"),
    (widgets.Lab, {"symbols": "ab", "matrix": ROWS, "sample": "2b7xy", "steps": 2}, "leave out sample, steps"),
    (widgets.Lab, {"symbols": "ab", "matrix": ROWS, "source": np.zeros((2, 2))}, "leave out source"),
    (widgets.Lab, {"source": "reader"}, "the source reader needs a sample"),
    (widgets.Lab, {"label": "az", "symbols": "ab", "source": "random"}, "holds"),
    (widgets.Lab, {"label": "az", "symbols": "ab", "matrix": [[1, 0, 0]]}, "holds"),
    (widgets.Lab, {"label": "ABC", "sample": "gxxw6"}, "holds"),
    (widgets.Lab, {"label": "ab", "symbols": "ab", "matrix": [[0.5, 0.5, 0.5]]}, "sum to 1"),
    (widgets.Lab, {"label": "ab", "symbols": "ab", "matrix": [[1.5, -0.5, 0]]}, "sum to 1"),
    (widgets.Lab, {"symbols": "aba"}, "must all differ"),
    (widgets.Lab, {"source": "even"}, "source must be one of uniform, random, peaked, reader, matrix"),
    (widgets.Lab, {"source": "matrix"}, "give a matrix"),
    (widgets.Lab, {"steps": 1}, "steps must be from 2 to 32"),
    (widgets.Lab, {"steps": 33}, "steps must be from 2 to 32"),
    (widgets.Lab, {"steps": "five"}, "steps must be a whole number"),
    (widgets.Lab, {"seed": 0}, "seed must be a whole number from 1"),
    (widgets.Lab, {"matrix": "abc", "symbols": "ab"}, "rows of probabilities"),
    (widgets.Lab, {"matrix": [[0.5], [0.5, 0.5]], "symbols": "a"}, "rows of probabilities"),
    (widgets.Lab, {"matrix": ROWS, "symbols": "a"}, "does not fit the symbols"),
    (widgets.Lab, {"model": CRNN}, "a model is a CRNN"),
    (widgets.Lab, {"temperature": 1}, "Lab has no option 'temperature'"),
    (widgets.Replay, {"recording": [1]}, "recording must be a dictionary"),
    (widgets.Replay, {"recording": {"runs": []}}, "the recording is damaged"),
    (widgets.Replay, {"trainable": True}, "Replay has no option 'trainable': it takes recording"),
    (widgets.Quiz, {"name": "sums"}, "name must be one of alignments, count"),
    (widgets.Quiz, {"name": ["alignments"]}, "not a value of type list"),
    (widgets.Quiz, {"level": 2}, "Quiz has no option 'level'"),
    (widgets.Microscope, {"step": 99}, "Microscope: step must be a whole number from 0 to 31, not 99"),
    (widgets.Microscope, {"step": -1}, "from 0 to 31"),
    (widgets.Microscope, {"stage": "conv6"}, "stage must be one of conv1, pool1, conv2"),
    (widgets.Microscope, {"map": 16}, "map must be a whole number from 0 to 15"),
    (widgets.Microscope, {"zoom": 2}, "Microscope has no option 'zoom'"),
    (widgets.Microscope, {"grey": "AAAA"}, "has no option 'grey'"),
    (widgets.Microscope, {"image": "2b7xy.png"}, "an image is a tensor or an array"),
    (widgets.Microscope, {"image": np.zeros((3, 32, 128))}, r"shape \(3, 32, 128\) cannot be shown"),
    (widgets.Microscope, {"image": np.zeros((2, 128))}, "cannot be shown"),
    (widgets.Microscope, {"image": np.full((32, 128), np.nan)}, "undefined"),
    (widgets.Microscope, {"image": np.full((32, 128), 256.0)}, "from 0 to 255"),
    (widgets.Microscope, {"image": -np.ones((32, 128))}, "neither ink nor paper"),
    (widgets.Microscope, {"truth": 7}, "truth must be text"),
    (widgets.Line, {"sample": "2b7xy"}, "sample must be one of address, code, invoice"),
    (widgets.Line, {"image": np.zeros((3, 32, 128))}, r"shape \(3, 32, 128\) cannot be shown"),
    (widgets.Line, {"mark": [0, 0, 9, 9]}, "Line has no option 'mark': it takes model, sample, image"),
    (widgets.ProbeConvolution, {"left": 0}, "ProbeConvolution: left must be a whole number from 2 to 116, not 0"),
    (widgets.ProbeConvolution, {"image": FLAT}, "the same grey everywhere"),
    (widgets.ProbePooling, {"left": 127}, "ProbePooling: left must be a whole number from 2 to 116, not 127"),
    (widgets.ProbePooling, {"image": FLAT}, "the same grey everywhere"),
    (widgets.ProbeColumns, {"step": 50}, "ProbeColumns: step must be a whole number from 0 to 31, not 50"),
    (widgets.ProbeColumns, {"label": "m" * 25}, "at most 24 characters"),
    (widgets.ProbeContext, {"left": 128}, "from 0 to 127"),
    (widgets.ProbeContext, {"size": 49}, "from 0 to 48"),
    (widgets.ProbeDecoding, {"temperature": 0}, "from 0.2 to 5"),
    (widgets.ProbeDecoding, {"width": 0}, "from 1 to 20"),
    (widgets.ProbeRobustness, {"left": 3}, "has no option 'left': it takes model, sample, image, truth"),
    (widgets.ProbeRobustness, {"sample": None}, "not a value of type NoneType"),
]


@pytest.mark.parametrize("kind, options, words", BAD, ids=named)
def test_a_bad_option_is_refused_in_a_line(kind, options, words):
    with pytest.raises(UserError, match=words) as refused:
        kind(**options).baked()
    assert str(refused.value).isprintable() and len(str(refused.value)) < 250


@pytest.mark.parametrize(
    "kind, name, text",
    [("lab", "steps", "four"), ("lab", "steps", "4.5"), ("pad", "left", "3"), ("pad", "strokes", "[[1"),
     ("microscope", "image", "x"), ("sum", "widget", "x")],
)  # fmt: skip
def test_a_bad_option_of_a_page_is_an_error_of_its_directive(page, kind, name, text):
    from docutils.parsers.rst import DirectiveError

    with pytest.raises(DirectiveError) as refused:
        page(kind, {} if kind == "sum" else {name: text})
    assert (refused.value.level, name in refused.value.msg) == (3, True)


def test_limits_are_those_of_the_model():
    tiny = CRNN(TINY)
    seen = widgets.Microscope(tiny)
    assert (seen.step, widgets.ProbeColumns(tiny).step) == (12, 15)  # the default 16 would be beyond
    assert_shown(seen)
    for options in ({"step": 16}, {"stage": "conv3"}, {"map": 2}):
        with pytest.raises(UserError):
            widgets.Microscope(tiny, **options)
    assert widgets.Microscope(tiny, map=2, stage="pool2").map == 2
    with pytest.raises(UserError, match="0 to 63"):
        widgets.ProbeContext(tiny, left=64)
    fixed = CRNN(replace(TINY, stretch=None))
    assert (widgets.Microscope(fixed).step, widgets.ProbeColumns(fixed).step) == (9, 9)
    letters = widgets.Microscope(CRNN(Config("ÀÉ", 16, 40, (2, 3), ((4, 2), (2, 2)), 3, 2)))
    assert_shown(letters)  # the pen cannot write what it reads


def test_limits_are_those_of_the_picture():
    """A line of 640 columns has 160 time steps; what the page shows may be another."""
    wide = np.tile(GREY, (1, 5))[:, :1000]
    seen = widgets.Microscope(image=wide, step=159)
    assert seen._grey().shape == (32, 640) and assert_shown(seen)
    for kind, options, words in (
        (widgets.Microscope, {"step": 160}, "0 to 159"),
        (widgets.ProbeColumns, {"step": 160}, "0 to 159"),
        (widgets.ProbeContext, {"left": 640}, "0 to 639"),
        (widgets.ProbePooling, {"left": 629}, "2 to 628"),
    ):
        with pytest.raises(UserError, match=words):
            kind(image=wide, **options)
    seen.set_state({"steps": 200, "step": 199})
    assert seen.step == 199
    with pytest.raises(
        UserError, match=r"20480 x 32 / 32 = 20,480 columns, at most 4,096 are read: cut it into pieces"
    ):
        widgets.Microscope(image=np.tile(GREY[:32, :160], (1, 128)))
    tall = widgets.Line(image=np.tile(GREY, (20, 1)))
    assert tall._grey().shape == (1000, 200) and assert_shown(tall)


def test_a_bad_value_set_later_changes_nothing():
    pad = widgets.Pad(strokes=LINE)
    before = {name: getattr(pad, name) for name in (*pad.options, "picture", "reading", "confidence")}
    for name, value in [("thickness", 99), ("strokes", [[1]]), ("sample", "x"), ("text", 5), ("text", "É")]:
        with pytest.raises(UserError):
            setattr(pad, name, value)
    for image in (FLAT * 2, FLAT * np.nan, GREY[None, None, :, :, None], "x", None, np.zeros((0, 9)), [[1, 2], [3]]):
        with pytest.raises(UserError):
            pad.image = image
    assert before == {name: getattr(pad, name) for name in before}
    seen = widgets.Microscope()
    with pytest.raises(UserError, match="0 to 31"):
        seen.step = 32
    assert seen.step == 12


def test_an_image_that_the_model_cannot_read_leaves_the_pad_as_it_is(monkeypatch):
    pad = widgets.Pad(strokes=LINE)
    before = (pad.strokes, pad.picture, pad.text)

    def read(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(host.reader, "read", read)
    with pytest.raises(RuntimeError):
        pad.image = GREY
    assert (pad.strokes, pad.picture, pad.text) == before


def test_the_pen_s_thickness_does_not_take_a_picture_off_the_pad():
    pad = widgets.Pad(sample="c3f8n")
    pad.thickness = 4
    assert (pad.sample, pad.text) == ("c3f8n", "c3f8n")
    pad.image = GREY
    shown = pad.picture
    pad.thickness = 3
    assert pad.picture == shown


def test_a_message_of_the_page_that_does_not_fit_is_left_whole():
    seen = widgets.Microscope()
    seen.set_state({"reading": "abc", "step": 99})
    assert (seen.reading, seen.step) == ("", 12)
    seen.set_state({"reading": "abc", "step": 9})
    assert (seen.reading, seen.step) == ("abc", 9)


def test_what_is_drawn_goes_before_what_is_chosen():
    """As in the page: strokes, then a given image, then a sample."""
    drawn = widgets.Microscope(strokes=skeletons.place("n7x"), sample="c3f8n", image=GREY)
    assert np.array_equal(drawn._grey(), pen.image(skeletons.place("n7x"))) and "&#x27;n7x&#x27;" in drawn.baked()
    assert widgets.Pad(strokes=skeletons.place("n7x"), sample="c3f8n").text == "n7x"


@pytest.mark.parametrize("made_up", ["random", "peaked"])
def test_a_matrix_that_the_page_makes_has_no_numbers_yet(made_up):
    """An IndexError in version 1."""
    for label in ("ab", "mm", ""):
        shown = assert_shown(widgets.Lab(label, source=made_up, steps=6))
        assert f"The label {label!r} over 6 time steps. " in html.unescape(shown) and "loss" not in shown
        assert state_of(shown)["symbols"] == widgets.Lab(label, steps=6).symbols


def test_the_page_makes_the_matrix_that_was_asked_for():
    racer = Page("""
        let made = null;
        async function begin(fields) {
            const session = createSession({ model: { get: (name) => fields[name] }, backend: null });
            await session.begin();
            made = session.state();
        }""")
    for options in ({"source": "random", "seed": 7}, {"source": "random", "seed": 8}, {"source": "peaked"}, {}):
        widget = widgets.Lab("mm", steps=6, **options)
        made = racer.settled(f"begin({json.dumps(state_of(widget.baked()))})", "made")
        rows = np.exp(made["logProbs"])
        assert (made["label"], made["symbols"], rows.shape) == ("mm", ["m", "a", "b"], (6, 4))
        assert np.allclose(rows.sum(1), 1)
        if not options:
            assert np.allclose(rows, widget.matrix)
        elif options["source"] == "peaked":
            assert rows.argmax(1).tolist() == [0, 1, 0, 0, 1, 0] and (rows.max(1) > 0.8).all()
        else:
            assert made["seed"] == options["seed"] and rows.std() > 0.05


def test_a_matrix_set_later_that_does_not_fit_the_letters_is_not_drawn():
    widget = widgets.Lab("ab", steps=4)
    widget.matrix = torch.tensor(ROWS, dtype=torch.float64, requires_grad=True)
    assert widget.matrix == ROWS and "alignments" not in widget.baked()
    widget.symbols = "ab"
    assert "alignments, loss" in widget.baked()
    widget.label = "az"
    assert "alignments" not in widget.baked()


def test_an_image_may_have_leading_axes_of_one_and_any_number_type():
    for image in (GREY, GREY[None], GREY[None, None].astype(np.float64), torch.from_numpy(GREY), GREY.tolist()):
        assert np.array_equal(fields.grey_of(image), GREY.astype(np.float32))
    needs = torch.from_numpy(GREY.astype(np.float32)).requires_grad_()
    assert np.array_equal(fields.image_of(needs), GREY)
