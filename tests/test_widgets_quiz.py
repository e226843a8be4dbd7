"""The page's exercises: a right answer has no fault, a wrong one gets the reason that fits it."""

import json
import math
import re
from itertools import groupby, pairwise, product

import py_mini_racer
import pytest
import torch

from crnn_lib import ctc
from crnn_lib.widgets import source


@pytest.fixture(scope="module")
def js():
    """js(text of an expression) -> its value."""
    engine = py_mini_racer.MiniRacer()
    engine.eval(f"const made = (() => {{ {source.joined()}; return {{ textOf, reasonForPath, reasonForCount, reasonForCell, "
                "ALIGNMENTS, COUNTS, COLUMNS, CAUSES }; })();")  # fmt: skip
    return lambda expression: json.loads(engine.eval(f"JSON.stringify(({expression}) ?? null)"))


def collapsed(path):
    return "".join(c for c, _ in groupby(path) if c != "-")


def test_paths_are_judged_as_they_collapse(js):
    paths = ["".join(p) for n in range(1, 6) for p in product("-me", repeat=n)]
    assert js(f"{json.dumps(paths)}.map(made.textOf)") == [collapsed(p) for p in paths]


def test_each_set_of_paths_holds_right_and_wrong_ones_of_five_columns(js):
    for label, paths in js("made.ALIGNMENTS"):
        right = [path for path in paths if collapsed(path) == label]
        assert 2 <= len(right) < len(paths) - 1
        assert {len(path) for path in paths} == {5}
        reasons = [js(f"made.reasonForPath({json.dumps(path)}, {json.dumps(label)})") for path in paths]
        assert [": it is one." in reason for reason in reasons] == [path in right for path in paths]


def repeats(label):
    return sum(a == b for a, b in pairwise(label))


def test_only_the_right_count_is_right_and_known_mistakes_are_named(js):
    for label, T in js("made.COUNTS"):
        U, r = len(label), repeats(label)
        right = math.comb(T + U - r, 2 * U)
        verdicts = [js(f"made.reasonForCount({n}n, {json.dumps(label)}, {T})") for n in range(200)]
        assert [n for n, verdict in enumerate(verdicts) if verdict is None] == [right]
        if right == 0:
            assert all("T = " in v for v in verdicts if v)
        elif r:
            assert "blank of its own" in verdicts[math.comb(T + U, 2 * U)]


def test_a_lattice_cell_is_right_to_three_places_and_known_mistakes_are_named(js):
    for label, probabilities, t in js("made.COLUMNS"):
        letters = sorted(set(label))
        target = [letters.index(c) + 1 for c in label]
        alpha = ctc.forward(torch.tensor(probabilities, dtype=torch.float64).log(), target).exp()
        logs = f"{json.dumps(probabilities)}.map((row) => row.map(Math.log))"

        def ask(answer, s, logs=logs, target=target, t=t):
            return js(f"made.reasonForCell({answer}, {logs}, {target}, {t}, {s})")

        extended = [0, *(c for symbol in target for c in (symbol, 0))]
        for s, value in enumerate(alpha[t].tolist()):
            assert ask(round(value, 3), s) is None
            assert ask(round(value, 3) + 0.01, s)
            assert ask("NaN", s) == "Type a number such as 0.125."
            p = probabilities[t][extended[s]]
            if value and p != 1:
                assert "multiply" in ask(value / p, s)
        before = alpha[t - 1].tolist()
        wrong_skip = (before[3] + before[2] + before[1]) * probabilities[t][target[1]]
        no_skip = (before[3] + before[2]) * probabilities[t][target[1]]
        if target[0] == target[1]:
            assert "would merge" in ask(wrong_skip, 3)
        else:
            assert "The skip is missing" in ask(no_skip, 3)


def test_every_cause_of_a_plateau_is_a_recorded_run(js):
    recording = json.loads((source.FOLDER.parents[1] / "data" / "results" / "replay.json").read_text(encoding="utf-8"))
    assert set(js("made.CAUSES")) <= {run["variant"] for run in recording["runs"]}
    assert not re.search(r"https?://", source.joined().replace("http://www.w3.org/", ""))
