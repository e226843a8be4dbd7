"""Images of mixed widths in one batch: what pads the narrower ones takes part in nothing, read or trained on."""

import copy
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fuzzing import call
from hypothesis import given, settings
from hypothesis import strategies as st
from places import ROOT
from torch import nn

from crnn_lib import assets, data, images, padding, reader
from crnn_lib.drawing import captchas
from crnn_lib.model import CRNN, Config
from crnn_lib.tools import commands
from crnn_lib.training import Recipe, Run

CASES = ROOT / "tests" / "cases"
FREE = Config("ab", 8, 24, (3, 4, 4), ((2, 2), (1, 1), (2, 3)), 6, 5)  # six columns a time step
models = pytest.mark.parametrize("name", assets.WEIGHTS)


@cache
def load(name):
    return reader.load(name)


def picture(width, seed=0, height=32):
    """A standardised image (1, H, W) of strokes and noise."""
    rng = np.random.default_rng(seed)
    grey = 255 - 200 * np.repeat(rng.random((height // 4, -(-width // 4))) < 0.3, 4, 0).repeat(4, 1)[:, :width]
    return images.standardise(np.clip(grey + rng.normal(0, 10, grey.shape), 0, 255), height, width)


def assert_read_alike(one, other):
    """Two readings of the same images: the same texts and confidences, the same probabilities."""
    assert one.texts == other.texts
    assert one.confidences == pytest.approx(other.confidences, abs=1e-5)
    for a, b in zip(one.log_probs, other.log_probs, strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a.exp(), b.exp(), rtol=0, atol=1e-5)
        likely = torch.maximum(a, b) > -12
        torch.testing.assert_close(a[likely], b[likely], rtol=0, atol=1e-4)


def one_by_one(network, pictures):
    parts = [reader.read(network, picture[None]) for picture in pictures]
    every = [part.log_probs[0] for part in parts]
    return reader.Readings(every, [part.texts[0] for part in parts], [part.confidences[0] for part in parts])


# --- reading ---


@models
@pytest.mark.parametrize("folder", ["mixed_widths", "two_rows"])
def test_an_image_is_read_the_same_alone_and_beside_others(name, folder):
    network = load(name)
    found = data.load_folder(CASES / folder, *network.config.frame)
    together = reader.read(network, found.images)
    assert [len(one) for one in together.log_probs] == [network.config.steps(width) for width in found.widths]
    assert_read_alike(together, one_by_one(network, found.images))


@models
@settings(max_examples=15)
@given(st.lists(st.integers(16, 300), min_size=1, max_size=6), st.integers(0, 99), st.integers(1, 8))
def test_images_of_any_widths_are_read_the_same_alone_and_together(name, widths, seed, batch_size):
    network, pictures = load(name), [picture(width, seed + i) for i, width in enumerate(widths)]
    assert_read_alike(reader.read(network, pictures, batch_size), one_by_one(network, pictures))


@models
@pytest.mark.parametrize("garbage", [1.0, -30.0, float("inf"), float("nan")])
def test_what_stands_in_the_padding_changes_nothing(name, garbage):
    network = load(name)
    batch, widths = padding.pad([picture(width, width) for width in (50, 17, 96)])
    own = padding.inside(widths, batch.shape[-1])[:, None, None]
    with torch.no_grad():
        clean, filled = network(batch, widths), network(torch.where(own, batch, garbage), widths)
    for a, b, width in zip(clean, filled, widths.tolist(), strict=True):
        steps = network.config.steps(width)
        assert torch.equal(a[:steps], b[:steps])


def test_where_nothing_is_padded_the_arithmetic_is_torch_s_own(captcha):
    pictures = [picture(72, i) for i in range(3)]
    batch, widths = padding.pad(pictures)
    assert widths is None and torch.equal(batch, torch.stack(pictures))
    assert torch.equal(torch.stack(reader.read(captcha, pictures).log_probs), reader.read(captcha, batch).log_probs)


def test_captcha_images_come_to_128_columns_by_themselves():
    for path in assets.SAMPLES.values():
        assert images.load_grey(path).shape == (50, 200)
        assert torch.equal(images.load(path), images.load(path, width=128))
    assert set(captchas.dataset(2).widths) == {128}


# --- training ---


def reference(network, pictures):
    """The log-probabilities (T_i, K) of each image, and all running statistics, without any padding.

    Each BatchNorm is that of Ioffe and Szegedy 2015 over the places of all images, one beside another.
    """
    statistics = []

    def normalise(norm, maps):
        places = torch.cat([one.flatten(1) for one in maps], 1)  # (C, h_i, w_i) of each -> (C, sum of h_i * w_i)
        mean, variance, n = places.mean(1), places.var(1, unbiased=False), places.shape[1]
        for old, new in ((norm.running_mean, mean), (norm.running_var, variance * n / (n - 1))):
            statistics.append((1 - norm.momentum) * old + norm.momentum * new.detach())
        shape = (-1, *[1] * (maps[0].dim() - 1))
        scale, offset = norm.weight / (variance + norm.eps).sqrt(), norm.bias
        return [(one - mean.view(shape)) * scale.view(shape) + offset.view(shape) for one in maps]

    maps = [picture[None] for picture in pictures]
    for block, pool in zip(network.blocks, network.pools, strict=True):
        maps = [one[None] for one in normalise(block[1], [block[0](one)[0] for one in maps])]
        maps = [pool(one.relu()) for one in maps]
    columns = [network.project(one.permute(0, 3, 1, 2).flatten(2)[0]).T for one in maps]  # (F, T_i)
    features = [one.T.relu() for one in normalise(network.normalise, columns)]
    states = [network.lstm(one[None])[0][0] for one in features]
    return [network.classify(one).log_softmax(-1) for one in states], statistics


@pytest.fixture
def untrained():
    torch.manual_seed(0)
    network = CRNN(FREE).double().train()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5), nn.init.normal_(module.bias)
    return network


@pytest.fixture
def pictures():
    return [picture(width, width, 8).double() for width in (31, 18, 24, 47, 25)]


TARGETS = [[1, 2, 1], [2], [1, 1], [2, 1, 2, 1], [1]]


def mean_loss(log_probs):
    losses = [
        F.ctc_loss(one[:, None], torch.tensor([target]), [len(one)], [len(target)])
        for one, target in zip(log_probs, TARGETS, strict=True)
    ]
    return torch.stack(losses).mean()


def gradients(network, loss):
    return torch.autograd.grad(loss, list(network.parameters()))


def test_training_on_a_padded_batch_is_training_on_its_images_one_beside_another(untrained, pictures):
    """Log-probabilities, BatchNorm's running statistics, and every gradient."""
    expected, statistics = reference(untrained, pictures)
    wanted = gradients(untrained, mean_loss(expected))
    batch, widths = padding.pad(pictures)
    log_probs = untrained(batch, widths)
    found = [one[: FREE.steps(width)] for one, width in zip(log_probs, widths.tolist(), strict=True)]
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)
    norms = [module for module in untrained.modules() if hasattr(module, "running_mean")]
    ours = [value for norm in norms for value in (norm.running_mean, norm.running_var)]
    for a, b in zip(ours, statistics, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)
    assert {int(norm.num_batches_tracked) for norm in norms} == {1}
    for a, b in zip(gradients(untrained, mean_loss(found)), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)


def test_the_gradient_of_a_padded_batch_is_the_mean_of_its_images_gradients(untrained, pictures):
    """With the normalisation of evaluation, by which images do not depend on each other."""
    untrained.eval()
    alone = [gradients(untrained, mean_loss_of(untrained, picture, i)) for i, picture in enumerate(pictures)]
    batch, widths = padding.pad(pictures)
    log_probs = untrained(batch, widths)
    found = [one[: FREE.steps(width)] for one, width in zip(log_probs, widths.tolist(), strict=True)]
    for a, *parts in zip(gradients(untrained, mean_loss(found)), *alone, strict=True):
        torch.testing.assert_close(a, torch.stack(parts).mean(0), rtol=1e-7, atol=1e-10)


def mean_loss_of(network, picture, i):
    log_probs = network(picture[None])
    return F.ctc_loss(log_probs.transpose(0, 1), torch.tensor([TARGETS[i]]), [len(log_probs[0])], [len(TARGETS[i])])


@pytest.mark.parametrize("shape", [(3, 2, 4, 7), (3, 2, 7)])
def test_the_gradient_of_the_normalisation_is_right(shape):
    torch.manual_seed(0)
    widths = torch.tensor([7, 2, 5])
    own = padding.inside(widths, 7).view(3, 1, *[1] * (len(shape) - 3), 7).double()
    arguments = [torch.randn(size, dtype=torch.double, requires_grad=True) for size in (shape, 2, 2)]
    assert torch.autograd.gradcheck(
        lambda x, weight, bias: padding._BatchNorm.apply(x * 1, weight, bias, widths, 1e-5)[0] * own, arguments
    )


def test_a_padded_batch_is_computed_in_bfloat16_where_autocast_says_so(untrained, pictures):
    network = untrained.float()
    batch, widths = padding.pad([picture.float() for picture in pictures])
    before = copy.deepcopy(network)(batch, widths)
    with torch.autocast("cpu", torch.bfloat16):
        states, log_probs = (network.stages(batch, widths)[name] for name in ("states", "log_probs"))
    assert states.dtype is torch.bfloat16 and network.normalise.running_mean.dtype is torch.float32
    for width, half, whole in zip(widths.tolist(), log_probs, before, strict=True):
        steps = FREE.steps(width)
        assert 0 < (half[:steps] - whole[:steps]).abs().max() < 0.05
    assert all(gradient.isfinite().all() for gradient in gradients(network, log_probs.mean()))


def labelled(widths, config=FREE):
    pictures = [picture(width, i, config.height) for i, width in enumerate(widths)]
    labels = tuple("".join("ab"[i >> bit & 1] for bit in range(2)) for i in range(len(widths)))
    return data.LabelledImages(pictures, labels, tuple(f"{i}.png" for i in range(len(widths))))


def test_the_loss_of_a_step_is_that_of_each_image_over_its_own_time_steps():
    run = Run(CRNN(FREE), labelled([24, 31, 47, 19]), Recipe(augmentation=None, validation_fraction=0))
    run.model.train()
    batch = run.batch(range(4), torch.Generator())
    log_probs = copy.deepcopy(run.model)(*batch[:2])
    cut = [one[: FREE.steps(width)] for one, width in zip(log_probs, run.widths, strict=True)]
    losses = reader.sequence_losses(cut, run.train.labels, run.model.alphabet)
    assert run.step(*batch) == pytest.approx(losses.mean().item() / 2, rel=1e-5)  # nats a symbol


@settings(max_examples=50)
@given(st.lists(st.integers(18, 60), min_size=1, max_size=60), st.integers(1, 7), st.integers(0, 5))
def test_an_epoch_holds_each_image_once_among_its_neighbours_in_width(widths, batch_size, seed):
    recipe = Recipe(batch_size=batch_size, validation_fraction=0)
    run = Run(CRNN(FREE), labelled(widths), recipe)
    dealt = run.batches(torch.Generator().manual_seed(seed))
    assert sorted(i for indices in dealt for i in indices) == list(range(len(widths)))
    assert len(dealt) == run.steps_per_epoch and max(map(len, dealt)) <= batch_size
    if len(set(widths)) > 1:  # the images are fewer than a window's, so no batch reaches into another's widths
        ends = sorted((min(w), max(w)) for w in ([widths[i] for i in indices] for indices in dealt))
        assert all(one[1] <= other[0] for one, other in pairwise(ends))


def test_a_fixed_width_holds_for_whatever_is_trained_on_and_read(tmp_path, monkeypatch):
    seen = []

    def stop(config, part, *_, **__):
        seen.append((config, set(part.widths)))
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "fit", stop)
    arguments = ["train", "--data", str(CASES / "mixed_widths"), "--out", str(tmp_path / "x")]
    assert call([*arguments, "--width", "256"])[0] == 130 and call(arguments)[0] == 130
    (fixed, widths), (free, own) = seen
    assert (fixed.stretch, fixed.width, widths) == (None, 256, {256})
    assert free.stretch == 1.0 and len(own) > 10
    wide = np.full((20, 900), 255.0)
    assert images.standardise(wide, *fixed.frame).shape == (1, 32, 256)
    assert images.standardise(wide, *free.frame).shape == (1, 32, 1440)
