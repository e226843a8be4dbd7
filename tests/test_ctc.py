"""CTC against its definition, enumeration of all paths, torch and fast-ctc-decode."""

import itertools
import math
from collections import defaultdict

import numpy as np
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


class Truth:
    """All K^T paths of a small matrix: mass, number and best path of each label."""

    def __init__(self, log_probs):
        self.mass, self.count, self.best = defaultdict(float), defaultdict(int), {}
        for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
            label = tuple(merge_then_drop(path))
            score = sum(log_probs[t, c].item() for t, c in enumerate(path))
            self.mass[label] += math.exp(score)
            self.count[label] += 1
            self.best[label] = max(score, self.best.get(label, -math.inf))
        self.ranked = sorted(self.mass, key=lambda label: -self.mass[label])


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


@pytest.mark.parametrize("target", [[1], [1, 2, 3], [2, 2], [2, 2, 2], [1, 2, 2, 1], [3, 1, 1, 3]])
def test_exactly_as_many_steps_as_needed_leave_one_path(target):
    log_probs = distribution(needs(target), 4, seed=5)
    only = []
    for before, symbol in zip([None, *target], target, strict=False):
        only += [0, symbol] if symbol == before else [symbol]
    alone = sum(log_probs[t, c].item() for t, c in enumerate(only))
    assert ctc.ctc_loss(log_probs, target) == pytest.approx(-alone)
    assert ctc.count_alignments(target, len(log_probs)) == 1 and ctc.force_align(log_probs, target) == only
    assert torch.allclose(ctc.occupancy(log_probs, target), F.one_hot(torch.tensor(only), 4).double())


def test_the_empty_label_is_all_blanks():
    log_probs = distribution(6, 3, seed=1)
    assert ctc.ctc_loss(log_probs, []) == pytest.approx(-log_probs[:, 0].sum().item())
    assert ctc.forward(log_probs, []).shape == (6, 1)


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


SMALL = [(seed, steps, classes) for seed, (steps, classes) in enumerate(itertools.product(range(1, 6), (2, 3, 4)))]


@pytest.fixture(scope="module", params=SMALL, ids=str)
def case(request):
    seed, steps, classes = request.param
    log_probs = distribution(steps, classes, seed)
    return log_probs, Truth(log_probs)


def test_every_label_has_its_alignments_and_their_mass(case):
    log_probs, truth = case
    for label in itertools.chain.from_iterable(
        itertools.product(range(1, log_probs.shape[1]), repeat=u) for u in range(len(log_probs) + 2)
    ):
        assert ctc.count_alignments(label, len(log_probs)) == truth.count.get(label, 0)
        loss, mass = ctc.ctc_loss(log_probs, label), truth.mass.get(label, 0.0)
        assert (needs(label) <= len(log_probs)) == (mass > 0) == math.isfinite(loss)
        assert math.exp(-loss) == pytest.approx(mass, rel=1e-9, abs=1e-300)
    assert sum(truth.mass.values()) == pytest.approx(1)


def test_alpha_and_beta_pass_all_mass_at_every_step(case):
    log_probs, truth = case
    for label, mass in truth.mass.items():
        through = ctc.forward(log_probs, label) + ctc.backward(log_probs, label)
        assert torch.allclose(through.logsumexp(1), torch.full((len(log_probs),), math.log(mass), dtype=torch.double))


def test_occupancy_is_the_share_of_the_paths_mass(case):
    log_probs, truth = case
    for label in truth.ranked[:3]:
        expected = torch.zeros(log_probs.shape, dtype=torch.double)
        for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
            if tuple(ctc.collapse(path)) == label:
                share = math.exp(sum(log_probs[t, c].item() for t, c in enumerate(path))) / truth.mass[label]
                for t, c in enumerate(path):
                    expected[t, c] += share
        assert torch.allclose(ctc.occupancy(log_probs, label), expected)


