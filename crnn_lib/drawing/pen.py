"""Drawn strokes and the only rasteriser for them, written out so that the page's JavaScript repeats it bit for bit.

A drawing is a list of strokes, a stroke a list of [x, y] points in pixels of the image, x to the right, y downwards;
the centre of pixel (row, column) lies at (column + 0.5, row + 0.5). The list is the truth, the pixels follow from it.
"""

import math
from collections.abc import Sequence
from numbers import Real

import numpy as np

from crnn_lib.errors import UserError
from crnn_lib.images import HEIGHT, WIDTH

STEP = 16  # points lie on a grid of 1/16 pixel: finer than a hand, and short in JSON
FARTHEST = 4096.0  # pixels from the origin
MARGIN = 3.0  # pixels left free round a normalised drawing

Stroke = Sequence[Sequence[float]]


def quantise(strokes: Sequence[Stroke]) -> list[list[list[float]]]:
    """The same drawing with every point on the grid of 1/16 pixel, halves rounded up; strokes without points go.

    Raises UserError for a point that is no pair of numbers within 4096 pixels of the origin.
    """
    try:
        return [[_on_grid(point) for point in stroke] for stroke in strokes if len(stroke)]
    except TypeError as error:
        raise UserError("a drawing is a list of strokes, a stroke a list of points [x, y]") from error


def _on_grid(point: Sequence[float]) -> list[float]:
    numbers = len(point) == 2 and all(isinstance(v, Real) and not isinstance(v, bool) for v in point)
    if not numbers or not all(-FARTHEST <= v <= FARTHEST for v in point):
        raise UserError(f"point {str(list(point))[:60]} is no [x, y] within {FARTHEST:.0f} pixels")
    return [math.floor(v * STEP + 0.5) / STEP for v in point]


def normalise(strokes: Sequence[Stroke], height: int = HEIGHT, width: int = WIDTH) -> list[list[list[float]]]:
    """The drawing moved and scaled, its proportions kept, to fill the middle of the image but for MARGIN pixels.

    Points end on the grid of 1/16 pixel. A drawing without extent is only moved, one without points stays empty.
    Comparisons and + - * / in float64 alone, so that JavaScript repeats it bit for bit. Raises UserError as `quantise`.
    """
    strokes = quantise(strokes)
    if not strokes:
        return []
    xs, ys = ([point[axis] for stroke in strokes for point in stroke] for axis in (0, 1))
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    scale = 1.0
    if right > left or bottom > top:
        across = (width - 2 * MARGIN) / (right - left) if right > left else math.inf
        scale = min(across, (height - 2 * MARGIN) / (bottom - top)) if bottom > top else across
    x0, y0 = (width - (right - left) * scale) / 2, (height - (bottom - top) * scale) / 2
    return quantise([[[(x - left) * scale + x0, (y - top) * scale + y0] for x, y in stroke] for stroke in strokes])


def render(strokes: Sequence[Stroke], thickness: float = 2.0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Dark ink on white, (height, width) uint8: 255 - 255 * coverage, coverage = thickness / 2 + 0.5 - distance.

    `distance` is that from the pixel's centre to the nearest segment, coverage is cut to 0..1, `thickness` is in
    pixels; a stroke of one point is a dot. Float64, in this very order of operations. Raises UserError as `quantise`,
    and for a thickness outside 0..64.
    """
    if not 0 < thickness <= 64:
        raise UserError(f"a thickness of {thickness} pixels cannot be drawn: give more than 0, at most 64")
    reach = thickness / 2 + 0.5
    nearest = np.full((height, width), np.inf)  # squared distance
    for stroke in quantise(strokes):
        for (ax, ay), (bx, by) in zip(stroke, stroke[1:] or stroke, strict=False):
            top, bottom = _span(ay, by, reach, height)
            left, right = _span(ax, bx, reach, width)
            x = np.arange(left, right) + 0.5 - ax
            y = np.arange(top, bottom)[:, None] + 0.5 - ay
            dx, dy = bx - ax, by - ay
            length = dx * dx + dy * dy
            along = np.clip((x * dx + y * dy) / length, 0.0, 1.0) if length else np.zeros((len(y), len(x)))
            away_x, away_y = x - along * dx, y - along * dy
            patch = nearest[top:bottom, left:right]
            np.minimum(patch, away_x * away_x + away_y * away_y, out=patch)
    coverage = np.clip(reach - np.sqrt(nearest), 0.0, 1.0)
    return (255 - np.floor(255 * coverage + 0.5)).astype(np.uint8)


def image(strokes: Sequence[Stroke], thickness: float = 2.0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """The picture of a drawing as a model sees it, (height, width) uint8: normalised, then rendered.

    The size and the place of the writing do not matter, only its shape. Raises UserError as `render`.
    """
    return render(normalise(strokes, height, width), thickness, height, width)


def _span(a: float, b: float, reach: float, size: int) -> tuple[int, int]:
    """The pixels [first, last + 1) along one axis that a segment from `a` to `b` can darken."""
    first = max(math.floor(min(a, b) - reach), 0)
    return first, max(min(math.ceil(max(a, b) + reach), size), first)
