"""What the fuzzing tests share: how many cases, ways to damage a file or a value, and what counts as an answer."""

import contextlib
import csv
import io
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from PIL import Image

from crnn_lib.errors import UserError
from crnn_lib.tools import cli

fuzz = settings.get_profile("fuzz")  # the number of cases: see conftest.py
few = settings(fuzz, max_examples=max(fuzz.max_examples // 10, 3))  # where a case trains a network or draws a page
ODD = [0, 1, 2, 0x7F, 0xFF, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**64 - 1]
HOSTILE = ["", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "../../x", "\u202egnp.exe", "\x1b[2J",
           "\0", "a\nb", "$\\frac$", "%s%n", "=1+1", "\udcff", "e" + "\u0301" * 50, "__proto__",
           "nan", "-"]  # fmt: skip
texts = st.one_of(st.text(max_size=8), st.sampled_from(HOSTILE))
numbers = st.one_of(st.sampled_from([-1, 1e308, -0.0, *ODD, 10**30]), st.integers(-5, 300), st.floats())
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)

cells = st.one_of(texts, st.sampled_from(["a.png", "./a.png", "b/../a.png", "C:a", "\\a", "file", "label"]))
tables = st.lists(st.lists(cells, max_size=4), max_size=5)


@st.composite
def damaged(draw, sound):
    """One of the files `sound` (bytes), with bits flipped, parts cut out, spliced in, or lengths that lie."""
    content = bytearray(draw(st.sampled_from(sound)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, min(64, len(content))) | st.integers(0, len(content)))
        kind = draw(st.sampled_from(["flip", "cut", "end", "write", "splice", "lie"]))
        if kind == "flip" and at < len(content):
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del content[at : at + draw(st.integers(1, 20))]
        elif kind == "end":
            del content[at:]
        elif kind == "write":
            new = draw(st.binary(min_size=1, max_size=8))
            content[at : at + len(new)] = new
        elif kind == "splice":
            other = draw(st.sampled_from(sound))
            start = draw(st.integers(0, len(other)))
            content[at:at] = other[start : start + draw(st.integers(1, 400))]
        elif kind == "lie":
            form = draw(st.sampled_from(["<H", ">H", "<I", ">I", "<Q", ">Q"]))
            number = struct.pack(form, draw(st.sampled_from(ODD)) % 2 ** (8 * struct.calcsize(form)))
            content[at : at + len(number)] = number
    return bytes(content)


@st.composite
def crooked(draw, value):
    """`value`, of JSON, with one part of it replaced, left out or doubled, at any depth."""
    if not isinstance(value, dict | list) or not value or not draw(st.integers(0, 4)):
        return draw(json_values)
    copy = value.copy()
    key = draw(st.sampled_from(sorted(copy) if isinstance(copy, dict) else range(len(copy))))
    kind = draw(st.sampled_from(["deeper"] * 4 + ["drop", "add"]))
    if kind == "deeper":
        copy[key] = draw(crooked(copy[key]))
    elif kind == "drop":
        del copy[key]
    elif isinstance(copy, dict):
        copy[draw(texts)] = draw(json_values)
    else:
        copy.insert(key, draw(st.sampled_from(value)))
    return copy


def sealed_png(content):
    """The PNG file `content` with the right checksum on each chunk, as whoever damages it on purpose would set it."""
    result, at = bytearray(content), 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        end = at + 8 + length
        if end + 4 > len(content):
            break
        result[end : end + 4] = struct.pack(">I", zlib.crc32(content[at + 4 : end]))
        at = end + 4
    return bytes(result)


def as_csv(rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def picture(form, mode="L", frames=1, size=(12, 9), **options):
    file, grey = io.BytesIO(), np.arange(size[0] * size[1], dtype=np.uint8).reshape(size[::-1])
    shown = [Image.fromarray(np.roll(grey, i)).convert(mode) for i in range(frames)]
    more = {"save_all": True, "append_images": shown[1:]} if frames > 1 else {}
    shown[0].save(file, form, **more, **options)
    return file.getvalue()


def call(arguments):
    """Run one command in this process: exit code, stdout and stderr, as strict as a terminal's."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    err.reconfigure(errors="backslashreplace")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(arguments)
        except SystemExit as end:  # argparse, after --help
            code = end.code
    out.flush(), err.flush()
    return code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()


def assert_plain(text):
    """What a terminal shows as it stands."""
    for line in text.replace("\r", "\n").replace("\t", " ").split("\n"):
        assert line.isprintable() and len(line) < 20_000, ascii(line[:200])


def zipped(files, method=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(files, **header):
    """A tar file of {name: bytes}, or (name, bytes) if a name comes twice; fields of each header may be given."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in header.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def sealed_tar(content):
    """The tar file `content` with the right checksum on each header, as whoever damages it on purpose would set it."""
    result = bytearray(content)
    for at in range(0, len(result) - 511, 512):
        if result[at + 257 : at + 262] == b"ustar":
            result[at + 148 : at + 156] = b" " * 8
            result[at + 148 : at + 156] = b"%06o\0 " % sum(result[at : at + 512])
    return bytes(result)


def answer(function, *arguments, **options):
    """What `function` gives, or None where it refuses in words for the user; anything else is a fault."""
    try:
        return function(*arguments, **options)
    except UserError as error:
        assert str(error).strip()
        return None


def everything(folder):
    """Each path in `folder` and what it holds."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def files_in(folder):
    """What each file in `folder` holds, by its path there; empty folders do not count."""
    return {p.relative_to(folder).as_posix(): held for p, held in everything(folder).items() if held is not None}


@contextlib.contextmanager
def largest_file(size):
    """No file may grow beyond `size` bytes: the next write fails, as on a full disk."""
    resource = pytest.importorskip("resource", reason="POSIX alone has such limits")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
