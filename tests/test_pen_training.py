"""The data side of the model `pen`: ink, groups, composed strings, doubt and scores, on ink drawn here."""

import dataclasses
import gzip
import json

import numpy as np
import pytest
from places import table

from bench.training import doubt, hands, pen, scores, strokes
from crnn_lib.drawing import pen as drawing
from crnn_lib.drawing import skeletons
from crnn_lib.errors import UserError

SMALL = strokes.SYMBOLS[36:]


def people(count=4, symbols=strokes.SYMBOLS, source="us"):
    """Ink of `count` writers, each with one way of writing each symbol, twice, the second time a little broader."""

    def drawn(who, s, broad):
        glyph = skeletons.glyph(s.lower(), who)
        return strokes.Drawn(f"{source}/{who:02d}", s, [[[x * broad, y] for x, y in stroke] for stroke in glyph])

    return [drawn(who, s, broad) for who in range(count) for s in symbols for broad in (1.0, 1.1)]


@pytest.fixture(scope="module")
def ink():
    return strokes.pack(people())


def composer(ink, **shares):
    return hands.Composer(ink, dict.fromkeys(range(len(ink.names)), 1.0), **shares)


# --- ink ---
def test_a_character_becomes_even_points_and_a_dot_stays_a_dot():
    points, down = strokes.resample([[(0, 10), (0, 30), (0, 40)], [(0, 0)]])
    assert points.shape == (strokes.POINTS, 2) and down.shape == (strokes.POINTS - 1,)
    assert np.allclose(np.diff(points[:38, 1]), 30 / 37) and (points[38:] == 0).all()
    assert np.flatnonzero(~down).tolist() == [37]


def test_only_the_longest_of_very_many_strokes_are_kept():
    points, down = strokes.resample([[(i, 0), (i, 1 + i)] for i in range(30)])
    assert (~down).sum() == strokes.POINTS // 2 - 1
    assert points[0].tolist() == [10, 0] and points[-1].tolist() == [29, 30]


