"""Labelled images: folders, labels.csv, and splits that neither leak nor depend on the folder's order."""

import csv
import hashlib
import json
import os
import random
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import torch

from crnn_lib import images
from crnn_lib.errors import UserError

EXTENSIONS = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"}
LABELS_CSV = "labels.csv"


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images (N, 1, H, W) float32, standardised, with the label and the file name of each.

    `digests` has a hash of each image's pixels as they were before resizing; without it the tensors are hashed.
    """

    images: torch.Tensor
    labels: tuple[str, ...]
    names: tuple[str, ...]
    digests: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.labels) == len(self.names):
            raise ValueError(f"{len(self.images)} images, {len(self.labels)} labels, {len(self.names)} names")
        if len(self.digests) not in (0, len(self.names)):
            raise ValueError(f"{len(self.names)} names, {len(self.digests)} digests")

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: Iterable[int]) -> "LabelledImages":
        """The images at `indices`, in that order."""
        at = list(indices)
        parts = (self.labels, self.names, self.digests)
        return LabelledImages(self.images[at], *(tuple(part[i] for i in at) if part else () for part in parts))

    def fingerprint(self) -> str:
        """Which data this is, in whatever order: "2:" and the SHA-256 in hex of all names, labels and pixels."""
        return "2:" + _hash(sorted(zip(self.names, self.labels, self.pixels(), strict=True)))

    def is_known_as(self, fingerprint: object) -> bool:
        """Whether this is the data with that fingerprint. Those of version 1 cover names and labels only."""
        return fingerprint in (self.fingerprint(), _hash(sorted(zip(self.names, self.labels, strict=True))))

    def pixels(self) -> Sequence[str]:
        """A hash of each image's pixels."""
        return self.digests or [hashlib.sha256(image.cpu().numpy().tobytes()).hexdigest() for image in self.images]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


@dataclass(frozen=True)
class LabelledFile:
    """An image file, its name relative to its folder (with /), its label, and the label before it was trimmed."""

    path: Path
    name: str
    label: str
    written: str


def read_labels(path: str | Path, fold_spaces: bool = False) -> dict[str, str]:
    """File name -> label from a CSV with the columns file and label (others are ignored; a BOM and quotes are fine).

    Labels are trimmed and brought to composed characters (NFC); with `fold_spaces` each run of white space within them
    becomes one space. Raises UserError for an unreadable file, a missing column, a file listed twice, an empty
    label, or a file name that leads out of the folder.
    """
    written = _written_labels(path)
    return {name: tidy(text, fold_spaces) for name, text in written.items()}


