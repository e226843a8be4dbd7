"""Judging readings: exact strings, edits, intervals, confusions, slices."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import fsum, sqrt
from typing import Any

from rapidfuzz.distance import Levenshtein
from torch import Tensor

from crnn_lib.errors import UserError
from crnn_lib.model import CRNN
from crnn_lib.reader import Readings, read

GAP = "∅"  # stands for "no character" in confusions: a deletion's reading, an insertion's truth


def edits(label: str, reading: str) -> int:
    """Levenshtein distance: the fewest substitutions, deletions and insertions that turn one into the other."""
    return Levenshtein.distance(label, reading)


def edit_operations(label: str, reading: str) -> list[tuple[str, int, str, str]]:
    """(operation, position in the label, true, read) of each edit, with GAP for no character."""
    return [
        (op.tag, op.src_pos, GAP if op.tag == "insert" else label[op.src_pos],
         GAP if op.tag == "delete" else reading[op.dest_pos])
        for op in Levenshtein.editops(label, reading)
    ]  # fmt: skip


def confusion(labels: Sequence[str], readings: Sequence[str]) -> Counter[tuple[str, str]]:
    """How often each true character was read as which, along the best alignment; GAP marks lost and invented ones."""
    counts: Counter[tuple[str, str]] = Counter()
    for label, reading in zip(labels, readings, strict=True):
        for op in Levenshtein.opcodes(label, reading):
            true, got = label[op.src_start : op.src_end], reading[op.dest_start : op.dest_end]
            counts.update(zip(true or GAP * len(got), got or GAP * len(true), strict=True))
    return counts


def interval(k: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval for k of n (Wilson 1927), as proportions."""
    if not 0 <= k <= n or n < 1:
        raise UserError(f"{k} of {n} is not a proportion")
    z = 1.959963984540054  # standard deviations on either side of the mean that hold 95 % of a normal distribution
    middle, reach = k + z * z / 2, z * sqrt(k * (n - k) / n + z * z / 4)
    low, high = (middle - reach) / (n + z * z), (middle + reach) / (n + z * z)
    return float(low), float(high) if k < n else 1.0  # where rounding might give a little less


def scores(labels: Sequence[str], readings: Sequence[str], losses: Sequence[float] | None = None) -> dict[str, Any]:
    """The figures of a set: counts first, then rates, so that every rate can be recomputed.

    `cer` is edits over true characters (pooled, not averaged by image), `character_accuracy` 1 - cer, `similarity` 1 -
    the mean normalised edit distance. `losses` are -log p(label) by image; `ctc_loss` is the mean of each over its
    label's length, torch's `reduction="mean"`. Raises UserError for an empty set or lengths that differ.
    """
    if not len(labels) or len(labels) != len(readings):  # a pandas column has no truth value
        raise UserError(f"cannot score {len(readings)} readings against {len(labels)} labels")
    distances = [edits(label, reading) for label, reading in zip(labels, readings, strict=True)]
    exact, characters = distances.count(0), sum(map(len, labels))
    longest = [max(len(label), len(reading), 1) for label, reading in zip(labels, readings, strict=True)]
    cer = sum(distances) / max(characters, 1)
    result = {
        "images": len(labels),
        "exact": exact,
        "exact_accuracy": exact / len(labels),
        "exact_interval": list(interval(exact, len(labels))),
        "edits": sum(distances),
        "characters": characters,
        "cer": cer,
        "character_accuracy": 1 - cer,
        "similarity": 1 - fsum(d / size for d, size in zip(distances, longest, strict=True)) / len(labels),
    }
    if losses is not None:
        by_length = [loss / max(len(label), 1) for loss, label in zip(losses, labels, strict=True)]
        result["ctc_loss"] = fsum(by_length) / len(labels)  # sum() rounds otherwise on another version of Python
    return result


def evaluate(model: CRNN, images: Tensor | Sequence[Tensor], labels: Sequence[str]) -> tuple[dict[str, Any], Readings]:
    """Read `images` as `reader.read` and score them against `labels`: the figures of `scores`, and the readings.

    Raises UserError as `read` does, and for a different number of labels.
    """
    if isinstance(labels, str):
        raise UserError(f"give a list of labels, not the text {labels[:40]!r}")
    suit = hasattr(images, "__len__") and len(images) == len(labels)
    readings = read(model, images, labels=labels if suit else None)
    if not suit:
        raise UserError(f"cannot score {len(images)} images against {len(labels)} labels")
    return scores(labels, readings.texts, readings.losses), readings


def slices(labels: Sequence[str], readings: Sequence[str]) -> dict[str, dict[str, int]]:
    """Exact counts {images, exact} of labels with and without a doubled letter, and characters right by position."""
    result: dict[str, dict[str, int]] = {}

    def count(name: str, right: bool) -> None:
        entry = result.setdefault(name, {"images": 0, "exact": 0})
        entry["images"] += 1
        entry["exact"] += right

    for label, reading in zip(labels, readings, strict=True):
        doubled = any(a == b for a, b in pairwise(label))
        count("doubled letter" if doubled else "no doubled letter", label == reading)
        wrong = {position for tag, position, _, _ in edit_operations(label, reading) if tag != "insert"}
        for position in range(len(label)):
            count(f"position {position + 1}", position not in wrong)
    return result
