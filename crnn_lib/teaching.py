"""Teaching a model a hand: gradient steps on its output layer, so few that a page takes them while somebody waits.

The loss has two parts. The drawings that are taught, each with a few distorted copies, add their CTC loss, whose
gradient is probability minus occupancy. Against forgetting, generated drawings in wild hands are rehearsed: their share
is the divergence of the new answers from those that the model gave before (Li and Hoiem 2016, "Learning without
Forgetting", arXiv 1606.09282, whose old answers are likewise the model's own). These drawings have no labels, so they
serve a model of any alphabet. What lies below the output layer stays, so its states are computed once.
"""

import copy
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from crnn_lib import padding
from crnn_lib.drawing import pen, skeletons
from crnn_lib.drawing.distortion import distort, random_from
from crnn_lib.errors import UserError
from crnn_lib.images import standardise
from crnn_lib.model import CRNN, evaluating

MOST = 40  # drawings in a lesson
COPIES, MILD = 3, 0.5  # distorted ones of each drawing, and how strongly
REHEARSED, WILD = 128, 1.0  # generated drawings, and how strongly they are distorted
LONGEST = 6  # characters of a generated drawing
STEPS, RATE, EPSILON = 30, 1e-2, 1e-3  # Adam's; a large epsilon keeps float32 and float64 together
TAUGHT_AT_ONCE, REHEARSED_AT_ONCE = 40, 32  # drawings in a step
REHEARSAL = 3.0  # the weight of a rehearsed drawing's divergence beside a taught one's loss

Drawing = Sequence[pen.Stroke]


def teach(model: CRNN, drawings: Sequence[Drawing], texts: Sequence[str]) -> CRNN:
    """A copy of `model` that has learned what `drawings` say; only its output layer has changed.

    A drawing is a list of strokes, as the pad has it. `provenance["taught"]` of the copy holds the texts, the loss (in
    nats, the mean over the drawings and their copies) before each step and after the last, and the digest of `model`.
    Repeatable: nothing in it is random. Raises UserError for no drawings or more than MOST, an empty drawing, an empty
    text, a symbol that the model does not know, and a text that needs more time steps than its drawing has.
    """
    return Teacher(model).teach(drawings, texts)


class Teacher:
    """Lessons for one model, which share what is rehearsed. Raises UserError for a `model` that is none."""

    def __init__(self, model: CRNN) -> None:
        if not isinstance(model, CRNN):
            raise UserError(f"a model is a CRNN, as crnn_lib.reader.load gives it, not a {type(model).__name__}")
        self.model = model
        self.rehearsed = states_of(model, generated())
        with torch.no_grad():
            self.before = [linear(one, *head(model)).softmax(-1) for one in self.rehearsed]

    def teach(self, drawings: Sequence[Drawing], texts: Sequence[str]) -> CRNN:
        """As `teach`, which see."""
        check(self.model, drawings, texts)
        copies = [list(drawings), *zip(*map(variants, range(len(drawings)), drawings), strict=True)]
        states = states_of(self.model, [drawing for one in copies for drawing in one])
        targets = [torch.tensor(self.model.alphabet.encode(text)) for text in texts] * len(copies)
        weight, bias, losses = self._learn(states, targets)
        taught = copy.deepcopy(self.model)
        with torch.no_grad():
            taught.classify.weight.copy_(weight)
            taught.classify.bias.copy_(bias)
        taught.provenance["taught"] = {"texts": list(texts), "losses": losses, "from": self.model.digest()}
        return taught

    def _learn(self, states: list[Tensor], targets: list[Tensor]) -> tuple[Tensor, Tensor, list[float]]:
        """The output layer's weight (K, D) and bias (K,) after the lesson, and the loss on the way, in float64."""
        weight, bias = (tensor.clone().requires_grad_() for tensor in head(self.model))
        optimizer = torch.optim.Adam([weight, bias], RATE, eps=EPSILON)
        losses = []
        for step in range(STEPS):
            at, again = turn(step, len(states), TAUGHT_AT_ONCE), turn(step, len(self.rehearsed), REHEARSED_AT_ONCE)
            loss = loss_of([states[i] for i in at], [targets[i] for i in at], weight, bias)
            rows, old = (torch.cat([part[i] for i in again]) for part in (self.rehearsed, self.before))
            answers = linear(rows, weight, bias).log_softmax(-1)
            divergence = nn.functional.kl_div(answers, old, reduction="sum") / len(again)
            optimizer.zero_grad()
            (loss + REHEARSAL * divergence).backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            losses.append(loss_of(states, targets, weight, bias).item())
        return weight.detach(), bias.detach(), losses


