"""Tar shards in the form of webdataset: images and labels by key, found by an index of the headers, read by seeking.

Members with the same key, their path up to the first dot of the file name, belong together: `00012.png` is an image and
`00012.txt` its label (https://github.com/webdataset/webdataset). Members of other kinds are ignored.
"""

import itertools
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, NamedTuple

from crnn_lib.errors import UserError
from crnn_lib.stored import EXTENSIONS, LabelledFile, labelled

LABEL = ".txt"
LARGEST_IMAGE, LARGEST_LABEL = 200_000_000, 65_536  # bytes: no sound one has more
MOST_SHARDS = 100_000
MEANING = "a shard holds an image and its label (.txt) for each key, the path up to the first dot of a file name"


def find_shards(where: str | Path) -> list[Path]:
    """The shards that `where` means: a .tar file, those in a folder, or a pattern `train-{000..019}.tar`; else none.

    Raises UserError for a pattern that names a file that is not there, or too many.
    """
    path, text = Path(where), str(where)
    if os.path.isdir(path):
        try:
            return sorted(p for p in path.iterdir() if p.suffix.lower() == ".tar" and not p.name.startswith("."))
        except OSError as error:
            raise UserError(f"cannot read the folder {text!r}: {error.strerror}") from error
    if re.search(r"\.(tgz|tar\.\w+)$", text, re.IGNORECASE):
        raise UserError(f"{text!r} is compressed: images cannot be found in it by seeking; unpack it to a plain .tar")
    if not text.lower().endswith(".tar"):
        return []
    paths = [path] if os.path.isfile(path) else list(map(Path, itertools.islice(_expand(text), MOST_SHARDS + 1)))
    if len(paths) > MOST_SHARDS:
        raise UserError(f"{text!r} means more than {MOST_SHARDS:,} shards")
    if missing := [p for p in paths if not os.path.isfile(p)]:
        more = f" ({len(missing)} of {len(paths)} are not there)" if len(paths) > 1 else ""
        raise UserError(f"there is no shard {str(missing[0])!r}{more}")
    return paths


def _expand(pattern: str) -> Iterator[str]:
    """Each text that a pattern with braces means, as in a shell: {000..019} counts, {a,b} lists."""
    match = re.search(r"\{(?:(\d{1,9})\.\.(\d{1,9})|([^{}]*,[^{}]*))\}", pattern)
    if not match or pattern.count("{") > 9:  # nobody means that many
        yield pattern
        return
    first, last, listed = match.groups()
    digits = max(len(first), len(last)) if not listed and "0" in (first[0], last[0]) else 0
    each = listed.split(",") if listed else (f"{n:0{digits}}" for n in range(int(first), int(last) + 1))
    for one in each:
        yield from _expand(pattern[: match.start()] + one + pattern[match.end() :])


def list_shards(shards: Sequence[Path], fold_spaces: bool = False) -> tuple[list[LabelledFile], list[str]]:
    """The labelled images of shards, sorted by name, whichever shard they are in; and a line on each fault.

    A fault is a shard that is not a tar file, is cut short or damaged, or holds no image; an image without its label or
    the reverse; a key that occurs twice, be it in two shards; a member that is a link or a device, is too large, or
    whose path leads out. A label is text in UTF-8, treated as in `data.read_labels`.
    """
    files: list[LabelledFile] = []
    faults: list[str] = []
    where: dict[str, Path] = {}  # key -> shard
    for shard in shards:
        for key, pair in _pairs(shard, faults).items():
            if len(pair) < 2:
                (lone,) = pair.values()
                other = "label" if lone.is_image else "image"
                faults.append(f"{str(shard)!r}: {lone.name!r} is without its {other}: {MEANING}")
            elif key in where:
                faults.append(f"{str(shard)!r}: the key {key!r} is in {str(where[key])!r} too: rename one")
            else:
                where[key], image = shard, pair[True]
                files.append(labelled(shard, image.name, pair[False].text, fold_spaces, image.offset, image.size))
    return sorted(files, key=lambda file: file.name), faults


