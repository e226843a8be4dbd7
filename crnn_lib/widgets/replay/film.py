"""The film of a training run: what the network reads of some samples, from the first step to the last."""

import base64
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crnn_lib import metrics, reader
from crnn_lib.alphabet import BLANK
from crnn_lib.data import LabelledImages
from crnn_lib.errors import UserError
from crnn_lib.model import Config
from crnn_lib.training import Run

FRAMES = 40  # at most


def moments(total: int) -> list[int]:
    """Up to FRAMES step numbers from 0 to `total`, growing: every step at first, few at the end."""
    return sorted({0, *np.geomspace(1, total, FRAMES - 1).round().astype(int).tolist()})


class Film:
    """A run's film: what the network reads before some of its steps, dense at the start: call `look` from `on_step`.

    `samples`: names and standardised images (1, H, W) that are filmed; `facts`: what else the recording says of it.
    A frame holds the CTC loss, the share of blanks and the exact readings on the validation set (the training set
    where there is none), the norm of the last gradient as clipped, the samples' texts, and their class probabilities
    in bytes (probability * 255, rounded).
    """

    def __init__(self, samples: dict[str, Tensor], **facts: Any) -> None:
        self.samples, self.facts = samples, facts
        self.frames: list[dict[str, Any]] = []
        self.posteriors: list[np.ndarray] = []  # (n, T, K) uint8 for each frame
        self.watched = 0

    def look(self, run: Run) -> bool:
        """To be called before each step and after the last; whether it took a frame.

        Frames that lie ahead go: a run that was stopped within an epoch continues from that epoch's start.
        """
        kept = sum(frame["step"] < run.steps for frame in self.frames)
        del self.frames[kept:], self.posteriors[kept:]
        wanted = run.steps in moments(run.steps_per_epoch * run.recipe.epochs)
        if wanted:
            self._take(run)
        return wanted

    def _take(self, run: Run) -> None:
        part = run.validation or run.train
        found, readings = metrics.evaluate(run.model, part.images, part.labels)
        samples = reader.read(run.model, torch.stack(list(self.samples.values())))
        gradients = [p.grad.norm() for p in run.model.parameters() if p.grad is not None]
        self.watched = len(part)
        self.frames.append(
            {
                "step": run.steps,
                "loss": round(found["ctc_loss"], 4),
                "blank": round((readings.log_probs.argmax(-1) == BLANK).float().mean().item(), 4),
                "exact": found["exact"],
                "gradient": round(torch.stack(gradients).norm().item(), 4) if gradients else None,
                "texts": samples.texts,
            }
        )
        self.posteriors.append(np.round(samples.log_probs.exp().numpy() * 255).astype(np.uint8))

    def recorded(self) -> dict[str, Any]:
        """The run as crnn_lib/assets/replay.json holds it. Needs a frame at least."""
        film = np.stack(self.posteriors)  # (frames, n, T, K)
        return {
            **self.facts,
            "samples": list(self.samples),
            "shape": list(film.shape),
            "validation_images": self.watched,
            "frames": list(self.frames),
            "posteriors": base64.b64encode(film.tobytes()).decode("ascii"),
        }


def picture_of(image: Tensor) -> dict[str, Any]:
    """A standardised image (1, H, W) as grey bytes, dark ink on white."""
    ink = (image[0] - image.min()) / (image.max() - image.min()).clamp(min=1e-6)
    pixels = (255 - 255 * ink).round().to(torch.uint8).contiguous().numpy()
    encoded = base64.b64encode(pixels.tobytes()).decode("ascii")
    return {"height": pixels.shape[0], "width": pixels.shape[1], "pixels": encoded}


def named(samples: LabelledImages, config: Config) -> dict[str, Tensor]:
    """Each image under its label; where others have the same label, with a number behind it.

    Raises UserError for samples that are none, or do not suit the model.
    """
    if not isinstance(samples, LabelledImages) or not len(samples):
        raise UserError("the samples to film are LabelledImages, one at least")
    for image in samples.images:
        if tuple(image.shape) != (1, config.height, config.width):
            raise UserError(f"a sample of shape {tuple(image.shape)} does not suit a film of {config.height} x "
                            f"{config.width} pixels")  # fmt: skip
    named: dict[str, Tensor] = {}
    for label, image in zip(samples.labels, samples.images, strict=True):
        numbered = (f"{label} ({n})" for n in count(2))
        named[label if label not in named else next(name for name in numbered if name not in named)] = image
    return named
