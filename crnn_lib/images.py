"""From an image file of any format and mode to one standardised tensor (1, H, W).

The only resampler is `resize`, written out here so that another language can repeat it bit for bit.
"""

import contextlib
import hashlib
import io
import math
import os
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from crnn_lib.errors import UserError

HEIGHT, WIDTH = 32, 128  # pixels of the network's input: of every image, and of a typical one
NARROWEST, WIDEST = 16, 4096  # columns of the network's input: four time steps, and more than 80 wide letters take
THINNEST = 2  # columns that are widened to NARROWEST: a bar or an l cut out closely has more
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")  # a closed list: Pillow's rarer decoders are not for untrusted files
MIN_SIDE = 4  # pixels: less cannot hold a character
MAX_PIXELS = 40_000_000  # judged from the header, before anything is decoded
SD_FLOOR = 8 / 255  # JPEG noise on an empty sheet has a standard deviation of 1-2 grey levels, faint writing above 8


@lru_cache(maxsize=256)
def _taps(size: int, new_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and weights, both (taps, new_size), that resample one axis of `size` pixels; weights sum to 1.

    Output pixel i lies at c = (i + 0.5) * scale with scale = size / new_size. The filter is a triangle of half-width
    s = max(scale, 1): pixel j weighs max(0, 1 - |j + 0.5 - c| / s), for j from floor(c - s + 0.5) upwards, over the
    sum of these weights. A tap outside the image weighs 0 and repeats the edge pixel's index.
    """
    scale = size / new_size
    reach = max(scale, 1.0)
    centre = (np.arange(new_size) + 0.5) * scale
    first = np.floor(centre - reach + 0.5).astype(int)
    index = first + np.arange(int(np.ceil(2 * reach)) + 1)[:, None]
    weight = np.maximum(0.0, 1.0 - np.abs(index + 0.5 - centre) / reach)
    weight[(index < 0) | (index >= size)] = 0.0
    weight /= sum(weight)  # summed tap by tap, in ascending order
    used = weight.any(axis=1)
    index, weight = np.clip(index, 0, size - 1)[used], weight[used]
    index.flags.writeable = weight.flags.writeable = False  # they are shared by the cache
    return index, weight


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Antialiased bilinear resampling, (h, w) -> (height, width) float32.

    A triangle filter that widens with the reduction, as Pillow's BILINEAR; plain bilinear when enlarging.
    Order of operations, for an exact repeat elsewhere: every row first, then every column; each output starts at 0
    and adds weight * pixel tap by tap in ascending order, in float64 without fused multiply-add; one rounding to
    float32 at the end. Raises UserError when `image` is not a non-empty matrix or a side asked for is below 1.
    """
    if image.ndim != 2 or 0 in image.shape or height < 1 or width < 1:
        raise UserError(f"cannot resize an image of shape {image.shape} to {height} x {width}: give (h, w), sides >= 1")
    rows = np.zeros((image.shape[0], width))
    for index, weight in zip(*_taps(image.shape[1], width), strict=True):
        rows += weight * image[:, index]  # (h, w) -> (h, width)
    result = np.zeros((height, width))
    for index, weight in zip(*_taps(image.shape[0], height), strict=True):
        result += weight[:, None] * rows[index]  # (h, width) -> (height, width)
    return result.astype(np.float32)


def load_grey(source: str | Path | bytes, name: str | None = None) -> np.ndarray:
    """The grey levels (h, w) float32 of an image file or of its bytes, 0 black .. 255 white.

    PNG, JPEG, GIF (first frame), BMP and WebP in any mode, turned upright by EXIF. Colour becomes the luma of ITU-R
    BT.601, (299 R + 587 G + 114 B) / 1000; what is transparent lies on white; 16-bit values are divided by 257.
    Raises UserError, naming the file (or `name`), for anything that is not a whole image of a sane size.
    """
    name = repr(name if name is not None else "<bytes>" if isinstance(source, bytes) else str(source))
    try:
        if not isinstance(source, bytes) and not os.path.isfile(source):
            problem = "it is a folder or device" if os.path.exists(source) else "there is no such file"
            raise UserError(f"cannot read {name}: {problem}; give an image file")
        with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
            return _decode(file, name)
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError(f"{name} is not an image: it is none of {', '.join(FORMATS)}, or its start is lost") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(f"{name} is too large: the limit is {MAX_PIXELS:,} pixels") from error
    except Exception as error:  # Pillow's decoders raise a dozen kinds: the user needs the file, not the kind
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(f"cannot read {name}: {reason}; the file is damaged, or not for you to read") from error


def digest(grey: np.ndarray) -> str:
    """SHA-256 in hex of grey levels (h, w): "HxW:", then the levels as little-endian float32, row by row."""
    return hashlib.sha256(f"{grey.shape[0]}x{grey.shape[1]}:".encode() + grey.astype("<f4").tobytes()).hexdigest()


def _decode(file: io.IOBase, name: str) -> np.ndarray:
    if not file.read(1):
        raise UserError(f"{name} is empty (0 bytes)")
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # damaged metadata is no concern of ours
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UserError(
                    f"{name} is too large: {image.width} x {image.height}, the limit is {MAX_PIXELS:,} pixels"
                )
            if min(image.size) < MIN_SIDE:
                raise UserError(f"{name} is too small: {image.width} x {image.height}, the least side is {MIN_SIDE}")
            image.load()
            with contextlib.suppress(Exception):  # an unreadable EXIF block does not spoil the picture
                ImageOps.exif_transpose(image, in_place=True)
            return _grey(image)


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):  # 16 bits a pixel, whatever Pillow calls it
        grey = np.clip(np.asarray(image).astype(np.float32) / 257, 0, 255)
        if "transparency" in image.info:
            grey[np.asarray(image) == image.info["transparency"]] = 255
        return grey
    if image.mode in ("1", "L") and not image.has_transparency_data:
        return np.asarray(image.convert("L"), dtype=np.float32)
    pixels = np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))  # (h, w, 3 or 4)
    luma = pixels[:, :, :3] @ np.array([299, 587, 114], dtype=np.int32)  # (h, w, 3) -> (h, w), 1000 times too large
    if pixels.shape[2] == 4:
        alpha = pixels[:, :, 3].astype(np.int32)
        return ((luma * alpha + 255_000 * (255 - alpha)) / 255_000).astype(np.float32)
    return (luma / 1000).astype(np.float32)


