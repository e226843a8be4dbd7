"""What paper, ink, cameras and scanners do to a printed line."""

import io
import math

import numpy as np
from PIL import Image, ImageFilter


def clean(ink: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """As a screen or a fresh print shows ink (h, w) uint8: grey, uint8, at `scale` (up to 1) times its size."""
    return shrunk(grey_levels(_papered(ink, rng, even=True)), scale)


def worn(ink: np.ndarray, em: int, scale: float, rng: np.random.Generator) -> np.ndarray:
    """The same of ink at `em` pixels per em, after all that may befall paper, print and picture. Small print less."""
    chance = rng.random()
    if chance < 0.46 and em * scale >= 18:  # a scan in black and white
        bits = _pressed(ink, em, rng, hard=True)
        _speck(bits, em, rng)
        if rng.random() < 0.5:
            return shrunk(255 - bits if rng.random() < 0.9 else bits, scale)
        return finished(_papered(bits, rng, even=True), scale, rng)
    if chance < (0.8 if em * scale > 15 else 0.6):
        ink = _pressed(ink, em, rng, hard=False)
    if rng.random() < 0.2:
        ink = ink.copy()
        _speck(ink, em, rng)
    return finished(_papered(ink, rng, even=rng.random() < 0.3), scale, rng)


def smooth(shape: tuple[int, int], grain: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise (h, w) float32 of about unit variance, `grain` pixels from hill to valley."""
    h, w = (max(2, math.ceil(n / grain) + 1) for n in shape)
    small = Image.fromarray(_normal((h, w), rng))
    return 1.4 * np.asarray(small.resize(shape[::-1], Image.Resampling.BICUBIC))


def _pressed(ink: np.ndarray, em: int, rng: np.random.Generator, hard: bool) -> np.ndarray:
    """Ink that spread or wore off, with ragged edges: a threshold on the blurred ink, uneven over the page.

    The threshold is a part of the most ink nearby, so that a hairline breaks no sooner than a stem. `hard` leaves
    nothing between paper and ink.
    """
    unit = em / 30
    soft = blurred(ink, rng.uniform(0.5, 1.0) * unit).astype(np.float32)
    peak = np.maximum(spread(soft, round(2 * unit)), 40)
    level = rng.uniform(0.25, 0.65)  # under a half the ink spreads
    if rng.random() < 0.6:
        level = level + rng.uniform(0.02, 0.2) * smooth(ink.shape, rng.uniform(1.2, 3.5) * unit, rng)
    if rng.random() < 0.3:
        level = level + rng.uniform(0.03, 0.12) * smooth(ink.shape, rng.uniform(0.5, 3) * em, rng)
    level = np.clip(level, 0.15, 0.8)
    if hard:
        return np.where(soft > level * peak, np.uint8(255), np.uint8(0))
    steep = rng.uniform(1.5, 5)
    return np.clip(((soft / peak - level) * steep + 0.5) * np.minimum(peak * 1.3, 255), 0, 255).astype(np.uint8)


def spread(values: np.ndarray, reach: int) -> np.ndarray:
    """The most within a square of `reach` pixels to each side."""
    for axis in (0, 1):
        most = values.copy()
        for step in range(1, reach + 1):
            a, b = (values[step:], values[:-step]) if axis == 0 else (values[:, step:], values[:, :-step])
            c, d = (most[:-step], most[step:]) if axis == 0 else (most[:, :-step], most[:, step:])
            np.maximum(c, a, out=c)
            np.maximum(d, b, out=d)
        values = most
    return values


def _speck(ink: np.ndarray, em: int, rng: np.random.Generator) -> None:
    """Dust and holes, in place: far smaller than a full stop."""
    h, w = ink.shape
    many = int(min(rng.exponential(0.0012), 0.004) * h * w * (20 / em) ** 2)
    size = max(1, round(0.03 * em))
    for y, x, level in zip(rng.integers(0, h, many), rng.integers(0, w, many), rng.random(many), strict=True):
        ink[y : y + size, x : x + size] = 255 if level < 0.6 else 0


def _papered(ink: np.ndarray, rng: np.random.Generator, even: bool) -> np.ndarray:
    """Ink on paper, or light on dark: grey (h, w) float32."""
    h, w = ink.shape
    if even:
        dark, light = (0.0, 255.0) if rng.random() < 0.5 else (rng.uniform(0, 70), rng.uniform(190, 255))
    else:
        light = rng.uniform(110, 240)
        dark = max(0.0, light - rng.uniform(50, 250))
    if rng.random() < 0.12:
        dark, light = light, dark
    paper: float | np.ndarray = np.float32(light)
    step = dark - light
    if not even:
        paper = paper + _unevenness(h, w, rng) * (abs(step) * 0.25)
        if rng.random() < 0.15:  # the other side of the sheet shows through
            through = blurred(ink[::-1, ::-1] if rng.random() < 0.5 else np.roll(ink[:, ::-1], h // 2, 0), h / 20)
            paper = paper + through.astype(np.float32) * (step * rng.uniform(0.05, 0.15) / 255)
        if rng.random() < 0.3:  # print that is paler here and there
            step = step * np.clip(1 + rng.uniform(0.05, 0.2) * smooth((h, w), h, rng), 0.5, 1.2)
    return paper + ink.astype(np.float32) * (np.float32(1 / 255) * step)


def _unevenness(h: int, w: int, rng: np.random.Generator) -> np.ndarray:
    """A slope of the light, stains, and the grain of paper: (h, w) float32, about -1..1."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in (h, w))
    uneven = rng.uniform(-0.6, 0.6) * y[:, None] + rng.uniform(-1, 1) * x
    if rng.random() < 0.4:
        uneven = uneven + rng.uniform(0.1, 0.5) * smooth((h, w), rng.uniform(0.4, 2) * h, rng)
    if rng.random() < 0.3:
        uneven = uneven + rng.uniform(0.05, 0.2) * smooth((h, w), rng.uniform(1, 3), rng)
    return uneven


def finished(grey: np.ndarray, scale: float, rng: np.random.Generator, part: float = 1.0) -> np.ndarray:
    """Through lens, sensor and file: blurred, made smaller, noisy, packed as a JPEG; (h, w) uint8.

    Text that takes only a `part` of the height, and of the contrast, tolerates no more of it than a line of that size.
    """
    grey = grey_levels(grey)
    rows = grey.shape[0] * scale * part  # of the finished text
    if rng.random() < 0.45:
        grey = blurred(grey, rng.uniform(0.3, 1.0) * grey.shape[0] * part / 32 * min(1, rows / 24))
    grey = shrunk(grey, scale)
    if rng.random() < 0.4:
        spread = rng.uniform(2, 18) if rng.random() < 0.8 else rng.uniform(18, 30)
        contrast = part * (float(grey.max()) - float(grey.min()))
        grey = grey_levels(grey + min(spread, contrast / (8 if rows > 20 else 12)) * _normal(grey.shape, rng))
    if rng.random() < 0.4:
        packed = io.BytesIO()
        least = 20 + max(0, 3 * round(30 - rows))  # a block of 8 x 8 is a letter there
        Image.fromarray(grey).save(packed, "JPEG", quality=int(rng.uniform(min(least, 75), 91)))
        grey = np.asarray(Image.open(packed))
    return grey


def _normal(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def grey_levels(grey: np.ndarray) -> np.ndarray:
    """Rounded and cut to 0..255: uint8."""
    return (np.clip(grey, 0, 255) + 0.5).astype(np.uint8)


def blurred(grey: np.ndarray, sd: float) -> np.ndarray:
    """Grey levels (h, w) uint8 under a Gaussian of `sd` pixels, as Pillow has it."""
    return np.asarray(Image.fromarray(grey).filter(ImageFilter.GaussianBlur(sd)))


def shrunk(grey: np.ndarray, scale: float) -> np.ndarray:
    """At `scale` times its size, at least 8 x 4 pixels."""
    h, w = grey.shape
    if scale > 0.97:
        return grey
    size = max(4, round(w * scale)), max(8, round(h * scale))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))
