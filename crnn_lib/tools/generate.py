"""Generated data sets on disk: a folder with a labels.csv, or tar shards. One image at a time is in memory."""

import argparse
import io
import math
import sys
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from crnn_lib.data import LABELS_CSV
from crnn_lib.drawing import captchas, faces, lines, plates
from crnn_lib.errors import UserError, plain
from crnn_lib.files import alone, atomic_path, csv_text, write_text, writing

SWIFT = {"format": "PNG", "compress_level": 1}  # twice as fast as the default, for a tenth more bytes


def generate(a: argparse.Namespace) -> None:
    """Write generated images and their labels into a new folder."""
    chosen = _faces(a.faces, a.held_out) if a.kind != "captcha" else []
    with writing(a.out), alone(a.out / LABELS_CSV):
        if any(not path.name.startswith(".") for path in a.out.iterdir()):
            raise UserError(f"{a.out} is not empty: give a new folder")
        labels, pictures = drawn(a, chosen)
        pictures = iter(tqdm(pictures, "drawing", len(labels), unit=" images", file=sys.stderr, delay=2))
        if a.shards:
            kept = f"{write_shards(a.out, zip(pictures, labels, strict=True), len(labels), a.shards)} tar shards"
        else:
            stems = labels if a.kind != "lines" else [""] * len(labels)  # a line of print cannot name a file
            names = [f"{i:05d}{stem and '_'}{stem}.png" for i, stem in enumerate(stems)]  # as in captchas.dataset
            _write_folder(a.out, pictures, labels, names)
            kept = LABELS_CSV
    print(f"{len(labels)} images and {kept} in {plain(str(a.out))}")


def drawn(a: argparse.Namespace, chosen: list[faces.Face]) -> tuple[list[str], Iterator[np.ndarray]]:
    """The labels, and the pictures, each drawn when it is asked for."""
    if a.kind != "captcha":
        kind = lines if a.kind == "lines" else plates
        labels = [kind.label(a.seed, i) for i in range(a.count)]
        return labels, (picture for picture, _ in kind.generate(a.count, a.seed, chosen))
    labels = [captchas.random_label((a.seed, i, 1)) for i in range(a.count)]
    return labels, (captchas.render(label, (a.seed, i)) for i, label in enumerate(labels))


def _faces(which: Path, held_out: bool) -> list[faces.Face]:
    """Those of the wheels, and with "all" the system's, or else those of a folder; of the side that is asked for."""
    found = faces.wheels()
    if which != Path("wheels"):
        found = faces.joined(found, faces.find([faces.SYSTEM if which == Path("all") else which]))
    return [face for face in found if face.held_out == held_out]


def _write_folder(out: Path, pictures: Iterator[np.ndarray], labels: list[str], names: list[str]) -> None:
    rows = [{"file": name, "label": label} for name, label in zip(names, labels, strict=True)]
    try:
        write_text(out / LABELS_CSV, csv_text(rows))  # first: it makes a set that lacks images unreadable
        for picture, name in zip(pictures, names, strict=True):
            Image.fromarray(picture).save(out / name, **SWIFT)
    except BaseException:
        for name in (*names, LABELS_CSV):
            (out / name).unlink(missing_ok=True)
        raise


def write_shards(out: Path, pairs: Iterator[tuple[np.ndarray, str]], count: int, size: int) -> int:
    """Write `count` pictures and labels as 00000.tar, ... of `size` each, as `webdataset` does: KEY.png beside KEY.txt.

    Returns how many there are. An error or Ctrl-C leaves none; a shard is whole or absent.
    """
    shards = [out / f"{i:05d}.tar" for i in range(math.ceil(count / size))]
    numbered = enumerate(pairs)
    try:
        for shard in shards:
            with atomic_path(shard) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
                for i, (picture, label) in islice(numbered, size):
                    packed = io.BytesIO()
                    Image.fromarray(picture).save(packed, **SWIFT)
                    for ending, content in (("png", packed.getvalue()), ("txt", label.encode())):
                        member = tarfile.TarInfo(f"{i:08d}.{ending}")  # its time is 0: the same bytes every time
                        member.size = len(content)
                        tar.addfile(member, io.BytesIO(content))
    except BaseException:
        for shard in shards:
            shard.unlink(missing_ok=True)
        raise
    return len(shards)
