import json
import os
import pickle
import re
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

import crnn_lib
from crnn_lib import reader
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN, Config
from crnn_lib.reader import load, save

SMALL = Config(alphabet="ab1", height=16, width=24, channels=(3, 4), pools=((2, 2), (2, 1)), features=6, hidden=5)


@pytest.fixture
def small():
    torch.manual_seed(0)
    return CRNN(SMALL).eval()


@pytest.fixture
def saved(small, tmp_path):
    path = tmp_path / "reader.safetensors"
    save(small, path, {"data": "abc", "split_seed": 3, "history": [{"loss": 0.1}, {"loss": 1e-300}], "name": "Zoë"})
    return path


def rewrite(path, out, tensors=lambda t: t, metadata=lambda m: m):
    """The same file with other tensors or metadata, in `out`."""
    with safe_open(path, framework="pt") as file:
        old = dict(file.metadata())
    save_file(tensors(load_file(path)), out, metadata(old))
    return out


# --- the configuration ---


def test_the_default_model_is_small_and_has_32_steps():
    model = CRNN()
    assert model.parameter_count() <= 250_000
    assert model.parameter_count() == sum(p.numel() for p in model.parameters())
    assert (model.config.rows, model.config.steps(), len(model.alphabet)) == (2, 32, 20)


