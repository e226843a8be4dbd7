"""What a set of labelled images holds, and its traps that raise no error: odd, doubtful and contradictory labels."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import median_low
from typing import Any
from unicodedata import normalize

import numpy as np
from torch import Tensor

from crnn_lib.data import LabelledFile, LabelledImages
from crnn_lib.images import NARROWEST
from crnn_lib.model import Config, steps_needed
from crnn_lib.stored import fetch

INK = 0.3  # of the way from the paper's end of an image's levels to the other one
FAINTEST = 1.0  # deviations of an image's levels: ink and paper differ by 2 at least, noise on a blank sheet by less
ALIKE = 100  # images whose labels are about as long, and with which one is compared
FEWEST = 10  # images that may call one of them into question
DOUBT = (4.0, 1.6)  # standard deviations, and at least this factor, from the usual columns of ink a character
RARE = 10  # a symbol that comes less often is hardly learned
SECOND_ROW = 0.5  # of the height of the tallest band of ink: a band that tall is text, not dots, accents or specks
SHOWN = 5  # examples in a sentence

SENTENCES = {  # kind of finding: what it is, and the cure, with the keys of the first finding
    "unreadable": ("files that are not sound images", "repair them, or leave them out with --skip-bad"),
    "white_space": ("labels with doubled, outer or unusual white space", "--fold-spaces makes it single spaces"),
    "counters": (
        "labels that end in what looks like a counter",
        '--label-until "{separator}" ends them before it, or correct labels.csv',
    ),
    "too_long": (
        "labels that do not fit their image",
        "correct them, or leave them out with --skip-bad; a training run with --width {width} has room for all",
    ),
    "doubtful": (
        "doubtful labels, for which the image is much longer or emptier than for others",
        "look at these, and correct them",
    ),
    "conflicts": ("images with the same pixels but different labels", "correct or remove them"),
    "duplicates": ("images with the same pixels and label", "remove all but one, unless it should count more"),
    "two_rows": ("images that seem to hold two rows of text", "cut them apart: a model reads one row"),
}
SILENT = ("white_space", "counters", "doubtful", "conflicts", "two_rows")  # what else would go unnoticed in training


def check(
    files: Sequence[LabelledFile],
    data: LabelledImages,
    problems: dict[str, str] | None = None,
    config: Config | None = None,
    most: int | None = None,
) -> dict[str, Any]:
    """What a folder holds and what may be wrong with it, as JSON; `data` and `problems` are `load_files` of `files`.

    images, distinct_labels, alphabet, symbols {symbol: how often it comes}, the rarest last; lengths [shortest,
    longest] and median_length of labels; widths [smallest, median, largest] of images, in columns, and how many are
    `narrowest`, the least that there is; steps_per_character [least, median, most], for a model of `config` (default:
    the default shape). Then a list for each key of SENTENCES: of {file, problem} in unreadable; {file, label} in
    white_space; {file, label, separator} in counters; what `too_long` and `doubtful` give; lists of {file, label} in
    conflicts and duplicates; file names in two_rows. For `doubtful` and two_rows `most` images are looked at, evenly
    chosen, if there are more.
    """
    config = config or Config()
    lengths, widths, groups = [len(label) for label in data.labels], list(data.widths), _same_pixels(data)
    counters = _counters(files)
    end = counters[0]["separator"] if counters else "\0"  # what differs in its counter alone is not a contradiction
    symbols = Counter("".join(data.labels))
    seen = data if most is None else data.subset(range(0, len(data), -(-len(data) // most) or 1))
    columns, two_rows = looked_at(seen)
    return {
        "images": len(data),
        "distinct_labels": len(set(data.labels)),
        "alphabet": "".join(sorted(symbols)),
        "symbols": dict(sorted(symbols.items(), key=lambda one: (-one[1], one[0]))),
        "lengths": [min(lengths), max(lengths)] if lengths else [],
        "median_length": median_low(lengths) if lengths else None,
        "widths": _range(widths),
        "narrowest": sum(width == NARROWEST for width in widths),
        "steps_per_character": _range([config.steps(w) / u for w, u in zip(widths, lengths, strict=True)]),
        "unreadable": [{"file": name, "problem": problem} for name, problem in (problems or {}).items()],
        "white_space": [
            {"file": file.name, "label": file.written}
            for file in files
            if file.written != " ".join(file.written.split())
        ],
        "counters": counters,
        "too_long": too_long(data, config),
        "doubtful": doubtful(seen, columns),
        "conflicts": [group for group in groups if len({one["label"].partition(end)[0] for one in group}) > 1],
        "duplicates": [group for group in groups if len({one["label"] for one in group}) == 1],
        "two_rows": two_rows,
    }


def _range(numbers: Sequence[float]) -> list[float]:
    return [min(numbers), median_low(numbers), max(numbers)] if numbers else []


def overview(report: dict[str, Any]) -> list[str]:
    """What a report of `check` says of the set as a whole, in a few lines."""
    lengths = " to ".join(map(str, dict.fromkeys(report["lengths"])))  # one number if both are the same
    middle = f" (median {report['median_length']})" if len(set(report["lengths"])) > 1 else ""
    lines = [
        f"{report['images']} images; {report['distinct_labels']} distinct labels of {lengths or 0} characters{middle}; "
        f"symbols {report['alphabet']!r}"
    ]
    if not report["images"]:
        return lines
    narrow = f"; {report['narrowest']} at the least, {NARROWEST}" if report["narrowest"] else ""
    (least, middle, most), steps = report["widths"], report["steps_per_character"]
    lines.append(
        f"widths in columns: smallest {least}, median {middle}, largest {most}{narrow}; time steps per character: "
        f"{steps[0]:.1f} to {steps[2]:.1f}, median {steps[1]:.1f}"
    )
    rare = [f"{symbol!r} {count}" for symbol, count in report["symbols"].items() if count < RARE][::-1]
    if rare:
        more = f" and {len(rare) - 4 * SHOWN} more" if len(rare) > 4 * SHOWN else ""
        lines.append(f"symbols that occur fewer than {RARE} times ({len(rare)}): {', '.join(rare[: 4 * SHOWN])}{more}")
    return lines


def sentences(report: dict[str, Any], kinds: Sequence[str] = tuple(SENTENCES)) -> list[str]:
    """A line on each of these kinds of findings in a report of `check`: how many, some of them, and the cure."""
    lines = []
    for kind in kinds:
        if found := report[kind]:
            first = found[0] if isinstance(found[0], dict) else {}
            lines.append(f"{named(kind, found)}. Cure: {SENTENCES[kind][1].format(**first)}")
    return lines


def named(kind: str, found: Sequence[Any], most: int = SHOWN) -> str:
    """What these findings are, how many, and `most` of them in words."""
    more = f"; and {len(found) - most} more" if len(found) > most else ""
    return f"{SENTENCES[kind][0]} ({len(found)}): {'; '.join(map(_in_words, found[:most]))}{more}"


def _in_words(finding: Any) -> str:
    if isinstance(finding, list):
        return " = ".join(map(_in_words, finding[:SHOWN]))
    if isinstance(finding, str):
        return repr(finding)
    if "problem" in finding:
        return finding["problem"]
    shown = f"{finding['file']!r} labelled {finding['label'][:60]!r}"
    if "needed" in finding:
        u, needed = len(finding["label"]), finding["needed"]
        needs = f"needs T >= U + r = {u} + {needed - u} = {needed} time steps"
        return f"{shown} {needs}, its {finding['columns']} columns give T = {finding['steps']}"
    if "usual" in finding:
        return f"{shown}: {finding['columns']} columns of ink, usual are {finding['usual']}"
    return shown


def _same_pixels(data: LabelledImages) -> list[list[dict[str, str]]]:
    """The images that have the same pixels as others, in groups."""
    groups = defaultdict(list)
    hashes = data.pixels()
    several = {pixels for pixels, count in Counter(hashes).items() if count > 1}
    for name, label, pixels in zip(data.names, data.labels, hashes, strict=True):
        if pixels in several:
            groups[pixels].append({"file": name, "label": label})
    return list(groups.values())


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


def too_long(data: LabelledImages, config: Config) -> list[dict[str, Any]]:
    """The labels that do not fit their image: CTC needs T >= U + r, see `Config.check_labels`. The longest first.

    Each is {file, label, needed (U + r), steps (T), columns (of its image), width (that would be enough)}.
    """
    stride = config.receptive_field().stride_x
    found = [
        {"file": name, "label": label, "needed": (needed := steps_needed(label)), "steps": config.steps(columns),
         "columns": columns, "width": stride * needed}
        for name, label, columns in zip(data.names, data.labels, data.widths, strict=True)
        if not config.fits(label, columns)
    ]  # fmt: skip
    return sorted(found, key=lambda one: -one["needed"])


def doubtful(data: LabelledImages, columns: Sequence[int]) -> list[dict[str, Any]]:
    """Images whose ink is much wider or narrower than that of others with labels of about that length.

    `columns` are those from the first to the last with ink, of each image. Images are compared with the ALIKE (to twice
    as many) nearest in label length: by the logarithm of columns per character, against its median among them and a
    robust standard deviation about it (1.4826 times the median absolute deviation). Each is {file, label, columns,
    usual}, where `usual` is what a label of that length mostly has. Fewer than FEWEST images say nothing.
    """
    if len(data) < FEWEST:
        return []
    lengths = np.array([len(label) for label in data.labels])
    each = np.log(np.maximum(columns, 1) / lengths)
    deviations, factor = DOUBT
    found = []
    for part in np.array_split(np.argsort(lengths, kind="stable"), max(1, len(lengths) // ALIKE)):
        usual = np.median(each[part])
        away = np.abs(each[part] - usual)
        for i in part[away > max(deviations * 1.4826 * np.median(away), np.log(factor))]:
            found.append((int(i), round(float(np.exp(usual)) * len(data.labels[i]))))
    return [
        {"file": data.names[i], "label": data.labels[i], "columns": int(columns[i]), "usual": most}
        for i, most in sorted(found)
    ]


def looked_at(data: LabelledImages) -> tuple[list[int], list[str]]:
    """From the first to the last column of ink, of each image; and the names of those with two rows of text."""
    columns, two_rows = [], []
    batches = [range(i, min(i + 64, len(data))) for i in range(0, len(data), 64)]
    for batch, images in zip(batches, fetch(data.images, batches), strict=True):
        for i, image in zip(batch, images, strict=True):
            inked = ink(image[0])
            at = np.flatnonzero(inked.any(0))
            columns.append(int(at[-1] - at[0] + 1) if len(at) else 0)
            if any(map(str.isalnum, data.labels[i])) and has_two_rows(inked):  # a colon by itself is two rows of ink
                two_rows.append(data.names[i])
    return columns, two_rows


def ink(image: Tensor) -> np.ndarray:
    """Where a standardised image (H, W) differs from its paper, the more frequent end of its levels: (H, W) bool."""
    levels = image.numpy()
    low, middle, high = levels.min(), np.median(levels), levels.max()
    if middle > (low + high) / 2:  # light on dark
        levels, low, high = -levels, -high, -low
    return levels > low + max(INK * (high - low), FAINTEST)


def has_two_rows(inked: np.ndarray) -> bool:
    """Whether an image whose `ink` is (H, W) bool seems to hold two rows of text or more.

    Rows of pixels without ink part it into bands, and the second tallest has at least SECOND_ROW of the height of the
    tallest. Rows whose letters touch each other are not found, nor slanting ones.
    """
    heights = sorted(len(list(band)) for row, band in groupby(inked.any(1).tolist()) if row)
    return len(heights) > 1 and heights[-2] >= SECOND_ROW * heights[-1]
