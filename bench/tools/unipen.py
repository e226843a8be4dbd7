"""Makes the file of separate characters that the model `pen` learns from, out of the UNIPEN archive.

    python bench/tools/unipen.py --archive DIR --out unipen_isolated.jsonl.gz [--contributors aga apa ...]

DIR is the unpacked archive train_r01_v07, with the folders `data` and `include`: Zenodo, doi 10.5281/zenodo.1195803,
CC BY 4.0 (the notice on the old CD asks for research use; name both beside weights trained on it). Its sections 1a, 1b
and 1c hold separate digits, upper and lower case. The result has one JSON object a line: `by` (contributor/writer),
`c` (the character), `s` (strokes of [x, y], y downwards, the larger side 200, only the points at bends), and
`"cursive": true` where the character was cut out of the middle of a pen stroke.

The contributor `ibm` is left out unless it is named: the later part of each of its files holds ink that was moved, and
where that part begins is not marked. What cannot be read (a segment that names ink that is not there, a label that is
no letter or digit) is counted on stderr.
"""

import argparse
import gzip
import json
import re
import string
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import options
from crnn_lib.errors import UserError
from crnn_lib.files import atomic_path

SYMBOLS = string.digits + string.ascii_uppercase + string.ascii_lowercase
SECTIONS = ("1a", "1b", "1c")
SUSPECT = ("ibm",)
SIZE = 200  # of the larger side
BEND = 1.0  # what lies no further from the line between its neighbours goes
KEYWORD = re.compile(r"^\.([A-Z_]+)[ \t]*", re.MULTILINE)
SEGMENT = re.compile(r'CHARACTER\s+([\d:,-]+)\s.*"(.)"\s*$', re.DOTALL)
RANGE = re.compile(r"(\d+)(?::(\d+))?(?:-(\d+)(?::(\d+))?)?$")


@dataclass
class Recording:
    """What a file and those that it includes hold: components (points (P, 2), y upwards), their writers, segments."""

    components: list[np.ndarray] = field(default_factory=list)
    writers: list[str] = field(default_factory=list)
    segments: list[tuple[str, str]] = field(default_factory=list)  # (which components, label)


def read(path: Path, include: Path) -> Recording:
    """A .dat file of UNIPEN 1.0 (Guyon et al. 1994). A component is a block of .PEN_DOWN or .PEN_UP with a point."""
    found, axes, writer = Recording(), (0, 1), path.stem
    for keyword, body in _statements(path, include):
        if keyword == "COORD":
            axes = tuple(body.split().index(axis) for axis in "XY")
        elif keyword == "WRITER_ID":
            writer = body.strip() or writer
        elif keyword in ("PEN_DOWN", "PEN_UP"):
            points = [line.split() for line in body.splitlines() if line.strip()]
            rows = [[float(row[axis]) for axis in axes] for row in points if len(row) > max(axes)]
            if rows:
                found.components.append(np.array(rows))
                found.writers.append(writer)
        elif keyword == "SEGMENT" and (match := SEGMENT.match(body)):
            found.segments.append(match.groups())
    return found


def _statements(path: Path, include: Path) -> Iterator[tuple[str, str]]:
    """Each keyword and what follows it up to the next one; included files take the place of their names."""
    text = path.read_text(encoding="latin-1")
    starts = list(KEYWORD.finditer(text))
    for match, following in zip(starts, [*starts[1:], None], strict=True):
        body = text[match.end() : following.start() if following else None]
        if match[1] == "INCLUDE":
            yield from _statements(include / body.strip(), include)
        else:
            yield match[1], body


def strokes(recording: Recording, which: str) -> tuple[list[np.ndarray], str, bool] | None:
    """The strokes that `which` names (n, n-m, n:p-m:q, or several with commas), their writer, whether a stroke is cut.

    None where it names what is not there.
    """
    parts, first, cut = [], None, False
    for piece in which.split(","):
        match = RANGE.match(piece)
        if not match:
            return None
        start, begin, stop, end = (None if value is None else int(value) for value in match.groups())
        stop = start if stop is None else stop
        if not start <= stop < len(recording.components):
            return None
        first = start if first is None else first
        for n in range(start, stop + 1):
            points = recording.components[n]
            low, high = begin if n == start and begin else 0, len(points)
            if n == stop and end is not None:
                high = min(high, end + 1)
            cut |= low > 0 or high < len(points)
            if low < high:
                parts.append(points[low:high])
    return (parts, recording.writers[first], cut) if parts else None


