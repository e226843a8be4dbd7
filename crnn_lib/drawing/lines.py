"""Printed lines: any text of printable ASCII, set in one of many faces, as scans, photographs and screens show it.

The text is set at its own proportions, moved and bent as one, cut out with random margins through which the lines above
and below may look in, and then worn (`wear`). What is drawn stays readable: no margin cuts a dot off, and what fades or
breaks keeps a part of each stroke. About a quarter of the lines is clean.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from crnn_lib.drawing import wear
from crnn_lib.drawing.faces import PRINTABLE, Face
from crnn_lib.drawing.texts import LONGEST, random_text
from crnn_lib.errors import UserError

Words = Callable[[np.random.Generator], str]
SMALLEST = 20  # pixels an em when it is set; smaller print is made small afterwards
TYPOGRAPHIC = str.maketrans({"'": "\u2019"})  # what books print for what keyboards have
LIGATURES = (("ffi", "\ufb03"), ("ffl", "\ufb04"), ("ff", "\ufb00"), ("fi", "\ufb01"), ("fl", "\ufb02"))


def generate(
    count: int, seed: int, faces: Sequence[Face], words: Words = random_text
) -> Iterator[tuple[np.ndarray, str]]:
    """`count` images (h, w) uint8 with their texts, one by one. The i-th depends on `seed`, i, `faces` and `words`.

    `words(rng)` is what a line says. Families come in equal shares but for those of a design with many, and upright
    faces before the others. Raises UserError without faces, or for a negative number.
    """
    if count < 0 or seed < 0:
        raise UserError(f"count {count} and seed {seed} must not be negative")
    if not faces:
        raise UserError("there are no faces to print with: choose some")
    shares = np.array(list(accumulate(_shares(faces))))
    for i in range(count):
        text, rng = label(seed, i, words), np.random.default_rng((seed, i))
        face = faces[min(int(np.searchsorted(shares, rng.random() * shares[-1])), len(faces) - 1)]
        yield render(text, face, rng), text


def label(seed: int, i: int, words: Words = random_text) -> str:
    """The text of image i of `generate`."""
    return words(np.random.default_rng((seed, i, 1)))


def _shares(faces: Sequence[Face]) -> list[float]:
    """How often each face is chosen, in proportion."""
    families: dict[str, set[str]] = {}
    total: dict[str, float] = {}
    weights = [2.0 if face.style.split()[-1] in ("Regular", "Roman", "Book", "Medium") else 1.0 for face in faces]
    for face, weight in zip(faces, weights, strict=True):
        families.setdefault(face.design, set()).add(face.family)
        total[face.family] = total.get(face.family, 0) + weight
    return [w / total[f.family] / math.sqrt(len(families[f.design])) for f, w in zip(faces, weights, strict=True)]


def render(text: str, face: Face, rng: np.random.Generator) -> np.ndarray:
    """One image of `text`: (h, w) uint8 grey. Raises UserError unless it is 1 to 80 printable ASCII characters."""
    if not 1 <= len(text) <= LONGEST or not set(text) <= set(PRINTABLE) or not text.strip():
        raise UserError(
            f"cannot print {text[:40]!r}: a line has 1 to {LONGEST} printable ASCII characters, not all blank"
        )
    final = _em(rng)
    em = max(SMALLEST, round(final))
    clean = rng.random() < 0.25
    ink = _page(text, face, em, clean, rng)
    return wear.clean(ink, final / em, rng) if clean else wear.worn(ink, em, final / em, rng)


def _em(rng: np.random.Generator) -> float:
    """Pixels an em in the finished image: mostly 16 to 40, at times as little as 11 and as much as 60."""
    chance = rng.random()
    low, high = (11, 17) if chance < 0.15 else (17, 38) if chance < 0.85 else (38, 60)
    return low * (high / low) ** rng.random()


def _page(text: str, face: Face, em: int, clean: bool, rng: np.random.Generator) -> np.ndarray:
    """The line cut out of its page: ink (h, w) uint8, 255 where it is full."""
    font = face.font(em)
    tracking = em * (rng.uniform(-0.03, 0.12) if rng.random() < 0.4 else 0)
    spacing = em * (rng.uniform(-0.06, 0.25) if rng.random() < 0.4 else 0)
    wobble = em * (0.0 if clean or rng.random() < 0.9 else rng.uniform(0.01, 0.03))
    pad, middle = em, round(1.9 * em)
    printed = _typographic(text, face, rng)
    line, end = _set(printed, font, tracking, spacing, wobble, pad, middle, rng)
    around = None
    leading = em * rng.uniform(1.05, 1.4)
    if rng.random() < 0.35:
        around = Image.new("L", line.size, 0)
        pen = ImageDraw.Draw(around)
        for side in (-1, 1):
            pen.text((-rng.random() * em, middle + side * leading), _beside(end, em, rng), 255, font, anchor="ls")
    if not clean and "_" not in text and rng.random() < 0.06:
        at, thick = middle + em * rng.uniform(0.14, 0.3), max(1, round(em * rng.uniform(0.03, 0.07)))
        ImageDraw.Draw(line).line((pad * rng.random(), at, end + pad * rng.random(), at), 255, thick)
    bent = _bending(line.size, em, clean, rng)
    ink = _bend(line, bent)
    rows, columns = (np.flatnonzero(ink.max(axis) > 64) for axis in (1, 0))
    if not len(rows):  # a face whose strokes are thinner than a pixel
        rows, columns = (np.flatnonzero(ink.max(axis)) for axis in (1, 0))
    reach = min(leading, 1.25 * em) if around else 10 * em
    box = _cut(rows[[0, -1]], columns[[0, -1]], ink.shape, em, middle, reach, rng)
    if around:
        ink = np.maximum(ink, _bend(around, bent))
    return ink[box]


def _typographic(text: str, face: Face, rng: np.random.Generator) -> str:
    """At times as a book prints it: curly quotes, ligatures, a dash for " - ", where the face has them."""
    if rng.random() > 0.3 or "`" in text:
        return text
    changed = text.translate(TYPOGRAPHIC).replace(' "', " \u201c").replace('("', "(\u201c").replace(" - ", " \u2013 ")
    changed = ("\u201c" + changed[1:] if changed[0] == '"' else changed).replace('"', "\u201d")
    if rng.random() < 0.7:
        for letters, one in LIGATURES:
            changed = changed.replace(letters, one)
    return changed if changed != text and face.has(changed) and not face.mono else text


def _set(text: str, font: ImageFont.FreeTypeFont, tracking: float, spacing: float, wobble: float, pad: int,
         middle: int, rng: np.random.Generator) -> tuple[Image.Image, float]:  # fmt: skip
    """The text in one row on an empty page, its baseline at row `middle`, and the column where it ends.

    Word by word, kerned, where nothing moves the letters; else letter by letter.
    """
    pieces = list(text) if tracking or wobble else [p for word in text.split(" ") for p in (word, " ")][:-1]
    starts, pen = [], float(pad)
    for piece in pieces:
        starts.append(pen)
        pen += font.getlength(piece) + tracking * len(piece) + (spacing if piece == " " else 0)
    page = Image.new("L", (math.ceil(pen) + pad, 2 * middle - middle // 3), 0)
    draw = ImageDraw.Draw(page)
    offsets = rng.normal(0, wobble, len(pieces)) if wobble else np.zeros(len(pieces))
    for piece, x, y in zip(pieces, starts, offsets.tolist(), strict=True):
        if piece and piece != " ":
            draw.text((x, middle + y), piece, 255, font, anchor="ls")
    return page, pen


def _beside(width: float, em: int, rng: np.random.Generator) -> str:
    """What the line above or below says: long enough for `width`, or not."""
    text = random_text(rng)
    while len(text) * em < 2 * width and rng.random() < 0.9:
        text = f"{text} {random_text(rng)}"
    return text


Bending = tuple[int, float, float, float, float]


def _bending(size: tuple[int, int], em: int, clean: bool, rng: np.random.Generator) -> Bending:
    """Columns of the bent page; then its columns' scale, slant, skew (rows per column) and bow (rows in the middle)."""
    scale = rng.uniform(0.8, 1.2) if rng.random() < 0.4 else 1.0
    slant = rng.uniform(-0.1, 0.25) if rng.random() < 0.15 else 0.0
    skew = bow = 0.0
    width = round(size[0] * scale)
    if not clean and rng.random() < 0.45:
        most = min(math.tan(math.radians(2)), 0.45 * em / width)
        skew = rng.uniform(-most, most)
    if not clean and rng.random() < 0.15:
        bow = rng.uniform(-0.2, 0.2) * em * min(1, width / (8 * em))
    return width, scale, slant, skew, bow


