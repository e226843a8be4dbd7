import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crnn_lib.augment import Augmentation, augment

H, W = 32, 128
NONE = {"rotate": 0.0, "shear": 0.0, "scale": 0.0, "shift_x": 0.0, "shift_y": 0.0, "elastic": 0.0}
Y, X = torch.meshgrid(torch.arange(H) - (H - 1) / 2, torch.arange(W) - (W - 1) / 2, indexing="ij")
MIDDLE = (slice(10, 22), slice(30, 98))  # far enough from the border for every map below
seeds = st.integers(0, 2**31)


def source(seed, **ranges):
    """Where each output pixel comes from, (x, y) measured from the centre: seen by mapping pictures of x and of y."""
    found = [
        augment(ramp[None, None].float(), Augmentation(**(NONE | ranges)), torch.Generator().manual_seed(seed))[0, 0]
        for ramp in (X, Y)
    ]
    return found[0][MIDDLE], found[1][MIDDLE]


x, y = X[MIDDLE], Y[MIDDLE]
close = {"atol": 2e-3, "rtol": 1e-4}


@given(seeds, st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_no_range_is_no_change(seed, n):
    images = torch.randn(n, 1, H, W, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(augment(images, Augmentation(**NONE), torch.Generator()), images, atol=1e-3)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_rotation_keeps_lengths(seed):
    sx, sy = source(seed, rotate=10.0)
    assert torch.allclose(sx**2 + sy**2, x**2 + y**2, atol=0.3, rtol=1e-3)
    angle = torch.atan2(sy, sx) - torch.atan2(y, x)
    angle = torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
    assert angle.abs().max() <= math.radians(10.001) and angle.max() - angle.min() < 1e-3


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_shear_moves_rows_sideways(seed):
    sx, sy = source(seed, shear=0.5)
    assert torch.allclose(sy, y, **close)
    slope = ((sx - x) / y).flatten()
    assert slope.abs().max() <= 0.501 and slope.max() - slope.min() < 1e-2


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_scale_is_one_factor_an_axis(seed):
    sx, sy = source(seed, scale=0.1)
    for found, old in ((sx, x), (sy, y)):
        factor = found / old
        assert factor.min() >= 0.899 and factor.max() <= 1.101 and factor.max() - factor.min() < 1e-2


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_shift_is_one_vector_an_image(seed):
    sx, sy = source(seed, shift_x=6.0, shift_y=2.0)
    for found, old, most in ((sx, x, 6), (sy, y, 2)):
        moved = found - old
        assert moved.abs().max() <= most + 1e-2 and moved.max() - moved.min() < 1e-2


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_an_elastic_map_bends_a_little_and_smoothly(seed):
    sx, sy = source(seed, elastic=1.0)
    for moved in (sx - x, sy - y):
        assert moved.abs().max() <= 1.001 and moved.std() > 1e-3
        # at most from -1 to 1 between nodes 8 pixels or more apart
        assert max(moved.diff(dim=0).abs().max(), moved.diff(dim=1).abs().max()) < 0.3


def test_the_ranges_are_used_in_full():
    shifts = [(source(seed, shift_x=6.0)[0] - x)[0, 0].item() for seed in range(60)]
    assert min(shifts) < -4.5 and max(shifts) > 4.5 and abs(sum(shifts)) / 60 < 1.5


def test_the_default_is_deterministic_and_differs_by_image_and_by_time():
    images = torch.randn(1, 1, H, W).expand(3, 1, H, W)
    before = images.clone()
    generator = torch.Generator().manual_seed(4)
    first, second = augment(images, Augmentation(), generator), augment(images, Augmentation(), generator)
    again = augment(images, Augmentation(), torch.Generator().manual_seed(4))
    assert torch.equal(first, again) and not torch.equal(first, second)
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[1], first[2])
    assert torch.equal(images, before), "the input stays"
    assert first.dtype == torch.float32 and first.shape == images.shape


def test_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    augment(torch.zeros(2, 1, H, W), Augmentation(), torch.Generator())
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("shape", [(2, 1, 32, 128), (1, 1, 7, 9), (1, 1, 4, 4), (3, 1, 64, 20)])
def test_the_border_is_repeated_and_nothing_is_invented(shape):
    wild = Augmentation(rotate=30.0, shear=0.5, scale=0.5, shift_x=20.0, shift_y=20.0, elastic=3.0)
    flat = torch.full(shape, 0.7)
    assert torch.allclose(augment(flat, wild, torch.Generator().manual_seed(1)), flat)
    images = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    result = augment(images, wild, torch.Generator().manual_seed(1))
    assert result.shape == images.shape
    assert images.min() - 1e-5 <= result.min() and result.max() <= images.max() + 1e-5