def natural_width(shape: tuple[int, int], height: int = HEIGHT, stretch: float = 1.0) -> int:
    """Columns of an image of `shape` (h, w) that is brought to `height` with its proportions kept, times `stretch`.

    NARROWEST at least. Raises UserError, with the arithmetic, above WIDEST and below THINNEST.
    """
    h, w = shape
    exact = w * height / h * stretch
    columns = math.floor(exact + 0.5)
    if not THINNEST <= columns <= WIDEST:
        factor = f" x {stretch:g}" if stretch != 1 else ""
        what, limit, cure = (
            ("too long a line", f"at most {WIDEST:,}", "cut it into pieces")
            if columns > WIDEST
            else ("too narrow for a line", f"at least {THINNEST}", "turn it, or cut lines out of it")
        )
        raise UserError(
            f"an image {h} pixels high and {w} wide is {what}: at height {height} it has {w} x {height} / {h}{factor} "
            f"= {f'{columns:,}' if columns > WIDEST else f'{exact:.2g}'} columns, {limit} are read: {cure}"
        )
    return max(columns, NARROWEST)


def standardise(grey: np.ndarray, height: int = HEIGHT, width: int | None = None, stretch: float = 1.0) -> torch.Tensor:
    """The network's input (1, H, W) float32 from grey levels (h, w) in 0..255: mean 0, sd 1, ink positive.

    H is `height`, W is `width` or else the `natural_width`. The picture is resized, inverted (ink = 1 - grey / 255),
    freed of its mean and divided by its population standard deviation, which counts as no less than SD_FLOOR: so a
    blank sheet stays near 0, where it would else be noise blown up to full contrast. Mean and deviation are taken in
    float64. Raises UserError as `resize` and `natural_width`.
    """
    if width is None and grey.ndim == 2 and grey.size:
        width = natural_width(grey.shape, height, stretch)
    ink = 1.0 - resize(grey, height, width or 0).astype(np.float64) / 255
    ink -= ink.mean()
    ink /= max(float(np.sqrt(np.mean(ink * ink))), SD_FLOOR)
    return torch.from_numpy(ink.astype(np.float32)[None])  # (H, W) -> (1, H, W)


def load(path: str | Path, height: int = HEIGHT, width: int | None = None, stretch: float = 1.0) -> torch.Tensor:
    """Read one image file into the network's input (1, H, W), see `standardise`. Raises UserError as `load_grey`."""
    grey = load_grey(path)
    try:
        return standardise(grey, height, width, stretch)
    except UserError as error:
        raise UserError(f"cannot use {str(path)!r}: {error}") from error
