import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from crnn_lib import ctc
from crnn_lib.errors import UserError

paths = st.lists(st.integers(0, 3), max_size=12)


def distribution(steps, classes, seed, sharpness=2.0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(steps, classes, generator=generator, dtype=torch.float64) * sharpness
    return logits.log_softmax(-1)


def merge_then_drop(path):
    """The definition, word for word: one of each run of equals, then no blanks."""
    merged = [c for i, c in enumerate(path) if i == 0 or path[i - 1] != c]
    return [c for c in merged if c != 0]


def by_enumeration(log_probs):
    """p(label) of every label, as the sum over all K^T paths."""
    steps, classes = log_probs.shape
    total = {}
    for path in itertools.product(range(classes), repeat=steps):
        p = math.exp(sum(log_probs[t, c].item() for t, c in enumerate(path)))
        label = tuple(merge_then_drop(path))
        total[label] = total.get(label, 0.0) + p
    return total


def needs(target):
    return len(target) + sum(a == b for a, b in itertools.pairwise(target))


@settings(deadline=None)
@given(paths)
def test_collapse_is_merge_then_drop(path):
    assert ctc.collapse(path) == merge_then_drop(path)


def test_collapse_by_hand():
    assert ctc.collapse([1, 1, 0, 1, 2, 2, 0]) == [1, 1, 2]
    assert ctc.collapse([0, 0]) == ctc.collapse([]) == []


@settings(deadline=None)
@given(paths.filter(bool))
def test_greedy_reads_the_most_probable_path(path):
    log_probs = distribution(len(path), 4, seed=len(path))
    peaked = (log_probs + 50 * F.one_hot(torch.tensor(path), 4)).log_softmax(-1)
    assert ctc.greedy_decode(peaked) == merge_then_drop(path)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 5))
def test_greedy_of_any_output(seed, steps, classes):
    log_probs = distribution(steps, classes, seed)
    assert ctc.greedy_decode(log_probs) == merge_then_drop([row.index(max(row)) for row in log_probs.tolist()])


def test_greedy_of_no_time_steps_is_empty():
    assert ctc.greedy_decode(torch.zeros(0, 4)) == []


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 10**6))
def test_the_loss_of_every_label_is_the_sum_over_its_paths(steps, classes, seed):
    log_probs = distribution(steps, min(classes, 3 if steps > 4 else 4), seed)
    classes = log_probs.shape[1]
    total = by_enumeration(log_probs)
    mass = 0.0
    for length in range(min(steps, 3) + 2):
        for target in itertools.product(range(1, classes), repeat=length):
            p = total.get(target, 0.0)
            loss = ctc.ctc_loss(log_probs, target)
            assert (needs(target) <= steps) == (p > 0) == math.isfinite(loss)
            if p:
                assert loss == pytest.approx(-math.log(p), rel=1e-9, abs=1e-9)
            mass += math.exp(-loss)
    # labels longer than those tried hold the rest
    assert mass == pytest.approx(sum(p for target, p in total.items() if len(target) < min(steps, 3) + 2), abs=1e-9)
    assert sum(total.values()) == pytest.approx(1)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 12), st.integers(2, 6), st.integers(0, 10**6), st.data())
def test_the_loss_equals_torch_s(steps, classes, seed, data):
    target = data.draw(st.lists(st.integers(1, classes - 1), max_size=7))
    log_probs = distribution(steps, classes, seed)
    theirs = F.ctc_loss(
        log_probs[:, None], torch.tensor([target], dtype=torch.long), torch.tensor([steps]),
        torch.tensor([len(target)]), reduction="none",
    )  # fmt: skip
    assert ctc.ctc_loss(log_probs, target) == pytest.approx(theirs.item(), rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.lists(st.integers(1, 2), max_size=3), st.integers(0, 10**6))
def test_alpha_is_the_sum_over_path_beginnings(steps, target, seed):
    log_probs = distribution(steps, 3, seed)
    alpha = ctc.forward(log_probs, target)
    extended = [0, *(c for symbol in target for c in (symbol, 0))]
    assert alpha.shape == (steps, len(extended)) and alpha.dtype == torch.float64
    for t in range(steps):
        for s in range(len(extended)):
            p = 0.0
            # a walk along the lattice: start in cell 0 or 1, stay, step, or jump over a blank between different symbols
            for walk in itertools.product(range(3), repeat=t):
                for start in (0, 1):
                    cells = list(itertools.accumulate(walk, initial=start))
                    legal = cells[-1] == s and all(
                        b - a < 2 or (extended[b] != 0 and extended[b] != extended[a])
                        for a, b in itertools.pairwise(cells)
                    )
                    if legal:
                        p += math.exp(sum(log_probs[i, extended[c]].item() for i, c in enumerate(cells)))
            assert alpha[t, s].exp().item() == pytest.approx(p, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("target", [[1], [1, 2, 3], [2, 2], [1, 1, 1], [3, 1, 1, 3]])
def test_exactly_as_many_steps_as_needed_leave_one_path(target):
    log_probs = distribution(needs(target), 4, seed=5)
    only = []
    for before, symbol in zip([None, *target], target, strict=False):
        only += [0, symbol] if symbol == before else [symbol]
    alone = sum(log_probs[t, c].item() for t, c in enumerate(only))
    assert ctc.ctc_loss(log_probs, target) == pytest.approx(-alone)
    assert ctc.ctc_loss(log_probs[1:], target) == math.inf


def test_the_empty_label_is_all_blanks():
    log_probs = distribution(6, 3, seed=1)
    assert ctc.ctc_loss(log_probs, []) == pytest.approx(-log_probs[:, 0].sum().item())
    assert ctc.forward(log_probs, []).shape == (6, 1)


def test_no_time_steps():
    nothing = torch.zeros(0, 3)
    assert ctc.ctc_loss(nothing, []) == 0.0
    assert ctc.ctc_loss(nothing, [1]) == math.inf
    assert ctc.forward(nothing, [1, 2]).shape == (0, 5)


def test_probabilities_of_zero_are_no_trouble():
    log_probs = torch.full((3, 3), -math.inf)
    log_probs[[0, 1, 2], [1, 0, 2]] = 0.0
    assert ctc.ctc_loss(log_probs, [1, 2]) == 0.0
    assert ctc.ctc_loss(log_probs, [2, 1]) == math.inf
    assert not ctc.forward(log_probs, [1, 2]).isnan().any()


def test_long_sequences_do_not_underflow():
    log_probs = distribution(600, 20, seed=2, sharpness=5.0)
    target = [i % 19 + 1 for i in range(100)]
    theirs = F.ctc_loss(
        log_probs[:, None], torch.tensor([target]), torch.tensor([600]), torch.tensor([100]), reduction="none"
    )
    assert ctc.ctc_loss(log_probs, target) == pytest.approx(theirs.item(), rel=1e-12)
    assert ctc.ctc_loss(log_probs, target) > 800  # exp(-800) is no float64


def test_float32_is_computed_in_float64():
    log_probs = distribution(40, 5, seed=3).float()
    assert ctc.ctc_loss(log_probs, [1, 2, 2]) == ctc.ctc_loss(log_probs.double(), [1, 2, 2])
    assert log_probs.dtype == torch.float32


@pytest.mark.parametrize("target", [[0], [1, 0, 2], [4], [-1]])
def test_a_class_that_is_no_symbol_is_an_error(target):
    with pytest.raises(UserError, match=r"class outside 1\.\.3"):
        ctc.forward(torch.zeros(3, 4), target)
    with pytest.raises(UserError, match="holds a class"):
        ctc.ctc_loss(torch.zeros(0, 4), target)