def test_the_three_sources_are_read(tmp_path):
    for name, text in {
        "uji1/UJIpenchars-w02": '.SEGMENT CHARACTER 0 ? "B"\n.PEN_DOWN\n 5 6\n 7 8\n.PEN_UP\n.DT 100\n',
        "omniglot_latin/character02/0684_07.txt": "START\n1.0,-2.0,0\n3.0,-9.5,9\nBREAK\n4.0,-1.0,30\nBREAK\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match="unipen_isolated"):
        strokes.read(tmp_path)
    with gzip.open(tmp_path / "unipen_isolated.jsonl.gz", "wt") as file:
        file.write(json.dumps({"by": "apa/03", "c": "7", "s": [[[0, 0], [200, 9]]], "cursive": True}))
    found = strokes.read(tmp_path)
    real = found.part(found.sources()[found.writer] != strokes.OWN)
    assert [real.names[w] for w in real.writer] == ["apa/03", "uji/02", "omniglot/07"]
    assert [strokes.SYMBOLS[s] for s in real.symbol] == ["7", "B", "b"]
    assert real.cut.tolist() == [True, False, False] and real.height[1] == 1 and np.isnan(real.height[[0, 2]]).all()
    assert real.points[2][0].tolist() == [1, 2] and real.points[2][-1].tolist() == [4, 1]
    (tmp_path / "omniglot_latin/character02/0684_07.txt").unlink()
    with pytest.raises(UserError, match="no ink of omniglot"):
        strokes.read(tmp_path)


# --- groups ---
def test_groups_are_dealt_by_family():
    dealt = strokes.deal({"apa": 5, "apb": 6, "b": 8, "c": 3, "d": 3, "e": 2, "f": 1})
    assert dealt == {"apa": 1, "apb": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 5}


def test_the_recorded_groups_are_those_of_the_rule():
    rows = table("pen_groups.csv")
    assert strokes.groups() == strokes.deal({row["source"]: int(row["writers"]) for row in rows})
    assert set(strokes.groups().values()) == set(range(1, strokes.GROUPS + 1))
    for group in range(1, strokes.GROUPS + 1):
        counts = [row for row in rows if int(row["group"]) == group]
        assert sum(int(row["writers"]) for row in counts) >= 30
        assert all(sum(int(row[kind]) for row in counts) > 500 for kind in ("digits", "upper", "lower"))


# --- strings ---
def test_a_string_depends_on_seed_and_number_alone(ink):
    one, other = composer(ink), composer(ink)
    assert [other.string(3, i)[1] for i in (5, 1)] == [one.string(3, i)[1] for i in (5, 1)]
    assert np.array_equal(one.string(3, 5)[0], other.string(3, 5)[0])
    assert len({one.string(seed, i)[1] for seed in (3, 4) for i in range(10)}) > 15
    for i in range(60):
        grey, text = one.string(0, i)
        assert 1 <= len(text) <= hands.LONGEST and set(text) <= set(strokes.SYMBOLS)
        assert grey.shape[0] == 32 and drawing.NARROWEST <= grey.shape[1] <= drawing.WIDEST
        assert grey.dtype == np.uint8 and grey.min() < 128


def test_a_string_is_the_ink_of_one_writer(ink, monkeypatch):
    monkeypatch.setattr(hands, "random_text", lambda rng: "".join(rng.permutation(list(strokes.SYMBOLS))[:12]))
    makes, rng = composer(ink, own=0, mixed=0), np.random.default_rng(0)
    for writer in (0, 2):
        text, index, _ = makes._choose(writer, rng)
        assert "".join(strokes.SYMBOLS[s] for s in ink.symbol[index]) == text
        assert set(ink.writer[index]) == {writer}
    mixed = composer(ink, own=0, mixed=1)._choose(0, rng)[1]
    assert len(set(ink.writer[mixed])) > 1


def test_a_doubtful_character_is_never_drawn(ink, monkeypatch):
    monkeypatch.setattr(hands, "random_text", lambda rng: "aa")
    first = np.flatnonzero(ink.symbol == strokes.SYMBOLS.index("a"))[::2]
    doubtful = np.isin(np.arange(len(ink)), first)
    makes = composer(dataclasses.replace(ink, doubtful=doubtful))
    drawn = np.concatenate([makes._choose(w, np.random.default_rng(s))[1] for w in range(4) for s in range(20)])
    assert not ink.part(drawn).doubtful.any() and not doubtful[drawn].any()


def test_the_picture_is_what_the_pad_shows(ink):
    rng = np.random.default_rng(1)
    for look in (hands.PLAIN, hands.Look(1.0, 1.0, 1.0, 1.0, 1.0)):
        index = rng.integers(0, len(ink), 7)
        drawn = hands.write(ink, ink.points[index].astype(float), index, look, True, rng)
        ends = np.flatnonzero(~drawn.down) + 1
        parts = [(part * 100).tolist() for part in np.split(drawn.points, ends) if len(part)]
        for thickness in (2.0, 3.1):
            assert np.array_equal(hands.picture(drawn, thickness), drawing.image(parts, thickness, width=None))


def test_relative_heights_come_back():
    tall = [[(0, 0), (0, 200)], [(0, 0), (80, 0)]]
    drawn = strokes.pack([strokes.Drawn("a/1", s, tall) for s in "Hxgd"])
    flat = hands.Look(0, 0, 0, 0, 0)
    index = np.arange(4)
    placed = hands.place(drawn.points.astype(float), drawn.symbol, drawn.height, flat, np.random.default_rng(0))
    tops, bottoms = placed[..., 1].min(1), placed[..., 1].max(1)
    assert np.allclose(tops, strokes.TOPS[drawn.symbol[index]], atol=0.06)
    assert np.allclose(bottoms, strokes.BOTTOMS[drawn.symbol[index]], atol=1e-9)
    assert (np.diff(placed[..., 0].min(1)) > 0).all()


def test_a_known_height_is_kept():
    sized = [strokes.Drawn("a/1", s, [[(0, 0), (0, tall)], [(0, 0), (tall / 2, 0)]], sized=True)
             for s, tall in (("H", 100), ("x", 70), ("T", 100), ("E", 100))]  # fmt: skip
    drawn = strokes.pack(sized)
    assert drawn.height.tolist() == pytest.approx([1, 0.7, 1, 1])
    placed = hands.place(drawn.points.astype(float), drawn.symbol, drawn.height, hands.Look(0, 0, 0, 0, 0),
                         np.random.default_rng(0))  # fmt: skip
    assert np.allclose(np.ptp(placed[..., 1], axis=1), drawn.height)


def test_texts_are_strings_and_words_of_all_lengths():
    rng = np.random.default_rng(0)
    made = [hands.random_text(rng) for _ in range(3000)]
    assert {len(text) for text in made} == set(range(1, hands.LONGEST + 1))
    assert set("".join(made)) == set(strokes.SYMBOLS)
    assert {"the", "The", "THE"} <= set(made)


def test_joins_and_corrections_add_strokes(ink):
    index = np.array([np.flatnonzero(ink.symbol == strokes.SYMBOLS.index(s))[0] for s in "nun"])
    down = np.concatenate([ink.down[index], np.zeros((3, 1), bool)], 1).reshape(-1)
    placed = hands.place(ink.points[index].astype(float), ink.symbol[index], ink.height[index], hands.PLAIN,
                         np.random.default_rng(0))  # fmt: skip
    drawn = hands.Flat(placed.reshape(-1, 2), down)
    joined = hands.join(drawn, np.ones(3, bool), np.random.default_rng(0))
    assert len(joined.points) == len(drawn.points) + 12 and (~joined.down).sum() == (~down).sum() + 2
    again = hands.correct(drawn, np.random.default_rng(2))
    assert np.array_equal(again.points[: len(down)], drawn.points) and not again.down[-1]
    assert 2 <= len(again.points) - len(down) <= 18


# --- doubt ---
def test_a_wrong_label_is_doubted_and_a_habit_is_not():
    drawn = [d for source in ("aa", "bb", "cc") for d in people(3, "0123456789", source) for _ in range(6)]
    wrong = [strokes.Drawn("aa/00", "7", skeletons.glyph("8"))]  # among twelve sound ones
    habit = [strokes.Drawn("bb/07", "4", skeletons.glyph("3")) for _ in range(3)]
    swapped = [strokes.Drawn("cc/07", "a", skeletons.glyph("2")) for _ in range(3)]
    large = [strokes.Drawn(f"{s}/00", "A", skeletons.glyph("2")) for s in ("aa", "bb") for _ in range(40)]
    drawn = [d for d in drawn if d.symbol != "2"]
    ink = strokes.pack([*drawn, *large, *wrong, *habit, *swapped])
    found = doubt.doubted(ink, {"aa": 1, "bb": 2, "cc": 3}, least=0.05)
    at = len(drawn) + len(large)
    assert found[at:].tolist() == [True] + 3 * [False] + 3 * [True]
    assert found[:at].mean() < 0.05


# --- scores ---
def test_what_counts_as_one_and_nothing_else():
    assert scores.folded("O0oIiLl1Ab") == "ooo1111" + "1ab"
    merged = {s for s in strokes.SYMBOLS if scores.alike(s) != s}
    assert merged == set("CKOPSUVWXZ0lIi")
    assert len({scores.alike(s) for s in strokes.SYMBOLS}) == 62 - 14


def test_scores_are_by_writer_and_their_intervals_over_writers():
    labels, readings = ["abc", "0b", "xyz", "CAB"], ["abx", "ob", "xyz", "cAB"]
    found = scores.by_writer(labels, readings, ["p", "p", "q", "q"], scores.alike)
    assert (found["edits"], found["characters"], found["exact"]) == (1, 11, 3)
    assert found["writers"]["p"] == {"edits": 1, "characters": 5, "exact": 1, "images": 2, "cer": 0.2}
    assert found["cer_interval"] == [0.0, 0.2] and found["exact_interval"] == [0.5, 1.0]
    assert found["confusions"] == [["c", "x", 1]] and found["symbols"]["c"] == {"right": 1, "of": 2}
    assert scores.worst(found, 1) == {"writers": [["p", 0.2]], "symbols": [["c", 0.5]], "confusions": [["c", "x", 1]]}
    assert scores.by_writer(labels, readings, "ppqq")["edits"] == 3
    many = scores.over_writers([1, 2, 0, 3, 1], [100] * 5)
    assert 0 < many[0] < 7 / 500 < many[1]


# --- judging ---
def test_questions_are_of_one_writer_each(ink):
    asked = pen.questions(ink, [0, 3], SMALL + "0123456789")
    assert {q.writer for q in asked} == {"us/00", "us/03"}
    assert all(3 <= len(q.text) <= 6 and q.grey.shape[0] == 32 and not q.doubtful for q in asked)
    for name in ("us/00", "us/03"):
        drawn = "".join(q.text for q in asked if q.writer == name)
        assert max(map(drawn.count, drawn)) <= 2 and len(drawn) > 60  # each wrote everything twice
    read = pen.questions(ink, [1], None)
    assert len(read) == pen.MOST and all(3 <= len(q.text) <= 12 and q.text.isalpha() for q in read)


def test_writers_weigh_nearly_alike_and_those_left_out_nothing(monkeypatch):
    found = strokes.pack([*people(2, source="aa"), *people(1, source="bb"), *people(1, source="unknown")])
    monkeypatch.setattr(strokes, "groups", lambda: {"aa": 1, "bb": 2})
    every = pen.weights(found, 0)
    assert [found.names[i] for i in every] == ["aa/00", "aa/01", "bb/00"]
    assert [found.names[i] for i in pen.weights(found, 1)] == ["bb/00"]
    assert every[0] == 124 / (124 + pen.FEW_CHARACTERS)