def scaled(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Moved and scaled, on whole numbers: from 0 to SIZE along the larger side."""
    together = np.concatenate(parts)
    unit = SIZE / max(float(np.ptp(together, axis=0).max()), 1e-9)
    return [np.round((part - together.min(0)) * unit) for part in parts]


def bends(points: np.ndarray) -> np.ndarray:
    """The points (P, 2) without those within BEND of the line between the kept ones (Douglas and Peucker 1973)."""
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    spans = [(0, len(points) - 1)]
    while spans:
        a, b = spans.pop()
        if b - a < 2:
            continue
        along, rest = points[b] - points[a], points[a + 1 : b] - points[a]
        square = float(along @ along)
        share = np.clip(rest @ along / square, 0, 1) if square else np.zeros(len(rest))
        away = np.hypot(*(rest - share[:, None] * along).T)
        if away.max() > BEND:
            middle = a + 1 + int(away.argmax())
            keep[middle] = True
            spans += [(a, middle), (middle, b)]
    return points[keep]


def characters(archive: Path, contributor: str, problems: Counter) -> Iterator[dict]:
    """The characters of a contributor, by writer, within a writer by symbol; writers are numbered by their names."""
    made = []
    for section in SECTIONS:
        for path in sorted((archive / "data" / section / contributor).rglob("*.dat")):
            try:
                recording = read(path, archive / "include")
            except (OSError, ValueError) as error:
                problems[f"unreadable file: {path.name}: {error}"] += 1
                continue
            for which, label in recording.segments:
                found = strokes(recording, which)
                if label not in SYMBOLS or not found:
                    problems["no such ink" if label in SYMBOLS else "no letter or digit"] += 1
                    continue
                parts, writer, cut = found
                parts = scaled([bends(part) for part in scaled([part * [1, -1] for part in parts])])
                made.append((writer, label, [part.astype(int).tolist() for part in parts], cut))
    numbers = {writer: i for i, writer in enumerate(sorted({row[0] for row in made}), 1)}
    for writer, label, parts, cut in sorted(made, key=lambda row: row[:2]):
        by = f"{contributor}/{numbers[writer]:02d}"
        yield {"by": by, "c": label} | ({"cursive": True} if cut else {}) | {"s": parts}


def contributors(archive: Path) -> list[str]:
    """Those who gave separate characters. Raises UserError for a folder that is not the archive."""
    names = {p.name for section in SECTIONS for p in (archive / "data" / section).glob("*") if p.is_dir()}
    if not names or not (archive / "include").is_dir():
        raise UserError(f"{str(archive)!r} is not UNIPEN's archive: it needs the folders data/1a and include")
    return sorted(names)


def write(rows: Iterable[dict], out: Path) -> Counter:
    """One JSON object a line, compressed; how many characters each contributor gave. The same bytes every time."""
    counts: Counter = Counter()
    with (
        atomic_path(out) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file,
    ):
        for row in rows:
            file.write((json.dumps(row, separators=(",", ":")) + "\n").encode())
            counts[row["by"].split("/")[0]] += 1
    return counts


def main(a: argparse.Namespace) -> None:
    names = a.contributors or [name for name in contributors(a.archive) if name not in SUSPECT]
    problems: Counter = Counter()
    counts = write((row for name in names for row in characters(a.archive, name, problems)), a.out)
    print(f"{sum(counts.values())} characters: {dict(counts)}")
    for problem, count in problems.most_common():
        print(f"left out: {count} x {problem}", file=sys.stderr)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--archive", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--contributors", nargs="+", metavar="NAME", help="default: all but those left out")
    main(parser.parse_args())
