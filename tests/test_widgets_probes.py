"""Microscope and probes without a browser: their arithmetic is the library's, and what they bake says what is so."""

import base64
import html
import io
import itertools
import json
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from v8 import Page

from crnn_lib import assets, ctc, images, model, reader, widgets
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError

PROBES = [
    widgets.ProbeConvolution, widgets.ProbePooling, widgets.ProbeColumns, widgets.ProbeContext,
    widgets.ProbeDecoding, widgets.ProbeRobustness,
]  # fmt: skip
SHAPES = [
    model.Config(),
    model.Config(channels=(4, 4), pools=((2, 2), (1, 3)), width=61),
    model.Config(channels=(4, 4, 4), pools=((2, 4), (3, 1), (1, 2)), width=100),
    model.Config(channels=(4,), pools=((1, 1),), width=9),
]


@pytest.fixture(scope="module")
def js():
    """js(function, arguments): what JavaScript answers."""
    page = Page()
    return lambda name, *arguments: page.value(f"{name}({', '.join(map(json.dumps, arguments))})")


@pytest.mark.parametrize("config", SHAPES)
def test_sight_is_the_librarys(js, config):
    for blocks in range(1, len(config.pools) + 1):
        field = config.receptive_field(blocks)
        seen = js("stageSight", config.pools, f"pool{blocks}")
        assert seen["along"] == {"size": field.width, "stride": field.stride_x, "offset": field.offset_x}
        assert seen["down"] == {"size": field.height, "stride": field.stride_y, "offset": field.offset_y}
    strips = [js("stripOf", config.pools, config.width, t) for t in range(config.steps())]
    assert strips == [list(config.strip(t)) for t in range(config.steps())]


def test_sight_before_a_pool_is_what_a_gradient_finds(js):
    config = model.Config(channels=(1, 1, 1), pools=((2, 2), (2, 1), (1, 2)), height=64, width=128)
    for block in (1, 2, 3):
        image = torch.ones(1, 1, 64, 128, requires_grad=True)
        x = image
        for i, pool in enumerate(config.pools[:block], 1):
            x = F.conv2d(x, torch.ones(1, 1, 3, 3), padding=1)
            if i < block:
                x = F.avg_pool2d(x, pool)
        h, w = x.shape[2] // 2, x.shape[3] // 2
        x[0, 0, h, w].backward()
        rows, columns = (image.grad[0, 0].abs().sum(axis).nonzero().flatten() for axis in (1, 0))
        seen = js("stageSight", config.pools, f"conv{block}")
        for place, found, at in ((seen["down"], rows, h), (seen["along"], columns, w)):
            assert int(found[0]) == place["offset"] + at * place["stride"]
            assert len(found) == int(found[-1] - found[0]) + 1 == place["size"]


def test_steps_that_see_a_range(js):
    config = SHAPES[0]
    for first, last in [(0, 0), (0, 127), (48, 59), (127, 127), (30, 33)]:
        strips = [config.strip(t) for t in range(config.steps())]
        seeing = [t for t, (a, b) in enumerate(strips) if a <= last and b >= first]
        assert js("stepsThatSee", config.pools, config.width, first, last) == [seeing[0], seeing[-1]]
    assert js("stepsThatSee", config.pools, config.width, 200, 210) is None


@pytest.mark.parametrize("label", ["2", "22", "2b7xy", "mm22m", "mmmmm", "x" * 16, "x" * 17])
def test_needed_steps_are_what_the_library_asks_for(js, label):
    need = js("neededSteps", label)
    for width in range(4, 140, 4):
        config = model.Config(width=width)
        fits = True
        try:
            config.check_labels([label])
        except UserError:
            fits = False
        assert (need <= config.steps()) == fits


def test_spans_spell_the_collapsed_path(js):
    for path in itertools.product(range(3), repeat=6):
        spans = js("spansOf", path)
        assert [span["symbol"] for span in spans] == ctc.collapse(list(path))
        for span in spans:
            assert set(path[span["from"] : span["to"] + 1]) == {span["symbol"]}
        held = {t for span in spans for t in range(span["from"], span["to"] + 1)}
        assert held == {t for t, c in enumerate(path) if c}


def test_rows_of_probabilities(js):
    torch.manual_seed(0)
    logits, other = 3 * torch.randn(2, 7, 5)
    for temperature in (0.2, 1, 2.5, 5):
        ours = list(js("tempered", logits.flatten().tolist(), 5, temperature).values())
        assert np.allclose(ours, (logits / temperature).log_softmax(-1).flatten(), atol=1e-5)
    p, q = logits.log_softmax(-1), other.log_softmax(-1)
    moved = js("movedMass", p.flatten().tolist(), q.flatten().tolist(), 5)
    assert np.allclose(moved, (p.exp() - q.exp()).abs().sum(1) / 2, atol=1e-6)
    gaps = js("largestGaps", p.flatten().tolist(), q.flatten().tolist(), 5, 1, 4)
    assert np.allclose(gaps, (p - q)[:, 1:4].abs().amax(1), atol=1e-6)
    best = js("topClasses", p[0].tolist(), 3)
    values, classes = p[0].exp().topk(3)
    assert [b["symbol"] for b in best] == classes.tolist()
    assert np.allclose([b["p"] for b in best], values, atol=1e-6)


