"""A number set in one row, in a face of a font or in a drawn one (`stencils`), as wide as there is room."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from crnn_lib.drawing.faces import Face
from crnn_lib.drawing.stencils import SYMBOLS, Stencil

EM = 8  # fonts are opened at multiples of this many pixels an em, and what they set is scaled
WIDER = 0.3  # heights of a capital
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True)
class Spacing:
    """In heights of a capital: between two symbols, of a gap, and the width of an emblem.

    Where a number would take less than the share `fill` of its room, its symbols are set wider apart, up to WIDER.
    """

    between: float
    gap: float
    emblem: float
    fill: float


@dataclass(frozen=True)
class Number:
    """A number that is set: ink (h, w) uint8, the box of its ink, and those of its emblems, which are not drawn."""

    ink: np.ndarray
    box: Box
    emblems: tuple[Box, ...]


def number(shown: str, face: Face | Stencil, room: Box, spacing: Spacing, shape: tuple[int, int],
           shift: float = 0.5) -> Number:  # fmt: skip
    """`shown` as high as `room` and within its width, squeezed where it must be; `shift` 0..1 is its place there."""
    left, top, right, bottom = room
    cap = bottom - top
    widths = _widths(shown, face, spacing, cap)
    between = spacing.between * cap
    total = math.fsum(widths) + between * (len(shown) - 1)
    if len(shown) > 1:
        apart = min(max(0.0, spacing.fill * (right - left) - total) / (len(shown) - 1), WIDER * cap)
        between, total = between + apart, total + apart * (len(shown) - 1)
    squeeze = min(1.0, (right - left) / total)
    x = left + (right - left - total * squeeze) * shift
    lefts = []
    for width in widths:
        lefts.append(x)
        x += (width + between) * squeeze
    widths = [width * squeeze for width in widths]
    places = [(a, w) for a, w, symbol in zip(lefts, widths, shown, strict=True) if symbol in SYMBOLS]
    text = "".join(symbol for symbol in shown if symbol in SYMBOLS)
    cells = _within(text, face, places)
    draw = face.draw if isinstance(face, Stencil) else _printer(face)
    ink = draw(text, [a for a, _ in cells], [w for _, w in cells], cap, shape, top)
    signs = Image.fromarray(ink)
    pen = ImageDraw.Draw(signs)
    emblems = []
    for symbol, a, width in zip(shown, lefts, widths, strict=True):
        middle, half = top + cap / 2, 0.07 * cap
        if symbol == "-":
            pen.rectangle((a, middle - half, a + width, middle + half), 255)
        elif symbol == ".":
            pen.ellipse((a, middle - half, a + 2 * half, middle + half), 255)
        elif symbol == "*":
            emblems.append((a, top, a + width, bottom))
    return Number(np.asarray(signs), (places[0][0], top, sum(places[-1]), bottom), tuple(emblems))


def _widths(shown: str, face: Face | Stencil, spacing: Spacing, cap: float) -> list[float]:
    signs = {" ": spacing.gap, "*": spacing.emblem, "-": 0.28, ".": 0.14}
    own = {symbol: width * cap for symbol, width in signs.items()}
    text = "".join(sorted(set(shown) - set(signs)))
    if isinstance(face, Stencil):
        widths = face.widths(text)
        least = face.width if face.even else 0.0
        own |= {symbol: max(width, least) * cap for symbol, width in zip(text, widths, strict=True)}
    else:
        own |= {symbol: (right - left) * cap for symbol, (left, right) in _bounds(face).items()}
    return [own[symbol] for symbol in shown]


def _within(text: str, face: Face | Stencil, places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Left edges and widths of the symbols themselves: a narrow one is in the middle of its cell."""
    if not (isinstance(face, Stencil) and face.even):
        return places
    result = []
    for (left, width), own in zip(places, face.widths(text), strict=True):
        narrow = width * min(1.0, own / face.width) if own < face.width else width
        result.append((left + (width - narrow) / 2, narrow))
    return result


@lru_cache(maxsize=256)
def _bounds(face: Face) -> dict[str, tuple[float, float]]:
    """First and last column of each symbol from where the pen is, in heights of a capital."""
    font = face.font(128)
    cap = _cap(face) * 128
    boxes = {symbol: font.getbbox(symbol, anchor="ls") for symbol in SYMBOLS}
    return {symbol: (box[0] / cap, box[2] / cap) for symbol, box in boxes.items()}


@lru_cache(maxsize=256)
def _cap(face: Face) -> float:
    """The height of an H in ems."""
    return -face.font(128).getbbox("H", anchor="ls")[1] / 128


def _printer(face: Face):  # noqa: ANN202
    """What draws a text in `face`, with the arguments of Stencil.draw."""

    def draw(text: str, lefts: list[float], widths: list[float], cap: float, shape: tuple[int, int], top: float):  # noqa: ANN202
        size = max(EM, EM * round(cap / _cap(face) / EM))
        font, bounds = face.font(size), _bounds(face)
        tall = cap / (_cap(face) * size)  # of the page that is set to the row that is wanted
        natural = [(bounds[symbol][1] - bounds[symbol][0]) * cap / tall for symbol in text]
        wide = sum(widths) / sum(natural)
        pad = 0.4 * cap / tall
        page = Image.new("L", (math.ceil((lefts[-1] + widths[-1]) / wide) + 4, math.ceil(cap / tall + 2 * pad)), 0)
        pen = ImageDraw.Draw(page)
        for symbol, left in zip(text, lefts, strict=True):
            pen.text((left / wide - bounds[symbol][0] * cap / tall, pad + cap / tall), symbol, 255, font, anchor="ls")
        step = (1 / wide, 0.0, 0.0, 0.0, 1 / tall, pad - top / tall)
        return np.asarray(page.transform(shape[::-1], Image.Transform.AFFINE, step, Image.Resampling.BILINEAR))

    return draw
