"""Labelled images: folders, labels.csv, and splits that neither leak nor depend on the folder's order."""

import csv
import hashlib
import json
import os
import random
import sys
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import Any

import torch
from tqdm.auto import tqdm

from crnn_lib import images
from crnn_lib.errors import UserError, plain
from crnn_lib.shards import find_shards, list_shards
from crnn_lib.stored import EXTENSIONS, LabelledFile, StoredImages, Texts, ahead, labelled, tidy

LABELS_CSV = "labels.csv"
IN_MEMORY = 256_000_000  # bytes: where its images take more, a set is decoded as it is needed


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Standardised images, (N, 1, H, W) float32 or a list of (1, H, W_i), with the label and the file name of each.

    Those of a set that is large are StoredImages, decoded when they are asked for, and its strings Texts.
    `digests` has a hash of each image's pixels as they were before resizing; without it the tensors are hashed.
    """

    images: torch.Tensor | Sequence[torch.Tensor]
    labels: Sequence[str]
    names: Sequence[str]
    digests: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.labels) == len(self.names):
            raise ValueError(f"{len(self.images)} images, {len(self.labels)} labels, {len(self.names)} names")
        if len(self.digests) not in (0, len(self.names)):
            raise ValueError(f"{len(self.names)} names, {len(self.digests)} digests")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def widths(self) -> Sequence[int]:
        """The width of each image, in columns."""
        if isinstance(self.images, StoredImages):
            return self.images.widths
        return [image.shape[-1] for image in self.images]

    def subset(self, indices: Iterable[int]) -> "LabelledImages":
        """The images at `indices`, in that order."""
        at = list(indices)
        return LabelledImages(*(_take(part, at) for part in (self.images, self.labels, self.names, self.digests)))

    def fingerprint(self) -> str:
        """Which data this is, in whatever order: "2:" and the SHA-256 in hex of all names, labels and pixels."""
        return "2:" + _hash(sorted(zip(self.names, self.labels, self.pixels(), strict=True)))

    def is_known_as(self, fingerprint: object) -> bool:
        """Whether this is the data with that fingerprint. Those of version 1 cover names and labels only."""
        return fingerprint in (self.fingerprint(), _hash(sorted(zip(self.names, self.labels, strict=True))))

    def pixels(self) -> Sequence[str]:
        """A hash of each image's pixels."""
        return self.digests or [hashlib.sha256(image.cpu().numpy().tobytes()).hexdigest() for image in self.images]


def _take(column: Any, at: list[int]) -> Any:
    """The items at `at` of whatever LabelledImages hold, as the same kind of thing."""
    if isinstance(column, (StoredImages, Texts)):
        return column.take(at)
    if isinstance(column, torch.Tensor):
        return column[at]
    return (list if isinstance(column, list) else tuple)(column[i] for i in at if len(column))


def _hash(rows: Iterable[Any]) -> str:
    """The SHA-256 of the rows as one list in JSON, which is never held as a whole."""
    found = hashlib.sha256(b"[")
    for i, row in enumerate(rows):
        found.update((", " if i else "").encode() + json.dumps(row).encode())
    found.update(b"]")
    return found.hexdigest()


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
            raise UserError(f"no file name in {shown} holds {label_until!r}: give a different --label-until")
        written = {
            name: _not_empty(stem.partition(label_until)[0] if label_until else stem, repr(str(folder / name)))
            for name, stem in stems.items()
        }
    return [labelled(folder, name, text, fold_spaces) for name, text in sorted(written.items())]


def list_set(
    where: str | Path, label_until: str | None = None, fold_spaces: bool = False, skip_bad: bool = False
) -> list[LabelledFile]:
    """The labelled images of a folder, see `list_folder`, or of tar shards, see `shards`, sorted by name.

    Shards are one .tar file, a folder of them, or a pattern `train-{000..019}.tar`. Their faults are reported together
    in one UserError; with `skip_bad` they are named on stderr and left out, unless nothing is left.
    """
    shards = find_shards(where)
    if not shards or os.path.exists(Path(where) / LABELS_CSV):
        return list_folder(where, label_until, fold_spaces)
    if label_until:
        raise UserError("a shard has a label for each image beside it, not in file names: omit --label-until")
    if os.path.isdir(where) and (images := [p for p in Path(where).iterdir() if p.suffix.lower() in EXTENSIONS]):
        raise UserError(f"{str(where)!r} holds shards and images ({images[0].name!r}): give a folder with one of them")
    files, faults = list_shards(shards, fold_spaces)
    _report(f"what is wrong in the shards ({len(faults)})", faults, skip_bad and bool(files))
    return files


def _report(count: str, faults: Sequence[str], skip: bool) -> None:
    """Raise UserError for `faults` that are not to be skipped; name them on stderr if they are."""
    if faults:
        more = f"; and {len(faults) - 10} more" if len(faults) > 10 else ""
        report = f"{count}: {'; '.join(faults[:10])}{more}"
        if not skip:
            raise UserError(report)
        print(f"warning: skipped {plain(report)}", file=sys.stderr)