def _bend(page: Image.Image, bending: Bending) -> np.ndarray:
    """The page condensed, slanted, skewed and bowed in one resampling: (h, width) uint8."""
    width, scale, slant, skew, bow = bending
    h = page.size[1]
    middle = 0.6 * h
    if bending[1:] == (1, 0, 0, 0):
        return np.asarray(page)

    def source(x: float, y: float) -> tuple[float, float]:
        across = x - width / 2
        up = y - skew * across - bow * (1 - (2 * across / width) ** 2)
        return x / scale + slant * (up - middle), up

    steps = 1 + 12 * bool(bow)
    edges = [round(width * i / steps) for i in range(steps + 1)]
    mesh = [
        ((a, 0, b, h), (*source(a, 0), *source(a, h), *source(b, h), *source(b, 0)))
        for a, b in pairwise(edges) if b > a
    ]  # fmt: skip
    return np.asarray(page.transform((width, h), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR))


def _cut(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], em: int, middle: int, reach: float,
         rng: np.random.Generator) -> tuple[slice, slice]:  # fmt: skip
    """Where the line is cut out: first and last row and column of its ink, and margins.

    The height of a capital always fits, so that o and O differ. Of a line `reach` rows above or below an edge is seen.
    """
    top, bottom = min(int(rows[0]), round(middle - 0.68 * em)), max(int(rows[1]), middle) + 1
    height = bottom - top
    above, below = (rng.uniform(0, 0.4) * height if rng.random() < 0.75 else rng.random() * 1.5 for _ in range(2))
    left, right = (rng.uniform(0, 0.8) * em if rng.random() < 0.75 else rng.random() * 2 for _ in range(2))
    first = min(top, max(top - round(above), math.ceil(middle - reach - 0.12 * em)))
    last = max(bottom, min(bottom + round(below), math.floor(middle + reach - 0.5 * em)))
    return (
        slice(max(0, first), min(shape[0], last)),
        slice(max(0, int(columns[0]) - round(left)), min(shape[1], int(columns[1]) + 1 + round(right))),
    )
