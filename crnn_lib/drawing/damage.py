"""Ways to damage an image, each with a strength: how robust a model is can then be measured, and shown."""

import math
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from crnn_lib.errors import UserError


def rotate(grey: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    """Turned about its middle, to a side that is drawn; the border is repeated. Far ends leave the picture."""
    return ndimage.rotate(grey, degrees * rng.choice([-1, 1]), reshape=False, order=1, mode="nearest")


def blur(grey: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian, `sd` in pixels."""
    return ndimage.gaussian_filter(grey, sd, mode="nearest") if sd else grey


def noise(grey: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of `sd` grey levels on each pixel."""
    return np.clip(grey + sd * rng.standard_normal(grey.shape), 0, 255)


def occlude(grey: np.ndarray, side: float, rng: np.random.Generator) -> np.ndarray:
    """A square of `side` pixels in the median grey, its middle on a dark pixel that is drawn.

    Raises UserError when no pixel is darker than 64.
    """
    dark = np.argwhere(grey < 64)
    if not len(dark):
        raise UserError("there is no ink to cover: no pixel is darker than 64")
    y, x = rng.choice(dark)
    rows, columns = np.indices(grey.shape)
    covered = (abs(rows - y + 0.25) < side / 2) & (abs(columns - x + 0.25) < side / 2)
    return np.where(covered, np.median(grey), grey)


def strike(grey: np.ndarray, thickness: float, rng: np.random.Generator) -> np.ndarray:
    """One more black line, straight from edge to edge, `thickness` in pixels, within the middle half of the height."""
    h, w = grey.shape
    left, right = rng.uniform(h / 4, 3 * h / 4, 2)
    rows, columns = np.indices(grey.shape)
    off = abs(rows - left - (right - left) * columns / w) * math.cos(math.atan2(right - left, w))
    cover = np.clip(thickness / 2 + 0.5 - off, 0, 1) if thickness else 0
    return grey * (1 - cover)


DAMAGES: dict[str, tuple[str, tuple[float, ...], Callable[..., np.ndarray]]] = {
    "rotation": ("degrees", (0, 2, 4, 6, 8, 10, 12), rotate),
    "blur": ("sd in pixels", (0, 0.5, 1, 1.5, 2, 2.5, 3), blur),
    "noise": ("sd in grey levels", (0, 20, 40, 60, 80, 100, 120), noise),
    "occlusion": ("side in pixels", (0, 4, 8, 12, 16, 20, 24), occlude),
    "one more line": ("thickness in pixels", (0, 1, 2, 3, 4, 6, 8), strike),
}


def damaged(greys: list[np.ndarray], kind: str, strength: float, seed: int = 8) -> list[np.ndarray]:
    """Each grey (h, w), 0..255, damaged as DAMAGES has `kind`: image i in its own way, the same at each strength.

    Raises UserError for a different kind, and as `occlude`.
    """
    if kind not in DAMAGES:
        raise UserError(f"there is no damage {kind!r}: choose one of {', '.join(DAMAGES)}")
    harm = DAMAGES[kind][2]
    return [harm(grey.astype(np.float64), strength, np.random.default_rng((seed, i))) for i, grey in enumerate(greys)]
