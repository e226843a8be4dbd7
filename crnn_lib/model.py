"""The CRNN: convolutional features, columns as a sequence, a BiLSTM, and one distribution per time step.

Source: Shi, Bai and Yao 2015, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition"
(arXiv 1507.05717), section 2 and table 1, made small for 32 x 128 images. Axes: N batch, C channels, H height,
W width, T time steps (columns), K classes with the blank at 0.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from itertools import pairwise
from operator import index
from typing import Any

import torch
from torch import Tensor, nn

from crnn_lib import padding
from crnn_lib.alphabet import CAPTCHA_SYMBOLS, Alphabet
from crnn_lib.errors import UserError
from crnn_lib.images import SD_FLOOR, natural_width

MOST_NUMBERS = 2**27  # in one stage of one image: half a gigabyte


@dataclass(frozen=True)
class Config:
    """The shape of a CRNN; everything else follows from it.

    An image is brought to `height` with its proportions kept, times `stretch` along the line; `width` is that of a
    typical image. Where `stretch` is None, every image is brought to `width`.
    `channels[i]` and `pools[i]` (vertical, horizontal) belong to convolution block i; `features` is the size of a
    column after its projection, `hidden` that of one LSTM direction. Any sequences will do; tuples are kept.
    Raises UserError for an impossible shape.
    """

    alphabet: str = CAPTCHA_SYMBOLS
    height: int = 32
    width: int = 128
    channels: tuple[int, ...] = (16, 32, 64, 64, 64)
    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (1, 1), (2, 1), (2, 1))
    features: int = 128
    hidden: int = 64
    stretch: float | None = 1.0

    def __post_init__(self) -> None:
        Alphabet(self.alphabet)
        try:
            object.__setattr__(self, "channels", tuple(map(index, self.channels)))
            object.__setattr__(self, "pools", tuple((index(v), index(h)) for v, h in self.pools))
        except (TypeError, ValueError) as error:
            raise UserError(
                "channels must be a sequence of whole numbers, pools one of pairs (vertical, horizontal) of such, "
                f"not {str(self.channels)[:80]} and {str(self.pools)[:80]}"
            ) from error
        if not 1 <= len(self.channels) == len(self.pools) <= 64:
            raise UserError(
                f"{len(self.channels)} channels and {len(self.pools)} pools: give one of each a block, 1 to 64 blocks"
            )
        sizes = [self.height, self.width, self.features, self.hidden, *self.channels, *sum(self.pools, ())]
        if any(not isinstance(size, int) or not 1 <= size <= 65536 for size in sizes):
            raise UserError("every size of the model must be a whole number from 1 to 65536")
        if self.stretch is not None and not (isinstance(self.stretch, (int, float)) and 0.1 <= self.stretch <= 10):
            raise UserError(f"the stretch of an image must be a number from 0.1 to 10, or None, not {self.stretch!r}")
        if not self.rows or not self.steps():
            raise UserError(f"an image of {self.height} x {self.width} pixels is pooled away: give it more pixels")
        if self._largest_stage() > MOST_NUMBERS:
            raise UserError(f"a stage of {self._largest_stage():,} numbers is too large, the limit is {MOST_NUMBERS:,}")

    @property
    def rows(self) -> int:
        """Height of the last feature map, in map pixels."""
        return _pooled(self.height, [vertical for vertical, _ in self.pools])

    def _largest_stage(self) -> int:
        """How many numbers the largest map or sequence has, for one image."""
        verticals, horizontals = zip(*self.pools, strict=True)
        maps = [
            channels * _pooled(self.height, verticals[:i]) * _pooled(self.width, horizontals[:i])
            for i, channels in enumerate(self.channels)
        ]
        column = max(self.channels[-1] * self.rows, self.features, 8 * self.hidden, len(self.alphabet) + 1)
        return max(*maps, self.steps() * column)

    @property
    def frame(self) -> tuple[int, int | None, float]:
        """What `images.standardise` wants besides the image: height, width (None for each image's own) and stretch."""
        return (self.height, None, self.stretch) if self.stretch is not None else (self.height, self.width, 1.0)

    def columns(self, shape: tuple[int, int]) -> int:
        """The width W of the network's input for an image of `shape` (h, w). Raises UserError as `natural_width`."""
        height, width, stretch = self.frame
        return width or natural_width(shape, height, stretch)

    def steps(self, width: int | None = None) -> int:
        """T, the number of time steps for an input `width` pixels wide (default: that of a typical image)."""
        return _pooled(self.width if width is None else width, [horizontal for _, horizontal in self.pools])

    def receptive_field(self, blocks: int | None = None) -> "ReceptiveField":
        """What one pixel of the map after `blocks` blocks (default: all) sees of the image, along each axis."""
        pools = self.pools[:blocks]
        return ReceptiveField(*_seen([v for v, _ in pools]), *_seen([h for _, h in pools]))

    def strip(self, t: int) -> tuple[int, int]:
        """The image columns [first, last] that time step `t` sees through the convolutions, cut at the edges."""
        field = self.receptive_field()
        first = t * field.stride_x + field.offset_x
        return max(first, 0), min(first + field.width, self.width) - 1

    def fits(self, label: str, width: int) -> bool:
        """Whether an input `width` pixels wide has enough time steps for `label`: T >= U + r."""
        return steps_needed(label) <= self.steps(width)

    def check_labels(self, labels: Sequence[str], widths: Sequence[int] | None = None) -> None:
        """Refuse labels that cannot be aligned: CTC needs T >= U + r (Graves et al. 2006, section 3.1).

        U is the label's length, r its number of adjacent repeats, T follows from the width of its input, by default
        that of a typical image. Raises UserError with the arithmetic.
        """
        alphabet = Alphabet(self.alphabet)
        longer = "an image" if widths and self.stretch is not None else "a width"
        for label, width in zip(labels, widths or [self.width] * len(labels), strict=True):
            alphabet.encode(label)
            if not self.fits(label, width):
                needed, stride = steps_needed(label), self.receptive_field().stride_x
                raise UserError(
                    f"label {label[:40]!r} needs T >= U + r = {len(label)} + {needed - len(label)} = {needed} time "
                    f"steps, but a width of {width} pixels at {stride} pixels per step gives T = {self.steps(width)}: "
                    f"use {longer} of at least {needed * stride}"
                )


def steps_needed(label: Sequence[Any]) -> int:
    """U + r, the fewest time steps that a label of U symbols fits: its r adjacent repeats need a blank each."""
    return len(label) + sum(a == b for a, b in pairwise(label))


@dataclass(frozen=True)
class ReceptiveField:
    """Size, stride and offset in image pixels: pixel i of the map sees offset + i * stride, `size` pixels on."""

    height: int
    stride_y: int
    offset_y: int
    width: int
    stride_x: int
    offset_x: int


def _pooled(size: int, pools: Sequence[int]) -> int:
    for pool in pools:
        size //= pool
    return size


def _seen(pools: Sequence[int]) -> tuple[int, int, int]:
    """(size, stride, offset) along one axis after blocks of a 3-wide convolution (padding 1) and a pool each."""
    size, stride, offset = 1, 1, 0
    for pool in pools:
        size, offset = size + 2 * stride, offset - stride
        size, stride = size + (pool - 1) * stride, stride * pool
    return size, stride, offset


def _explaining(stages: Callable[..., Any]) -> Callable[..., Any]:
    """Let `check_images` say what is wrong when the layers fail; only then, so sound images cost and trace no more."""

    @wraps(stages)
    def explained(model: nn.Module, images: Tensor, widths: Tensor | None = None) -> Any:
        try:
            return stages(model, images, widths)
        except (AttributeError, RuntimeError, TypeError, ValueError):
            check_images(model, images, next(model.parameters()).dtype)
            raise

    return explained


class CRNN(nn.Module):
    """Image (N, 1, H, W) -> log-probabilities (N, T, K), in the three stages of Shi et al. 2015, figure 1."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        self.alphabet = Alphabet(config.alphabet)
        self.provenance: dict[str, Any] = {}
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
            for before, after in pairwise((1, *config.channels))
        )
        self.pools = nn.ModuleList(nn.MaxPool2d(pool) for pool in config.pools)
        self.project = nn.Linear(config.channels[-1] * config.rows, config.features, bias=False)
        self.normalise = nn.BatchNorm1d(config.features)
        self.lstm = nn.LSTM(config.features, config.hidden, bidirectional=True, batch_first=True)
        self.classify = nn.Linear(2 * config.hidden, len(self.alphabet))

    @_explaining
    def stages(self, images: Tensor, widths: Tensor | None = None) -> dict[str, Tensor]:
        """Every intermediate by name, in order, for standardised `images` (N, 1, H, W) of any width.

        image; conv1.. (N, C, H, W) before and pool1.. after each pooling; columns (N, T, C*H); features (N, T, F);
        states (N, T, 2 * hidden), forward direction first; logits and log_probs (N, T, K).

        Images of mixed widths are padded on the right (`padding.pad`); `widths` (N,) are their own. Padding, whatever
        it holds, takes part in nothing; what comes after `config.steps(width)` time steps has no meaning.
        """
        if widths is not None:
            return padding.stages(self, images, widths)
        stages = {"image": images}
        x = images
        for i, (block, pool) in enumerate(zip(self.blocks, self.pools, strict=True), 1):
            stages[f"conv{i}"] = x = block(x)
            stages[f"pool{i}"] = x = pool(x)
        stages["columns"] = x = x.permute(0, 3, 1, 2).flatten(2)  # (N, C, H, T) -> (N, T, C*H)
        x = self.normalise(self.project(x).transpose(1, 2)).transpose(1, 2)  # over N and T, per feature
        stages["features"] = x = x.relu()
        stages["states"] = x = self.lstm(x)[0]
        stages["logits"] = x = self.classify(x)
        stages["log_probs"] = x.log_softmax(-1)
        return stages

    def forward(self, images: Tensor, widths: Tensor | None = None) -> Tensor:
        """Log-probabilities (N, T, K) of standardised `images` (N, 1, H, W), of their own `widths` (N,) if mixed."""
        return self.stages(images, widths)["log_probs"]

    def parameter_count(self) -> int:
        """How many numbers training may change."""
        return sum(p.numel() for p in self.parameters())

    def digest(self) -> str:
        """SHA-256 of the weights, which identifies a network."""
        found = hashlib.sha256()
        for name, tensor in self.state_dict().items():
            found.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return found.hexdigest()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[Tensor]:
    """Evaluation mode and no gradients inside `with`; afterwards every submodule is in the mode that it was in before.

    For code that is lent a model. Yields one of the model's parameters: `images.to(it)` puts images on the model's
    device and into its number type.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield next(model.parameters())
    finally:
        for module, training in modes:
            module.training = training


def check_images(model: nn.Module, images: Any, dtype: torch.dtype | None = None) -> None:
    """Raise UserError unless `images` are standardised ones (N, 1, H, W) of the height that `model` takes.

    They must be of the number type `dtype`, by default of any floating-point type.
    """
    config = model.config
    wanted = f"the model reads a tensor (N, 1, {config.height}, W) of {dtype or 'floating-point numbers'}"
    if not isinstance(images, Tensor):
        raise UserError(f"{wanted}, not {type(images).__name__}: use torch.stack or torch.from_numpy")
    shape = tuple(images.shape)
    if not images.is_floating_point() or images.dtype != (dtype or images.dtype):
        raise UserError(f"{wanted}, not of {images.dtype}: use images.standardise for grey levels, else images.to")
    if shape == (1, config.height, shape[-1]):
        raise UserError(f"{wanted}, not of shape {shape}: add an axis to a single image, image[None]")
    if len(shape) != 4 or shape[1:3] != (1, config.height) or not shape[0]:
        raise UserError(f"{wanted}, not of shape {shape}: use images.load or images.standardise, then torch.stack")
    if not config.steps(shape[3]):
        raise UserError(f"{wanted}, not of shape {shape}: too narrow for a time step")
    low, high = images.min(), images.max()
    if not max(-low, high) <= 1 / SD_FLOOR:  # also where one is not a number
        raise UserError(f"{wanted}, standardised, not from {low:.4g} to {high:.4g}: use images.standardise")
