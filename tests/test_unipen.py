"""The converter of UNIPEN's archive, on a small archive of its syntax."""

import gzip
import json

import numpy as np
import pytest

from bench.tools import unipen
from crnn_lib.errors import UserError

INK = """.VERSION 1.0
.COORD Y X
.WRITER_ID  zoe
.PEN_DOWN
0 10
100 10
.PEN_UP
.START_BOX
.PEN_DOWN
0 0
50 50
0 100
.PEN_UP
7 7
.WRITER_ID  ann
.PEN_DOWN
0 0 9
0 50 9
0 100 9
100 100 9
.PEN_UP
"""
SEGMENTS = """.VERSION 1.0
.INCLUDE two/data/ink.dat
.SEGMENT CHARACTER 0 ? "1"
.SEGMENT CHARACTER 0-1 ? "K"
.SEGMENT CHARACTER 3:2-3:3 ? "l"
.SEGMENT CHARACTER 3 ? "L"
.SEGMENT CHARACTER 4 ? "x"
.SEGMENT CHARACTER 0 ? "?"
"""


@pytest.fixture
def archive(tmp_path):
    for name, text in {
        "include/two/data/ink.dat": INK,
        "data/1a/two/some.dat": SEGMENTS,
        "data/1b/ibm/other.dat": SEGMENTS,
        "data/2/words/more.dat": SEGMENTS,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="latin-1")
    return tmp_path


def rows(path):
    with gzip.open(path, "rt") as file:
        return list(map(json.loads, file))


def run(archive, out, *names):
    parsed = type("Options", (), {"archive": archive, "out": out, "contributors": list(names) or None})
    unipen.main(parsed)


def test_characters_come_with_their_writers_the_right_way_up(archive, tmp_path, capsys):
    run(archive, tmp_path / "found.gz")
    assert rows(tmp_path / "found.gz") == [
        {"by": "two/01", "c": "L", "s": [[[0, 200], [200, 200], [200, 0]]]},  # ann; the point between bends is gone
        {"by": "two/01", "c": "l", "cursive": True, "s": [[[0, 200], [0, 0]]]},
        {"by": "two/02", "c": "1", "s": [[[0, 200], [0, 0]]]},
        {"by": "two/02", "c": "K", "s": [[[20, 200], [20, 0]], [[0, 200], [100, 100], [200, 200]]]},
    ]
    told = capsys.readouterr()
    assert told.out == "4 characters: {'two': 4}\n"
    assert "1 x no such ink" in told.err and "1 x no letter or digit" in told.err


def test_a_point_after_the_pen_was_lifted_counts_as_a_component(archive):
    found = unipen.read(archive / "data/1a/two/some.dat", archive / "include")
    assert [len(points) for points in found.components] == [2, 3, 1, 4]
    assert found.writers == ["zoe"] * 3 + ["ann"]
    parts, writer, cut = unipen.strokes(found, "1,3:1-3")
    assert [len(part) for part in parts] == [3, 3] and writer == "zoe" and cut


def test_who_is_doubtful_comes_when_called_and_the_file_repeats(archive, tmp_path):
    run(archive, tmp_path / "a.gz", "ibm")
    run(archive, tmp_path / "b.gz", "ibm")
    assert {row["by"] for row in rows(tmp_path / "a.gz")} == {"ibm/01", "ibm/02"}
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_what_is_no_archive_is_refused(tmp_path):
    with pytest.raises(UserError, match="not UNIPEN's archive"):
        run(tmp_path, tmp_path / "out.gz")


def test_bends_stay_within_a_unit_of_what_was_drawn():
    t = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([100 + 100 * np.cos(t), 100 + 100 * np.sin(t)], 1)
    kept = unipen.bends(circle)
    assert 15 < len(kept) < 40 and np.array_equal(kept[[0, -1]], circle[[0, -1]])
    steps = np.linspace(0, 1, 50)[:, None, None]
    chords = kept[:-1] + steps * np.diff(kept, axis=0)  # (50, K - 1, 2)
    away = np.hypot(*(circle[:, None] - chords.reshape(1, -1, 2)).transpose(2, 0, 1)).min(1)
    assert away.max() < 2
