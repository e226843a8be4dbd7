"""Traps in labelled images that raise no error: odd labels, contradictory labels, several rows of text in one image."""

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from unicodedata import normalize

from torch import Tensor

from crnn_lib.data import LabelledFile, LabelledImages
from crnn_lib.images import WIDTH
from crnn_lib.model import Config, steps_needed

INK = 0.3  # of the way from the palest pixel of an image to its darkest one
SECOND_ROW = 0.5  # of the height of the tallest band of ink: a band that tall is text, not dots, accents or specks
SHOWN = 5  # examples in a sentence

SENTENCES = {  # kind of finding: what it is, and the cure, with the keys of the first finding
    "unreadable": ("files that are not sound images", "repair them, or leave them out with --skip-bad"),
    "white_space": ("labels with doubled, outer or unusual white space", "--fold-spaces makes it single spaces"),
    "counters": (
        "labels that end in what looks like a counter",
        '--label-until "{separator}" ends them before it, or correct labels.csv',
    ),
    "too_long": (f"labels that do not fit an image {WIDTH} pixels wide", "a --width of {width} is enough for all"),
    "conflicts": ("images with the same pixels but different labels", "correct or remove them"),
    "duplicates": ("images with the same pixels and label", "remove all but one, unless it should count more"),
    "two_rows": ("images that seem to hold two rows of text", "cut them apart: a model reads one row"),
}
SILENT = ("white_space", "counters", "conflicts", "two_rows")  # what else would go unnoticed in training


def check(
    files: Sequence[LabelledFile], data: LabelledImages, problems: dict[str, str] | None = None
) -> dict[str, Any]:
    """What a folder holds and what may be wrong with it, as JSON; `data` and `problems` are `load_files` of `files`.

    images, distinct_labels, alphabet, lengths [shortest, longest], and a list for each key of SENTENCES: of {file,
    problem} in unreadable; {file, label} in white_space; {file, label, separator} in counters; {file, label, width} in
    too_long, the widest first; lists of {file, label} in conflicts and duplicates; file names in two_rows.
    """
    lengths, groups = [len(label) for label in data.labels], _same_pixels(data)
    counters = _counters(files)
    end = counters[0]["separator"] if counters else "\0"  # what differs in its counter alone is no contradiction
    return {
        "images": len(data),
        "distinct_labels": len(set(data.labels)),
        "alphabet": "".join(sorted(set("".join(data.labels)))),
        "lengths": [min(lengths), max(lengths)] if lengths else [],
        "unreadable": [{"file": name, "problem": problem} for name, problem in (problems or {}).items()],
        "white_space": [
            {"file": file.name, "label": file.written}
            for file in files
            if file.written != " ".join(file.written.split())
        ],
        "counters": counters,
        "too_long": _too_long(data),
        "conflicts": [group for group in groups if len({one["label"].partition(end)[0] for one in group}) > 1],
        "duplicates": [group for group in groups if len({one["label"] for one in group}) == 1],
        "two_rows": [
            name
            for name, label, image in zip(data.names, data.labels, data.images, strict=True)
            if any(map(str.isalnum, label)) and has_two_rows(image[0])  # a colon by itself is two rows of ink
        ],
    }


def sentences(report: dict[str, Any], kinds: Sequence[str] = tuple(SENTENCES)) -> list[str]:
    """A line on each of these kinds of findings in a report of `check`: how many, some of them, and the cure."""
    lines = []
    for kind in kinds:
        if found := report[kind]:
            what, cure = SENTENCES[kind]
            shown = "; ".join(map(_in_words, found[:SHOWN]))
            more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            first = found[0] if isinstance(found[0], dict) else {}
            lines.append(f"{what} ({len(found)}): {shown}{more}. Cure: {cure.format(**first)}")
    return lines


def _in_words(finding: Any) -> str:
    if isinstance(finding, list):
        return " = ".join(map(_in_words, finding[:SHOWN]))
    if isinstance(finding, str):
        return repr(finding)
    if "problem" in finding:
        return finding["problem"]
    return f"{finding['file']!r} labelled {finding['label'][:60]!r}"


def _same_pixels(data: LabelledImages) -> list[list[dict[str, str]]]:
    """The images that have the same pixels as others, in groups."""
    groups = defaultdict(list)
    for name, label, pixels in zip(data.names, data.labels, data.pixels(), strict=True):
        groups[pixels].append({"file": name, "label": label})
    return [group for group in groups.values() if len(group) > 1]


def _counters(files: Sequence[LabelledFile]) -> list[dict[str, str]]:
    """Labels from file names like abc_1, abc-1 or abc (1), if most are like that.

    Texts may end in a hyphen and a number too, so there some text must come with two numbers; few hold an underscore.
    """
    for separator in "_-(":
        pattern = re.compile(rf"([^{separator}]+)\{separator}\d{{1,4}}\)?")
        found = [(file, match[1]) for file in files if (match := pattern.fullmatch(file.written))]
        found = [(file, text) for file, text in found if file.written == normalize("NFC", Path(file.name).stem)]
        repeated = len({text for _, text in found}) < len(found)
        if 2 * len(found) > len(files) and (repeated or separator == "_"):
            return [{"file": file.name, "label": file.label, "separator": separator} for file, _ in found]
    return []


def _too_long(data: LabelledImages) -> list[dict[str, Any]]:
    """Labels for which a model of the default shape has too few time steps, and the width that each needs."""
    config = Config()
    stride, steps = config.receptive_field().stride_x, config.steps()
    needed = [(name, label, steps_needed(label)) for name, label in zip(data.names, data.labels, strict=True)]
    found = [{"file": name, "label": label, "width": n * stride} for name, label, n in needed if n > steps]
    return sorted(found, key=lambda one: -one["width"])


def has_two_rows(image: Tensor) -> bool:
    """Whether an image (H, W), ink positive, seems to hold two rows of text or more.

    Rows of pixels without ink part it into bands, and the second tallest has at least SECOND_ROW of the height of the
    tallest. Rows whose letters touch each other are not found, nor slanting ones, nor white text on black.
    """
    low, high = image.min(), image.max()
    inked = (image > low + INK * (high - low)).any(1).tolist()  # (H, W) -> H
    heights = sorted(len(list(band)) for ink, band in groupby(inked) if ink)
    return len(heights) > 1 and heights[-2] >= SECOND_ROW * heights[-1]
