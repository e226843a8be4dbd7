"""Connectionist temporal classification, one sequence at a time, in float64, with the blank at class 0.

Source: Graves, Fernandez, Gomez and Schmidhuber 2006, "Connectionist Temporal Classification", sections 3 and 4.
`log_probs` (T, K) are log-probabilities, `target` U class indices in 1..K-1. Training uses torch's CTCLoss; these
are the same quantities in the open.
"""

import math
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise

import torch
from torch import Tensor

from crnn_lib.alphabet import BLANK
from crnn_lib.errors import UserError


def collapse(path: Sequence[int]) -> list[int]:
    """The label of a path of T classes: merge repeats first, then drop blanks (Graves et al. 2006, the map B)."""
    return [c for c, _ in groupby(path) if c != BLANK]


def greedy_decode(log_probs: Tensor) -> list[int]:
    """The label of the most probable path (best path decoding, Graves et al. 2006, section 3.2)."""
    return collapse(log_probs.argmax(-1).tolist())


def count_alignments(target: Sequence[int], T: int) -> int:
    """How many paths of `T` steps collapse to `target`: C(T + U - r, 2U), so none unless T >= U + r.

    r counts adjacent repeats, each of which needs a blank between. (Of T + U - r places, choose where each symbol's run
    begins and ends.)
    """
    repeats = sum(a == b for a, b in pairwise(target))
    return math.comb(T + len(target) - repeats, 2 * len(target))