blocks = st.lists(st.tuples(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None)
@given(blocks, st.integers(1, 40), st.integers(1, 70), st.integers(1, 70), st.integers(1, 3))
def test_every_stage_has_its_shape_at_every_width(layers, height, width, other, n):
    channels, pools = tuple(c for c, _ in layers), tuple(p for _, p in layers)
    try:
        config = Config(
            alphabet="xyz", height=height, width=width, channels=channels, pools=pools, features=4, hidden=3
        )
    except UserError:
        return
    assume(config.steps(other))
    stages = CRNN(config).eval().stages(torch.zeros(n, 1, height, other))
    steps = config.steps(other)
    expected, h, w = {"image": (n, 1, height, other)}, height, other
    for i, (c, (v, s)) in enumerate(layers, 1):
        expected[f"conv{i}"], expected[f"pool{i}"] = (n, c, h, w), (n, c, h // v, w // s)
        h, w = h // v, w // s
    assert (h, w) == (config.rows, steps)
    expected["columns"] = (n, steps, channels[-1] * h)
    expected |= {
        "features": (n, steps, 4),
        "states": (n, steps, 6),
        "logits": (n, steps, 4),
        "log_probs": (n, steps, 4),
    }
    assert {name: tuple(stage.shape) for name, stage in stages.items()} == expected
    assert list(stages) == list(expected)


def test_the_stages_follow_from_each_other(small):
    image = torch.randn(2, 1, 16, 24, generator=torch.Generator().manual_seed(1))
    stages = small.stages(image)
    assert stages["image"] is image
    assert torch.equal(small(image), stages["log_probs"])
    assert torch.allclose(stages["log_probs"].exp().sum(-1), torch.ones(2, 12))
    assert torch.equal(stages["log_probs"], stages["logits"].log_softmax(-1))
    assert torch.equal(stages["pool1"], nn.functional.max_pool2d(stages["conv1"], 2))
    # column t holds every channel of map column t, channel by channel, top to bottom
    assert torch.equal(stages["columns"][1, 5], stages["pool2"][1, :, :, 5].flatten())
    assert min(stages["conv1"].min(), stages["conv2"].min(), stages["features"].min()) >= 0
    # the forward half of the states cannot know what comes later, the backward half what came before
    changed = image.clone()
    changed[:, :, :, 12:] += 1
    before, after = stages["states"], small.stages(changed)["states"]
    assert torch.equal(before[:, :2, :5], after[:, :2, :5]) and not torch.equal(before[:, :2, 5:], after[:, :2, 5:])


def test_one_image_is_read_alike_alone_and_in_a_batch(small):
    images = torch.randn(3, 1, 16, 24, generator=torch.Generator().manual_seed(1))
    alone = torch.cat([small(image[None]) for image in images])
    assert torch.allclose(alone, small(images), atol=1e-6)


FIELD_CONFIGS = [
    SMALL,
    Config(channels=(2,) * 5),
    Config(alphabet="a", height=19, width=31, channels=(2, 2), pools=((3, 3), (1, 2)), features=2, hidden=2),
    Config(alphabet="a", height=8, width=9, channels=(2,), pools=((1, 1),), features=2, hidden=2),
]


@pytest.mark.parametrize("config", FIELD_CONFIGS)
def test_the_receptive_field_is_what_gradients_say(config):
    model = CRNN(config).eval()  # batch normalisation is the identity before training
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    # a maximum passes its gradient to one pixel only; a mean has the same reach and shows all of it
    model.pools = nn.ModuleList(nn.AvgPool2d(pool) for pool in config.pools)
    image = torch.ones(1, 1, config.height, config.width, requires_grad=True)
    for count in range(1, len(config.pools) + 1):
        pooled = model.stages(image)[f"pool{count}"]
        field = config.receptive_field(count)
        _, _, rows, columns = pooled.shape
        for i, j in {(0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)}:
            (gradient,) = torch.autograd.grad(pooled[0, 0, i, j], image, retain_graph=True)
            top, left = i * field.stride_y + field.offset_y, j * field.stride_x + field.offset_x
            expected = torch.zeros(config.height, config.width, dtype=torch.bool)
            expected[max(top, 0) : top + field.height, max(left, 0) : left + field.width] = True
            assert torch.equal(gradient[0, 0] != 0, expected)
    features = model.project(model.stages(image)["columns"])
    for t in range(config.steps()):
        (gradient,) = torch.autograd.grad(features[0, t, 0], image, retain_graph=True)
        seen = gradient[0, 0].abs().sum(0).nonzero().flatten()
        assert config.strip(t) == (seen[0], seen[-1])


def test_the_receptive_field_by_hand():
    nothing = Config().receptive_field(0)
    assert (nothing.height, nothing.width, nothing.stride_x, nothing.offset_x) == (1, 1, 1, 0)
    one = Config().receptive_field(1)  # a 3-wide convolution, then two pixels of it
    assert (one.height, one.width, one.stride_y, one.stride_x, one.offset_x) == (4, 4, 2, 2, -1)
    assert Config().receptive_field() == Config().receptive_field(5)
    assert Config().receptive_field().stride_x * Config().steps() == Config().width


# --- labels that fit ---


def test_a_label_that_does_not_fit_is_refused_with_the_arithmetic():
    config = replace(SMALL, alphabet="m", width=4)  # T = 2
    config.check_labels(["m", ""])
    with pytest.raises(UserError) as caught:
        config.check_labels(["m", "mm"])
    assert str(caught.value) == (
        "label 'mm' needs T >= U + r = 2 + 1 = 3 time steps, but a width of 4 pixels at 2 pixels per step gives T = 2: "
        "use a width of at least 6"
    )
    with pytest.raises(UserError, match="'x', not in the alphabet"):
        config.check_labels(["x"])


@settings(max_examples=60, deadline=None)
@given(st.text("ab", max_size=12), st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(1, 60))
def test_a_label_is_refused_just_when_it_does_not_fit_and_the_advice_is_the_least_cure(label, strides, width):
    pools, channels = tuple((1, s) for s in strides), (1,) * len(strides)

    def fits(width):
        try:
            Config(alphabet="ab", height=4, width=width, channels=channels, pools=pools).check_labels([label])
        except UserError as error:
            return str(error)
        return True

    told, steps = fits(width), width
    for s in strides:
        steps //= s
    assume(steps)
    assert (told is True) == (steps >= len(label) + sum(a == b for a, b in pairwise(label)))
    if told is not True:
        advised = int(re.search(r"at least (\d+)$", told)[1])
        assert fits(advised) is True and fits(advised - 1) is not True


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alphabet": ""}, "alphabet is empty"),
        ({"alphabet": "aa"}, "more than once"),
        ({"channels": ()}, "0 channels and 2 pools"),
        ({"channels": (3, 4, 5)}, "3 channels and 2 pools"),
        ({"channels": (3, 0)}, "whole number from 1"),
        ({"channels": (3, 65537)}, "whole number from 1 to 65536"),
        ({"height": 0}, "whole number"),
        ({"width": -24}, "whole number"),
        ({"width": 24.0}, "whole number"),
        ({"hidden": None}, "whole number"),
        ({"features": "6"}, "whole number"),
        ({"pools": ((2, 2), (0, 1))}, "whole number"),
        ({"height": 3}, "pooled away"),
        ({"width": 1}, "pooled away"),
    ],
)
def test_an_impossible_shape_is_an_error(fields, message):
    with pytest.raises(UserError, match=message):
        replace(SMALL, **fields)


