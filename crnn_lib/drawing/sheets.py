"""What a plate shows beside its number: bands, names, slogans, counties, stickers, landscapes, emblems, a line around.

Each way of drawing a sheet returns where the number goes, and paints the rest. Everything is grey; lengths are parts of
the sheet's height or width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from crnn_lib.drawing import wear
from crnn_lib.drawing.faces import Face
from crnn_lib.drawing.lettering import Box
from crnn_lib.drawing.numbers import CODES, MONTHS, SLOGANS, STATES, TOWNS, Family
from crnn_lib.drawing.texts import random_word


@dataclass
class Sheet:
    """A sheet that is being painted, and what the ways of drawing share."""

    image: Image.Image  # grey
    tone: int  # of the sheet
    ink: int  # of the letters
    faces: Sequence[Face]
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.pen = ImageDraw.Draw(self.image)
        self.w, self.h = self.image.size

    def chance(self, share: float) -> bool:
        """True in `share` of all cases."""
        return self.rng.random() < share

    def of(self, choices: Sequence):  # noqa: ANN201
        """One of `choices`."""
        return choices[int(self.rng.random() * len(choices))]

    def unlike(self, tone: float) -> int:
        """A grey level that shows on `tone`."""
        levels = [level for level in (15, 50, 85, 120, 155, 190, 220, 245) if abs(level - tone) > 70]
        return self.of(levels)

    def near(self, far: float) -> int:
        """A grey level within `far` of the sheet's: a pale picture under the letters."""
        return int(np.clip(self.tone + self.rng.uniform(-far, far), 0, 255))

    def box(self, left: float, top: float, right: float, bottom: float) -> Box:
        """Parts of width and height in pixels."""
        return left * self.w, top * self.h, right * self.w, bottom * self.h

    def write(self, text: str, box: Box, tone: int, face: Face | None = None) -> None:
        """`text` in the middle of `box`, as high as it is unless it would be too wide."""
        left, top, right, bottom = box
        face = face or self.of(self.faces)
        size = max(6, round((bottom - top) * 1.25))
        wide = face.font(size).getlength(text)
        if wide > right - left:
            size = max(5, int(size * (right - left) / wide))
        self.pen.text(((left + right) / 2, (top + bottom) / 2), text, tone, face.font(size), anchor="mm")


def paint(family: Family, h: int, w: int, faces: Sequence[Face], rng: np.random.Generator) -> tuple[Sheet, Box]:
    """A sheet (h, w) of `family`, and the box for the number: as high as a capital, and as wide as there is room."""
    tone, ink = family.tones[int(rng.random() ** 1.5 * len(family.tones))]
    if family.kind == "state":
        tone, ink = family.tones[int(rng.random() * len(family.tones))]
    tone, ink = (int(np.clip(level + rng.normal(0, 12), 0, 255)) for level in (tone, ink))
    sheet = Sheet(Image.new("L", (w, h), tone), tone, ink, faces, rng)
    return sheet, {"state": _state, "band": _band, "strip": _strip, "bare": _bare}[family.kind](sheet, family)


def _state(s: Sheet, family: Family) -> Box:
    """A plate of a state of the US, and those like it."""
    _ground(s)
    cap = s.rng.uniform(0.4, 0.56)
    middle = s.rng.uniform(0.47, 0.55)
    top, bottom = middle - cap / 2, middle + cap / 2
    above, below = max(top - 0.04, 0.12), min(bottom + 0.04, 0.88)
    left, right = s.rng.uniform(0.02, 0.08), s.rng.uniform(0.92, 0.98)
    for name, (a, b) in ((True, (0.03, above)), (False, (below, 0.97))):
        if s.chance(0.92 if name else 0.8):
            _line(s, (a, b), s.chance(0.75) == name)
    for x, y in ((0.09, 0.12), (0.91, 0.12), (0.09, 0.88), (0.91, 0.88)):
        if s.chance(0.33):
            _sticker(s, x, y)
    if s.chance(0.1):
        left = _stacked(s, left, top, bottom) if s.chance(0.5) else left
    elif s.chance(0.08):
        right = 1 - _stacked(s, 1 - right, top, bottom, mirrored=True)
    if s.chance(0.3):
        _around(s, 0.025 * s.rng.uniform(0.3, 1.6), s.rng.uniform(0.01, 0.04))
    if s.chance(0.06) and left < 0.1:  # a picture beside the number
        end = s.rng.uniform(0.14, 0.27)
        emblem(s, s.box(0.02, 0.25, end - 0.01, 0.8))
        left = end
    return s.box(left, top, right, bottom)


