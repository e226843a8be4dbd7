import json
import os
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from killing import Killed, die

from crnn_lib import checkpoints, metrics
from crnn_lib.data import folds
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError
from crnn_lib.model import Config
from crnn_lib.tools import audit
from crnn_lib.tools.audit import OutOfFold, choose, compare, crossval, read_rows, write_rows
from crnn_lib.training import Recipe, fit

CONFIG = Config(
    alphabet="2bx", height=32, width=32, channels=(4, 6), pools=((4, 2), (4, 2)), features=12, hidden=6
)  # fmt: skip
RECIPE = Recipe(epochs=2, batch_size=4, validation_fraction=0.25)


@pytest.fixture(scope="module")
def data():
    return captchas.dataset(count=12, alphabet="2bx", lengths=(2, 3), height=32, width=32)


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    return crossval(CONFIG, data, RECIPE, 3, 0, tmp_path_factory.mktemp("undisturbed") / "state.json")


# --- cross-validation ---


def test_every_image_is_read_once_by_the_model_that_never_saw_it(data, undisturbed, tmp_path, monkeypatch):
    trained_on = []
    monkeypatch.setattr(audit, "fit", lambda c, part, *a, **k: trained_on.append(part.names) or fit(c, part, *a, **k))
    told = []
    rows = crossval(CONFIG, data, RECIPE, 3, 0, tmp_path / "x.json", on_fold=lambda i, figures: told.append(figures))
    assert rows == undisturbed
    assert [row.file for row in rows] == list(data.names) and [row.label for row in rows] == list(data.labels)
    parts = folds(data.labels, 3, 0)
    for row in rows:
        assert row.file not in trained_on[row.fold]
        assert data.names.index(row.file) in parts[row.fold][1]
    assert [set(names) for names in trained_on] == [{data.names[i] for i in train} for train, _ in parts]
    # no image with the same label either
    assert all(row.label not in {name.split("_")[1][:-4] for name in trained_on[row.fold]} for row in rows)
    assert [f["images"] for f in told] == [len(test) for _, test in parts]
    assert sum(f["exact"] for f in told) == sum(row.label == row.reading for row in rows)
    assert os.listdir(tmp_path) == ["x.json"]


def test_the_rows_are_what_the_fold_s_model_says(data, undisturbed):
    train, test = folds(data.labels, 3, 0)[1]
    model, part = fit(CONFIG, data.subset(train), RECIPE).model, data.subset(test)
    figures, readings = metrics.evaluate(model, part.images, part.labels)
    mine = [row for row in undisturbed if row.fold == 1]
    assert [row.reading for row in mine] == readings.texts
    assert [row.confidence for row in mine] == readings.confidences
    mean = sum(row.loss / len(row.label) for row in mine) / len(mine)
    assert mean == pytest.approx(figures["ctc_loss"])