# --- weights on disk ---


def test_a_saved_model_comes_back_bit_for_bit(small, saved):
    images = torch.randn(2, 1, 16, 40, generator=torch.Generator().manual_seed(1))
    small(images)
    again = load(saved)
    assert again.config == SMALL and not again.training
    assert again.provenance == {
        "data": "abc", "split_seed": 3, "history": [{"loss": 0.1}, {"loss": 1e-300}], "name": "Zoë"
    }  # fmt: skip
    old, new = small.state_dict(), again.state_dict()
    assert list(old) == list(new) and all(torch.equal(old[k], new[k]) and old[k].dtype == new[k].dtype for k in old)
    assert torch.equal(small(images), again(images))
    assert all(p.requires_grad and not p.is_meta for p in again.parameters())
    assert not any(b.is_meta for b in again.buffers())
    second = saved.with_name("again.safetensors")
    save(again, second, again.provenance)
    assert second.read_bytes() == saved.read_bytes()
    assert sorted(p.name for p in saved.parent.iterdir()) == ["again.safetensors", saved.name]


def test_a_loaded_model_can_be_trained_on(saved):
    model = load(saved).train()
    model(torch.randn(2, 1, 16, 24)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_model_in_channels_last_is_saved_like_any_other(small, saved):
    other = saved.with_name("other")
    save(small.to(memory_format=torch.channels_last), other, load(saved).provenance)
    assert other.read_bytes() == saved.read_bytes()


def test_weights_are_safetensors_that_others_can_open(saved):
    with safe_open(saved, framework="numpy") as file:
        assert json.loads(file.metadata()["config"])["alphabet"] == "ab1"
        assert "classify.weight" in list(file.keys())


def test_saving_where_one_cannot_is_an_error_and_keeps_the_old_file(small, saved):
    with pytest.raises(UserError, match="cannot write"):
        save(small, saved / "under", {})
    old = saved.read_bytes()
    with pytest.raises(TypeError):
        save(small, saved, {"not json": object()})
    assert saved.read_bytes() == old and list(saved.parent.iterdir()) == [saved]


def refused(path):
    with pytest.raises(UserError) as caught:
        load(path)
    message = str(caught.value)
    assert path.name in message and "\n" not in message and len(message) < 400
    return message


def test_missing_files_and_folders_are_named(tmp_path):
    assert "no such file" in refused(tmp_path / "missing.safetensors")
    refused(tmp_path)


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 9, 100, 2000, -1])
def test_a_truncated_file_is_an_error(keep, saved):
    saved.write_bytes(saved.read_bytes()[:keep])
    refused(saved)


