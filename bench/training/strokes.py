"""Ink for the model `pen`: separate characters by hundreds of writers, read, made alike, and dealt into five groups.

    python bench/training/strokes.py --ink DIR

writes `data/pen_groups.csv`, which says what lies in which group. DIR holds public pen ink, none of it in the project:

    unipen_isolated.jsonl.gz            UNIPEN train_r01_v07 (CC BY 4.0), as bench/tools/unipen.py makes it
    uji1/UJIpenchars-wNN                UJI Pen Characters version 1, one file a writer, CC BY 4.0
    omniglot_latin/characterNN/*.txt    Omniglot's alphabet "Latin" from python/strokes_background_small1.zip, MIT
"""

import argparse
import csv
import gzip
import json
import re
import string
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import options
from crnn_lib import assets
from crnn_lib.drawing import skeletons
from crnn_lib.errors import UserError
from crnn_lib.files import csv_text, write_text

SYMBOLS = string.digits + string.ascii_uppercase + string.ascii_lowercase
POINTS = 40  # of a character, evenly along its strokes
GROUPS = 5
TABLE = assets.DATA / "pen_groups.csv"
OWN = "skeletons"  # the source whose hands are the project's own
SOURCES = {
    "unipen": "UNIPEN train_r01_v07, sections 1a, 1b and 1c, doi 10.5281/zenodo.1195803: CC BY 4.0; "
    "the notice on the old CD asks for research use",
    "uji": "UJI Pen Characters version 1, writers 1-4, archive.ics.uci.edu/dataset/160: CC BY 4.0",
    "omniglot": "github.com/brendenlake/omniglot, python/strokes_background_small1.zip, Latin, 20 drawers: MIT",
    OWN: "crnn_lib/assets/skeletons.json, the project's own",
}
# top and bottom by symbol; the baseline is 0, the top of a capital -1, y grows downwards
TOP = dict.fromkeys(SYMBOLS, -1.0) | dict.fromkeys("acegmnopqrsuvwxyz", -0.55) | {"i": -0.85, "j": -0.85, "t": -0.85}
BOTTOM = dict.fromkeys(SYMBOLS, 0.0) | dict.fromkeys("gjpqy", 0.42)
TOPS, BOTTOMS = (np.array([of[s] for s in SYMBOLS]) for of in (TOP, BOTTOM))


class Drawn(NamedTuple):
    """A character as its source has it: `writer` is "source/who", strokes are lists of (x, y), y downwards."""

    writer: str
    symbol: str
    strokes: Sequence[Sequence[Sequence[float]]]
    cut: bool = False  # out of the middle of a pen stroke
    sized: bool = False  # whether its size is that at which it was written, beside others of its writer


@dataclass(frozen=True)
class Ink:
    """Packed characters: `points` (G, POINTS, 2) float32; `down` (G, POINTS - 1), whether the pen drew to the next one.

    By character `symbol`, an index into SYMBOLS, `writer`, one into `names`; `height` over that of a capital of its
    writer, not a number where unknown; `cut` as in Drawn; `doubtful`, whether it seems to show something else.
    """

    points: np.ndarray
    down: np.ndarray
    symbol: np.ndarray
    writer: np.ndarray
    height: np.ndarray
    cut: np.ndarray
    doubtful: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.symbol)

    def sources(self) -> np.ndarray:
        """The source of each writer in `names`."""
        return np.array([name.partition("/")[0] for name in self.names])

    def part(self, chosen: np.ndarray) -> "Ink":
        """The characters that are `chosen` (indices or a mask); `names` stay."""
        columns = [getattr(self, field.name) for field in fields(self)[:-1]]
        return Ink(*(column[chosen] for column in columns), self.names)


# --- reading ---
def read_unipen(path: Path) -> Iterator[Drawn]:
    with gzip.open(path, "rt", encoding="ascii") as file:
        for row in map(json.loads, file):
            yield Drawn(row["by"], row["c"], row["s"], bool(row.get("cursive")))


def read_uji(folder: Path) -> Iterator[Drawn]:
    for path in sorted(folder.glob("UJIpenchars-w*")):
        for segment in path.read_text(encoding="ascii").split(".SEGMENT CHARACTER")[1:]:
            symbol = re.search(r'"(.)"', segment)[1]
            parts = [part.partition(".PEN_UP")[0].split() for part in segment.split(".PEN_DOWN")[1:]]
            pairs = [list(zip(map(float, p[::2]), map(float, p[1::2]), strict=True)) for p in parts]
            if symbol in SYMBOLS:
                yield Drawn(f"uji/{path.name[-2:]}", symbol, pairs, sized=True)


def read_omniglot(folder: Path) -> Iterator[Drawn]:
    for path in sorted(folder.glob("character*/*.txt")):
        parts: list[list[tuple[float, float]]] = [[]]
        for line in path.read_text(encoding="ascii").splitlines():
            if line == "BREAK":
                parts.append([])
            elif line and line != "START":
                x, y, _ = line.split(",")
                parts[-1].append((float(x), -float(y)))  # y grows upwards there
        letter = string.ascii_lowercase[int(path.parent.name[-2:]) - 1]
        yield Drawn(f"omniglot/{path.stem[-2:]}", letter, parts)


def read_skeletons() -> Iterator[Drawn]:
    """Variant v of each digit and small letter as written by hand v; the capitals came after the training on record."""
    for symbol in skeletons.SYMBOLS[:36]:
        for v in range(skeletons.count(symbol)):
            yield Drawn(f"{OWN}/{v:02d}", symbol, skeletons.glyph(symbol, v), sized=True)


