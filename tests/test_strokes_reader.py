"""Skeletons, normalised drawings, the random hands that make training strings, and the reader trained on them."""

import json

import numpy as np
import pytest
import torch
from places import result

from bench.training import ink, stroke_reader
from crnn_lib import metrics, reader
from crnn_lib.alphabet import CAPTCHA_SYMBOLS
from crnn_lib.drawing import pen, skeletons
from crnn_lib.errors import UserError
from crnn_lib.images import standardise

SAME = str.maketrans("0il", "o11")  # either counts as right
MOST_PLAIN, MOST_HANDS = 0.05, 0.15  # CER


@pytest.fixture(scope="module")
def bench():
    return stroke_reader


@pytest.fixture(scope="module")
def recorded():
    return result("stroke_reader")


def hands(count, seed):
    """`count` strings of deformed skeletons: glyph points in pixels, strokes by glyph, string by glyph, labels."""
    glyphs, rng = ink.skeleton_glyphs(), np.random.default_rng(seed)
    string = np.repeat(np.arange(count), rng.integers(3, 7, count))
    index = rng.integers(0, len(glyphs), len(string))
    points = ink.deform(glyphs.points[index], glyphs.strokes[index], np.full(len(index), 0.6), rng)
    placed = ink.place(points, glyphs.symbol[index], glyphs.scale[index], string, rng)
    labels = ["".join(skeletons.SYMBOLS[s] for s in glyphs.symbol[index[string == i]]) for i in range(count)]
    return ink.fit(placed, string, 0.3, rng), glyphs.strokes[index], string, labels


def read(penman, drawings):
    images = [standardise(pen.render(pen.normalise(d)).astype(np.float32)) for d in drawings]
    return reader.read(penman, torch.stack(images)).texts


# ---- skeletons


def test_every_symbol_can_be_drawn_in_several_ways():
    assert skeletons.SYMBOLS == "0123456789abcdefghijklmnopqrstuvwxyz"
    for symbol in skeletons.SYMBOLS:
        seen = set()
        for variant in range(skeletons.count(symbol)):
            drawn = skeletons.glyph(symbol, variant)
            xs, ys = zip(*(point for stroke in drawn for point in stroke), strict=True)
            assert min(xs) >= -2 and max(xs) <= 18 and min(ys) >= -2 and max(ys) <= 31
            image = pen.render(pen.normalise(drawn))
            assert (image < 128).sum() >= 15
            seen.add(image.tobytes())
        assert len(seen) == skeletons.count(symbol) >= 5


def test_a_corner_is_sharp_and_a_curve_passes_its_points():
    seven = skeletons.glyph("7")[0]
    assert seven == [[0, 0], [11, 0], [4, 20]]
    zero = skeletons.glyph("0")[0]
    assert [6, 0] in zero and [0, 10] in zero and len(zero) == 8 * skeletons.PER_SPAN + 1
    assert skeletons.glyph("q", 2) == skeletons.glyph("q", 2 + skeletons.count("q"))


def test_text_is_written_from_left_to_right_on_a_line():
    drawn = skeletons.write("lpx", height=10.0)
    tops, bottoms = ([f(y for _, y in stroke) for stroke in drawn] for f in (min, max))
    assert tops[0] == -10 and bottoms[0] == 0 and max(bottoms) == 4.5
    assert min(x for x, _ in drawn[1]) > max(x for x, _ in drawn[0])
    assert drawn == pen.quantise(drawn) and skeletons.write("") == []
    assert skeletons.write("7", [1]) != skeletons.write("7")


@pytest.mark.parametrize("text", ["A", "é", " ", "a-b"])
def test_what_has_no_skeleton_is_refused(text):
    with pytest.raises(UserError, match="cannot be drawn"):
        skeletons.write(text)


# ---- normalising


def test_a_normalised_drawing_fills_the_image_and_keeps_its_proportions():
    small = [[[500, 300], [510, 305]], [[505, 302]]]
    drawn = pen.normalise(small)
    assert drawn == [[[38.0, 3.0], [90.0, 29.0]], [[64.0, 13.375]]]  # 13.4 on the grid
    assert pen.normalise(drawn) == drawn
    moved = [[[7 * x - 3000, 7 * y - 2000] for x, y in stroke] for stroke in small]
    assert pen.normalise(moved) == drawn
    assert pen.normalise([[[0, 0], [900, 9]]])[0][1] == [125.0, 16.625]


