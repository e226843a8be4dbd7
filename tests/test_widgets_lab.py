"""The laboratory from Python: what it starts from, what it refuses, what it leaves on a page without a browser."""

import base64
import html
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from crnn_lib import ctc
from crnn_lib.errors import UserError
from crnn_lib.widgets.lab import Lab


def baked(lab):
    """(state, alt, picture) of the static form."""
    text = lab.baked()
    state = json.loads(html.unescape(re.search(r'state="([^"]*)"', text)[1]))
    alt = html.unescape(re.search(r'alt="([^"]*)"', text)[1])
    picture = base64.b64decode(re.search(r"base64,([^\"]*)", text)[1])
    return state, alt, np.asarray(Image.open(io.BytesIO(picture)))


def test_a_flat_start():
    lab = Lab("mm", steps=6)
    assert lab.symbols == "mab" and np.allclose(lab.matrix, 0.25) and np.shape(lab.matrix) == (6, 4)
    state, alt, picture = baked(lab)
    assert state == {"label": "mm", "source": "uniform", "sample": "", "steps": 6, "seed": 1, "symbols": "mab"}
    assert "'mm'" in alt and f"{ctc.count_alignments([1, 1], 6)} alignments" in alt
    assert picture.shape == (5 * 24, 7 * 24)
    assert picture[3 * 24 + 3, 5 * 24 + 3] < picture[3 * 24 + 3, 2 * 24 + 3]  # the second m comes late


def test_a_reader_s_matrix():
    lab = Lab("gxxw6", sample="gxxw6")
    assert lab.source == "reader" and np.shape(lab.matrix) == (32, 20)
    assert np.allclose(np.sum(lab.matrix, axis=1), 1, atol=1e-5)
    state, alt, _ = baked(lab)
    assert "matrix" not in state and "254,186,856 alignments" in alt


def test_a_matrix_of_one_s_own():
    rows = [[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]
    state, alt, _ = baked(Lab("ab", symbols="ab", matrix=rows))
    assert np.allclose(state["matrix"], rows)
    assert f"loss {-np.log(0.25 * 0.7):.3f}" in alt


def test_a_label_that_does_not_fit_has_a_picture_too():
    _, alt, picture = baked(Lab("aaa", steps=2))
    assert "0 alignments, loss inf" in alt and picture.shape == (7 * 24, 3 * 24)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"label": "ab", "symbols": "abc", "matrix": [[0.5, 0.5]]}, "does not fit the symbols"),
        ({"label": "ab", "symbols": "ab", "matrix": [[0.5, 0.5, 0.5]]}, "sum to 1"),
        ({"label": "ab", "symbols": "ab", "matrix": [[1.5, -0.5, 0]]}, "sum to 1"),
        ({"label": "az", "symbols": "ab", "matrix": [[1, 0, 0]]}, "holds"),
        ({"label": "ab", "sample": "none"}, "sample must be one of"),
        ({"label": "ABC", "sample": "gxxw6"}, "holds"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, words):
    with pytest.raises(UserError, match=words):
        Lab(**arguments)
