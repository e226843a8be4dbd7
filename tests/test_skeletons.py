"""Skeletons, normalised drawings, and the model `pen`: what it learned from, and what is recorded of it."""

import json

import numpy as np
import pytest
from places import result

from bench.training import pen as training
from bench.training import scores, strokes
from crnn_lib import metrics, reader
from crnn_lib.drawing import pen, skeletons
from crnn_lib.errors import UserError
from crnn_lib.images import standardise

MOST_PLAIN = 0.05  # CER


# ---- skeletons


def test_every_symbol_can_be_drawn_in_several_ways():
    assert sorted(skeletons.SYMBOLS) == sorted(strokes.SYMBOLS)
    for symbol in skeletons.SYMBOLS:
        seen = set()
        for variant in range(skeletons.count(symbol)):
            drawn = skeletons.glyph(symbol, variant)
            xs, ys = zip(*(point for stroke in drawn for point in stroke), strict=True)
            assert min(xs) >= -2 and max(xs) <= 18 and min(ys) >= -2 and max(ys) <= 31
            image = pen.render(pen.normalise(drawn))
            assert (image < 128).sum() >= 15
            seen.add(image.tobytes())
        assert len(seen) == skeletons.count(symbol) >= (2 if symbol.isupper() else 5)


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


@pytest.mark.parametrize("text", ["é", " ", "a-b"])
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


# ---- the model


def test_the_weights_name_their_ink(penman):
    assert set(penman.config.alphabet) == set(skeletons.SYMBOLS) and penman.parameter_count() <= 600_000
    facts = json.dumps(penman.provenance)
    for source in ("Omniglot".lower(), "UNIPEN train_r01_v07", "research use", "UJI Pen Characters", "CC BY 4.0"):
        assert source in facts
    pieces = penman.provenance["pieces"]
    assert len(pieces) == len(training.PIECES) and all(len(piece["composed"]["writers"]) > 200 for piece in pieces)


def test_it_reads_what_the_pad_writes(penman):
    rng = np.random.default_rng(3)
    texts = ["".join(rng.permutation(list(skeletons.SYMBOLS))[: rng.integers(3, 7)]) for _ in range(60)]
    drawn = [pen.image_for(penman.config, skeletons.write(text)).astype(np.float32) for text in texts]
    found = reader.read(penman, [standardise(grey, *penman.config.frame) for grey in drawn]).texts
    wrong = sum(metrics.edits(*map(scores.alike, pair)) for pair in zip(texts, found, strict=True))
    assert wrong / sum(map(len, texts)) <= MOST_PLAIN


# ---- the recorded results


@pytest.fixture(scope="module")
def judged():
    return result("pen")["groups"]


def test_who_is_scored_is_of_the_group_left_out(judged):
    dealt = strokes.groups()
    for group, found in judged.items():
        for name in training.SETS:
            writers = found["sets"][name]["all"]["writers"]
            assert 30 < len(writers) <= found["writers"]
            assert {dealt[writer.split("/")[0]] for writer in writers} == {int(group)}


def test_recorded_rates_are_those_of_their_counts(judged):
    for found in judged.values():
        for one in found["sets"].values():
            by = one["all"]["writers"].values()
            assert one["all"]["cer"] == pytest.approx(one["all"]["edits"] / one["all"]["characters"])
            assert sum(w["edits"] for w in by) == one["all"]["edits"]
            low, high = one["all"]["cer_interval"]
            assert low < one["all"]["cer"] < high


def test_the_ceiling_is_that_of_its_transcriptions():
    recorded = result("ceiling")
    labels = [scores.folded(label) for label in recorded["labels"]]
    assert len(labels) == recorded["strings"] == 100 and set(recorded["found"]) == {"A", "B", "the model"}
    for found in recorded["found"].values():
        again = metrics.scores(labels, [scores.folded(text) for text in found["texts"]])
        assert (again["edits"], again["exact"], again["cer"]) == (found["edits"], found["exact"], found["cer"])