def _written_labels(path: str | Path) -> dict[str, str]:
    shown, labels = repr(str(path)), {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            reader.fieldnames = [(field or "").strip().lower() for field in reader.fieldnames or []]
            if not {"file", "label"} <= set(reader.fieldnames):
                raise UserError(f"{shown} needs a first line with the columns file,label")
            for row in reader:
                where = f"{shown}, line {reader.line_num}"
                if None in row:
                    raise UserError(f"{where}: more cells than columns (quote a label that holds a comma)")
                name, label = _relative_name(row["file"] or "", where), row["label"] or ""
                if name in labels:
                    raise UserError(f"{where}: {name!r} is listed twice")
                labels[name] = _not_empty(label, where)
    except OSError as error:
        raise UserError(f"cannot read {shown}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {shown} as CSV in UTF-8: {error}") from error
    if not labels:
        raise UserError(f"{shown} names no file")
    return labels


def _not_empty(label: str, where: str) -> str:
    if not label.strip():
        raise UserError(f"{where}: the label is empty")
    return label


def tidy(label: str, fold_spaces: bool = True) -> str:
    """A label without white space at its ends, in composed characters; each run of it within folded to one space."""
    label = " ".join(label.split()) if fold_spaces else label.strip()
    return unicodedata.normalize("NFC", label)  # macOS writes file names decomposed


def _relative_name(text: str, where: str) -> str:
    path = PureWindowsPath(text.strip())  # takes / and \ alike
    if not path.parts or path.drive or path.root or ".." in path.parts:
        raise UserError(f"{where}: {text!r} is no file name inside the folder")
    return path.as_posix()


def list_folder(folder: str | Path, label_until: str | None = None, fold_spaces: bool = False) -> list[LabelledFile]:
    """The labelled images of a folder, sorted by name.

    Where the folder has a labels.csv, it says which files count and what they show; else each image's file name without
    its extension is its label, or what comes before `label_until` in it. Hidden files and other extensions are ignored.
    Labels are treated as in `read_labels`.
    Raises UserError for a missing or empty folder, a file of the CSV that is not there, a `label_until` that is in no
    file name, and as `read_labels`.
    """
    folder, table = Path(folder), Path(folder) / LABELS_CSV
    shown = repr(str(folder))
    if not os.path.isdir(folder):
        raise UserError(f"{shown} is not a folder: give one with images named by their labels, or with a {LABELS_CSV}")
    if os.path.exists(table):
        if label_until:
            raise UserError(f"the labels are those of {str(table)!r}, not the file names: omit --label-until")
        written = _written_labels(table)
        missing = [name for name in written if not os.path.isfile(folder / name)]
        if missing:
            raise UserError(f"{str(table)!r} names files that {shown} does not hold: {shorten(missing)}")
    else:
        try:
            paths = [p for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith(".")]
        except OSError as error:
            raise UserError(f"cannot read the folder {shown}: {error.strerror}") from error
        stems = {p.name: unicodedata.normalize("NFC", p.stem) for p in paths if not p.is_dir()}
        if not stems:
            raise UserError(f"{shown} holds no image ({', '.join(sorted(EXTENSIONS))}) and no {LABELS_CSV}")
        if label_until and not any(label_until in stem for stem in stems.values()):
            raise UserError(f"no file name in {shown} holds {label_until!r}: give another --label-until")
        written = {
            name: _not_empty(stem.partition(label_until)[0] if label_until else stem, repr(str(folder / name)))
            for name, stem in stems.items()
        }
    return [
        LabelledFile(folder / name, name, label := tidy(text, fold_spaces), label if fold_spaces else text)
        for name, text in sorted(written.items())
    ]


def shorten(items: Sequence[str], limit: int = 10) -> str:
    """The first `limit` items, quoted, and how many more there are: for a message of one line."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(map(repr, items[:limit])) + more


def load_folder(
    folder: str | Path,
    height: int = images.HEIGHT,
    width: int = images.WIDTH,
    skip_bad: bool = False,
    label_until: str | None = None,
    fold_spaces: bool = False,
) -> LabelledImages:
    """Read every labelled image of a folder, see `list_folder`, as images (N, 1, height, width).

    Files that are no sound image are reported together in one UserError; with `skip_bad` they are named on stderr and
    left out, unless nothing is left.
    """
    return sound(*load_files(list_folder(folder, label_until, fold_spaces), height, width), skip_bad)


def sound(data: LabelledImages, problems: Mapping[str, str], skip_bad: bool = False) -> LabelledImages:
    """The first of what `load_files` gives, if it is all that was asked for. Raises UserError as `load_folder`."""
    if problems:
        bad = list(problems.values())
        more = f"; and {len(bad) - 10} more" if len(bad) > 10 else ""
        report = f"{len(bad)} of {len(data) + len(bad)} images cannot be used: {'; '.join(bad[:10])}{more}"
        if not (skip_bad and len(data)):
            raise UserError(report)
        print(f"warning: skipped {report}", file=sys.stderr)
    return data


def load_files(
    files: Sequence[LabelledFile], height: int = images.HEIGHT, width: int = images.WIDTH
) -> tuple[LabelledImages, dict[str, str]]:
    """Those of `files` that are sound images, as (N, 1, height, width), and by name what is wrong with the others."""
    kept, tensors, digests, problems = [], [torch.empty(0, 1, height, width)], [], {}
    for file in files:
        try:
            grey = images.load_grey(file.path)
            digests.append(_digest(file.path, grey))
        except UserError as error:
            problems[file.name] = str(error)
            continue
        tensors.append(images.standardise(grey, height, width)[None])
        kept.append(file)
    labels, names = tuple(file.label for file in kept), tuple(file.name for file in kept)
    return LabelledImages(torch.cat(tensors), labels, names, tuple(digests)), problems


def _digest(path: Path, grey: np.ndarray) -> str:
    """A hash of an image's pixels that every machine finds: decoders of lossy formats differ, so there the file's."""
    return images.digest(grey) if path.suffix.lower() == ".png" else hashlib.sha256(path.read_bytes()).hexdigest()


def with_labels(data: LabelledImages, mapping: Mapping[str, str]) -> LabelledImages:
    """The same images with the labels of `mapping` (name -> label) in place of their own; the others keep theirs.

    Raises UserError when `mapping` names a file that `data` does not hold.
    """
    unknown = sorted(set(mapping) - set(data.names))
    if unknown:
        raise UserError(f"the labels name files that the data does not hold: {shorten(unknown)}")
    return replace(data, labels=tuple(mapping.get(n, own) for n, own in zip(data.names, data.labels, strict=True)))


def split(labels: Sequence[str], train_fraction: float = 0.7, seed: int = 0) -> tuple[list[int], list[int]]:
    """Indices of the training part and of the rest, both ascending.

    Whole labels are dealt: images with the same label stay on one side. The distinct labels, sorted and shuffled by
    `seed`, fill the training part as long as they fit into round(train_fraction * N), so the same images fall on the
    same side whatever their order in `labels`. Neither side is empty.
    Raises UserError for a fraction outside (0, 1) or fewer than two distinct labels.
    """
    if not 0 < train_fraction < 1:
        raise UserError(f"the training fraction must lie between 0 and 1, not {train_fraction}")
    groups = _shuffled_groups(labels, 2, seed)
    wanted = min(max(round(train_fraction * len(labels)), 1), len(labels) - 1)
    train: list[int] = []
    rest: list[int] = []
    for group in groups:
        fits = not train or len(train) + len(group) <= wanted
        (train if fits else rest).extend(group)
    return sorted(train), sorted(rest)


def folds(labels: Sequence[str], k: int = 5, seed: int = 0) -> list[tuple[list[int], list[int]]]:
    """k pairs of (training indices, test indices), ascending; each index is in exactly one test part.

    Labels are dealt whole, as in `split`, each to the smallest fold so far.
    Raises UserError for k below 2 or above the number of distinct labels.
    """
    if k < 2:
        raise UserError(f"cross-validation needs at least 2 folds, not {k}")
    tests: list[list[int]] = [[] for _ in range(k)]
    for group in _shuffled_groups(labels, k, seed):
        min(tests, key=len).extend(group)
    return [(sorted(set(range(len(labels))) - set(test)), sorted(test)) for test in tests]


def _shuffled_groups(labels: Sequence[str], parts: int, seed: int) -> list[list[int]]:
    groups: dict[str, list[int]] = {label: [] for label in sorted(set(labels))}
    if len(groups) < parts:
        raise UserError(f"cannot deal {len(groups)} distinct labels into {parts} parts: give more images")
    for index, label in enumerate(labels):
        groups[label].append(index)
    shuffled = list(groups.values())
    random.Random(seed).shuffle(shuffled)
    return shuffled