MOMENTS = {
    "in the first fold": ("fit", 1, False),
    "in the second fold": ("fit", 2, False),
    "before anything is noted": ("write_text", 1, False),
    "with a fold trained but not yet noted": ("write_text", 3, False),
    "with a fold noted but its checkpoint still there": ("write_text", 3, True),
    "with the last fold noted": ("write_text", 4, True),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_it_goes_on_without_repeating_a_finished_fold(
    moment, data, undisturbed, tmp_path, monkeypatch
):
    name, call, after = MOMENTS[moment]
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die(patch, audit, name, call, after)
        crossval(CONFIG, data, RECIPE, 3, 0, tmp_path / "x.json")
    begun = call if after else call - 1
    finished = max(begun - 1, 0) if name == "write_text" else begun  # the first note is of no fold
    state = tmp_path / "x.json"
    assert len({row["fold"] for row in json.loads(state.read_text())["rows"]} if state.exists() else ()) == finished
    trained = []
    monkeypatch.setattr(audit, "fit", lambda *a, **k: trained.append(1) or fit(*a, **k))
    assert crossval(CONFIG, data, RECIPE, 3, 0, state) == undisturbed
    assert len(trained) == 3 - finished


def test_stopped_within_a_fold_it_goes_on_from_the_epoch(data, undisturbed, tmp_path, monkeypatch):
    in_the_second_fold = RECIPE.epochs + 1
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        die(patch, checkpoints, "write", in_the_second_fold, True, KeyboardInterrupt)
        crossval(CONFIG, data, RECIPE, 3, 0, tmp_path / "x.json")
    written = []
    original = checkpoints.write
    monkeypatch.setattr(checkpoints, "write", lambda path, state: written.append(state) or original(path, state))
    assert crossval(CONFIG, data, RECIPE, 3, 0, tmp_path / "x.json") == undisturbed
    assert [len(state["history"]) for state in written] == [2, 1, 2]


def test_the_state_of_another_run_is_refused(data, undisturbed, tmp_path):
    state = tmp_path / "x.json"
    crossval(CONFIG, data, RECIPE, 3, 0, state)
    before = state.read_bytes()
    for config, images, recipe, k, seed in (
        (replace(CONFIG, hidden=7), data, RECIPE, 3, 0),
        (CONFIG, data.subset(range(11)), RECIPE, 3, 0),
        (CONFIG, data, replace(RECIPE, epochs=3), 3, 0),
        (CONFIG, data, RECIPE, 4, 0),
        (CONFIG, data, RECIPE, 3, 1),
    ):
        with pytest.raises(UserError, match=r"x\.json belongs to a run with a different"):
            crossval(config, images, recipe, k, seed, state)
    assert state.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"3", b"{}", b'{"rows": []}', b'{"rows": [{"file": "a"}], "identity": []}',
     b'{"rows": 3, "identity": []}', b"\xff\xfe", b"[" * 100_000, None],
)  # fmt: skip
def test_a_damaged_state_is_refused(content, data, tmp_path):
    state = tmp_path / "x.json"
    state.mkdir() if content is None else state.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.json"):
        crossval(CONFIG, data, RECIPE, 3, 0, state)


def test_too_many_folds_are_an_error(data, tmp_path):
    for k in (1, 13):
        with pytest.raises(UserError):
            crossval(CONFIG, data, RECIPE, k, 0, tmp_path / "x.json")
    assert os.listdir(tmp_path) == []


