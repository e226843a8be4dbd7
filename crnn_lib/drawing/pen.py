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
from crnn_lib.model import Config

STEP = 16  # points lie on a grid of 1/16 pixel: finer than a hand, and short in JSON
FARTHEST = 4096.0  # pixels from the origin
MARGIN = 3.0  # pixels left free round a normalised drawing
NARROWEST, WIDEST = 32, 1024  # columns of a drawing at its natural width, and of a pad
AT_ONCE = 2**18  # pixels of segments' boxes that are worked on together

Stroke = Sequence[Sequence[float]]


def quantise(strokes: Sequence[Stroke]) -> list[list[list[float]]]:
    """The same drawing with every point on the grid of 1/16 pixel, halves rounded up; strokes without points go.

    Raises UserError for a point that is not a pair of numbers within 4096 pixels of the origin.
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
    left, top = min(xs), min(ys)
    scale, x0, y0 = frame(max(xs) - left, max(ys) - top, height, width)
    return quantise([[[(x - left) * scale + x0, (y - top) * scale + y0] for x, y in stroke] for stroke in strokes])


def frame(across: float, down: float, height: int, width: int) -> tuple[float, float, float]:
    """How ink of that extent fills the middle of an image: its scale, and where its left and its top lie."""
    scale = 1.0
    if across > 0 or down > 0:
        scale = (width - 2 * MARGIN) / across if across > 0 else math.inf
        scale = min(scale, (height - 2 * MARGIN) / down) if down > 0 else scale
    return scale, (width - across * scale) / 2, (height - down * scale) / 2


def natural_width(across: float, down: float, height: int = HEIGHT) -> int:
    """The columns of an image that ink of that extent fills in both directions, MARGIN left free; NARROWEST..WIDEST.

    Ink without height takes WIDTH.
    """
    if not down > 0:
        return WIDTH
    return min(max(math.ceil(across * ((height - 2 * MARGIN) / down) + 2 * MARGIN), NARROWEST), WIDEST)


def render(strokes: Sequence[Stroke], thickness: float = 2.0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Dark ink on white, (height, width) uint8: 255 - 255 * coverage, coverage = thickness / 2 + 0.5 - distance.

    `distance` is that from the pixel's centre to the nearest segment, coverage is cut to 0..1, `thickness` is in
    pixels; a stroke of one point is a dot. Float64, in this very order of operations. Raises UserError as `quantise`,
    and for a thickness outside 0..64.
    """
    if not 0 < thickness <= 64:
        raise UserError(f"a thickness of {thickness} pixels cannot be drawn: give more than 0, at most 64")
    pairs = [pair for stroke in quantise(strokes) for pair in zip(stroke, stroke[1:] or stroke, strict=False)]
    segments = np.array(pairs, float).reshape(-1, 2, 2)
    return draw(segments[:, 0], segments[:, 1], thickness, height, width)


def draw(a: np.ndarray, b: np.ndarray, thickness: float, height: int, width: int) -> np.ndarray:
    """`render` of the segments from the points `a` (S, 2) to `b` (S, 2), which lie on the grid of 1/16 pixel."""
    reach, limit = thickness / 2 + 0.5, np.array([width, height])
    first = np.clip(np.floor(np.minimum(a, b) - reach), 0, limit).astype(int)  # the box that a segment can darken
    sizes = np.maximum(np.clip(np.ceil(np.maximum(a, b) + reach), 0, limit).astype(int) - first, 0)
    ends = np.cumsum(sizes[:, 0] * sizes[:, 1])
    nearest = np.full(height * width, np.inf)  # squared distance
    start = 0
    while start < len(a):
        room = AT_ONCE + (ends[start - 1] if start else 0)
        stop = max(start + 1, int(np.searchsorted(ends, room, "right")))
        part = slice(start, stop)
        _approach(nearest, width, a[part], b[part], first[part], sizes[part])
        start = stop
    coverage = np.clip(reach - np.sqrt(nearest), 0.0, 1.0)
    return (255 - np.floor(255 * coverage + 0.5)).astype(np.uint8).reshape(height, width)


def _approach(
    nearest: np.ndarray, width: int, a: np.ndarray, b: np.ndarray, first: np.ndarray, sizes: np.ndarray
) -> None:
    """Lower `nearest` to the squared distance of each pixel's centre to the segments in whose boxes it lies."""
    counts = sizes[:, 0] * sizes[:, 1]
    which = np.repeat(np.arange(len(a)), counts)
    row, column = np.divmod(np.arange(len(which)) - (np.cumsum(counts) - counts)[which], sizes[which, 0])
    row, column = row + first[which, 1], column + first[which, 0]
    step = b - a
    square = step[:, 0] * step[:, 0] + step[:, 1] * step[:, 1]
    dx, dy = step[which].T
    x, y = column + 0.5 - a[which, 0], row + 0.5 - a[which, 1]
    along = np.clip((x * dx + y * dy) / np.where(square > 0, square, 1.0)[which], 0.0, 1.0)
    x, y = x - along * dx, y - along * dy
    np.minimum.at(nearest, row * width + column, x * x + y * y)


def image(
    strokes: Sequence[Stroke], thickness: float = 2.0, height: int = HEIGHT, width: int | None = None
) -> np.ndarray:
    """The picture of a drawing as a model sees it, (height, width) uint8: normalised, then rendered.

    The size and the place of the writing do not matter, only its shape. Without a `width` it is as wide as the writing
    needs, see `natural_width`. Raises UserError as `render`.
    """
    if width is None:
        points = np.array([point for stroke in quantise(strokes) for point in stroke], float).reshape(-1, 2)
        width = natural_width(*(np.ptp(points, axis=0) if len(points) else (0.0, 0.0)), height)
    return render(normalise(strokes, height, width), thickness, height, width)


def image_for(config: Config, strokes: Sequence[Stroke], thickness: float = 2.0) -> np.ndarray:
    """The `image` of a drawing for a model of that shape: WIDTH columns where all its images have one width.

    Raises UserError as `render`.
    """
    return image(strokes, thickness, width=WIDTH if config.stretch is None else None)


def sheet(strokes: Sequence[Stroke], thickness: float = 2.0) -> np.ndarray:
    """The drawing as it lies on a pad, (HEIGHT, W) uint8: W is WIDTH, or as much more as it needs, up to WIDEST.

    Raises UserError as `render`.
    """
    right = max((x for stroke in quantise(strokes) for x, _ in stroke), default=0.0)
    return render(strokes, thickness, width=min(max(WIDTH, math.ceil(right + MARGIN)), WIDEST))