def _line(s: Sheet, rows: tuple[float, float], is_name: bool) -> None:
    """The name of the state, a slogan or a county, alone or on a band of its own."""
    a, b = rows
    tone = s.ink if s.chance(0.5) else s.unlike(s.tone)
    if s.chance(0.2):
        band = s.unlike(s.tone)
        s.pen.rectangle(s.box(0, 0 if a < 0.5 else a, 1, b if a < 0.5 else 1), band)
        tone = s.unlike(band)
    text = s.of(STATES) if is_name else s.of(SLOGANS) if s.chance(0.7) else random_word(s.rng)
    text = text.replace("_", " ")
    text = text.upper() if s.chance(0.55) else text
    high = min(b - a, s.rng.uniform(0.09, 0.19))
    at = s.rng.uniform(a, b - high)
    indent = s.rng.uniform(0.16, 0.36)
    s.write(text, s.box(indent, at, 1 - indent * s.rng.uniform(0.5, 1.5), at + high), tone)


def _ground(s: Sheet) -> None:
    """What lies under the number: a slope of grey, hills, bands, a pale picture, or nothing."""
    chance = s.rng.random()
    if chance < 0.3:
        return
    far = min(60.0, 0.4 * abs(s.tone - s.ink))
    if chance < 0.7:
        ends = [s.near(far) for _ in range(3)]
        slope = np.interp(np.linspace(0, 1, s.h), [0, s.rng.uniform(0.3, 0.7), 1], ends).astype(np.uint8)
        s.image.paste(Image.fromarray(np.repeat(slope[:, None], s.w, 1)))
    if s.chance(0.4):  # hills or a town
        level = s.rng.uniform(0.45, 0.85)
        many = int(s.rng.uniform(4, 14))
        tops = [(x * s.w / many, (level + y) * s.h) for x, y in enumerate(s.rng.normal(0, 0.1, many + 1).tolist())]
        s.pen.polygon([(0, s.h), *tops, (s.w, s.h)], s.near(far))
    if s.chance(0.3):
        emblem(s, s.box(*(s.rng.uniform(0.1, 0.4), s.rng.uniform(0.0, 0.2)), s.rng.uniform(0.55, 0.9), 0.95),
               s.near(far * 0.8))  # fmt: skip
    if s.chance(0.25):
        cloud = np.asarray(s.image) + s.rng.uniform(8, 25) * wear.smooth(
            (s.h, s.w), s.h * s.rng.uniform(0.1, 0.6), s.rng
        )
        s.image.paste(Image.fromarray(np.clip(cloud, 0, 255).astype(np.uint8)))
    if s.chance(0.12):
        edge = s.rng.uniform(0.1, 0.25)
        s.pen.rectangle(s.box(0, 0, 1, edge) if s.chance(0.5) else s.box(0, 1 - edge, 1, 1), s.unlike(s.tone))


