"""The page's exercises: a right answer has no fault, a wrong one gets a reason, and every reason given is true."""

import html
import json
import math
import re
from itertools import combinations, groupby, pairwise, product

import pytest
import torch
from v8 import Page

from crnn_lib import ctc
from crnn_lib.widgets import Quiz, bundle, host
from crnn_lib.widgets.quiz import quiz


@pytest.fixture(scope="module")
def js():
    """js(text of an expression) -> its value."""
    return Page().value


@pytest.fixture(scope="module")
def film():
    return {run["variant"]: run for run in json.loads(host.RECORDINGS["replay"].read_text(encoding="utf-8"))["runs"]}


def merged(path):
    return "".join(c for c, _ in groupby(path))


def collapsed(path):
    return merged(path).replace("-", "")


def test_paths_are_judged_as_they_collapse(js):
    paths = ["".join(p) for n in range(1, 6) for p in product("-me", repeat=n)]
    assert js(f"{json.dumps(paths)}.map(textOf)") == [collapsed(p) for p in paths]


@pytest.mark.parametrize("label", ["mm", "me", "eem", "m"])
def test_what_is_said_of_a_path_is_true(js, label):
    paths = ["".join(p) for p in product("-me", repeat=5)]
    said = js(f"{json.dumps(paths)}.map((path) => reasonForPath(path, {json.dumps(label)}))")
    seen = set()
    for path, reason in zip(paths, said, strict=True):
        text, dropped = collapsed(path), path.replace("-", "")
        assert reason.startswith(f"{path}: merged {merged(path)}, without blanks {text or 'nothing'}")
        right, rest = reason.endswith(f": that is {label}."), reason.split(f", not {label}.")[-1]
        assert right == (text == label)
        if "Equal neighbours merge" in rest:
            assert dropped == label and len(merged(path).replace("-", "")) < len(label)
        elif "merge first" in rest:
            assert merged(dropped) == label and len(text) > len(label)
        elif "their order is not" in rest:
            assert sorted(text) == sorted(label) and text != label
        seen.add(rest[:10])
    assert len(seen) >= 2


def test_each_set_of_paths_holds_right_and_wrong_ones_of_five_columns(js):
    sets = js("ALIGNMENTS")
    assert len({label for label, _ in sets}) == len(sets) >= 3
    for label, paths in sets:
        right = [path for path in paths if collapsed(path) == label]
        assert 2 <= len(right) < len(paths) - 1 and len(set(paths)) == len(paths)
        assert {len(path) for path in paths} == {5}


def repeats(label):
    return sum(a == b for a, b in pairwise(label))


def test_only_the_right_count_is_right_and_what_is_said_of_the_others_is_true(js):
    questions = js("COUNTS")
    assert len({tuple(q) for q in questions}) == len(questions) >= 3
    for label, T in questions:
        U, r = len(label), repeats(label)
        letters = len(set(label))
        right = sum(collapsed(p) == label for p in product("-" + "".join(set(label)), repeat=T))
        assert right == (math.comb(T + U - r, 2 * U))
        everything = [*range(300), (letters + 1) ** T, math.comb(T + U, 2 * U), 10**11]
        verdicts = js(f"{json.dumps(everything)}.map((n) => reasonForCount(BigInt(n), {json.dumps(label)}, {T}))")
        for n, verdict in zip(everything, verdicts, strict=True):
            assert (verdict is None) == (n == right)
            if verdict is None:
                continue
            if right == 0:
                assert f"T = {T} is less than U + r = {U} + {r}" in verdict and U + r > T
                continue
            claims = {
                "That is C(T + U, 2U)": math.comb(T + U, 2 * U),
                "That is C(T, U)": math.comb(T, U),
                "That is C(T + U - r, U)": math.comb(T + U - r, U),
                "That is the number of all paths": (letters + 1) ** T,
                "There are some": 0,
                f"Not {n}.": n,
            }
            assert [n == value for words, value in claims.items() if verdict.startswith(words)] == [True], verdict
        if right and r:
            assert "blank of its own" in verdicts[math.comb(T + U, 2 * U)]
        if right:
            assert "a letter may also last" in verdicts[math.comb(T, U)]


def arrivals(before, target, s):
    """Alpha of the cells that lead into s, worked out from the paths' collapse: (cell, value) pairs."""
    extended = [0, *(c for symbol in target for c in (symbol, 0))]
    skip = s >= 2 and extended[s] != 0 and extended[s] != extended[s - 2]
    return {cell: before[cell] for cell in (s, s - 1, s - 2) if cell >= 0 and (cell != s - 2 or skip)}