def loss_of(states: Sequence[Tensor], targets: Sequence[Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    """The mean CTC loss, in nats, of sequences of states (T_i, D) with their targets (U_i,)."""
    log_probs = linear(nn.utils.rnn.pad_sequence(list(states)), weight, bias).log_softmax(-1)  # (T, n, K)
    steps, lengths = ([len(one) for one in part] for part in (states, targets))
    return nn.functional.ctc_loss(log_probs, torch.cat(list(targets)), steps, lengths, reduction="sum") / len(states)


def turn(step: int, count: int, most: int) -> list[int]:
    """Which of `count` things are up at a step: `most` of them, in turn."""
    most = min(most, count)
    return [(step * most + i) % count for i in range(most)]


def head(model: CRNN) -> tuple[Tensor, Tensor]:
    """The output layer's weight (K, D) and bias (K,) in float64."""
    weight, bias = model.classify.weight, model.classify.bias
    return weight.detach().double().cpu(), bias.detach().double().cpu()


def states_of(model: CRNN, drawings: Sequence[Drawing]) -> list[Tensor]:
    """What the output layer gets of each drawing: states (T_i, D) in float64."""
    images = [standardise(pen.image(drawing).astype(np.float32), *model.config.frame) for drawing in drawings]
    found = []
    with evaluating(model) as like:
        for start in range(0, len(images), REHEARSED_AT_ONCE):
            part = images[start : start + REHEARSED_AT_ONCE]
            batch, widths = padding.pad(part)
            states = model.stages(batch.to(like), widths if widths is None else widths.to(like.device))["states"]
            steps = [model.config.steps(image.shape[-1]) for image in part]
            found += [one[:T].double().cpu() for one, T in zip(states, steps, strict=True)]
    return found


def variants(number: int, drawing: Drawing) -> list[Drawing]:
    """The distorted copies of the drawing of that number in a lesson."""
    random = random_from(number + 1)
    return [distort(drawing, MILD, random) for _ in range(COPIES)]


@lru_cache(maxsize=1)
def generated() -> list[Drawing]:
    """What is rehearsed: every symbol that the pen writes about equally often, in strings of 2 to LONGEST."""
    random = random_from(0)
    drawings, left = [], ""
    for _ in range(REHEARSED):
        length = 2 + int(random() * (LONGEST - 1))
        while len(left) < length:
            left += shuffled(skeletons.SYMBOLS, random)
        text, left = left[:length], left[length:]
        drawings.append(distort(skeletons.write(text, height=64.0, gap=8 * random()), WILD, random))
    return drawings


def shuffled(symbols: str, random: Any) -> str:
    """The symbols in another order (Fisher and Yates)."""
    order = list(symbols)
    for i in range(len(order) - 1, 0, -1):
        j = int(random() * (i + 1))
        order[i], order[j] = order[j], order[i]
    return "".join(order)


def check(model: CRNN, drawings: Sequence[Drawing], texts: Sequence[str]) -> None:
    """Refuse what cannot be taught. Raises UserError as `teach`."""
    if isinstance(texts, str) or len(drawings) != len(texts):
        raise UserError("each drawing is taught with one text: give a list of drawings and a list of as many texts")
    if not 1 <= len(drawings) <= MOST:
        raise UserError(f"a lesson has 1 to {MOST} drawings, not {len(drawings)}")
    for number, (drawing, text) in enumerate(zip(drawings, texts, strict=True), 1):
        if not pen.quantise(drawing):
            raise UserError(f"drawing {number} is empty: there is nothing to learn from")
        if not isinstance(text, str) or not text:
            raise UserError(f"drawing {number} has no text: say what it says")
        model.config.check_labels([text], [model.config.columns(pen.image(drawing).shape)])
