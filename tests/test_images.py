import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from crnn_lib import images
from crnn_lib.errors import UserError

RNG = np.random.default_rng(7)
GREY = RNG.integers(0, 256, (20, 31), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (20, 31, 3), dtype=np.uint8)
LUMA = (COLOUR @ np.array([0.299, 0.587, 0.114])).astype(np.float32)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width, height):
    """A PNG that says how large it is and then ends: what a decompression bomb shows before it is decoded."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">II", zlib.crc32(body), 999) + b"IDAT"


# the resampler


@pytest.mark.parametrize("size", [(32, 128), (100, 300), (7, 333), (50, 200), (1, 1), (75, 300), (49, 3)])
def test_resize_agrees_with_pillow(size):
    image = RNG.uniform(0, 255, (50, 200)).astype(np.float32)
    theirs = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
    ours = images.resize(image, *size)
    assert ours.shape == size and ours.dtype == np.float32
    assert np.abs(ours - theirs).max() < 1e-4  # of 255: Pillow rounds between its two passes, we do not


def test_resize_repeats_bit_for_bit_as_its_docstring_says():
    def axis(values, new_size):  # plain Python, as another language would write it
        scale = len(values) / new_size
        reach = max(scale, 1.0)
        result = []
        for i in range(new_size):
            centre = (i + 0.5) * scale
            taps = range(int(np.floor(centre - reach + 0.5)), int(np.floor(centre - reach + 0.5)) + 99)
            weights = [(j, max(0.0, 1.0 - abs(j + 0.5 - centre) / reach)) for j in taps if 0 <= j < len(values)]
            norm = 0.0
            for _, weight in weights:
                norm += weight
            total = 0.0
            for j, weight in weights:
                total += weight / norm * values[j]
            result.append(total)
        return result

    for size in ((32, 128), (9, 17), (60, 40)):
        image = RNG.uniform(0, 255, (37, 53)).astype(np.float32)
        rows = [axis([float(v) for v in row], size[1]) for row in image]
        columns = [axis([row[x] for row in rows], size[0]) for x in range(size[1])]
        assert np.array_equal(images.resize(image, *size), np.array(columns).T.astype(np.float32))


def test_resize_to_the_same_size_changes_nothing():
    assert np.array_equal(images.resize(GREY, 20, 31), GREY)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 40)] * 4), st.integers(0, 255))
def test_resize_keeps_a_constant_and_stays_within_bounds(sizes, level):
    h, w, height, width = sizes
    flat = images.resize(np.full((h, w), level), height, width)
    assert np.abs(flat - level).max() <= 1e-4
    image = np.random.default_rng(level).uniform(-3, 5, (h, w))
    result = images.resize(image, height, width)
    assert image.min() - 1e-6 <= result.min() and result.max() <= image.max() + 1e-6


@pytest.mark.parametrize("shape, size", [((3, 4, 3), (2, 2)), ((0, 4), (2, 2)), ((3, 4), (0, 2)), ((3, 4), (2, -1))])
def test_resize_refuses_what_is_no_matrix(shape, size):
    with pytest.raises(UserError, match="cannot resize"):
        images.resize(np.zeros(shape), *size)


# every format and mode


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "WEBP"])
def test_lossless_formats_give_the_grey_levels_exactly(kind, tmp_path):
    path = tmp_path / f"x.{kind.lower()}"
    Image.fromarray(GREY).save(path, kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(images.load_grey(path), GREY)
    assert np.array_equal(images.load_grey(str(path)), GREY)
    assert np.array_equal(images.load_grey(path.read_bytes()), GREY)


def test_jpeg_is_close():
    smooth = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    assert np.abs(images.load_grey(encoded(Image.fromarray(smooth), "JPEG", quality=95)) - smooth).max() <= 4


def test_colour_becomes_luma_and_grey_stays_exact():
    grey = images.load_grey(encoded(Image.fromarray(COLOUR)))
    assert grey.dtype == np.float32 and np.abs(grey - LUMA).max() < 1e-4
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(images.load_grey(encoded(Image.fromarray(np.dstack([every] * 3)))), every)
    assert np.array_equal(images.load_grey(encoded(Image.fromarray(np.dstack([every] * 3 + [every * 0 + 255])))), every)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparent_pixels_lie_on_white(kind):
    alpha = RNG.integers(0, 256, GREY.shape, dtype=np.uint8)
    image = Image.fromarray(np.dstack([COLOUR, alpha]))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    expected = (LUMA * alpha + 255.0 * (255 - alpha)) / 255
    assert np.abs(images.load_grey(encoded(image, kind, **options)) - expected).max() < 1e-3


def test_grey_with_alpha():
    alpha = np.where(GREY > 128, 255, 0).astype(np.uint8)
    image = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)])
    assert np.array_equal(images.load_grey(encoded(image)), np.where(alpha, GREY, 255))


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_a_transparent_colour_lies_on_white(mode):
    image = Image.new(mode, (8, 8), 0)
    image.paste({"L": 200, "RGB": (200, 200, 200), "1": 1}[mode], (4, 0, 8, 8))
    grey = images.load_grey(encoded(image, transparency=(0, 0, 0) if mode == "RGB" else 0))
    assert (grey[:, :4] == 255).all() and (grey[:, 4:] == (255 if mode == "1" else 200)).all()


def test_palettes_with_and_without_transparency():
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 10, 10, 90, 90, 90, 250, 250, 250])
    image.paste(1, (4, 0, 8, 8))
    for kind in ("PNG", "GIF", "BMP"):
        assert set(np.unique(images.load_grey(encoded(image, kind)))) == {10, 90}
    for kind in ("PNG", "GIF"):
        assert set(np.unique(images.load_grey(encoded(image, kind, transparency=0)))) == {90, 255}


def test_sixteen_bits_are_scaled():
    levels = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    image = Image.fromarray(levels)
    assert np.abs(images.load_grey(encoded(image)) - levels / 257).max() < 1e-4
    assert np.abs(images._grey(image.convert("I")) - levels / 257).max() < 1e-4  # what older Pillows make of it
    image.info["transparency"] = int(levels[2, 3])
    expected = np.where(levels == levels[2, 3], 255, levels / 257)
    assert np.abs(images._grey(image) - expected).max() < 1e-4


def test_one_bit_and_cmyk():
    bits = Image.fromarray(GREY).convert("1")
    assert np.array_equal(images.load_grey(encoded(bits)), np.asarray(bits) * 255.0)
    sheet = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    sheet.paste((0, 0, 0, 255), (8, 0, 16, 16))
    grey = images.load_grey(encoded(sheet, "JPEG", quality=95))
    assert grey[:, :7].min() > 250 and grey[:, 9:].max() < 5


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("L", (9, 9), level) for level in (40, 200)]
    assert (images.load_grey(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])) == 40).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    upright = Image.fromarray(GREY)
    upright.getexif()[274] = orientation
    assert np.array_equal(
        images.load_grey(encoded(Image.fromarray(GREY), exif=exif)), np.asarray(ImageOps.exif_transpose(upright))
    )


def test_damaged_exif_does_not_spoil_the_picture():
    assert np.array_equal(images.load_grey(encoded(Image.fromarray(GREY), exif=b"Exif\0\0nonsense")), GREY)


# bad files: one clear line that names the file


def bad_files():
    whole = {k: encoded(Image.fromarray(np.tile(COLOUR, (9, 9, 1))), k) for k in ("PNG", "JPEG", "GIF", "BMP", "WEBP")}
    broken = whole["PNG"][:60] + b"\xff\xff\xff" + whole["PNG"][63:]
    return {
        **{f"truncated.{kind}": content[: len(content) // 2] for kind, content in whole.items()},
        **{f"header_only.{kind}": content[:20] for kind, content in whole.items()},
        "broken.png": broken,
        "empty.png": b"",
        "text.png": b"this is a letter, not a picture",
        "page.jpg": b"<html><body>Please log in</body></html>",
        "vector.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        "onepixel.png": encoded(Image.new("L", (1, 1))),
        "flat.gif": encoded(Image.new("L", (90, 2)), "GIF"),
        "large.png": png_header(9000, 9000),
        "bomb.png": png_header(10000, 10000),  # here Pillow warns
        "hugebomb.png": png_header(60000, 60000),  # and here it stops
        "nopixels.png": png_header(90, 30),
    }


@pytest.mark.parametrize("name, content", bad_files().items(), ids=bad_files())
def test_a_bad_file_is_a_clear_error_that_names_it(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    for source, given_name in ((path, None), (content, name)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # nor may Pillow's warnings reach the user
            with pytest.raises(UserError) as caught:
                images.load_grey(source, given_name)
        message = str(caught.value)
        assert name in message and "\n" not in message
        expected = {"empty": "0 bytes", "onepixel": "too small", "flat": "too small", "text": "not an image"}
        expected |= {"large": "too large", "bomb": "too large", "hugebomb": "too large", "vector": "not an image"}
        assert expected.get(name.split(".")[0], "") in message


def test_missing_files_folders_and_odd_names(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.png.*no such file"):
        images.load(tmp_path / "nowhere.png")
    with pytest.raises(UserError, match="folder"):
        images.load(tmp_path)
    odd = tmp_path / "a\x1b[31m\nb.png"
    odd.write_bytes(b"x")
    with pytest.raises(UserError) as caught:
        images.load(odd)
    assert str(caught.value).isprintable()
    with pytest.raises(UserError):
        images.load("a\0b.png")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root and Windows may read every file")
def test_an_unreadable_file(tmp_path):
    (tmp_path / "locked.png").write_bytes(encoded(Image.fromarray(GREY)))
    (tmp_path / "locked.png").chmod(0)
    with pytest.raises(UserError, match=r"locked\.png.*ermission"):
        images.load(tmp_path / "locked.png")


def test_an_error_of_the_system_is_told_in_its_words(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(encoded(Image.fromarray(GREY)))

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UserError, match=r"x\.png.*Permission denied"):
        images.load_grey(path)


# the tensor


def test_standardise_makes_mean_0_sd_1_and_ink_positive():
    sheet = np.full((50, 200), 230.0, np.float32)
    sheet[20:30, 40:60] = 20
    tensor = images.standardise(sheet)
    assert tensor.shape == (1, 32, 128) and tensor.dtype == torch.float32
    assert abs(tensor.mean().item()) < 1e-6 and abs(tensor.std(correction=0).item() - 1) < 1e-5
    assert tensor[0, 16, 32] > 1 > 0 > tensor[0, 2, 2]
    assert images.standardise(sheet, 48, 200).shape == (1, 48, 200)


def test_contrast_and_brightness_do_not_matter():
    sheet = RNG.uniform(0, 100, (50, 200)).astype(np.float32)
    assert torch.allclose(images.standardise(sheet), images.standardise(sheet * 2 + 50), atol=1e-4)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_sheet_stays_near_zero(level):
    assert images.standardise(np.full((50, 200), level)).abs().max() < 1e-6
    noisy = np.clip(level + RNG.normal(0, 2, (50, 200)), 0, 255).round().astype(np.uint8)
    tensor = images.standardise(images.load_grey(encoded(Image.fromarray(noisy), "JPEG", quality=75)))
    assert tensor.std() < 0.25


def test_load_is_load_grey_and_standardise(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "x.png")
    assert torch.equal(images.load(tmp_path / "x.png"), images.standardise(GREY.astype(np.float32)))
