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

import torch

from crnn_lib import images
from crnn_lib.errors import UserError

EXTENSIONS = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"}
LABELS_CSV = "labels.csv"


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images (N, 1, H, W) float32, standardised, with the label and the file name of each."""

    images: torch.Tensor
    labels: tuple[str, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.labels) == len(self.names):
            raise ValueError(f"{len(self.images)} images, {len(self.labels)} labels, {len(self.names)} names")

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: Iterable[int]) -> "LabelledImages":
        """The images at `indices`, in that order."""
        at = list(indices)
        return LabelledImages(self.images[at], tuple(self.labels[i] for i in at), tuple(self.names[i] for i in at))

    def fingerprint(self) -> str:
        """SHA-256 in hex of the sorted (name, label) pairs: which data this is, in whatever order."""
        return hashlib.sha256(json.dumps(sorted(zip(self.names, self.labels, strict=True))).encode()).hexdigest()


@dataclass(frozen=True)
class LabelledFile:
    """An image file, its name relative to its folder (with /), and its label."""

    path: Path
    name: str
    label: str


def read_labels(path: str | Path) -> dict[str, str]:
    """File name -> label from a CSV with the columns file and label (others are ignored; a BOM and quotes are fine).

    Raises UserError for an unreadable file, a missing column, a file that stands twice, an empty label, or a file name
    that leads out of the folder.
    """
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
                name, label = _relative_name(row["file"] or "", where), _label(row["label"] or "", where)
                if name in labels:
                    raise UserError(f"{where}: {name!r} stands twice")
                labels[name] = label
    except OSError as error:
        raise UserError(f"cannot read {shown}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {shown} as CSV in UTF-8: {error}") from error
    if not labels:
        raise UserError(f"{shown} names no file")
    return labels


def _label(text: str, where: str) -> str:
    label = unicodedata.normalize("NFC", text.strip())  # macOS writes file names decomposed
    if not label:
        raise UserError(f"{where}: the label is empty")
    return label


def _relative_name(text: str, where: str) -> str:
    path = PureWindowsPath(text.strip())  # takes / and \ alike
    if not path.parts or path.drive or path.root or ".." in path.parts:
        raise UserError(f"{where}: {text!r} is no file name inside the folder")
    return path.as_posix()


def list_folder(folder: str | Path, labels_csv: str | Path | None = None) -> list[LabelledFile]:
    """The labelled images of a folder, sorted by name.

    With a labels.csv (in the folder, or given as `labels_csv`) it says which files count and what they show; else each
    image's file name without its extension is its label. Hidden files and other extensions are ignored.
    Raises UserError for a missing or empty folder, a file of the CSV that is not there, and as `read_labels`.
    """
    folder = Path(folder)
    shown = repr(str(folder))
    if not os.path.isdir(folder):
        raise UserError(f"{shown} is not a folder: give one with images named by their labels, or with a {LABELS_CSV}")
    if labels_csv is None and os.path.exists(folder / LABELS_CSV):
        labels_csv = folder / LABELS_CSV
    if labels_csv is not None:
        files = [LabelledFile(folder / name, name, label) for name, label in read_labels(labels_csv).items()]
        missing = [file.name for file in files if not os.path.isfile(file.path)]
        if missing:
            raise UserError(f"{str(labels_csv)!r} names files that {shown} does not hold: {shorten(missing)}")
    else:
        try:
            paths = [p for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith(".")]
        except OSError as error:
            raise UserError(f"cannot read the folder {shown}: {error.strerror}") from error
        files = [LabelledFile(p, p.name, _label(p.stem, repr(str(p)))) for p in paths if not p.is_dir()]
        if not files:
            raise UserError(f"{shown} holds no image ({', '.join(sorted(EXTENSIONS))}) and no {LABELS_CSV}")
    return sorted(files, key=lambda file: file.name)


def shorten(items: Sequence[str], limit: int = 10) -> str:
    """The first `limit` items, quoted, and how many more there are: for a message of one line."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(map(repr, items[:limit])) + more


def load_folder(
    folder: str | Path, height: int = images.HEIGHT, width: int = images.WIDTH, skip_bad: bool = False
) -> LabelledImages:
    """Read every labelled image of a folder, see `list_folder`, as images (N, 1, height, width).

    Files that are no sound image are reported together in one UserError; with `skip_bad` they are named on stderr and
    left out, unless nothing is left.
    """
    files, tensors, bad = [], [], []
    for file in list_folder(folder):
        try:
            tensors.append(images.load(file.path, height, width))
            files.append(file)
        except UserError as error:
            bad.append(str(error))
    if bad:
        more = f"; and {len(bad) - 10} more" if len(bad) > 10 else ""
        report = f"{len(bad)} of {len(bad) + len(files)} images cannot be used: {'; '.join(bad[:10])}{more}"
        if not (skip_bad and files):
            raise UserError(report)
        print(f"warning: skipped {report}", file=sys.stderr)
    return LabelledImages(torch.stack(tensors), tuple(f.label for f in files), tuple(f.name for f in files))


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
