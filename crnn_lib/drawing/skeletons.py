"""Pen strokes of our own for 62 symbols: digits, lower-case letters and capitals, several ways of writing each.

`assets/skeletons.json` holds, for each symbol, one line a variant; the first is the plainest. `|` separates strokes,
`/` the smooth pieces of a stroke (a corner: the next piece starts where the last one ended), a space points.
Units: 20 from the top of `l` (y = 0) to the baseline (y = 20), y downwards; `x` begins at 9, `p` ends at 29.
"""

import json
from functools import lru_cache

from crnn_lib import assets
from crnn_lib.drawing.pen import quantise
from crnn_lib.errors import UserError
from crnn_lib.images import HEIGHT, WIDTH

SYMBOLS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
CAP = 20.0  # units from the top of `l` to the baseline
MOST = 64  # characters in an image
LARGE, FREE = 15.0, 12  # pixels: the height of text that fits, and the space left beside it
PER_SPAN = 6  # points drawn between two given ones

Strokes = list[list[list[float]]]


@lru_cache(maxsize=1)
def _variants() -> dict[str, list[str]]:
    return json.loads(assets.SKELETONS.read_text(encoding="utf-8"))


def count(symbol: str) -> int:
    """How many ways of writing `symbol` there are. Raises UserError for a symbol that is none of these."""
    if symbol not in _variants():
        raise UserError(f"{symbol!r} cannot be drawn: the pen writes {SYMBOLS}")
    return len(_variants()[symbol])


def glyph(symbol: str, variant: int = 0) -> Strokes:
    """The strokes of `symbol` as points in skeleton units, `variant` counted round. Raises UserError as `count`."""
    line = _variants()[symbol][variant % count(symbol)] if count(symbol) else ""
    result = []
    for stroke in line.split("|"):
        points: list[list[float]] = []
        for piece in stroke.split("/"):
            knots = points[-1:] + [[float(v) for v in point.split(",")] for point in piece.split()]
            points += _spline(knots)[1 if points else 0 :]
        result.append(points)
    return result


def _spline(knots: list[list[float]]) -> list[list[float]]:
    """A curve through all knots (Catmull and Rom 1974, uniform); + - * and / alone, so that any language repeats it."""
    if len(knots) < 3:
        return knots
    ends = [knots[0], *knots, knots[-1]]
    result = [knots[0]]
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        for i in range(1, PER_SPAN + 1):
            t = i / PER_SPAN
            result.append([
                0.5 * (2 * q + t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * q - p - 3 * r + s))))
                for p, q, r, s in zip(a, b, c, d, strict=True)
            ])  # fmt: skip
    return result


def write(text: str, variants: list[int] | None = None, height: float = 14.0, gap: float = 5.0) -> Strokes:
    """`text` written from left to right with the baseline at y = 0: strokes in pixels on the grid of 1/16.

    `height` is that of `l` in pixels, `gap` the space between two characters in skeleton units, `variants` one number
    a character (default: the plainest form). Raises UserError for a character that is none of SYMBOLS.
    """
    x, result = 0.0, []
    for i, symbol in enumerate(text):
        strokes = glyph(symbol, variants[i] if variants else 0)
        left = min(px for stroke in strokes for px, _ in stroke)
        right = max(px for stroke in strokes for px, _ in stroke)
        scale = height / CAP
        result += [[[(px - left + x) * scale, (py - CAP) * scale] for px, py in stroke] for stroke in strokes]
        x += right - left + gap
    return quantise(result)


def place(text: str, most: int = WIDTH) -> Strokes:
    """`text` as strokes in the middle of an image of WIDTH columns, smaller where `most` columns would not hold it.

    Text that is wider than the image begins at its left. Raises UserError for more than MOST characters and as `write`.
    """
    if not isinstance(text, str):
        raise UserError(f"the pen writes text, not a {type(text).__name__}")
    if len(text) > MOST:
        raise UserError(f"{text[:40]!r} has {len(text)} characters: the image has room for {MOST} at most")
    height, room = LARGE, most - FREE
    written = write(text, height=height)
    right = max((x for stroke in written for x, _ in stroke), default=0.0)
    if right > room:
        height *= room / right
        written = write(text, height=height)
        right = max(x for stroke in written for x, _ in stroke)
    left, base = (WIDTH - right) / 2 if right <= WIDTH else FREE / 2, HEIGHT / 2 + height * 0.4
    return quantise([[[x + left, y + base] for x, y in stroke] for stroke in written])