class _Member(NamedTuple):
    """A member that counts: an image, or a label and its text."""

    name: str
    is_image: bool
    offset: int
    size: int
    text: str


def _pairs(shard: Path, faults: list[str]) -> dict[str, dict[bool, _Member]]:
    """Key -> {is it the image: member} of one shard; a shard that cannot be read on ends before its fault."""
    pairs: dict[str, dict[bool, _Member]] = {}
    spoilt: set[str] = set()
    shown = repr(str(shard))
    try:
        with open(shard, "rb") as file:
            for info in _headers(file):
                folder, slash, base = PureWindowsPath(info.name).as_posix().rpartition("/")
                key = folder + slash + base.partition(".")[0]
                try:
                    member = _member(info, file)
                except UserError as error:
                    faults.append(f"{shown}: {error}")
                    spoilt.add(key)
                    continue
                if member:
                    first = pairs.setdefault(key, {}).setdefault(member.is_image, member)
                    if first is not member:
                        faults.append(f"{shown}: {first.name!r} and {member.name!r} have one key, {key!r}: {MEANING}")
        if not pairs and not spoilt:
            faults.append(f"{shown} holds no image: {MEANING}")
    except UserError as error:
        faults.append(f"{shown} {error}")
    except OSError as error:
        faults.append(f"cannot read {shown}: {error.strerror or error}")
    return {key: pair for key, pair in pairs.items() if key not in spoilt}


def _headers(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """The header of each member that is wholly in `file`. Raises UserError, after the last, where anything is lost.

    tarfile takes the first damaged header for the end; the real end is a block of zeros.
    """
    size, last, after = os.fstat(file.fileno()).st_size, -1, ""
    if not size:
        raise UserError("is empty (0 bytes)")
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # it would keep all of them
                if info.offset <= last:
                    raise tarfile.ReadError("a header that leads back")
                if not 0 <= info.size <= size - info.offset_data:
                    raise UserError(f"is cut short: {info.name!r} lacks its end")
                yield info
                last, after = info.offset, f" after {info.name!r}"
            file.seek(tar.offset)
    except UserError:
        raise
    except Exception as error:  # tarfile raises a dozen kinds
        what = "is cut short or damaged" if after else "is not a tar file, or its start is damaged"
        raise UserError(f"{what}{after}: {' '.join(str(error).split())[:120]}") from error
    end = file.read(tarfile.RECORDSIZE)
    if len(end) < tarfile.BLOCKSIZE:
        raise UserError(f"is cut short{after}: it has no end")
    if any(end):
        raise UserError(f"is damaged{after}, or holds more after its end")


def _member(info: tarfile.TarInfo, file: BinaryIO) -> _Member | None:
    """What a header stands for, or None if it does not count. Raises UserError for what a shard must not hold."""
    path = PureWindowsPath(info.name)  # takes / and \ alike
    suffix = path.suffix.lower()
    if info.isdir() or path.name.startswith(".") or suffix not in (*EXTENSIONS, LABEL):
        return None
    if path.drive or path.root or ".." in path.parts:
        raise UserError(f"{info.name!r} leads out of the shard")
    if not info.isreg() or info.sparse is not None:
        raise UserError(f"{info.name!r} is a link, a device or a sparse file: a shard holds plain files")
    is_image = suffix != LABEL
    if info.size > (LARGEST_IMAGE if is_image else LARGEST_LABEL):
        raise UserError(f"{info.name!r} is too large: {info.size:,} bytes")
    text = "" if is_image else _text(info, file)
    return _Member(path.as_posix(), is_image, info.offset_data, info.size, text)


def _text(info: tarfile.TarInfo, file: BinaryIO) -> str:
    file.seek(info.offset_data)
    try:
        text = file.read(info.size).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"the label {info.name!r} is not UTF-8") from error
    if not text.strip():
        raise UserError(f"the label {info.name!r} is empty")
    return text
