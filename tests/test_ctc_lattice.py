"""The lattice, the gradient, alignments and beam search against enumeration of all paths, torch and fast-ctc-decode."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
import torch

from crnn_lib import ctc
from crnn_lib.errors import UserError


def matrix(seed, steps, classes, sharpness=2.0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(steps, classes, generator=generator, dtype=torch.double) * sharpness).log_softmax(-1)


class Truth:
    """All K^T paths of a small matrix: mass, number and best path of each label."""

    def __init__(self, log_probs):
        self.mass, self.count, self.best = defaultdict(float), defaultdict(int), {}
        for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
            label = tuple(ctc.collapse(path))
            score = sum(log_probs[t, c].item() for t, c in enumerate(path))
            self.mass[label] += math.exp(score)
            self.count[label] += 1
            self.best[label] = max(score, self.best.get(label, -math.inf))
        self.ranked = sorted(self.mass, key=lambda label: -self.mass[label])


SMALL = [(seed, steps, classes) for seed, (steps, classes) in enumerate(itertools.product(range(1, 6), (2, 3, 4)))]


@pytest.fixture(scope="module", params=SMALL, ids=str)
def case(request):
    log_probs = matrix(*request.param)
    return log_probs, Truth(log_probs)


def test_alignments_are_counted_right(case):
    log_probs, truth = case
    for label in itertools.chain.from_iterable(
        itertools.product(range(1, log_probs.shape[1]), repeat=u) for u in range(len(log_probs) + 2)
    ):
        assert ctc.count_alignments(label, len(log_probs)) == truth.count.get(label, 0)


def test_alpha_and_beta_pass_all_mass_at_every_step(case):
    log_probs, truth = case
    for label, mass in truth.mass.items():
        through = ctc.forward(log_probs, label) + ctc.backward(log_probs, label)
        assert torch.allclose(through.logsumexp(1), torch.full((len(log_probs),), math.log(mass), dtype=torch.double))
        assert ctc.ctc_loss(log_probs, label) == pytest.approx(-math.log(mass))


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


def test_the_best_path_is_not_always_the_best_label():
    log_probs = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).double().log()
    assert ctc.greedy_decode(log_probs) == []  # 0.36
    ((label, log_prob),) = ctc.beam_search(log_probs, width=2)
    assert label == [1] and math.exp(log_prob) == pytest.approx(0.64)


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 60))])
def test_beam_search_agrees_with_fast_ctc_decode(seed):
    fast_beam_search = pytest.importorskip("fast_ctc_decode", reason="has wheels for Linux alone").beam_search
    log_probs = matrix(seed, 6, 4, sharpness=1.0)
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
        logits = matrix(seed, steps, classes).requires_grad_()
        target = random_target(generator, classes, steps)
        log_probs = logits.log_softmax(-1)
        loss = torch.nn.functional.ctc_loss(
            log_probs[:, None], target[None], [steps], [len(target)], reduction="sum", zero_infinity=True
        )
        loss.backward()
        found = ctc.ctc_loss(log_probs.detach(), target.tolist())
        fits = ctc.count_alignments(target.tolist(), steps) > 0
        assert math.isfinite(found) == fits
        assert (found if fits else 0.0) == pytest.approx(loss.item(), abs=1e-6)
        assert torch.allclose(ctc.ctc_gradient(log_probs.detach(), target.tolist()), logits.grad, atol=1e-6)


@pytest.mark.parametrize("target", [[1, 1], [1, 2, 1, 1], [1] * 9])
def test_a_label_that_does_not_fit_has_no_mass_and_no_gradient(target):
    log_probs = matrix(0, len(target) + sum(a == b for a, b in itertools.pairwise(target)) - 1, 3)
    assert ctc.count_alignments(target, len(log_probs)) == 0
    assert ctc.ctc_loss(log_probs, target) == math.inf
    assert not ctc.occupancy(log_probs, target).any() and not ctc.ctc_gradient(log_probs, target).any()
    with pytest.raises(UserError, match="no path of"):
        ctc.force_align(log_probs, target)
    assert ctc.beam_search(log_probs, width=100, lexicon=[target]) == []


@pytest.mark.parametrize("target", [[1, 1], [2, 2, 2], [1, 2, 2, 1]])
def test_a_label_that_just_fits_has_one_alignment(target):
    needed = len(target) + sum(a == b for a, b in itertools.pairwise(target))
    log_probs = matrix(1, needed, 3)
    assert ctc.count_alignments(target, needed) == 1
    assert ctc.occupancy(log_probs, target).max(1).values.tolist() == pytest.approx([1.0] * needed)
    assert sorted(set(ctc.occupancy(log_probs, target).flatten().round(decimals=9).tolist())) == [0.0, 1.0]


def test_no_steps_hold_only_the_empty_label():
    nothing = torch.zeros(0, 3)
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
        ctc.beam_search(matrix(0, 3, 3), width, k)


@pytest.mark.parametrize("function", [ctc.backward, ctc.occupancy, ctc.ctc_gradient, ctc.force_align])
def test_a_target_that_is_no_symbol_is_an_error(function):
    with pytest.raises(UserError, match=r"outside 1\.\.2"):
        function(matrix(0, 3, 3), [3])