def test_a_lattice_cell_is_right_to_three_places_and_what_is_said_is_true(js):
    columns = js("COLUMNS")
    assert len({json.dumps(c) for c in columns}) == len(columns) >= 2
    for label, probabilities, t in columns:
        letters = list(dict.fromkeys(label))
        target = [letters.index(c) + 1 for c in label]
        alpha = ctc.forward(torch.tensor(probabilities, dtype=torch.float64).log(), target).exp().tolist()
        logs = f"{json.dumps(probabilities)}.map((row) => row.map(Math.log))"
        extended = [0, *(c for symbol in target for c in (symbol, 0))]
        answers = [i / 1000 for i in range(1001)]
        for s, value in enumerate(alpha[t]):
            p, into = probabilities[t][extended[s]], arrivals(alpha[t - 1], target, s)
            assert math.isclose(sum(into.values()) * p, value)
            before = alpha[t - 1]
            claims = {
                "That is the sum over": sum(into.values()),
                "That is the probability of the class": p,
                "That is staying alone": before[s] * p,
                "That leaves out the skip": (sum(into.values()) - before[max(s - 2, 0)]) * p,
                "That counts a skip": (sum(into.values()) + before[max(s - 2, 0)]) * p,
            }
            said = js(f"{answers}.map((a) => reasonForCell(a, {logs}, {target}, {t}, {s}))")
            for answer, reason in zip(answers, said, strict=True):
                assert (reason is None) == (abs(answer - value) < 0.00051)
                for words, claim in claims.items():
                    if reason and reason.startswith(words):
                        assert abs(answer - claim) < 0.00052, (reason, answer, claim)
                if reason and "Cells" in reason:
                    cells = [int(n) for n in re.findall(r"\d+", reason.split(" lead")[0])]
                    assert cells == sorted(into) and f"multiply by {p:.2f}" in reason
                elif reason and reason.startswith("Cell "):
                    assert reason.startswith(f"Cell {s} alone") and list(into) == [s]
            barred = any(reason and "counts a skip" in reason for reason in said)
            skips = any(reason and "leaves out the skip" in reason for reason in said)
            assert not (barred and s - 2 in into) and not (skips and s - 2 not in into)
            assert js(f"reasonForCell(NaN, {logs}, {target}, {t}, {s})") == "Type a number such as 0.125."


def test_decoding_is_judged_by_all_paths(js):
    questions = js("DECODINGS")
    outcomes = []
    for letters, rows in questions:
        signs = "-" + letters
        masses, best_path = {}, ("", 0.0)
        for path in product(range(len(signs)), repeat=len(rows)):
            p = math.prod(row[c] for row, c in zip(rows, path, strict=True))
            word = "".join(signs[c] for c in path)
            masses.setdefault(collapsed(word), []).append((word, p))
            best_path = max(best_path, (word, p), key=lambda x: x[1])
        totals = {text: sum(p for _, p in ways) for text, ways in masses.items()}
        assert all(math.isclose(sum(row), 1) for row in rows)
        best, second = sorted(totals.values())[:-3:-1]
        assert best - second > 0.01  # no tie
        most, greedy = max(totals, key=totals.get), collapsed(best_path[0])
        outcomes.append((most, greedy))
        for text in [*totals, "?"]:
            ask = "reasonForDecoding({}, {}, {}, {})".format
            a, b = (js(ask(*map(json.dumps, (text, which, rows, letters)))) for which in ("greedy", "best"))
            assert (a is None) == (text == greedy) and (b is None) == (text == most)
            if text == "?":
                assert a.endswith("choose a text.") and b.endswith("choose a text.")
                continue
            if a:
                assert f"the path {best_path[0]};" in a
            if b:
                assert f"= {totals[text]:.2f}, from {len(masses[text])} path" in b
                assert b.split(": ")[1].split(". ")[0].split(", ") == [word for word, _ in masses[text]]
                assert ("Its path is the best one" in b) == (text == greedy)
    assert len(set(outcomes)) == len(questions) and len({most == greedy for most, greedy in outcomes}) == 2


def test_prefixes_go_where_their_paths_collapse_to(js):
    def path(prefix, ending, comes):
        return "-".join(prefix) + ("-" if ending == "blank" else "") + comes

    ways = list(product(("", "a", "b", "ab", "aa", "ba"), ("blank", "letter"), "-ab"))
    ways = [way for way in ways if way[0] or way[1] == "blank"]
    for way in ways:
        goal, reason = js(f"[grownPrefix({json.dumps(way)}), reasonForPrefix({json.dumps(way)})]")
        assert goal == collapsed(path(*way))
        assert ("stays" in reason) == (goal == way[0])
        assert ("merge" in reason) == (way[1] == "letter" and bool(way[0]) and way[0][-1] == way[2])
        if "blank separates" in reason:
            assert way[1] == "blank" and way[0][-1] == way[2]
    for goal, asked in js("PREFIXES"):
        right = [way for way in asked if collapsed(path(*way)) == goal]
        assert 2 <= len(right) < len(asked) and len({tuple(way) for way in asked}) == len(asked)
        assert all(way[0] or way[1] == "blank" for way in asked)