def read(folder: Path) -> Ink:
    """All ink of a folder, and the skeletons. Raises UserError where a source is missing."""
    if not (folder / "unipen_isolated.jsonl.gz").is_file():
        raise UserError(f"{str(folder)!r} holds no unipen_isolated.jsonl.gz: see --help for its layout")
    found = [*read_unipen(folder / "unipen_isolated.jsonl.gz"), *read_uji(folder / "uji1"),
             *read_omniglot(folder / "omniglot_latin"), *read_skeletons()]  # fmt: skip
    missing = {"uji", "omniglot"} - {drawn.writer.partition("/")[0] for drawn in found}
    if missing:
        raise UserError(f"{str(folder)!r} holds no ink of {' and '.join(sorted(missing))}: see --help for its layout")
    return pack(found)


def pack(found: Sequence[Drawn]) -> Ink:
    """Characters as arrays; those without a point go."""
    found = [drawn for drawn in found if any(len(stroke) for stroke in drawn.strokes)]
    names = tuple(sorted({drawn.writer for drawn in found}))
    number = {name: i for i, name in enumerate(names)}
    packed = [resample(drawn.strokes) for drawn in found]
    points = np.stack([points for points, _ in packed]).astype(np.float32)
    symbol = np.array([SYMBOLS.index(drawn.symbol) for drawn in found])
    writer = np.array([number[drawn.writer] for drawn in found])
    sized = np.array([drawn.sized for drawn in found])
    tall = np.ptp(points[:, :, 1], axis=1).astype(float)
    height = np.full(len(found), np.nan)
    for w in np.unique(writer[sized]):
        mine = sized & (writer == w)
        height[mine] = tall[mine] / max(float(np.median(tall[mine] / (BOTTOMS - TOPS)[symbol[mine]])), 1e-9)
    return Ink(points, np.stack([down for _, down in packed]), symbol, writer, height,
               np.array([drawn.cut for drawn in found]), np.zeros(len(found), bool), names)  # fmt: skip


def resample(strokes: Sequence[Sequence[Sequence[float]]]) -> tuple[np.ndarray, np.ndarray]:
    """One character's POINTS points (POINTS, 2), each stroke's share by its length, and `down` (POINTS - 1,)."""
    parts = [np.asarray(stroke, float) for stroke in strokes if len(stroke)]
    along = [np.r_[0.0, np.cumsum(np.hypot(*np.diff(part, axis=0).T))] for part in parts]
    longest = sorted(sorted(range(len(parts)), key=lambda i: -along[i][-1])[: POINTS // 2])
    lengths = np.array([along[i][-1] for i in longest])
    counts = np.maximum(2, np.floor(POINTS * lengths / max(lengths.sum(), 1e-9))).astype(int)
    while (over := int(counts.sum()) - POINTS) != 0:
        most = int(counts.argmax())  # one that can give; short strokes keep two points, a dot too
        counts[most] -= np.sign(over) if abs(over) < 3 or counts[most] - over < 2 else over
    rows, down = [], np.ones(POINTS, bool)
    for i, count in zip(longest, counts, strict=True):
        at = np.linspace(0, along[i][-1], count)
        rows.append(np.stack([np.interp(at, along[i], parts[i][:, axis]) for axis in (0, 1)], 1))
    down[np.cumsum(counts) - 1] = False
    return np.concatenate(rows), down[:-1]


# --- five groups, fixed before any training ---
def deal(writers: dict[str, int]) -> dict[str, int]:
    """The group 1..GROUPS of each source, given how many writers it has.

    Sources whose names begin with the same two letters stay together: UNIPEN's contributors of one name sent several
    sets, in which the same people may have written. The largest family is dealt first, each to the group with the
    fewest writers so far, the first of several; families of the same size come by name.
    """
    families: dict[str, list[str]] = {}
    for source in sorted(writers):
        families.setdefault(source[:2], []).append(source)
    sizes = {family: sum(writers[source] for source in members) for family, members in families.items()}
    filled = [0] * GROUPS
    groups = {}
    for family in sorted(families, key=lambda name: (-sizes[name], name)):
        least = filled.index(min(filled))
        filled[least] += sizes[family]
        groups |= dict.fromkeys(families[family], least + 1)
    return groups


def groups() -> dict[str, int]:
    """The recorded group of each source. What is in none of them is neither trained on nor scored."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["source"]: int(row["group"]) for row in csv.DictReader(file)}


def group_rows(ink: Ink) -> list[dict[str, object]]:
    """The table of groups: source, group, writers, and its separate digits, upper and lower case letters."""
    sources = ink.sources()
    kinds = np.array(["digits" if s.isdigit() else "upper" if s.isupper() else "lower" for s in SYMBOLS])
    writers = Counter(source for source in sources.tolist() if source != OWN)
    dealt = deal(writers)
    rows = []
    for source in sorted(writers, key=lambda s: (dealt[s], s)):
        mine = kinds[ink.symbol[(sources[ink.writer] == source) & ~ink.cut]]
        counts = {kind: int((mine == kind).sum()) for kind in ("digits", "upper", "lower")}
        rows.append({"source": source, "group": dealt[source], "writers": writers[source]} | counts)
    return rows


def main(a: argparse.Namespace) -> None:
    write_text(a.out, csv_text(group_rows(read(a.ink))))


if __name__ == "__main__":
    parser = options(__doc__, out=TABLE)
    parser.add_argument("--ink", type=Path, required=True, metavar="DIR")
    main(parser.parse_args())
