"""The laboratory from Python: what it starts from, what it refuses, what it leaves on a page without a browser."""

import html
import json
import re

import numpy as np

from crnn_lib import assets, ctc, images, reader
from crnn_lib.widgets import Lab


def baked(lab):
    """(state, sentence) of the static form."""
    text = lab.baked()
    state = json.loads(html.unescape(re.search(r'state="([^"]*)"', text)[1]))
    return state, html.unescape(re.search(r"<p>(.*)</p>", text)[1])


def test_a_flat_start():
    lab = Lab("mm", steps=6)
    assert lab.symbols == "mab" and np.allclose(lab.matrix, 0.25) and np.shape(lab.matrix) == (6, 4)
    state, alt = baked(lab)
    assert state == {"label": "mm", "source": "uniform", "sample": "", "steps": 6, "seed": 1, "symbols": "mab"}
    assert "'mm'" in alt and f"{ctc.count_alignments([1, 1], 6)} alignments" in alt


def test_a_reader_s_matrix(captcha):
    lab = Lab("gxxw6", sample="gxxw6")
    assert lab.source == "reader" and np.shape(lab.matrix) == (32, 20)
    grey = images.load_grey(assets.SAMPLES["gxxw6"])
    read = reader.read(captcha, images.standardise(grey)[None]).log_probs[0].exp()
    assert np.allclose(lab.matrix, read) and np.allclose(np.sum(lab.matrix, axis=1), 1, atol=1e-5)
    state, alt = baked(lab)
    assert "matrix" not in state and "254,186,856 alignments" in alt and "<img" in lab.baked()


def test_a_matrix_of_one_s_own():
    rows = [[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]
    state, alt = baked(Lab("ab", symbols="ab", matrix=rows))
    assert np.allclose(state["matrix"], rows)
    assert f"loss {-np.log(0.25 * 0.7):.3f}" in alt


def test_a_label_that_does_not_fit_is_said_to_have_no_alignment():
    assert "0 alignments, loss inf" in baked(Lab("aaa", steps=2))[1]
