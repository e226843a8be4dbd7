"""Teaching a model a hand: so few gradient steps on its last layers that a page takes them while somebody waits.

The loss has two parts. What is taught adds its CTC loss, whose gradient is probability minus occupancy: a step takes
every drawing once, in turn as it is and as one of a few distorted copies. Against forgetting, generated drawings in
wild hands are rehearsed: they add the divergence of the new answers from those that the model gave before (Li and Hoiem
2016, "Learning without Forgetting", arXiv 1606.09282). They have no labels, so they serve a model of any alphabet. The
LSTM and the output layer learn; what lies below stays, so that the features are computed once.
"""

import copy
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from crnn_lib import padding
from crnn_lib.drawing import pen, skeletons
from crnn_lib.drawing.distortion import Random, distort, random_from
from crnn_lib.errors import UserError
from crnn_lib.images import standardise
from crnn_lib.model import CRNN, evaluating

MOST = 40  # drawings in a lesson
COPIES, MILD = 3, 0.5  # distorted ones of each drawing, and how strongly
REHEARSED, WILD = 128, 2.5  # generated drawings, and how strongly they are distorted
LONGEST = 6  # characters of a generated drawing
STEPS, RATE, EPSILON = 12, 4e-3, 1e-3  # Adam's; a large epsilon keeps float32 and float64 together
AT_ONCE = 32  # drawings that are rehearsed in a step
REHEARSAL = 6.0  # the weight of a rehearsed drawing's divergence beside a taught one's loss

Drawing = Sequence[pen.Stroke]


def teach(model: CRNN, drawings: Sequence[Drawing], texts: Sequence[str]) -> CRNN:
    """A copy of `model` that has learned what `drawings` say: its LSTM and its output layer have changed.

    A drawing is a list of strokes, as the pad has it. `provenance["taught"]` of the copy holds the texts, the mean loss
    in nats that each step found and that after the last, and the digest of `model`. The same lesson gives the same
    weights. Raises UserError for no drawings or more than MOST, an empty drawing, an empty text, a symbol that the
    model does not know, and a text that needs more time steps than its drawing has.
    """
    return Teacher(model).teach(drawings, texts)


class Teacher:
    """Lessons for one model, which share what is rehearsed. Raises UserError for a `model` that is no CRNN."""

    def __init__(self, model: CRNN) -> None:
        if not isinstance(model, CRNN):
            raise UserError(f"a model is a CRNN, as crnn_lib.reader.load gives it, not a {type(model).__name__}")
        self.model = model
        self.rehearsed = features_of(model, generated())
        with torch.no_grad():
            self.before = answers(*last_layers(model), self.rehearsed)

    def teach(self, drawings: Sequence[Drawing], texts: Sequence[str]) -> CRNN:
        """As the function `teach`."""
        check(self.model, drawings, texts)
        copies = zip(*map(distorted, range(len(drawings)), drawings), strict=True)
        turns = [features_of(self.model, shown) for shown in (drawings, *copies)]
        targets = [torch.tensor(self.model.alphabet.encode(text)) for text in texts]
        lstm, classify = last_layers(self.model)
        losses = self._learn(lstm, classify, turns, targets)
        taught = copy.deepcopy(self.model)
        taught.lstm.load_state_dict(lstm.state_dict())
        taught.classify.load_state_dict(classify.state_dict())
        taught.provenance["taught"] = {"texts": list(texts), "losses": losses, "from": self.model.digest()}
        return taught

    def _learn(
        self, lstm: nn.LSTM, classify: nn.Linear, turns: Sequence[list[Tensor]], targets: list[Tensor]
    ) -> list[float]:
        """Change the layers by a lesson on `turns`, all drawings' features in each form; the losses on the way."""
        optimizer = torch.optim.Adam([*lstm.parameters(), *classify.parameters()], RATE, eps=EPSILON)
        losses = []
        for step in range(STEPS):
            again = [(step * AT_ONCE + i) % REHEARSED for i in range(AT_ONCE)]
            shown = turns[step % len(turns)]
            log_probs = answers(lstm, classify, [*shown, *(self.rehearsed[i] for i in again)])
            loss = mean_loss(log_probs[: len(shown)], targets)
            new, old = torch.cat(log_probs[len(shown) :]), torch.cat([self.before[i] for i in again])
            divergence = nn.functional.kl_div(new, old, reduction="sum", log_target=True) / AT_ONCE
            optimizer.zero_grad()
            (loss + REHEARSAL * divergence).backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            losses.append(mean_loss(answers(lstm, classify, turns[0]), targets).item())
        return losses


def last_layers(model: CRNN) -> tuple[nn.LSTM, nn.Linear]:
    """A copy of the layers that learn, in float64."""
    lstm, classify = (copy.deepcopy(layer).double().cpu().requires_grad_() for layer in (model.lstm, model.classify))
    return lstm, classify


def answers(lstm: nn.LSTM, classify: nn.Linear, features: Sequence[Tensor]) -> list[Tensor]:
    """Log-probabilities (T_i, K) of features (T_i, F)."""
    steps = torch.tensor([len(one) for one in features])
    states = padding.lstm(lstm, nn.utils.rnn.pad_sequence(list(features), batch_first=True), steps)
    log_probs = classify(states).log_softmax(-1)
    return [one[:T] for one, T in zip(log_probs, steps.tolist(), strict=True)]


def mean_loss(log_probs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """The mean over sequences of -log p(target), in nats."""
    steps, lengths = ([len(one) for one in part] for part in (log_probs, targets))
    padded = nn.utils.rnn.pad_sequence(list(log_probs))  # (T, n, K)
    losses = nn.functional.ctc_loss(padded, torch.cat(list(targets)), steps, lengths, reduction="none")
    return losses.mean()


def features_of(model: CRNN, drawings: Sequence[Drawing]) -> list[Tensor]:
    """The features (T_i, F) of each drawing, in float64."""
    config = model.config
    pictures = [standardise(pen.image_for(config, d).astype(np.float32), *config.frame) for d in drawings]
    found = []
    with evaluating(model) as like:
        for start in range(0, len(pictures), AT_ONCE):
            part = pictures[start : start + AT_ONCE]
            batch, widths = padding.pad(part)
            stages = model.stages(batch.to(like), widths if widths is None else widths.to(like.device))
            steps = [config.steps(picture.shape[-1]) for picture in part]
            found += [one[:T].double().cpu() for one, T in zip(stages["features"], steps, strict=True)]
    return found


def distorted(number: int, drawing: Drawing) -> list[Drawing]:
    """The copies of the drawing of that number in a lesson."""
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


def shuffled(symbols: str, random: Random) -> str:
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
        config = model.config
        config.check_labels([text], [config.columns(pen.image_for(config, drawing).shape)])