# --- the readings as a table ---

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=6)
rows_of_any_kind = st.lists(
    st.builds(
        OutOfFold,
        file=texts, label=texts, reading=texts,
        confidence=st.floats(0, 1), loss=st.floats(0, 1e6) | st.just(float("inf")), fold=st.integers(0, 9),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(rows_of_any_kind)
def test_a_table_comes_back_to_six_decimals(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    write_rows(rows, path)
    again = read_rows(path)
    assert [(r.file, r.label, r.reading, r.fold) for r in again] == [(r.file, r.label, r.reading, r.fold) for r in rows]
    for new, old in zip(again, rows, strict=True):
        assert new.confidence == pytest.approx(old.confidence, abs=5.1e-7)
        assert new.loss == pytest.approx(old.loss, abs=5.1e-7)
    write_rows(again, path)
    assert read_rows(path) == again


def test_the_table_has_a_header_and_plain_newlines(tmp_path):
    write_rows([OutOfFold("a.png", "ab", "ab", 0.5, 0.25, 1)], tmp_path / "rows.csv")
    expected = b"file,label,reading,confidence,loss,fold\na.png,ab,ab,0.500000,0.250000,1\n"
    assert (tmp_path / "rows.csv").read_bytes() == expected


@pytest.mark.parametrize(
    "content",
    [None, b"", b"\xff\xfe\x00", b"file,label\na,b\n", b"hello\n", b"x" * 200_000,
     b"file,label,reading,confidence,loss,fold\na,b,c,d,e,f\n",
     b"file,label,reading,confidence,loss,fold\na,b,c\n"],
)  # fmt: skip
def test_what_is_no_table_of_readings_is_an_error(content, tmp_path):
    if content is not None:
        (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"rows\.csv"):
        read_rows(tmp_path / "rows.csv")


# --- the audit ---


def rows_of(agreeing, disagreeing):
    right = [OutOfFold(f"r{i}", "ab", "ab", i / 1000, 0.1, 0) for i in range(agreeing)]
    return right + [OutOfFold(f"w{i}", "ab", "ax", 0.9, 5.0, 0) for i in range(disagreeing)]


@given(st.integers(0, 60), st.integers(0, 8), st.integers(0, 30), st.integers(0, 10), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_all_suspects_the_least_sure_and_random_controls_are_chosen(agreeing, disagreeing, controls, unsure, seed):
    rows = rows_of(agreeing, disagreeing)
    chosen = choose(rows, controls, unsure, seed)
    assert max(Counter(row.file for row in chosen).values(), default=1) == 1
    assert {row.file for row in chosen} >= {f"w{i}" for i in range(disagreeing)}
    assert {row.file for row in chosen} >= {f"r{i}" for i in range(min(unsure, agreeing))}
    assert len(chosen) == disagreeing + min(agreeing, unsure + controls)
    assert chosen == choose(rows, controls, unsure, seed)


def test_the_order_gives_nothing_away():
    rows = rows_of(300, 10)
    chosen = choose(rows)
    assert len(chosen) == 10 + 20 + 100
    places = [i for i, row in enumerate(chosen) if row.file.startswith("w")]
    assert places != list(range(10)) and max(places) - min(places) > 30
    assert chosen != choose(rows, seed=1)
    assert {r.file for r in choose(rows, seed=1)} != {r.file for r in chosen}


@pytest.mark.parametrize(
    ("label", "reading", "seen", "verdict", "audited"),
    [
        ("ab", "ab", ["ab", "ab"], "label right", "ab"),
        ("ab", "ax", ["ab", "ab"], "label right, reading wrong", "ab"),
        ("ab", "ax", ["ax", "ax"], "label wrong", "ax"),
        ("ab", "ax", ["ax"], "label wrong", "ax"),
        ("ab", "ax", ["ax", "ab"], "ambiguous", "ab"),
        ("ab", "ax", ["ay", "ay"], "ambiguous", "ab"),
        ("ab", "ab", ["ax", "ax"], "ambiguous", "ab"),
        ("ab", "ab", ["ab", "ax"], "ambiguous", "ab"),
        ("ab", "", ["", ""], "label wrong", ""),
        ("ab", "ax", [], "ambiguous", "ab"),
    ],
)
def test_a_label_is_wrong_only_when_everybody_agrees_with_the_reading(label, reading, seen, verdict, audited):
    (found,) = compare([OutOfFold("f", label, reading, 0.5, 1.0, 0)], [{"f": text, "other": "z"} for text in seen])
    assert (found.verdict, found.label) == (verdict, audited)
    assert (found.file, found.given, found.reading, found.transcriptions) == ("f", label, reading, " ".join(seen))


def test_verdicts_are_sorted_by_file_and_can_be_written(tmp_path):
    rows = [OutOfFold(name, "ab", "ab", 0.5, 1.0, 0) for name in ("c", "a", "b")]
    verdicts = compare(rows, [dict.fromkeys("abc", "ab")])
    assert [v.file for v in verdicts] == ["a", "b", "c"]
    write_rows(verdicts, tmp_path / "audit.csv")
    lines = (tmp_path / "audit.csv").read_text().splitlines()
    assert lines[:2] == ["file,given,reading,transcriptions,label,verdict", "a,ab,ab,ab,ab,label right"]


def test_a_missing_transcription_is_an_error():
    with pytest.raises(UserError, match="'f'"):
        compare([OutOfFold("f", "ab", "ab", 0.5, 1.0, 0)], [{"f": "ab"}, {"g": "ab"}])
