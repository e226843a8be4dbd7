"""Licence plates of many countries, as a detector cuts them out of photographs: wide rather than true to any.

A plate is a sheet (`sheets`) of a family (`numbers`), lettered (`lettering`) in a face drawn for it (`stencils`) or in
a font's, and then what the road, the light and the camera make of it (`street`, `wear`).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from crnn_lib.drawing import numbers, sheets, stencils, street, wear
from crnn_lib.drawing.faces import Face
from crnn_lib.drawing.lettering import Box, Spacing, number
from crnn_lib.drawing.numbers import Family
from crnn_lib.errors import UserError

PRINTED = 0.3  # of the plates are lettered in a font's face
SPARED = 0.06  # of them nothing happens to: as in a catalogue
CLEAR = 0.35  # of the others are seen by daylight and sharp, if slanted: as in a collector's photographs


def generate(count: int, seed: int, faces: Sequence[Face]) -> Iterator[tuple[np.ndarray, str]]:
    """`count` images (h, w) uint8 with their labels, one by one. The i-th depends on `seed`, i and `faces`.

    Raises UserError without faces, or for a negative number.
    """
    if count < 0 or seed < 0:
        raise UserError(f"count {count} and seed {seed} must not be negative")
    if not faces:
        raise UserError("there are no faces to print with: choose some")
    for i in range(count):
        family, shown = plate(seed, i)
        yield render(shown, family, faces, np.random.default_rng((seed, i))), numbers.label(shown)


def plate(seed: int, i: int) -> tuple[Family, str]:
    """The family of plate i of `generate`, and its number as it is shown, with gaps and signs."""
    return numbers.plate(np.random.default_rng((seed, i, 1)))


def label(seed: int, i: int) -> str:
    """The letters and digits of plate i of `generate`."""
    return numbers.label(plate(seed, i)[1])


def render(shown: str, family: Family, faces: Sequence[Face], rng: np.random.Generator) -> np.ndarray:
    """One plate with the number `shown`, in which ` -.*` are a gap, a dash, a dot, an emblem: (h, w) uint8 grey.

    Raises UserError unless `shown` has 1 to 10 of A-Z and 0-9, and nothing else but these signs.
    """
    text = numbers.label(shown)
    if not 1 <= len(text) <= numbers.LONGEST or not set(shown) <= set(stencils.SYMBOLS) | set(" -.*"):
        raise UserError(f"cannot draw {shown[:40]!r}: a plate has 1 to {numbers.LONGEST} of A-Z and 0-9, and gaps")
    rows = 110 * (24 / 110) ** rng.random()  # of the finished picture
    h = round(min(96, max(56, 1.1 * rows)))
    w = round(h * rng.uniform(*family.aspect))
    sheet, room = sheets.paint(family, h, w, faces, rng)
    face = _face(faces, rng) if rng.random() < PRINTED else stencils.random_stencil(rng)
    tight = 0.6 if len(text) > 7 else 1.0
    fill = rng.uniform(0.8, 1.0) if rng.random() < 0.6 else 0.0
    spacing = Spacing(*(tight * rng.uniform(*ends) for ends in ((0.08, 0.25), (0.15, 0.6), (0.35, 1.2))), fill)
    shift = 0.5 if rng.random() < 0.7 else rng.uniform(0.1, 0.9)
    lettered = number(shown, face, room, spacing, (h, w), shift)
    for left, top, right, bottom in lettered.emblems:
        under = rng.uniform(0, 0.5) * (right - left) if family.kind == "state" and rng.random() < 0.3 else 0.0
        if rng.random() < 0.85:
            sheets.emblem(sheet, (left - under, top, right + under, bottom))
    if rng.random() < 0.35:
        street.framed(sheet, lettered.box)
    if rng.random() < 0.5:
        street.bolts(sheet)
    grey = _inked(np.asarray(sheet.image).astype(np.float32), lettered.ink, sheet, rng)
    return _photographed(grey, lettered.box, rows, rng)


def _face(faces: Sequence[Face], rng: np.random.Generator) -> Face:
    """One of `faces`, upright and not light where there are such."""
    upright = [face for face in faces if not {"Italic", "Oblique", "BoldItalic", "Light"} & set(face.style.split())]
    return (upright or faces)[int(rng.random() * len(upright or faces))]


def _inked(grey: np.ndarray, ink: np.ndarray, sheet: sheets.Sheet, rng: np.random.Generator) -> np.ndarray:
    """The number on its sheet: outlined, worn, flat or raised."""
    if rng.random() < 0.08:
        ring = wear.spread(ink, max(1, round(0.012 * sheet.h)))
        grey = grey + (sheet.unlike(sheet.ink) - grey) * (ring.astype(np.float32) / 255)
    painted = street.peeled(ink, rng) if rng.random() < 0.12 else ink
    grey = grey + (sheet.ink - grey) * (painted.astype(np.float32) * (rng.uniform(0.75, 1) / 255))
    if rng.random() < 0.65:
        grey = street.pressed(grey, ink, rng)
    return grey


def _photographed(grey: np.ndarray, box: Box, rows: float, rng: np.random.Generator) -> np.ndarray:
    """The plate as a picture of about `rows` rows, cut out so that `box`, its number, is in it: uint8."""
    if rng.random() < 0.04:
        grey = 255 - grey
    if rng.random() < SPARED:
        return wear.grey_levels(grey)
    scale = min(1.0, rows / grey.shape[0])
    if rng.random() < CLEAR:
        return wear.shrunk(street.cut_out(wear.grey_levels(grey), box, rng), scale)
    seen = street.cut_out(street.soiled(grey, rng), box, rng)
    light = street.lit(seen, rng)
    part = 0.9 * (box[3] - box[1]) / seen.shape[0]
    if rng.random() < 0.12:
        light = street.moved(light, rng)
    return wear.finished(light, scale, rng, part)