def emblem(s: Sheet, box: Box, tone: int | None = None) -> None:
    """A state's outline, a star, a tree, a disc, a cross or a dash within `box`."""
    left, top, right, bottom = box
    x, y, a, b = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
    b = min(b, a * s.rng.uniform(0.8, 2))
    tone = tone if tone is not None else s.unlike(s.tone)
    kind = s.rng.random()
    if kind < 0.15:
        s.pen.ellipse((x - a, y - b, x + a, y + b), tone)
        s.pen.ellipse((x - a / 2, y - b / 2, x + a / 2, y + b / 2), (tone + s.tone) // 2)
    elif kind < 0.3:  # a figure: an animal, a rider, a wheelchair
        for p, q, u, v in s.rng.uniform(-1, 1, (int(s.rng.uniform(4, 9)), 4)).tolist():
            s.pen.line((x + p * a, y + q * b, x + u * a, y + v * b), tone, max(1, round(a * s.rng.uniform(0.1, 0.4))))
        s.pen.ellipse((x - a / 2, y - b / 2, x + a / 3, y + b / 3), tone)
    elif kind < 0.35:
        for thin, wide in ((a / 4, b), (a, b / 4)):
            s.pen.rectangle((x - thin, y - wide, x + thin, y + wide), tone)
    elif kind < 0.45:
        for k in (-0.6, 0, 0.6):
            s.pen.line((x - a, y + k * b, x + a, y + k * b), tone, max(1, round(b / 5)))
    else:
        corners = 10 if kind < 0.65 else int(s.rng.uniform(5, 24))
        radii = [1, 0.42] * 5 if kind < 0.65 else s.rng.uniform(0.4, 1, corners).tolist()
        angles = [2 * math.pi * i / corners - math.pi / 2 for i in range(corners)]
        s.pen.polygon([(x + a * r * math.cos(t), y + b * r * math.sin(t)) for r, t in zip(radii, angles, strict=True)],
                      tone)  # fmt: skip


def _sticker(s: Sheet, x: float, y: float) -> None:
    """A month or a year in a corner: flat, or pasted over others."""
    a, b = s.rng.uniform(0.04, 0.075), s.rng.uniform(0.06, 0.1)
    box = s.box(x - a, y - b, x + a, y + b)
    tone = s.tone
    if s.chance(0.75):
        tone = s.unlike(s.tone) if s.chance(0.6) else 240
        s.pen.rectangle(box, tone, s.unlike(tone) if s.chance(0.4) else None)
    year = int(s.rng.uniform(0, 100))
    text = s.of((s.of(MONTHS), f"{year:02d}", f"{year % 12 + 1}-{year:02d}", f"{1950 + year}", str(year % 12 + 1)))
    s.write(text, (box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1), s.unlike(tone))


def _stacked(s: Sheet, edge: float, top: float, bottom: float, mirrored: bool = False) -> float:
    """Small letters above one another beside the number, which are not part of it; returns where they end."""
    many = s.of((2, 2, 2, 3))
    wide = s.rng.uniform(0.06, 0.09)
    each = (bottom - top) / many
    for k in range(many):
        left = 1 - edge - wide if mirrored else edge
        symbol = chr(65 + int(s.rng.random() * 26)) if s.chance(0.8) else str(int(s.rng.random() * 10))
        s.write(symbol, s.box(left, top + k * each, left + wide, top + (k + 0.9) * each), s.ink)
    return edge + wide + 0.01


def _around(s: Sheet, thick: float, inset: float) -> None:
    """A line near the edge, its corners round."""
    d = inset * s.h
    s.pen.rounded_rectangle((d, d, s.w - 1 - d, s.h - 1 - d), s.rng.uniform(0.05, 0.15) * s.h, None,
                            s.ink if s.chance(0.8) else s.unlike(s.tone), max(1, round(thick * s.h)))  # fmt: skip


def _band(s: Sheet, family: Family) -> Box:
    """A European plate: a band with stars and the country's letters at the left, at times one at the right."""
    cap = s.rng.uniform(0.64, 0.8)
    left, right = 0.02, 0.98
    if s.chance(0.75):
        left += _country(s, 0.0)
    if s.chance(0.45 if family.name in ("france", "italy", "anywhere", "portugal") else 0.04):
        right -= _country(s, 1.0)
    if s.chance(0.15 if family.name != "austria" else 0.9):
        thick = s.rng.uniform(0.02, 0.06)
        for y in (0.05, 0.95 - thick):
            s.pen.rectangle(s.box(0, y, 1, y + thick), s.unlike(s.tone))
        cap = min(cap, 0.7)
    if s.chance(0.65):
        _around(s, s.rng.uniform(0.015, 0.05), s.rng.uniform(0.0, 0.05))
    low = s.rng.uniform(-0.03, 0.03)
    if family.name == "ireland" or s.chance(0.02):
        s.write(random_word(s.rng).upper(), s.box(0.3, 0.03, 0.8, 0.17), s.ink)
        cap, low = 0.62, 0.07
    return s.box(
        left + s.rng.uniform(0.0, 0.03), 0.5 + low - cap / 2, right - s.rng.uniform(0.0, 0.03), 0.5 + low + cap / 2
    )


def _country(s: Sheet, side: float) -> float:
    """The band, from the left edge or to the right one; returns its share of the width."""
    wide = s.rng.uniform(0.3, 0.5) * s.h
    left = 0.0 if side == 0 else s.w - wide
    tone = int(s.rng.uniform(35, 110)) if s.chance(0.95) else 190
    s.pen.rectangle((left, 0, left + wide, s.h), tone)
    light = s.unlike(tone) if tone > 120 else int(s.rng.uniform(170, 250))
    x, y, r = left + wide / 2, s.rng.uniform(0.25, 0.38) * s.h, wide * s.rng.uniform(0.25, 0.36)
    if s.chance(0.85):
        dot = max(0.6, 0.022 * s.h)
        for k in range(12):
            a, b = x + r * math.cos(k * math.pi / 6), y + r * math.sin(k * math.pi / 6)
            s.pen.ellipse((a - dot, b - dot, a + dot, b + dot), light)
    if s.chance(0.92):
        code = s.of(CODES) if s.chance(0.85) else str(int(s.rng.uniform(1, 96)))
        s.write(code, (left + 1, 0.62 * s.h, left + wide - 1, 0.9 * s.h), light)
    return wide / s.w


def _strip(s: Sheet, family: Family) -> Box:
    """A name above the number: a town in Brazil, the country on a band in the Mercosur, Argentina's on black."""
    cap = s.rng.uniform(0.5, 0.62)
    if family.name == "mercosur":
        high = s.rng.uniform(0.18, 0.27)
        band = int(s.rng.uniform(40, 95))
        s.pen.rectangle(s.box(0, 0, 1, high), band)
        s.write(
            s.of(("BRASIL", "BRASIL", "REPUBLICA ARGENTINA", "URUGUAY", "PARAGUAY")),
            s.box(0.2, 0.03, 0.8, high - 0.02),
            235,
        )
        if s.chance(0.8):
            s.pen.rectangle(s.box(0.88, 0.04, 0.96, high - 0.03), s.unlike(band))
        if s.chance(0.6):
            s.pen.ellipse(s.box(0.03, 0.04, 0.09, high - 0.03), s.unlike(band))
        if s.chance(0.5):
            s.write("BR", s.box(0.015, 0.78, 0.075, 0.94), s.ink)
    elif s.chance(0.93):
        high = s.rng.uniform(0.16, 0.25)
        if s.chance(0.4) and family.name == "brazil":  # a strip of its own, riveted on
            level = s.near(35)
            s.pen.rectangle(s.box(0.12, 0.03, 0.88, high), level, s.unlike(level) if s.chance(0.6) else None)
        name = s.of(TOWNS) if family.name == "brazil" else s.of(("ARGENTINA", "REPUBLICA ARGENTINA"))
        s.write(name, s.box(0.16, 0.045, 0.84, high - 0.015), s.ink)
    else:
        high = 0.1
    if s.chance(0.6):
        _around(s, s.rng.uniform(0.015, 0.04), s.rng.uniform(0.0, 0.04))
    top = s.rng.uniform(high + 0.03, 0.92 - cap)
    side = s.rng.uniform(0.02, 0.08)
    return s.box(side, top, 1 - side, top + cap)


def _bare(s: Sheet, family: Family) -> Box:
    """Nothing but the number, perhaps with a line around it or small print beneath."""
    wide = s.w / s.h
    cap = s.rng.uniform(0.62, 0.8) if wide > 3.5 else s.rng.uniform(0.45, 0.7)
    low = s.rng.uniform(-0.04, 0.04)
    if s.chance(0.25):
        _ground(s)
    if s.chance(0.6):
        _around(s, s.rng.uniform(0.015, 0.05), s.rng.uniform(0.0, 0.05))
    if cap < 0.66 and s.chance(0.5):
        s.write(random_word(s.rng).upper(), s.box(0.25, 0.86, 0.75, 0.96), s.ink)
        low -= 0.04
    side = s.rng.uniform(0.02, 0.07)
    return s.box(side, 0.5 + low - cap / 2, 1 - side, 0.5 + low + cap / 2)