def _lattice(log_probs: Tensor, target: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """(extended, emission, skip): the label with blanks around each symbol (2U + 1,), log-probabilities of these
    classes (T, 2U + 1) in float64, and which cells a path may enter by jumping over the blank before (2U + 1,).
    """
    classes = log_probs.shape[1]
    if any(not 1 <= c < classes for c in target):
        raise UserError(f"target {list(target)} holds a class outside 1..{classes - 1}")
    extended = torch.tensor([BLANK, *(c for symbol in target for c in (symbol, BLANK))])
    skip = torch.zeros(len(extended), dtype=torch.bool)
    skip[2:] = (extended[2:] != BLANK) & (extended[2:] != extended[:-2])
    return extended, log_probs.double()[:, extended], skip


def _arrivals(row: Tensor, skip: Tensor) -> Tensor:
    """(3, 2U + 1): for each cell, the scores of those that lead into it: itself, the one before, the one skipped."""
    stay, step, jump = row, row.roll(1), row.roll(2)
    step[0] = -math.inf
    jump[~skip] = -math.inf
    return torch.stack([stay, step, jump])


def forward(log_probs: Tensor, target: Sequence[int]) -> Tensor:
    """Log alpha (T, 2U + 1), float64: log-probability of all path beginnings that end in a cell, emission included.

    Columns are the label with blanks around every symbol (Graves et al. 2006, equations 5 to 8).
    Raises UserError when a target class is no symbol.
    """
    _, emission, skip = _lattice(log_probs, target)
    alpha = torch.full_like(emission, -math.inf)
    alpha[:1, :2] = emission[:1, :2]
    for t in range(1, len(alpha)):
        alpha[t] = _arrivals(alpha[t - 1], skip).logsumexp(0) + emission[t]
    return alpha


def backward(log_probs: Tensor, target: Sequence[int]) -> Tensor:
    """Log beta (T, 2U + 1), float64: log-probability of all path endings after a cell, its own emission left out.

    alpha + beta is the log-probability of passing through a cell (Graves et al. 2006, equations 9 to 11, where beta
    includes the emission). Raises UserError when a target class is no symbol.
    """
    _, emission, skip = _lattice(log_probs, target)
    departs = torch.zeros_like(skip)  # read backwards, the jump into cell s is one out of s + 2
    departs[2:] = skip.flip(0)[:-2]
    beta = torch.full_like(emission, -math.inf)
    beta[-1:, -2:] = 0
    for t in range(len(beta) - 2, -1, -1):
        beta[t] = _arrivals((beta[t + 1] + emission[t + 1]).flip(0), departs).logsumexp(0).flip(0)
    return beta


def ctc_loss(log_probs: Tensor, target: Sequence[int]) -> float:
    """-log p(target), in nats: `inf` where the label does not fit, 0 for an empty label on no time steps."""
    alpha = forward(log_probs, target)
    if not len(alpha):
        return math.inf if len(target) else 0.0
    return -alpha[-1, -2:].logsumexp(0).item()


def occupancy(log_probs: Tensor, target: Sequence[int]) -> Tensor:
    """(T, K), float64: the posterior probability that a path of `target` is in class k at step t; rows sum to 1.

    Zeros where the label does not fit (Graves et al. 2006, equation 14).
    """
    extended = _lattice(log_probs, target)[0]
    mass = torch.zeros(log_probs.shape, dtype=torch.float64)
    through = forward(log_probs, target) + backward(log_probs, target)
    total = through.logsumexp(1, keepdim=True)  # log p(target), at every step
    if (total > -math.inf).all():
        mass.index_add_(1, extended, (through - total).exp())
    return mass


def ctc_gradient(log_probs: Tensor, target: Sequence[int]) -> Tensor:
    """(T, K), float64: the loss's gradient with respect to the logits, probability minus occupancy.

    Zeros where the label does not fit (Graves et al. 2006, equation 16).
    """
    mass = occupancy(log_probs, target)
    return log_probs.double().exp() - mass if mass.any() else mass


def force_align(log_probs: Tensor, target: Sequence[int]) -> list[int]:
    """The most probable path of T classes that collapses to `target` (Viterbi on the lattice).

    Raises UserError when no path does.
    """
    extended, emission, skip = _lattice(log_probs, target)
    best = torch.full_like(emission, -math.inf)
    best[:1, :2] = emission[:1, :2]
    back = torch.zeros(emission.shape, dtype=torch.long)  # how many cells to the left the best path came from
    for t in range(1, len(best)):
        score, back[t] = _arrivals(best[t - 1], skip).max(0)
        best[t] = score + emission[t]
    cell = len(extended) - 1
    if len(best) and cell and best[-1, cell - 1] > best[-1, cell]:
        cell -= 1
    if (len(best) and best[-1, cell] == -math.inf) or (not len(best) and target):
        raise UserError(f"no path of {len(best)} steps with a probability above 0 collapses to {list(target)}")
    path = []
    for t in range(len(best) - 1, -1, -1):
        path.append(int(extended[cell]))
        cell -= int(back[t, cell])
    return path[::-1]


def beam_search(
    log_probs: Tensor, width: int, k: int = 1, lexicon: Sequence[Sequence[int]] | None = None,
    length: int | None = None, bonus: Callable[[tuple[int, ...], int], float] | None = None,
) -> list[tuple[list[int], float]]:  # fmt: skip
    """The `k` most probable labels that prefix beam search of `width` finds, each with its exact log-probability.

    A prefix keeps the mass of its paths that end in a blank and of those that do not (Graves 2008, section 7.5, who
    searches best-first); all prefixes advance together (Graves and Jaitly 2014; Hannun et al. 2014, arXiv 1408.2873).
    `lexicon` allows only its words, `length` only labels of that length. With `bonus` they are searched and ranked by
    log-probability plus the sum of `bonus(prefix, next class)` over their symbols: shallow fusion, if that is a
    language model's log score. What is returned stays the log-probability. The list is shorter than k, even empty, when
    fewer labels were found. Raises UserError for width or k below 1.
    """
    if width < 1 or k < 1:
        raise UserError(f"beam search needs a width and a k of at least 1, not {width} and {k}")
    words = None if lexicon is None else {tuple(word) for word in lexicon}
    prefixes = None if words is None else {word[:i] for word in words for i in range(len(word) + 1)}
    rows = log_probs.double().tolist()
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -math.inf)}  # log-mass ending in blank, in a symbol
    gained: dict[tuple[int, ...], float] = {(): 0.0}  # by the bonus

    def rank(prefix: tuple[int, ...], log_mass: float) -> float:
        return -log_mass - gained.get(prefix, 0.0)

    for t, row in enumerate(rows):
        grown: dict[tuple[int, ...], list[float]] = {}
        for prefix, (blank, symbol) in beams.items():
            either = _log_add(blank, symbol)
            _grow(grown, prefix, 0, either + row[BLANK])
            if prefix:
                _grow(grown, prefix, 1, symbol + row[prefix[-1]])
            for c in range(1, len(row)):
                longer = (*prefix, c)
                if (length is None or len(longer) <= length) and (prefixes is None or longer in prefixes):
                    _grow(grown, longer, 1, (blank if prefix[-1:] == (c,) else either) + row[c])
        least = 0 if length is None else length - (len(rows) - 1 - t)  # shorter ones cannot grow long enough
        alive = [(prefix, (b, s)) for prefix, (b, s) in grown.items() if len(prefix) >= least]
        if bonus:
            gained = {p: gained[p] if p in gained else gained[p[:-1]] + bonus(p[:-1], p[-1]) for p in grown}
        beams = dict(sorted(alive, key=lambda item: rank(item[0], _log_add(*item[1])))[:width])
    found = [p for p in beams if (words is None or p in words) and (length is None or len(p) == length)]
    scored = [(rank(p, log_p), list(p), log_p) for p in found if (log_p := -ctc_loss(log_probs, p)) > -math.inf]
    scored.sort(key=lambda item: item[0])
    return [(label, log_p) for score, label, log_p in scored[:k] if score < math.inf]


def _grow(grown: dict[tuple[int, ...], list[float]], prefix: tuple[int, ...], part: int, mass: float) -> None:
    masses = grown.setdefault(prefix, [-math.inf, -math.inf])
    masses[part] = _log_add(masses[part], mass)


def _log_add(a: float, b: float) -> float:
    high, low = (a, b) if a > b else (b, a)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
