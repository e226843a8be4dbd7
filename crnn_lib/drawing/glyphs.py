"""Glyphs as distance fields, from fonts that every installation has: matplotlib's DejaVu, Pillow's Aileron."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from crnn_lib.errors import UserError

EM = 80  # glyph fields hold this many samples to the em
PAD = 20  # samples of margin round a glyph field
FACES = {
    "mono": "DejaVuSansMono.ttf",
    "mono-bold": "DejaVuSansMono-Bold.ttf",
    "mono-oblique": "DejaVuSansMono-Oblique.ttf",
    "sans": "DejaVuSans.ttf",
    "sans-bold": "DejaVuSans-Bold.ttf",
    "sans-oblique": "DejaVuSans-Oblique.ttf",
    "serif": "DejaVuSerif.ttf",
    "aileron": "",  # the face embedded in Pillow
}


@dataclass(frozen=True)
class Glyph:
    """A glyph as a field of signed distances to its outline (EM samples to the em, negative inside)."""

    field: np.ndarray  # (h, w) float32; the pen stands at column PAD, the baseline at row PAD + EM
    left: float  # visible bounds in samples from the pen
    right: float
    stem: float  # thickness of the face's vertical stems in samples


@lru_cache(maxsize=4096)
def glyph(face: str, character: str) -> Glyph:
    """The distance field of `character` in one of FACES. Raises UserError where the face has no such glyph."""
    mask = _bitmap(face, character)
    if not mask.any() or (character != "\uffff" and np.array_equal(mask, _bitmap(face, "\uffff"))):
        raise UserError(f"the font {face!r} has no visible glyph for {character!r}: leave it out of the alphabet")
    signed = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    h, w = (n // 2 for n in mask.shape)
    field = signed.reshape(h, 2, w, 2).mean((1, 3)).astype(np.float32) / 2
    columns = np.flatnonzero(mask.any(0)) / 2 - PAD
    stem = 2.0 * float(-field.min()) if character == "l" else glyph(face, "l").stem
    return Glyph(field, float(columns[0]), float(columns[-1]), stem)


def _bitmap(face: str, character: str) -> np.ndarray:
    """`character` drawn at twice the field's resolution: (2 h, 2 w) bool."""
    font = _font(face)
    w, h = 2 * (2 * PAD + math.ceil(font.getlength(character) / 2)), 2 * (2 * PAD + EM + EM // 3)
    canvas = Image.new("L", (w, h), 0)
    ImageDraw.Draw(canvas).text((2 * PAD, 2 * (PAD + EM)), character, fill=255, font=font, anchor="ls")
    return np.asarray(canvas) > 127


@lru_cache
def _font(face: str) -> ImageFont.FreeTypeFont:
    if not FACES[face]:
        return ImageFont.load_default(2 * EM)
    import matplotlib  # only for its fonts' folder

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / FACES[face]), 2 * EM)