def shorten(items: Sequence[str], limit: int = 10) -> str:
    """The first `limit` items, quoted, and how many more there are: for a message of one line."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(map(repr, items[:limit])) + more


def load_folder(
    folder: str | Path,
    height: int = images.HEIGHT,
    width: int | None = None,
    stretch: float = 1.0,
    skip_bad: bool = False,
    label_until: str | None = None,
    fold_spaces: bool = False,
) -> LabelledImages:
    """Every labelled image of a folder or of shards, see `list_set` and `images.standardise`.

    Files that cannot be read as images are reported together in one UserError; with `skip_bad` they are named on stderr
    and left out, unless nothing is left.
    """
    files = list_set(folder, label_until, fold_spaces, skip_bad)
    return sound(*load_files(files, height, width, stretch), skip_bad)


def sound(data: LabelledImages, problems: Mapping[str, str], skip_bad: bool = False) -> LabelledImages:
    """The first of what `load_files` gives, if it is all that was asked for. Raises UserError as `load_folder`."""
    bad = list(problems.values())
    _report(f"{len(bad)} of {len(data) + len(bad)} images cannot be used", bad, skip_bad and len(data) > 0)
    return data


def load_files(
    files: Sequence[LabelledFile], height: int = images.HEIGHT, width: int | None = None, stretch: float = 1.0
) -> tuple[LabelledImages, dict[str, str]]:
    """Those of `files` that are sound images, standardised, and by name what is wrong with the others.

    Every image is decoded once here, so that none can turn out to be damaged hours into a run. What was decoded
    is kept if it all fits into IN_MEMORY bytes; else the images are StoredImages.
    """
    stored = StoredImages(files, (height, width, stretch))
    tensors: list[torch.Tensor] = []
    good, widths, digests, problems = [], array("i"), [], {}
    shown = tqdm(_looks(stored), "reading images", len(files), delay=3, disable=None, file=sys.stderr)
    for i, found in enumerate(shown):
        if isinstance(found, UserError):
            problems[files[i].name] = str(found)
            continue
        image, digest = found
        if isinstance(image, torch.Tensor):
            tensors.append(image)
        else:
            tensors.clear()
        good.append(i)
        digests.append(digest)
        widths.append(image.shape[-1] if isinstance(image, torch.Tensor) else image)
    labels, names = (files[i].label for i in good), (files[i].name for i in good)
    if len(tensors) < len(good):
        kept = LabelledImages(stored.take(good, widths), Texts(labels), Texts(names), Texts(digests))
    else:
        alike = torch.stack(tensors) if len(set(widths)) == 1 else tensors
        kept = LabelledImages(alike, tuple(labels), tuple(names), tuple(digests))
    return kept, problems


def _looks(stored: StoredImages) -> Iterator[tuple[torch.Tensor | int, str] | UserError]:
    """Each image and the hash of its pixels, or what is wrong with it; its width alone, from where memory is full.

    From there on several processes decode, since it may take long; at once in a set that seems many times too large.
    """
    held = count = 0
    while count < len(stored) and held <= IN_MEMORY and held * len(stored) <= 4 * IN_MEMORY * (count + 64):
        try:
            found = stored.look(count)
            held += found[0].nbytes
            yield found
        except UserError as error:
            yield error
        count += 1
    rest = range(count, len(stored))
    for batch in ahead(stored.measure, (rest[i : i + 64] for i in range(0, len(rest), 64))) if rest else ():
        yield from batch


def with_labels(data: LabelledImages, mapping: Mapping[str, str]) -> LabelledImages:
    """The same images with the labels of `mapping` (name -> label) in place of their own; the others keep theirs.

    Raises UserError when `mapping` names a file that `data` does not hold.
    """
    unknown = sorted(set(mapping) - set(data.names))
    if unknown:
        raise UserError(f"the labels name files that the data does not hold: {shorten(unknown)}")
    return replace(data, labels=tuple(mapping.get(n, own) for n, own in zip(data.names, data.labels, strict=True)))


def split(labels: Sequence[str], train_fraction: float = 0.7, seed: int = 0) -> tuple[list[int], list[int]]:
    """Indices of the training set and of the rest, both ascending.

    Labels are assigned whole: images with the same label stay on one side. The distinct labels, sorted and shuffled by
    `seed`, fill the training set as long as they fit into round(train_fraction * N), so the same images fall on the
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
    """k pairs of (training indices, test indices), ascending; each index is in exactly one test set.

    Labels are assigned whole, as in `split`, each to the smallest fold so far.
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
        raise UserError(f"cannot divide {len(groups)} distinct labels into {parts} parts: give more images")
    for index, label in enumerate(labels):
        groups[label].append(index)
    shuffled = list(groups.values())
    random.Random(seed).shuffle(shuffled)
    return shuffled