def test_windows_are_torchs(js):
    torch.manual_seed(1)
    rows, kernel = torch.randint(0, 10, (8, 12)).float(), torch.randn(3, 3)
    sums = js("slideKernel", rows.tolist(), kernel.flatten().tolist())
    assert np.allclose(sums, F.conv2d(rows[None, None], kernel[None, None])[0, 0], atol=1e-4)
    assert js("poolPairs", rows.tolist()) == F.max_pool2d(rows[None, None], 2)[0, 0].tolist()


@pytest.mark.parametrize("palette, name", [("viridis", "viridis"), ("puor", "PuOr")])
def test_colours_are_matplotlibs(js, palette, name):
    colormaps = pytest.importorskip("matplotlib").colormaps
    for v in np.linspace(0, 1, 41):
        theirs = 255 * np.array(colormaps[name](float(v))[:3])
        assert np.abs(np.array(js("colourOf", palette, float(v))) - theirs).max() < 20


def test_ink_is_numbered_from_the_palest_pixel_to_the_darkest(js):
    for sample in ("2b7xy", "55dne"):
        grey = images.load_grey(assets.SAMPLES[sample])
        picture = {"data": grey.flatten().tolist(), "height": grey.shape[0], "width": grey.shape[1]}
        small = images.resize(grey, 32, 128)
        expected = np.floor(9 * (small.max() - small) / (small.max() - small.min()) + 0.5)
        assert np.array_equal(js("inkDigits", picture), expected)


def test_a_cover_hides_its_columns_and_no_others(js):
    grey = captchas.render("2b7xy", seed=1)
    picture = {"data": grey.flatten().tolist(), "height": grey.shape[0], "width": grey.shape[1]}
    none = {"rotation": 0, "blur": 0, "lines": 0, "cover": 0, "from": 32}
    still = np.array(js("damage", picture, none)["data"])
    covered = np.array(js("damage", picture, none | {"cover": 16})["data"]).reshape(grey.shape)
    assert np.array_equal(still, grey.flatten())
    left, right = round(32 * grey.shape[1] / 128), round(48 * grey.shape[1] / 128)
    assert len(np.unique(covered[:, left:right])) == 1
    outside = np.delete(covered, slice(left, right), 1)
    assert np.array_equal(outside, np.delete(grey, slice(left, right), 1))


# --- what stands on a page before a script runs ---


def parts(widget):
    text = widget.baked()
    state = json.loads(html.unescape(re.search(r'state="([^"]*)"', text)[1]))
    alt = html.unescape(re.search(r'alt="([^"]*)"', text)[1])
    picture = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", text)[1])))
    return re.search(r'kind="([^"]*)"', text)[1], state, alt, np.array(picture)


@pytest.mark.parametrize("kind", [widgets.Microscope, *PROBES])
def test_every_kind_leaves_its_picture_and_what_is_read_in_it(kind, captcha):
    name, state, alt, picture = parts(kind())
    assert name == kind().kind and kind().baked() == kind().baked()
    assert state["sample"] == kind().sample
    grey = images.load_grey(assets.SAMPLES[kind().sample])
    readings = reader.read(captcha, images.standardise(grey, 32, 128)[None])
    assert alt.startswith(f"The network reads this picture as {readings.texts[0]!r}, with probability ")
    assert f"{readings.confidences[0]:.1%}" in alt and "With JavaScript, " in alt
    assert np.array_equal(picture, grey.round())


def test_a_page_starts_from_the_options_given():
    state = parts(widgets.Microscope(step=3, map=2))[1]
    assert (state["step"], state["map"]) == (3, 2)


def test_the_kernels_are_the_model_s(captcha):
    kernels = np.array(widgets.ProbeConvolution(captcha).kernels)
    assert kernels.shape == (16, 9)
    folded = captcha.blocks[0][0].weight.detach().flatten(1)
    cosine = (torch.tensor(kernels) * folded).sum(1) / (torch.tensor(kernels).norm(dim=1) * folded.norm(dim=1))
    assert (cosine > 0.98).all()


def test_a_picture_of_your_own_is_what_is_read(captcha):
    data = captchas.dataset(3, seed=8)
    for image, label in zip(data.images, data.labels, strict=True):
        said = reader.read(captcha, image[None]).texts[0]
        probe = widgets.ProbeDecoding(captcha, image=image, truth=label)
        _, state, alt, _ = parts(probe)
        assert repr(said) in alt and state["truth"] == label
        assert len(base64.b64decode(state["grey"])) == 32 * 128
        wanted = images.standardise(probe._grey(), 32, 128)
        assert (wanted - image).abs().max() < 0.05