def test_drawings_without_extent():
    assert pen.normalise([]) == pen.normalise([[]]) == []
    assert pen.normalise([[[9, 9]], [[9, 9], [9, 9]]]) == [[[64, 16]], [[64, 16], [64, 16]]]
    assert pen.normalise([[[9, 9], [9, 12]]]) == [[[64, 3], [64, 29]]]
    with pytest.raises(UserError, match="is no"):
        pen.normalise([[[float("nan"), 1]]])


# ---- random hands


def test_the_fast_renderer_is_the_rasteriser_bit_for_bit():
    points, number, string, labels = hands(60, seed=1)
    thickness = np.random.default_rng(2).choice([1.4, 2.0, 2.75], len(labels))
    points[string == 3] += 60  # partly outside
    images = ink.render_batch(points, number, string, thickness)
    for i, image in enumerate(images):
        parts = [p for g in np.flatnonzero(string == i) for p in points[g].reshape(number[g], -1, 2).tolist()]
        assert np.array_equal(pen.render(parts, thickness[i]), image)
    one_by_one = torch.stack([standardise(image.astype(np.float32)) for image in images])
    assert np.allclose(ink.standardise_batch(images), one_by_one, atol=1e-6)


def test_hands_differ_and_repeat_with_the_seed():
    (a, *_), (b, *_), (c, *_) = hands(5, 1), hands(5, 1), hands(5, 2)
    assert np.array_equal(a, b) and not (a.shape == c.shape and np.array_equal(a, c))
    assert np.array_equal(a * 16, np.floor(a * 16))


