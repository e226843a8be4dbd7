"""A drawing as the same hand, or a much wilder one, might draw it again: as in the page, bit for bit."""

from collections.abc import Callable, Sequence

from crnn_lib.drawing.pen import FARTHEST, Stroke, quantise

Random = Callable[[], float]

TALL = 96.0  # units from the top of a distorted drawing to its bottom, before the distortion
CELL = TALL / 2  # between the knots of the warp
ROWS = 3  # of knots
SHIFT, SLANT, STRETCH = 0.4, 0.2, 0.2  # at a strength of 1: of a knot in cells; of the whole drawing


def random_from(seed: int) -> Random:
    """Numbers in [0, 1), the same ones for the same seed (Park and Miller 1988), as the page has them."""
    state = seed % 2147483646 + 1

    def following() -> float:
        nonlocal state
        state = state * 16807 % 2147483647
        return state / 2147483647

    following()
    return following


def distort(strokes: Sequence[Stroke], strength: float, random: Random) -> list[list[list[float]]]:
    """The drawing slanted, stretched and smoothly warped; every amount is a difference of two random numbers.

    The warp moves the knots of a grid, half as far apart as the drawing is high, and what lies between them follows.
    + - * / in float64 alone. Raises UserError as `pen.quantise`.
    """
    strokes = quantise(strokes)
    if not strokes:
        return []
    xs, ys = ([point[axis] for stroke in strokes for point in stroke] for axis in (0, 1))
    left, top, across, down = min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    scale = min(TALL / (down or across or 1.0), FARTHEST / 2 / (across or 1.0))
    columns = int(across * scale / CELL) + 2

    def draw(most: float) -> float:
        return strength * most * (random() - random())

    slant, stretch = draw(SLANT), 1 + draw(STRETCH)
    knots = [[[draw(SHIFT * CELL), draw(SHIFT * CELL)] for _ in range(columns)] for _ in range(ROWS)]

    def moved(point: Sequence[float]) -> list[float]:
        x, y = (point[0] - left) * scale, (point[1] - top) * scale
        i, j = min(int(x / CELL), columns - 2), min(int(y / CELL), ROWS - 2)
        u, v = _ease(x / CELL - i), _ease(y / CELL - j)
        shift = [
            (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v
            for a, b, c, d in zip(knots[j][i], knots[j][i + 1], knots[j + 1][i], knots[j + 1][i + 1], strict=True)
        ]
        return [(x + shift[0]) * stretch + slant * (CELL - y), y + shift[1]]

    return quantise([[moved(point) for point in stroke] for stroke in strokes])


def _ease(t: float) -> float:
    """From 0 to 1 with a slope of 0 at both ends."""
    return t * t * (3 - 2 * t)
