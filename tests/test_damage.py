"""Damaged images: nothing happens at strength 0, more at each further one, and always the same for the same image."""

import numpy as np
import pytest

from crnn_lib.drawing import captchas, damage
from crnn_lib.errors import UserError


@pytest.fixture(scope="module")
def greys():
    return captchas.generate(4, seed=3)[0]


@pytest.mark.parametrize("kind", damage.DAMAGES)
def test_strength(greys, kind):
    _, strengths, _ = damage.DAMAGES[kind]
    changes = [np.mean(np.abs(np.subtract(damage.damaged(greys, kind, s), greys))) for s in strengths]
    assert changes[0] == pytest.approx(0, abs=1e-9) and changes == sorted(changes) and changes[-1] > 2
    assert all(image.shape == grey.shape for image, grey in zip(damage.damaged(greys, kind, 1), greys, strict=True))


def test_an_image_is_damaged_alike_alone_and_at_any_strength(greys):
    alone = damage.damaged(greys[:1], "one more line", 2)[0]
    assert (alone == damage.damaged(greys, "one more line", 2)[0]).all()
    assert (damage.damaged(greys[:1], "one more line", 6)[0] <= alone + 1e-9).all()


def test_what_cannot_be_damaged(greys):
    with pytest.raises(UserError, match="no ink to cover"):
        damage.damaged([np.full((32, 128), 255.0)], "occlusion", 8)
    with pytest.raises(UserError, match="rotation, blur"):
        damage.damaged(greys, "fire", 1)
