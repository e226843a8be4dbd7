"""Connectionist temporal classification, one sequence at a time, in float64, with the blank at class 0.

Source: Graves, Fernandez, Gomez and Schmidhuber 2006, "Connectionist Temporal Classification", sections 3 and 4.
`log_probs` (T, K) are log-probabilities, `target` U class indices in 1..K-1. Training uses torch's CTCLoss; these
are the same quantities in the open.
"""

import math
from collections.abc import Sequence
from itertools import groupby

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


def forward(log_probs: Tensor, target: Sequence[int]) -> Tensor:
    """Log alpha (T, 2U + 1), float64: log-probability of all path beginnings that end in a cell, emission included.

    Columns are the label with blanks around every symbol (Graves et al. 2006, equations 5 to 8).
    Raises UserError when a target class is no symbol.
    """
    log_probs = log_probs.double()
    steps, classes = log_probs.shape
    if any(not 1 <= c < classes for c in target):
        raise UserError(f"target {list(target)} holds a class outside 1..{classes - 1}")
    extended = torch.tensor([BLANK, *(c for symbol in target for c in (symbol, BLANK))])
    emission = log_probs[:, extended]
    skip = torch.zeros(len(extended), dtype=torch.bool)  # may a path jump over the blank before this symbol?
    skip[2:] = (extended[2:] != BLANK) & (extended[2:] != extended[:-2])
    alpha = torch.full_like(emission, -math.inf)
    alpha[:1, :2] = emission[:1, :2]
    for t in range(1, steps):
        stay, step, jump = alpha[t - 1], alpha[t - 1].roll(1), alpha[t - 1].roll(2)
        step[0] = -math.inf
        jump[~skip] = -math.inf
        alpha[t] = torch.stack([stay, step, jump]).logsumexp(0) + emission[t]
    return alpha


def ctc_loss(log_probs: Tensor, target: Sequence[int]) -> float:
    """-log p(target), in nats: `inf` where the label does not fit, 0 for an empty label on no time steps."""
    alpha = forward(log_probs, target)
    if not len(alpha):
        return math.inf if len(target) else 0.0
    return -alpha[-1, -2:].logsumexp(0).item()