class Trap:
    """Unpickling it leaves a trace."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["zip", "legacy", "bare", "weights"])
def test_what_is_pickled_is_refused_in_a_clear_line_and_never_unpickled(kind, small, tmp_path):
    path, trap = tmp_path / "reader.pt", tmp_path / "sprung"
    if kind == "bare":
        path.write_bytes(pickle.dumps(Trap(trap)))
    else:
        kept = small.state_dict() if kind == "weights" else {"x": Trap(trap)}
        torch.save(kept, path, _use_new_zipfile_serialization=kind != "legacy")
    assert "it is pickled, could run any program and is never opened" in refused(path)
    assert not trap.exists()
    pickle.loads(path.read_bytes()) if kind == "bare" else None
    assert trap.exists() == (kind == "bare"), "the trap works"


@pytest.mark.parametrize("content", [b"hello\n" * 100, b"<!doctype html>" * 50, bytes(500), b"\xff" * 500])
def test_foreign_files_are_errors(content, tmp_path):
    (tmp_path / "foreign").write_bytes(content)
    refused(tmp_path / "foreign")


def test_the_library_has_no_pickle():
    for path in Path(crnn_lib.__file__).parent.rglob("*.py"):
        words = set(re.findall(r"\w+(?:\.\w+)*", path.read_text(encoding="utf-8")))
        assert not words & {"pickle", "torch.load", "torch.save", "eval(", "joblib", "allow_pickle"}, path


def test_safetensors_of_another_program_are_an_error(saved, tmp_path):
    for name, metadata in (("bare", None), ("other", {"format": "pt"}), ("later", {"format": "crnn_lib 2"})):
        assert "no model of this library" in refused(rewrite(saved, tmp_path / name, metadata=lambda _: metadata))  # noqa: B023


@pytest.mark.parametrize(
    "config",
    [
        "", "{", "[]", "null", "{}", "3", '"x"', "[" * 100_000,
        {"alphabet": ""}, {"alphabet": None}, {"alphabet": "aab"}, {"alphabet": "abcd"},
        {"channels": None}, {"channels": [3]}, {"channels": "34"}, {"channels": [3, 5]}, {"pools": [[2, 2], [2]]},
        {"pools": [2, 2]}, {"height": 17.5}, {"height": 32}, {"features": 7}, {"hidden": 6}, {"unknown": 1},
        {"hidden": 65536}, {"features": 65536, "hidden": 65536}, {"channels": [65536, 65536]}, {"hidden": 10**30},
        {"channels": [1] * 2000, "pools": [[1, 1]] * 2000},
    ],
)  # fmt: skip
def test_a_configuration_that_does_not_fit_the_tensors_is_an_error(config, saved, tmp_path):
    text = config if isinstance(config, str) else json.dumps(asdict(SMALL) | config)
    refused(rewrite(saved, tmp_path / "crooked", metadata=lambda m: m | {"config": text}))


@pytest.mark.parametrize("provenance", [None, "", "{", "[]", "null", '"x"', "3"])
def test_a_provenance_that_is_none_is_an_error(provenance, saved, tmp_path):
    def change(metadata):
        rest = {k: v for k, v in metadata.items() if k != "provenance"}
        return rest if provenance is None else rest | {"provenance": provenance}

    refused(rewrite(saved, tmp_path / "crooked", metadata=change))


CHANGES = {
    "missing": lambda t: {k: v for k, v in t.items() if k != "classify.bias"},
    "extra": lambda t: t | {"extra": torch.zeros(1)},
    "renamed": lambda t: {k.replace("classify", "head"): v for k, v in t.items()},
    "reshaped": lambda t: t | {"classify.bias": torch.zeros(7)},
    "turned": lambda t: t | {"classify.weight": t["classify.weight"].T.contiguous()},
    "none": lambda t: {},
    "half": lambda t: {k: v.half() if v.is_floating_point() else v for k, v in t.items()},
    "one double": lambda t: t | {"classify.weight": t["classify.weight"].double()},
    "integers": lambda t: t | {"classify.bias": torch.zeros(4, dtype=torch.int32)},
    "not a number": lambda t: t | {"classify.bias": torch.full((4,), torch.nan)},
    "endless": lambda t: t | {"blocks.0.1.running_var": torch.full((3,), torch.inf)},
}


@pytest.mark.parametrize("change", CHANGES)
def test_tensors_that_are_not_this_model_s_are_an_error(change, saved, tmp_path):
    message = refused(rewrite(saved, tmp_path / "crooked", tensors=CHANGES[change]))
    assert change != "missing" or "classify.bias" in message


def test_loading_allocates_by_the_file_not_by_its_configuration(saved, tmp_path, monkeypatch):
    devices = []
    monkeypatch.setattr(reader, "CRNN", lambda config: devices.append(torch.empty(0).device) or CRNN(config))
    load(saved)
    assert devices == [torch.device("meta")]


def test_weights_load_whatever_the_default_dtype(tmp_path):
    save(CRNN(), tmp_path / "m.safetensors", {})
    torch.set_default_dtype(torch.float64)
    try:
        loaded = load(tmp_path / "m.safetensors")
    finally:
        torch.set_default_dtype(torch.float32)
    assert next(loaded.parameters()).dtype == torch.float32


def test_a_name_that_is_a_file_too_is_refused(tmp_path, monkeypatch, small):
    monkeypatch.chdir(tmp_path)
    save(small, "captcha", {})
    with pytest.raises(UserError, match="'captcha' is a model that ships and a file here"):
        load("captcha")
    assert load(tmp_path / "captcha").config == small.config


# --- slips ---


@pytest.mark.parametrize("wrong", ["one image", "a matrix", "bytes", "an array", "height", "double", "narrow"])
def test_images_that_the_layers_refuse_get_a_sentence(wrong, small):
    image = torch.zeros(2, 1, 16, 24)
    given = {
        "one image": image[0], "a matrix": image[0, 0], "bytes": image.byte(), "an array": image.numpy(),
        "height": torch.zeros(2, 1, 40, 24), "double": image.double(), "narrow": image[..., :1],
    }[wrong]  # fmt: skip
    for act in (small, small.stages):
        with pytest.raises(UserError, match=r"the model reads a tensor \(N, 1, 16, W\) of torch\.float32, not "):
            act(given)


def test_a_fault_of_the_layers_themselves_is_told_as_it_is(small):
    small.classify = nn.Linear(3, 4)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        small(torch.zeros(2, 1, 16, 24))


@pytest.mark.filterwarnings("ignore")
def test_the_model_can_be_traced_and_exported(small):
    image = torch.randn(2, 1, 16, 24)
    traced = torch.jit.trace(small, image)
    exported = torch.export.export(small, (image,)).module()
    assert torch.equal(traced(image), small(image)) and torch.allclose(exported(image), small(image))


def test_any_sequences_make_a_shape():
    expected = Config(channels=(3, 4), pools=((2, 2), (2, 1)))
    for channels, pools in (
        ([3, 4], [[2, 2], [2, 1]]), ((3, 4), [(2, 2), (2, 1)]), (np.array([3, 4]), np.array([[2, 2], [2, 1]]))
    ):  # fmt: skip
        config = Config(channels=channels, pools=pools)
        assert config == expected and hash(config) == hash(expected)
        assert json.loads(json.dumps(asdict(config))) == json.loads(json.dumps(asdict(expected)))


@pytest.mark.parametrize(
    "wrong", [{"channels": 3}, {"pools": 2}, {"pools": [2, 2]}, {"pools": [[2, 2, 2]] * 5}, {"channels": None},
              {"channels": (1.5,) * 5}, {"channels": "12345"}, {"pools": [("2", "2")] * 5}]
)  # fmt: skip
def test_what_is_no_sequence_of_sizes_is_an_error(wrong):
    with pytest.raises(UserError, match=r"sequence of whole numbers, pools one of pairs \(vertical, horizontal\)"):
        Config(**wrong)