def test_a_forced_alignment_is_the_best_path_of_its_label(case):
    log_probs, truth = case
    for label, best in truth.best.items():
        path = ctc.force_align(log_probs, label)
        assert tuple(ctc.collapse(path)) == label and len(path) == len(log_probs)
        assert sum(log_probs[t, c].item() for t, c in enumerate(path)) == pytest.approx(best)


def check_beam(found, labels, truth):
    assert [tuple(label) for label, _ in found] == labels
    for label, log_prob in found:
        assert log_prob == pytest.approx(math.log(truth.mass[tuple(label)]))


def test_a_wide_beam_finds_the_best_labels_with_exact_probabilities(case):
    log_probs, truth = case
    check_beam(ctc.beam_search(log_probs, width=2000, k=3), truth.ranked[:3], truth)
    for length in range(len(log_probs) + 2):
        fitting = [label for label in truth.ranked if len(label) == length]
        check_beam(ctc.beam_search(log_probs, 2000, k=2, length=length), fitting[:2], truth)
    lexicon = [*truth.ranked[::2], (1,) * 9]
    check_beam(ctc.beam_search(log_probs, 2000, k=4, lexicon=lexicon), truth.ranked[::2][:4], truth)
    both = [label for label in truth.ranked[::2] if len(label) == 1]
    check_beam(ctc.beam_search(log_probs, 2000, k=9, lexicon=lexicon, length=1), both[:9], truth)


@pytest.mark.parametrize("weight", [0.3, 1.0, 4.0])
def test_a_bonus_ranks_labels_by_the_sum_over_their_symbols(case, weight):
    log_probs, truth = case
    table = weight * distribution(4, 4, seed=7)

    def bonus(prefix, c):  # as a bigram model has it; a third in a row is forbidden
        return -math.inf if prefix[-2:] == (c, c) else table[prefix[-1] if prefix else 0, c].item()

    total = {
        label: math.log(mass) + sum(bonus(label[:i], c) for i, c in enumerate(label))
        for label, mass in truth.mass.items()
    }
    ranked = sorted((label for label in total if total[label] > -math.inf), key=lambda label: -total[label])
    check_beam(ctc.beam_search(log_probs, width=2000, k=2000, bonus=bonus), ranked, truth)
    for length in range(len(log_probs) + 1):
        fitting = [label for label in ranked if len(label) == length]
        check_beam(ctc.beam_search(log_probs, 2000, k=3, length=length, bonus=bonus), fitting[:3], truth)
    lexicon = truth.ranked[::2]
    known = [label for label in ranked if label in lexicon]
    check_beam(ctc.beam_search(log_probs, 2000, k=3, lexicon=lexicon, bonus=bonus), known[:3], truth)


def test_a_bonus_decides_what_a_narrow_beam_keeps():
    log_probs = torch.tensor([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3]]).double().log()
    assert ctc.beam_search(log_probs, width=1)[0][0] == [1]
    assert ctc.beam_search(log_probs, width=1, bonus=lambda prefix, c: 2.0 * (c == 2))[0][0] == [2]
    assert ctc.beam_search(log_probs, width=9, k=9, bonus=lambda prefix, c: -math.inf)[0][0] == []
    assert ctc.beam_search(log_probs, width=9, k=9, bonus=lambda prefix, c: 0.0) == ctc.beam_search(log_probs, 9, k=9)


def test_the_best_path_is_not_always_the_best_label():
    log_probs = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).double().log()
    assert ctc.greedy_decode(log_probs) == []  # 0.36
    ((label, log_prob),) = ctc.beam_search(log_probs, width=2)
    assert label == [1] and math.exp(log_prob) == pytest.approx(0.64)


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 60))])
def test_beam_search_agrees_with_fast_ctc_decode(seed):
    fast_beam_search = pytest.importorskip("fast_ctc_decode", reason="has wheels for Linux alone").beam_search
    log_probs = distribution(6, 4, seed, sharpness=1.0)
    posteriors = log_probs.exp().numpy().astype(np.float32)
    expected, _ = fast_beam_search(posteriors, "-abc", beam_size=400, beam_cut_threshold=0.0)
    ((label, _),) = ctc.beam_search(log_probs, width=400)
    assert "".join("-abc"[c] for c in label) == expected


