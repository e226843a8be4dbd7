"""Images, labels and weights, damaged by chance and by intent: each is read soundly, or refused in words.

A few cases of each property run by default; `make fuzz` runs thousands.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzzing import (
    answer,
    as_csv,
    crooked,
    damaged,
    fuzz,
    json_values,
    picture,
    sealed_png,
    sealed_tar,
    tables,
    tarred,
    texts,
)
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small import SMALL, parts, safetensors, worn

from crnn_lib import data, images, reader
from crnn_lib.alphabet import Alphabet
from crnn_lib.model import CRNN

# --- images ---

PNGS = [picture("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")]
PNGS += [picture("PNG", "L", transparency=9), picture("PNG", "RGB", 3), picture("PNG", "P", transparency=b"\0\x80")]
EXIF = Image.Exif()
EXIF[274] = 6
PICTURES = [*PNGS, *(picture("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA"))]
PICTURES += [picture("GIF"), picture("GIF", "P", 3), picture("WEBP", "RGB"), picture("WEBP", "RGBA", lossless=True)]
PICTURES += [picture("WEBP", "RGB", 3), picture("JPEG", exif=EXIF), picture("JPEG", "CMYK")]
PICTURES += [picture("JPEG", "RGB", progressive=True)]


@fuzz
@given(damaged(PICTURES) | damaged(PNGS).map(sealed_png) | st.binary(max_size=200))
def test_an_image_is_grey_levels_or_refused(content):
    grey = answer(images.load_grey, content)
    if grey is not None:
        assert grey.ndim == 2 and min(grey.shape) >= images.MIN_SIDE and grey.size <= images.MAX_PIXELS
        assert grey.dtype == np.float32 and grey.min() >= 0 and grey.max() <= 255
        image = answer(images.standardise, grey)  # a line, or refused: too long, or too narrow
        assert image is None or image.isfinite().all()
        assert images.standardise(grey, width=images.WIDTH).isfinite().all()


@fuzz
@given(st.sampled_from(["\0", "\ud800", "a/\0"]) | texts | st.text(max_size=300))
def test_a_path_to_an_image_may_be_any_text(place, name):
    answer(images.load_grey, place / "images" / name)
    answer(images.load_grey, name)


# --- labels ---


@fuzz
@given(texts, st.lists(texts, max_size=5), st.lists(st.integers(-3, 9), max_size=5))
def test_an_alphabet_takes_text_back_and_forth_or_refuses(symbols, labels, classes):
    for alphabet in (answer(Alphabet, symbols), answer(Alphabet.of, labels)):
        if alphabet is not None:
            for label in labels:
                found = answer(alphabet.encode, label)
                assert found is None or alphabet.decode(found) == label
            text = answer(alphabet.decode, classes)
            assert text is None or alphabet.encode(text) == classes


SOUND_CSV = b'\xef\xbb\xbffile,label,more\r\na.png,"x, y",1\r\nsub/b.png,z,2\r\n'


@fuzz
@given(damaged([SOUND_CSV]) | st.binary(max_size=80) | tables.map(lambda rows: as_csv([["file", "label"], *rows])))
def test_a_table_of_labels_is_read_or_refused(place, content):
    path = place / "labels.csv"
    path.write_bytes(content)
    labels = answer(data.read_labels, path)
    if labels is not None:
        for name, label in labels.items():
            assert label.strip() and not Path(name).is_absolute() and ".." not in Path(name).parts
        answer(data.list_folder, place)


@fuzz
@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=60), max_size=3))
def test_a_folder_of_any_file_names_is_read_or_refused(names):
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            try:
                Path(folder, f"{name}.png").write_bytes(PNGS[1])
            except (OSError, ValueError):
                continue  # no file can have that name
        found = answer(data.load_folder, folder, 8, 16)
        assert found is None or all(label == label.strip() != "" for label in found.labels)


# --- shards ---

PAIRS = {f"{i}.{kind}": text for i in range(3) for kind, text in (("png", PNGS[i]), ("txt", b"ab%d" % i))}
SHARDS = [tarred(PAIRS), tarred({f"{'long/' * 40}{name}": content for name, content in PAIRS.items()})]
SHARDS += [tarred({"x.jpg": PICTURES[-2], "x.txt": b"x", "x.json": b"{}"}, pax_headers={"path": "\u00e9/x.png"})]


def read_shard(place, content, skip_bad):
    path = place / "shard.tar"
    path.write_bytes(content)
    return answer(data.load_folder, path, 8, 16, skip_bad=skip_bad)


@fuzz
@given(damaged(SHARDS) | damaged(SHARDS).map(sealed_tar) | st.binary(max_size=1500), st.booleans())
def test_a_shard_is_read_or_refused(place, content, skip_bad):
    found = read_shard(place, content, skip_bad)
    if found is not None:
        assert all(label == label.strip() != "" for label in found.labels)
        assert len(set(found.names)) == len(found) > 0 and found.images.isfinite().all()
        assert not any(Path(name).is_absolute() or ".." in Path(name).parts for name in found.names)


@fuzz
@given(st.integers(0, 12 * 512 - 1))
def test_of_a_shard_that_is_cut_short_anywhere_nothing_is_lost_unsaid(place, end):
    cut = SHARDS[0][:end]
    assert read_shard(place, cut, skip_bad=False) is None
    found = read_shard(place, cut, skip_bad=True)
    whole = (end + 512 - len(b"ab0")) // (4 * 512)  # an image and its label, a block each after a header
    assert (0 if found is None else len(found)) == whole


# --- weights ---


@pytest.fixture(scope="module")
def weights(place):
    """Header, tensors and all bytes of a small reader's file."""
    path = place / "sound.safetensors"
    reader.save(worn(), path, {"data": "x", "history": []})
    return *parts(path.read_bytes()), path.read_bytes()


def assert_read_soundly(path):
    """The file is refused, or holds a reader that reads."""
    found = answer(reader.load, path)
    if found is not None:
        image = torch.zeros(1, 1, found.config.height, found.config.width)
        readings = reader.read(found, image)
        assert set(readings.texts[0]) <= set(found.config.alphabet)


@fuzz
@given(st.data())
def test_damaged_weights_are_read_or_refused(place, weights, draws):
    path = place / "damaged.safetensors"
    path.write_bytes(draws.draw(damaged([weights[2]]) | st.binary(max_size=100)))
    assert_read_soundly(path)


@fuzz
@given(st.data())
def test_weights_whose_header_lies_are_read_or_refused(place, weights, draws):
    path, (header, tensors, _) = place / "lying.safetensors", weights
    path.write_bytes(safetensors(draws.draw(crooked(header)), tensors))
    assert_read_soundly(path)


@fuzz
@given(st.data())
def test_weights_of_an_absurd_configuration_are_read_or_refused(place, weights, draws):
    path, (header, tensors, _) = place / "absurd.safetensors", weights
    metadata = dict(header["__metadata__"])
    key = draws.draw(st.sampled_from(["config", "provenance"]))
    metadata[key] = json.dumps(draws.draw(crooked(json.loads(metadata[key]))))
    path.write_bytes(safetensors(header | {"__metadata__": metadata}, tensors))
    assert_read_soundly(path)


@fuzz
@given(json_values)
def test_any_provenance_is_saved_whole_or_not_at_all(provenance):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reader.safetensors"
        try:
            reader.save(CRNN(SMALL), path, {"x": provenance})
        except (ValueError, UnicodeEncodeError):
            assert not list(Path(folder).iterdir())
        else:
            assert [p.name for p in Path(folder).iterdir()] == [path.name]
            reader.load(path)