def test_the_beam_search_of_the_laboratory_merges_the_same_ways(js):
    beams = [{"prefix": p, "blank": -1.0, "symbol": -1.5 if p else None} for p in ([], [1], [2], [1, 2], [1, 1])]
    text = json.dumps(beams).replace("null", "-Infinity")
    step = js(f"beamStep({text}, [-1, -1, -1], 99)")
    for beam in step["kept"]:
        goal = "".join(" ab"[c] for c in beam["prefix"])
        for way in beam["from"]:
            prefix = "".join(" ab"[c] for c in way["prefix"])
            ending = "letter" if way["how"] == "repeat" else "blank"
            comes = "-" if way["how"] == "blank" else goal[-1]
            assert js(f"grownPrefix({json.dumps([prefix, ending, comes])})") == goal


def test_what_is_said_of_each_cause_holds_for_its_recorded_run(js, film):
    causes, asked = js("CAUSES"), js("ASKED")
    assert sorted(causes) == sorted(asked) and set(causes) <= set(film)
    assert all(a != b for a, b in zip(asked, causes, strict=True))  # the answer's place does not give it away
    loss = {name: [frame["loss"] for frame in film[name]["frames"]] for name in causes}
    upper, lower = film["ours"]["floors"]
    assert abs(loss["ours"][0] - upper) < 0.05 and loss["ours"][-1] < 0.1
    assert abs(loss["sgd"][0] - upper) < 0.05 and min(loss["sgd"]) > lower
    assert 0.4 < loss["short"][-1] < film["short"]["floors"][1] and loss["short"][-1] > loss["ours"][-1]
    first = next(i for i, value in enumerate(loss["no-prior"]) if value < upper + 0.2)
    assert loss["no-prior"][0] > 4 * upper and all(
        lower < v < upper + 0.3 for v in loss["no-prior"][first : first + 10]
    )
    for one, other in combinations(asked, 2):
        assert abs(loss[one][-1] - loss[other][-1]) > 0.1  # they can be told apart


def test_a_curve_is_told_in_its_own_numbers(js, film):
    run = film["sgd"]
    said = js(f"curveInWords({json.dumps({**run, 'posteriors': ''})}, CURVES.loss)")
    first, last = run["frames"][0], run["frames"][-1]
    assert f"{first['loss']:.2f} at step 0" in said and said.endswith(f"{last['loss']:.2f} at step {last['step']}")
    steps = [frame["step"] for frame in run["frames"]]
    cases = {0: 0, 10: steps.index(9), 11: steps.index(11), 431: len(steps) - 2, 9999: len(steps) - 1}
    for step, expected in cases.items():
        assert js(f"frameAt({json.dumps({'frames': run['frames']})}, {step})") == expected


def test_nothing_is_sent_anywhere():
    text = bundle.joined()
    assert not re.search(r"https?://", text.replace("http://www.w3.org/", ""))
    assert not re.search(r"\bfetch\(|XMLHttpRequest|sendBeacon|WebSocket", text)


# --- the checks at the chapters' ends ---


def test_a_check_has_five_questions_each_with_one_right_answer_and_a_reason_for_all():
    for number, questions in quiz.checks().items():
        assert len(questions) == 5, number
        for question in questions:
            answers = question["answers"]
            assert len({a["text"] for a in answers}) == len(answers) == 4, question["text"]
            assert [a.get("right") for a in answers].count(True) == 1, question["text"]
            assert all(len(a["reason"]) > 10 for a in answers), question["text"]
        places = {[bool(a.get("right")) for a in q["answers"]].index(True) for q in questions}
        assert len(places) > 1, f"{number}: the right answer is always at the same place"


def test_a_chapter_s_check_carries_its_questions():
    number, questions = next(iter(quiz.checks().items()))
    baked = Quiz(f"chapter {number}").baked()
    assert html.escape(questions[0]["text"]) in baked
    assert html.escape(json.dumps(questions[4]["answers"][3]["reason"])[1:-1]) in html.escape(html.unescape(baked))
    assert "questions" not in Quiz("count").baked()