def random_target(generator, classes, most):
    size = int(torch.randint(0, most + 1, (), generator=generator))
    few = int(torch.randint(2, classes + 1, (), generator=generator))  # few classes: many repeats
    return torch.randint(1, few, (size,), generator=generator)


@pytest.mark.parametrize("steps", [1, 2, 7, 32])
def test_loss_and_gradient_are_torch_s_on_random_cases(steps):
    generator = torch.Generator().manual_seed(steps)
    for seed in range(250):
        classes = 2 + seed % 19
        logits = distribution(steps, classes, seed).requires_grad_()
        target = random_target(generator, classes, steps)
        log_probs = logits.log_softmax(-1)
        loss = F.ctc_loss(log_probs[:, None], target[None], [steps], [len(target)], reduction="sum", zero_infinity=True)
        loss.backward()
        found = ctc.ctc_loss(log_probs.detach(), target.tolist())
        fits = ctc.count_alignments(target.tolist(), steps) > 0
        assert math.isfinite(found) == fits
        assert (found if fits else 0.0) == pytest.approx(loss.item(), abs=1e-6)
        assert torch.allclose(ctc.ctc_gradient(log_probs.detach(), target.tolist()), logits.grad, atol=1e-6)


@pytest.mark.parametrize("target", [[1, 1], [1, 2, 1, 1], [1] * 9])
def test_a_label_that_does_not_fit_has_no_mass_and_no_gradient(target):
    log_probs = distribution(needs(target) - 1, 3, seed=0)
    assert ctc.count_alignments(target, len(log_probs)) == 0
    assert ctc.ctc_loss(log_probs, target) == math.inf
    assert not ctc.occupancy(log_probs, target).any() and not ctc.ctc_gradient(log_probs, target).any()
    with pytest.raises(UserError, match="no path of"):
        ctc.force_align(log_probs, target)
    assert ctc.beam_search(log_probs, width=100, lexicon=[target]) == []


def test_no_steps_hold_only_the_empty_label():
    nothing = torch.zeros(0, 3)
    assert ctc.ctc_loss(nothing, []) == 0.0 and ctc.ctc_loss(nothing, [1]) == math.inf
    assert ctc.forward(nothing, [1, 2]).shape == (0, 5)
    assert ctc.count_alignments([], 0) == 1 and ctc.count_alignments([1], 0) == 0
    assert ctc.force_align(nothing, []) == []
    assert ctc.occupancy(nothing, [1]).shape == ctc.ctc_gradient(nothing, []).shape == (0, 3)
    assert ctc.beam_search(nothing, width=1) == [([], 0.0)]
    with pytest.raises(UserError, match="no path of"):
        ctc.force_align(nothing, [1])


def test_certainty_is_no_obstacle():
    certain = torch.full((4, 3), -math.inf).double()
    certain[torch.arange(4), torch.tensor([1, 0, 1, 2])] = 0.0
    assert ctc.beam_search(certain, width=5, k=3) == [([1, 1, 2], 0.0)]
    assert ctc.force_align(certain, [1, 1, 2]) == [1, 0, 1, 2]
    assert ctc.ctc_gradient(certain, [1, 1, 2]).abs().max() == 0
    with pytest.raises(UserError, match="no path of"):
        ctc.force_align(certain, [2])


@pytest.mark.parametrize("width, k", [(0, 1), (1, 0), (-3, 1)])
def test_a_beam_without_width_is_an_error(width, k):
    with pytest.raises(UserError, match="at least 1"):
        ctc.beam_search(distribution(3, 3, 0), width, k)


@pytest.mark.parametrize("target", [[0], [1, 0, 2], [4], [-1]])
def test_a_class_that_is_no_symbol_is_an_error(target):
    for steps in (3, 0):
        for function in (ctc.forward, ctc.backward, ctc.occupancy, ctc.ctc_gradient, ctc.force_align, ctc.ctc_loss):
            with pytest.raises(UserError, match=r"holds a class outside 1\.\.3"):
                function(torch.zeros(steps, 4), target)
