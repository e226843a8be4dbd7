"""The machine's own arithmetic in V8, against the library, and its side in Python."""

import json
from itertools import pairwise

import pytest
import torch
from v8 import Page

from crnn_lib import images
from crnn_lib.drawing import pen, skeletons
from crnn_lib.model import CRNN, Config
from crnn_lib.widgets import Machine, host, weights

TINY = CRNN(Config("ab", 16, 40, (2, 3), ((4, 2), (2, 2)), 3, 2)).eval()


@pytest.fixture(scope="module")
def js():
    """js(text of an expression) -> its value."""
    return Page().value


def test_it_opens_with_a_word_that_the_page_reads_surely():
    machine = Machine()
    network = list(host.readers().values())[-1]
    read = host.read(weights.from_bytes(weights.to_bytes(network)), pen.image(machine.strokes))
    assert read.texts == ["hello"] and read.confidences[0] > 0.9
    path = read.log_probs[0].argmax(-1).tolist()
    assert any(a == b for a, b in pairwise(path) if a), "nothing to merge"


def test_a_page_leads_to_chapters_and_a_notebook_does_not():
    machine = Machine(TINY, strokes=skeletons.place("n7x"))
    assert "&quot;chapters&quot;: true" in machine.baked() and "chapters" not in machine.get_state()


def test_a_reading_is_shown_part_by_part(js):
    T = 7
    end = js(f"lengthOf({T})")
    moments = js(f"Array.from({{ length: {end} + 1 }}, (_, at) => momentOf({T}, at))")
    assert list(dict.fromkeys(m["phase"] for m in moments)) == ["window", "streams", "peaks", "merge", "drop", "gather"]
    shown = [m["shown"] for m in moments]
    assert set(shown[0].values()) == {0} and list(shown[-1].values()) == [T] * 3 + [1] * 3
    for before, after in pairwise(shown):
        grown = [name for name in before if after[name] != before[name]]
        assert len(grown) == 1 and after[grown[0]] > before[grown[0]]
    assert all(0 <= m["t"] < T for m in moments)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_gates_make_the_states_of_torch(js, reverse):
    torch.manual_seed(3)
    with torch.no_grad():
        stages = {
            n: x[0] for n, x in TINY.stages(images.standardise(pen.image(skeletons.place("n7x")), 16, 40)[None]).items()
        }
    T = len(stages["states"])
    folded = weights.folded(TINY)
    name = "reverse" if reverse else "forward"
    layer = {part: folded[f"{name}.{part}"].flatten().tolist() for part in ("weight", "bias")}
    given = {n: {"data": stages[n].flatten().tolist(), "dims": [1, *stages[n].shape]} for n in ("features", "states")}
    for unit in range(2):
        asked = f"gatesOf({json.dumps({'stages': given, 'T': T})}, {json.dumps(layer)}, {unit}, {json.dumps(reverse)})"
        assert js(asked)["state"] == pytest.approx(stages["states"][:, unit + 2 * reverse].tolist(), abs=1e-5)


def test_a_letter_keeps_its_hue_and_no_hue_is_that_of_here(js):
    hues = js("Array.from({ length: 62 }, (_, c) => hueOf(c + 1))")
    assert all(95 <= hue <= 385 for hue in hues)
    assert len(set(hues[:36])) >= 35


def test_tiles_fill_their_view(js):
    for count, ratio in ((16, 4), (32, 4), (96, 16), (1, 4), (7, 20)):
        grid = js(f"gridOf({count}, {ratio}, 340, 86)")
        last = js(f"tileAt(gridOf({count}, {ratio}, 340, 86), {count - 1})")
        assert grid["across"] * grid["down"] >= count
        assert last[0] + grid["width"] <= 340.01 and last[1] + grid["height"] == pytest.approx(86)
