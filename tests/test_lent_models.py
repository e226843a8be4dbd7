"""Code that is given a model returns it unchanged: every submodule's mode, every weight and statistic, no gradients."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from small import worn

from crnn_lib import data, metrics, model, reader, training, widgets
from crnn_lib.model import Config, evaluating
from crnn_lib.tools import export
from crnn_lib.widgets import host, weights
from crnn_lib.widgets.replay import film

CONFIG = Config("2b7xyma", 16, 64, (3, 4), ((4, 2), (2, 2)), 6, 5)
IMAGES = torch.randn(3, 1, 16, 64, generator=torch.Generator().manual_seed(0))
LABELS = ("2b", "7x", "yy")
LINE = [[[3.0, 3.0], [40.0, 20.0]]]


def build():
    """A model in training mode, one BatchNorm of it frozen, whose running statistics are not those of a batch."""
    made = worn(CONFIG).train()
    made.blocks[1][1].eval()
    return made


def state(lent):
    modes = {name: module.training for name, module in lent.named_modules()}
    return modes, {name: tensor.clone() for name, tensor in lent.state_dict().items()}


def lay_an_image(lent):
    pad = widgets.Pad(lent)
    pad.text = "7x"
    pad.image = np.arange(2048.0).reshape(32, 64) / 8.1
    return pad.confidence


def films(lent):
    run = training.Run(lent, data.LabelledImages(IMAGES, LABELS, LABELS), training.Recipe(validation_fraction=0))
    strip = film.Film({"a": IMAGES[0]}, what="", variant="")
    before = state(lent)
    strip.look(run)
    assert_same(lent, before)
    return strip.frames[0]["loss"]


BORROWERS = {
    "reader.read": lambda lent: reader.read(lent, IMAGES).log_probs,
    "metrics.evaluate": lambda lent: metrics.evaluate(lent, IMAGES, LABELS)[0]["ctc_loss"],
    "weights.to_bytes": weights.to_bytes,
    "Pad, drawn": lambda lent: widgets.Pad(lent, strokes=LINE).confidence,
    "Pad, sample": lambda lent: widgets.Pad(lent, sample="2b7xy").baked(),
    "Pad, image and text": lay_an_image,
    "Lab": lambda lent: widgets.Lab("2b", lent, sample="2b7xy").matrix,
    "Microscope": lambda lent: widgets.Microscope(lent).baked(),
    **{
        probe.__name__: lambda lent, probe=probe: probe(lent).baked()
        for probe in (
            widgets.ProbeConvolution, widgets.ProbePooling, widgets.ProbeColumns, widgets.ProbeContext,
            widgets.ProbeDecoding, widgets.ProbeRobustness,
        )
    },
}  # fmt: skip


def assert_same(lent, before):
    modes, tensors = state(lent)
    assert modes == before[0]
    assert all(torch.equal(tensor, before[1][name]) for name, tensor in tensors.items())
    assert all(p.grad is None and p.requires_grad for p in lent.parameters())


@pytest.mark.parametrize("name", BORROWERS)
def test_a_lent_model_comes_back_as_it_was(name):
    lent = build()
    before = state(lent)
    said = BORROWERS[name](lent)
    assert_same(lent, before)
    alone = BORROWERS[name](copy.deepcopy(lent).eval())  # what it says does not depend on the mode that it came in
    same = torch.equal(said, alone) if isinstance(said, torch.Tensor) else said == alone
    assert same


@pytest.mark.parametrize("name", [name for name in BORROWERS if name != "weights.to_bytes"])
def test_a_model_elsewhere_gets_images_that_suit_it(name):
    """Tried with another number type: `images.to(parameter)` handles the device and the type in one call."""
    lent = build().double()
    before, said = state(lent), BORROWERS[name](lent)
    assert_same(lent, before)
    usual = BORROWERS[name](build())
    assert said == usual if isinstance(said, str) else np.allclose(said, usual, atol=1e-5)


def test_a_film_of_a_run_leaves_its_model():
    assert films(build()) > 0


def test_export_leaves_its_model(tmp_path):
    lent = build()
    before = state(lent)
    export.to_onnx(lent, tmp_path / "m.onnx")
    assert_same(lent, before)


def test_a_model_comes_back_after_an_error_too():
    lent = build()
    before = state(lent)
    for act in (lambda: reader.read(lent, torch.zeros(1, 3, 16, 64)), lambda: host.stages_of(lent, torch.zeros(2))):
        with pytest.raises(Exception):  # noqa: B017
            act()
        assert_same(lent, before)
    with pytest.raises(KeyboardInterrupt), evaluating(lent):
        raise KeyboardInterrupt
    assert_same(lent, before)


def test_evaluating():
    lent = build()
    with evaluating(lent) as like:
        assert not any(module.training for module in lent.modules()) and not torch.is_grad_enabled()
        assert any(like is parameter for parameter in lent.parameters())
        with evaluating(lent):
            pass
        assert not any(module.training for module in lent.modules())
    assert torch.is_grad_enabled() and lent.training


def test_only_owners_change_a_model_s_mode():
    owners = {
        "model.py",
        "reader.py",
        "training.py",
        "processes.py",
        "tools/export.py",
        "widgets/weights.py",
    }  # of a copy, or of a model they made
    folder = Path(model.__file__).parent
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*.py") if ".eval()" in p.read_text("utf-8")}
    assert found == owners