def test_packing_keeps_the_longest_strokes_in_order():
    comb = [[[i, 0], [i, 10 + i]] for i in range(5)]
    glyphs = ink.pack([(3, "m", comb), (3, "i", [[[0, 0]], [[0, 5], [0, 15]]])])
    assert glyphs.strokes.tolist() == [4, 2] and glyphs.points.shape == (2, ink.POINTS, 2)
    assert glyphs.points[0, 0].tolist() == [1, 0] and glyphs.points[0, -1].tolist() == [4, 14]
    assert (glyphs.points[1, : ink.POINTS // 2] == 0).all()


# ---- reading ink


def test_the_three_formats_of_ink_are_read(bench, tmp_path):
    pen = ".PEN_DOWN\n{}\n.PEN_UP\n"
    files = {
        "omniglot_latin/character02/0684_07.txt": "START\n1.0,-2.0,0\n3.0,-9.5,9\nBREAK\n4.0,-1.0,30\nBREAK\n",
        "unipen/data/1a/aga/ann.dat": '.SEGMENT CHARACTER 1-2 ? "7" \n.SEGMENT CHARACTER 0 ? "A" \n',
        "unipen/include/aga/data/ann.dat": "\n" + "9 9\n".join(map(pen.format, ("0 0", "1 5\n2 4", "3 3"))),
        "uji1/UJIpenchars-w02": '.SEGMENT CHARACTER 0 ? "a"\n.COMMENT Class [A]\n\n' + pen.format(" 5  6\n 7  8")
        + '.DT 100\n.SEGMENT CHARACTER 0 ? "B"\n' + pen.format(" 1 1"),
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert bench.read_ink(tmp_path) == [
        ("omniglot 07", "b", [[(1.0, 2.0), (3.0, 9.5)], [(4.0, 1.0)]]),
        ("unipen ann", "7", [[(1.0, -5.0), (2.0, -4.0)], [(3.0, -3.0)]]),
        ("uji 02", "a", [[(5.0, 6.0), (7.0, 8.0)]]),
    ]
    with pytest.raises(SystemExit, match="all three sets"):
        bench.read_ink(tmp_path / "uji1")


@pytest.mark.parametrize("way", ["line", "bottom", "centred", "even", "unscaled"])
def test_test_strings_lie_on_the_pad(bench, way):
    glyphs = [("skeletons", s, skeletons.glyph(s)) for s in skeletons.SYMBOLS]
    cut = bench.test_strings(glyphs, skeletons.SYMBOLS, passes=2, seed=0)
    assert sorted("".join(s for _, parts in cut for _, s, _ in parts)) == sorted(skeletons.SYMBOLS * 2)
    assert all(3 <= len(parts) <= 6 for _, parts in cut)
    for _, parts in cut:
        drawn = bench.side_by_side(parts, bench.writer_scale(glyphs)["skeletons"], way, bench.random.Random(1))
        xs, ys = zip(*(p for stroke in drawn for p in stroke), strict=True)
        assert min(xs) >= 0 and max(xs) <= 128 and min(ys) >= 0 and max(ys) <= 32


# ---- the reader


def test_the_weights_name_their_ink(penman):
    assert penman.config.alphabet == skeletons.SYMBOLS and penman.parameter_count() <= 400_000
    assert (penman.config.height, penman.config.width) == (32, 128)
    facts = json.dumps(penman.provenance)
    for source in ("Omniglot".lower(), "UNIPEN train_r01_v07", "research use", "UJI Pen Characters", "CC BY 4.0"):
        assert source in facts
    assert penman.provenance["stage"] == "ship"


def test_it_reads_what_the_pad_writes(penman):
    rng = np.random.default_rng(3)
    texts = ["".join(rng.permutation(list(skeletons.SYMBOLS))[: rng.integers(3, 7)]) for _ in range(60)]
    found = read(penman, [skeletons.write(text) for text in texts])
    wrong = sum(metrics.edits(a.translate(SAME), b.translate(SAME)) for a, b in zip(texts, found, strict=True))
    assert wrong / sum(map(len, texts)) <= MOST_PLAIN


def test_it_reads_random_hands(penman):
    points, number, string, labels = hands(150, seed=11)
    images = ink.standardise_batch(ink.render_batch(points, number, string, np.full(len(labels), 2.0)))
    found = reader.read(penman, torch.from_numpy(images)).texts
    wrong = sum(metrics.edits(a.translate(SAME), b.translate(SAME)) for a, b in zip(labels, found, strict=True))
    assert wrong / sum(map(len, labels)) <= MOST_HANDS


# ---- the recorded results


def parts(recorded):
    """Every scored part of the results: (writers trained on or None, {alphabet: figures})."""
    yield from ((recorded["training"]["writers"], part) for part in recorded["test"].values())
    yield from ((recorded["training"]["writers"], part) for part in recorded["first_look"].values())
    yield from ((fold["writers"], fold["test"]) for fold in recorded["folds"].values())


def test_nobody_who_drew_a_test_character_drew_one_in_training(bench, recorded):
    for trained, part in parts(recorded):
        for alphabet in part.values():
            assert trained and not set(trained) & set(alphabet["line"]["by_writer"])
    assert set(bench.TEST) == {w for part in recorded["test"].values() for w in part["36 symbols"]["line"]["by_writer"]}
    assert [" ".join(fold) for fold in bench.FOLDS] == list(recorded["folds"])


def test_recorded_rates_are_those_of_their_counts(bench, recorded):
    assert recorded["counts_as_right"] == ["0/o", "1/l/i"]
    for _, part in parts(recorded):
        for alphabet in part.values():
            for way in bench.WAYS:
                found = alphabet[way]
                by = found["by_writer"].values()
                assert found["cer"] == pytest.approx(found["edits"] / found["characters"])
                assert sum(w["edits"] for w in by) == found["edits"]
                assert sum(w["characters"] for w in by) == found["characters"]
                assert not [key for key in found if "interval" in key], "a CER is no share of independent trials"
        assert set(part["19 symbols"]["symbols"]) == set(CAPTCHA_SYMBOLS)
        assert set(part["36 symbols"]["symbols"]) == set(skeletons.SYMBOLS.translate(SAME))


@pytest.mark.parametrize(("alphabet", "most"), [("36 symbols", 0.15), ("19 symbols", 0.10)])
def test_the_reader_reached_its_mark(recorded, alphabet, most):
    """CER on writers that the reader never saw, each UJI writer left out once, written on a line."""
    folds = [fold["test"][alphabet]["line"] for fold in recorded["folds"].values()]
    assert sum(f["edits"] for f in folds) / sum(f["characters"] for f in folds) <= most
