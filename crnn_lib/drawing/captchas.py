"""Generated CAPTCHA look-alikes: the embedded default data set, and the only data of the zero-shot model.

An image is drawn as the real ones were: text in a bold sans face; a fine radial "water" wave that swaps neighbouring
pixels, and so makes the hatched edges in the middle; a slow wave along each axis; tapering polylines flattened from
cubic curves; a diagonal grey gradient behind. The geometry follows the published behaviour of the Java CAPTCHA
libraries SimpleCaptcha and Kaptcha (their `WaterRipple` engine and default noise) and of the `RippleFilter` and
`WaterFilter` of the JH Labs image filters.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from scipy import ndimage

from crnn_lib.alphabet import CAPTCHA_SYMBOLS, Alphabet
from crnn_lib.data import LabelledImages
from crnn_lib.drawing.glyphs import EM, FACES, PAD, Glyph, glyph
from crnn_lib.errors import UserError
from crnn_lib.images import HEIGHT, WIDTH, standardise

Range = tuple[float, float]
MAX_LENGTH = 8


@dataclass(frozen=True)
class Style:
    """What a generated image may look like. A pair is a range: one value is drawn uniformly from it, per image
    unless said otherwise. Lengths are pixels of a canvas 50 high and grow with its height.

    The defaults look like the real images. Raises UserError for an empty or reversed range.
    """

    height: int = 50
    width: int = 200
    fonts: tuple[str, ...] = ("mono", "mono", "mono-bold", "sans")  # one is chosen per image; repeats weigh more
    mixed_fonts: float = 0.3  # share of images in which each glyph chooses its own font
    size: Range = (37.0, 42.0)  # em
    stroke: Range = (4.2, 6.0)  # stem thickness
    condense: Range = (0.85, 1.1)  # horizontal scale
    stretch: Range = (0.9, 1.2)  # the same, per glyph
    slant: Range = (-0.05, 0.2)  # x shift per unit of height, per glyph
    rotation: Range = (-3.0, 3.0)  # degrees, per glyph
    start: Range = (26.0, 31.0)  # where the pen begins
    baseline: Range = (40.0, 43.5)
    jump: Range = (-1.0, 1.0)  # vertical shift, per glyph
    gap: Range = (0.5, 3.5)  # pen advance beyond the visible width, per glyph
    wave_x: Range = (1.6, 3.6)  # amplitude of the horizontal shift, a sine of y
    wave_x_period: Range = (75.0, 115.0)
    wave_y: Range = (1.0, 2.4)  # amplitude of the vertical shift, a sine of x
    wave_y_period: Range = (26.0, 38.0)
    wave_phase: Range = (-0.5, 0.5)  # radians, of both waves
    water: Range = (1.5, 4.0)  # amplitude of the radial wave at its centre; falls to 0 at its radius
    water_period: Range = (2.0, 2.0)
    water_phase: Range = (0.0, 1.0)  # in periods
    water_radius: Range = (42.0, 58.0)
    water_centre: Range = (0.42, 0.58)  # as a part of the canvas width
    lines: tuple[int, int] = (2, 2)  # how many noise lines: the first short, the others long
    line_stroke: Range = (0.75, 1.05)  # thickness unit: a line is 4, 3, then 2 units thick
    left_grey: Range = (185.0, 200.0)
    right_grey: Range = (248.0, 255.0)
    ink: Range = (0.0, 12.0)  # grey level of text and lines
    blur: Range = (0.0, 0.4)  # standard deviation of a Gaussian
    noise: Range = (0.0, 0.0)  # standard deviation of grey levels

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("height", "width", "fonts", "mixed_fonts"):
                continue
            numbers = int if field.name == "lines" else (int, float)
            if not isinstance(value, tuple) or len(value) != 2 or not all(isinstance(v, numbers) for v in value):
                raise UserError(f"style.{field.name} is {value!r}: give (low, high), two numbers")
            if not -math.inf < value[0] <= value[1] < math.inf:
                raise UserError(f"style.{field.name} is {value!r}: low must not exceed high")
            if field.name in _ABOVE_ZERO and value[0] <= 0:
                raise UserError(f"style.{field.name} is {value!r}: it must be above 0")
            if field.name in _NOT_NEGATIVE and value[0] < 0:
                raise UserError(f"style.{field.name} is {value!r}: it must not be negative")
        if not self.fonts or not set(self.fonts) <= set(FACES):
            raise UserError(f"style.fonts is {self.fonts!r}: choose from {', '.join(FACES)}")
        if min(self.height, self.width) < 16:
            raise UserError(f"a canvas of {self.height} x {self.width} pixels is too small: 16 x 16 at least")


_ABOVE_ZERO = {"size", "stroke", "condense", "stretch", "wave_x_period", "wave_y_period", "water_period",
               "water_radius"}  # fmt: skip
_NOT_NEGATIVE = {"start", "lines", "line_stroke", "blur", "noise"}
DEFAULT = Style()


def render(text: str, seed: int | Sequence[int] = 0, style: Style = DEFAULT) -> np.ndarray:
    """One image of `text`: (height, width) uint8 grey, the same for the same arguments.

    Raises UserError for an empty or too long text and for a character that a font of the style lacks.
    """
    if not 1 <= len(text) <= MAX_LENGTH:
        raise UserError(f"cannot draw {text[:40]!r}: a text has 1 to {MAX_LENGTH} characters")
    rng = np.random.default_rng(seed)
    ink, end = _draw_text(text, rng, style)
    _displace(ink, end, rng, style)
    _draw_lines(ink, rng, style)
    left, right, dark = (_pick(rng, r) for r in (style.left_grey, style.right_grey, style.ink))
    grey = left + (right - left) * _diagonal(style.height, style.width)
    grey += (dark - grey) * ink
    if (blur := _pick(rng, style.blur) * style.height / 50) > 0.2:
        grey = ndimage.gaussian_filter(grey, blur, mode="nearest", truncate=2.5)
    if (noise := _pick(rng, style.noise)) > 0:
        grey += noise * rng.standard_normal(grey.shape, dtype=np.float32)
    return (np.clip(grey, 0, 255) + 0.5).astype(np.uint8)


def random_label(seed: int | Sequence[int], alphabet: str = CAPTCHA_SYMBOLS, lengths: tuple[int, int] = (5, 5)) -> str:
    """A text of `lengths[0]` to `lengths[1]` symbols, each drawn uniformly from `alphabet`."""
    symbols = Alphabet(alphabet).symbols
    if not 1 <= lengths[0] <= lengths[1] <= MAX_LENGTH:
        raise UserError(f"lengths {lengths!r}: give (shortest, longest) within 1 to {MAX_LENGTH}")
    rng = np.random.default_rng(seed)
    length = lengths[0] + int(rng.random() * (lengths[1] - lengths[0] + 1))
    return "".join(symbols[int(r * len(symbols))] for r in rng.random(length))


def generate(
    count: int,
    seed: int = 0,
    alphabet: str = CAPTCHA_SYMBOLS,
    lengths: tuple[int, int] = (5, 5),
    style: Style = DEFAULT,
) -> tuple[list[np.ndarray], list[str]]:
    """`count` images (height, width) uint8 and their labels. The i-th depends only on `seed` and i."""
    if count < 0 or seed < 0:
        raise UserError(f"count {count} and seed {seed} must not be negative")
    labels = [random_label((seed, i, 1), alphabet, lengths) for i in range(count)]
    return [render(label, (seed, i), style) for i, label in enumerate(labels)], labels


def dataset(
    count: int = 1000,
    seed: int = 0,
    alphabet: str = CAPTCHA_SYMBOLS,
    lengths: tuple[int, int] = (5, 5),
    style: Style = DEFAULT,
    height: int = HEIGHT,
    width: int = WIDTH,
) -> LabelledImages:
    """A generated data set, standardised: images (N, 1, height, width); names are 00000_text.png, ...

    `digests` are of what each image is drawn from: another processor may round a few of the drawn pixels differently.
    """
    if count < 1:
        raise UserError(f"a data set of {count} images is empty: ask for 1 at least")
    images, labels = generate(count, seed, alphabet, lengths, style)
    tensor = torch.stack([standardise(image.astype(np.float32), height, width) for image in images])
    names = tuple(f"{i:05d}_{label}.png" for i, label in enumerate(labels))
    digests = tuple(hashlib.sha256(f"{style} {seed} {i}".encode()).hexdigest() for i in range(len(labels)))
    return LabelledImages(tensor, tuple(labels), names, digests)


def _pick(rng: np.random.Generator, bounds: Range) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * rng.random()


@lru_cache(maxsize=8)
def _diagonal(height: int, width: int) -> np.ndarray:
    """How far each pixel lies along the diagonal, 0..1: (height, width)."""
    y, x = np.mgrid[:height, :width]
    return ((x * width + y * height) / (width**2 + height**2)).astype(np.float32)


def _draw_text(text: str, rng: np.random.Generator, style: Style) -> tuple[np.ndarray, int]:
    """The undistorted text as ink 0..1 (height, width) float32, and where it ends. Squeezed if it would not fit."""
    unit = style.height / 50
    scale = _pick(rng, style.size) * unit / EM
    stroke, across = _pick(rng, style.stroke) * unit, _pick(rng, style.condense) * scale
    pen, baseline = _pick(rng, style.start) * unit, _pick(rng, style.baseline) * unit
    choices, n = rng.random(len(text) + 1), len(style.fonts)
    mixed = choices[0] < style.mixed_fonts
    faces = [style.fonts[int(choices[i if mixed else 1] * n)] for i in range(1, len(text) + 1)]
    glyphs = [glyph(face, character) for face, character in zip(faces, text, strict=True)]
    growths = [(stroke - g.stem * scale) / 2 for g in glyphs]
    gaps = [_pick(rng, style.gap) * unit for _ in text]
    widths = [(g.right - g.left) * across * _pick(rng, style.stretch) for g in glyphs]
    fixed = math.fsum(gaps) + 2 * math.fsum(growths) + 7 * unit  # as sum() adds depends on the version of Python
    squeeze = min(1.0, max(0.2, (style.width - pen - fixed) / (math.fsum(widths) + max(glyphs[-1].left, 0) * across)))
    ink = np.zeros((style.height, style.width), np.float32)
    for g, width, gap, growth in zip(glyphs, widths, gaps, growths, strict=True):
        height, slant, turn = (_pick(rng, r) for r in (style.jump, style.slant, style.rotation))
        place = pen + growth, baseline + height * unit
        sx = width * squeeze / (g.right - g.left)
        _draw_glyph(ink, g, place, (sx, scale), (slant, math.radians(turn)), growth)
        pen += width * squeeze + 2 * growth + gap
    return ink, int(pen)


def _draw_glyph(ink: np.ndarray, g: Glyph, pen: Range, scale: Range, tilt: Range, growth: float) -> None:
    """Add one glyph to `ink`: scaled, slanted, turned about the middle of its foot, its outline grown by `growth`."""
    (sx, sy), (slant, turn), middle = scale, tilt, (g.left + g.right) / 2
    c, s = math.cos(turn), math.sin(turn)
    centre, reach = pen[0] + middle * sx, (g.right - g.left) * sx / 2 + 9 * ink.shape[0] / 50
    x0, y0 = max(0, int(centre - reach)), max(0, int(pen[1] - EM * sy))
    box = ink[y0:, x0 : max(x0, int(centre + reach) + 1)]
    # the middle of pixel k lies at k + 0.5, and so does that of sample k; from pixels to samples: undo turn and slant
    y = np.arange(y0, y0 + box.shape[0], dtype=np.float32)[:, None] + (0.5 - pen[1])
    x = np.arange(x0, x0 + box.shape[1], dtype=np.float32) + (0.5 - centre)
    rows = (y * c - x * s) / sy + (PAD + EM - 0.5)
    columns = (y * (s + slant * c) + x * (c - slant * s)) / sx + (PAD + middle - 0.5)
    distance = _sample(g.field, rows, columns)
    distance *= -math.sqrt(sx * sy)
    distance += 0.5 + growth
    np.maximum(box, distance, out=box)
    np.minimum(box, 1, out=box)


def _displace(ink: np.ndarray, end: int, rng: np.random.Generator, style: Style) -> None:
    """Displace the text, which ends at column `end`, in place: the water wave first, then the slow waves."""
    unit, tau = style.height / 50, 2 * math.pi
    peak, period, radius = (_pick(rng, r) * unit for r in (style.water, style.water_period, style.water_radius))
    centre, phase = _pick(rng, style.water_centre) * ink.shape[1], tau * _pick(rng, style.water_phase)
    end = min(ink.shape[1], end + int(12 * unit))
    x0, x1 = max(0, int(centre - radius)), min(end, int(centre + radius) + 1)
    y = np.arange(ink.shape[0], dtype=np.float32)[:, None]
    if peak and x0 < x1:
        x = np.arange(x0, x1, dtype=np.float32)
        dx, dy = x - centre, y - ink.shape[0] / 2
        distance = np.sqrt(dx * dx + dy * dy) + 1e-3
        push = np.sin(distance * (tau / period) - phase) * np.maximum(1 / distance - 1 / radius, 0) * peak
        ink[:, x0:x1] = _sample(ink, y + dy * push, x + dx * push)
    ax, px, ay, py = (
        _pick(rng, r) * unit for r in (style.wave_x, style.wave_x_period, style.wave_y, style.wave_y_period)
    )
    phase = _pick(rng, style.wave_phase)
    x = np.arange(end, dtype=np.float32)
    ink[:, :end] = _sample(ink, y + ay * np.sin(x * (tau / py) + phase), x + ax * np.sin(y * (tau / px) + phase))


def _sample(field: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """`field` (h, w) between its samples, bilinearly, its border repeated outwards: the shape of y and x, float32."""
    h, w = field.shape
    y = np.minimum(np.maximum(y, 0), h - 1.001)
    x = np.minimum(np.maximum(x, 0), w - 1.001)
    row, column = y.astype(np.intp), x.astype(np.intp)
    y, x = (y - row).astype(np.float32), (x - column).astype(np.float32)
    at, flat = row * w + column, field.ravel()
    upper, lower = flat.take(at, mode="clip"), flat.take(at + w, mode="clip")
    upper += (flat.take(at + 1, mode="clip") - upper) * x
    lower += (flat.take(at + w + 1, mode="clip") - lower) * x
    lower -= upper
    lower *= y
    upper += lower
    return upper


def _draw_lines(ink: np.ndarray, rng: np.random.Generator, style: Style) -> None:
    """Add the noise lines: cubic curves from a tenth of the width, flattened, 4, 3, 2, 2, ... units thick."""
    h, w = ink.shape
    for k in range(style.lines[0] + int(rng.random() * (style.lines[1] - style.lines[0] + 1))):
        across = (0.1, 0.1, 0.25, 0.25) if k == 0 else (0.1, 0.25, 0.5, 0.9)
        curve = [(part * w, height * h) for part, height in zip(across, rng.random(4).tolist(), strict=True)]
        unit = _pick(rng, style.line_stroke) * h / 50
        for i, (a, b) in enumerate(pairwise([curve[0], *_flatten(curve, 2 * h / 50)])):
            _draw_segment(ink, a, b, unit * max(4 - i, 2))


def _flatten(curve: list[Range], tolerance: float, depth: int = 8) -> list[Range]:
    """The points after the first of a cubic Bezier curve, halved until its control points lie within `tolerance`."""
    (ax, ay), (dx, dy) = curve[0], curve[3]
    length = math.hypot(dx - ax, dy - ay) + 1e-6
    off = max(abs((x - ax) * (dy - ay) - (y - ay) * (dx - ax)) for x, y in curve[1:3]) / length
    if depth == 0 or off <= tolerance:
        return [curve[3]]
    levels = [curve]
    for _ in range(3):
        levels.append([((x + u) / 2, (y + v) / 2) for (x, y), (u, v) in pairwise(levels[-1])])
    halves = [level[0] for level in levels], [level[-1] for level in reversed(levels)]
    return [point for half in halves for point in _flatten(half, tolerance, depth - 1)]


def _draw_segment(ink: np.ndarray, a: Range, b: Range, thickness: float) -> None:
    """Add a straight stroke with square ends, antialiased."""
    half, length = thickness / 2, math.dist(a, b) + 1e-6
    ux, uy = (b[0] - a[0]) / length, (b[1] - a[1]) / length
    x0, x1, y0, y1 = (max(0, int(v)) for i in (0, 1) for v in (min(a[i], b[i]) - half - 1, max(a[i], b[i]) + half + 3))
    box = ink[y0:y1, x0:x1]
    x = np.arange(x0, x0 + box.shape[1], dtype=np.float32) - (a[0] + b[0]) / 2
    y = np.arange(y0, y0 + box.shape[0], dtype=np.float32)[:, None] - (a[1] + b[1]) / 2
    cover = np.maximum(np.abs(x * ux + y * uy) - length / 2, np.abs(y * ux - x * uy))
    np.subtract(half + 0.5, cover, out=cover)
    np.minimum(cover, 1, out=cover)
    np.maximum(box, cover, out=box)
