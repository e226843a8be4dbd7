"""Images of mixed widths in one batch, so that what pads the narrower ones takes part in nothing."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

DIRECTION = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")  # the parameters of an LSTM's one direction


def pad(images: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Images (1, H, W_i) -> one batch (N, 1, H, W), zeros on the right, and the widths (N,), None if all are equal.

    0 is the mean of a standardised image, and what a convolution supposes beyond its edges.
    """
    widths = [image.shape[-1] for image in images]
    longest = max(widths)
    if min(widths) == longest:
        return torch.stack(list(images)), None
    batch = images[0].new_zeros(len(images), *images[0].shape[:-1], longest)
    for row, image in zip(batch, images, strict=True):
        row[..., : image.shape[-1]] = image
    return batch, torch.tensor(widths)


def inside(widths: Tensor, size: int) -> Tensor:
    """Which of `size` columns belong to an image: (N,) -> (N, size) bool."""
    return torch.arange(size, device=widths.device) < widths[:, None]


def stages(model: nn.Module, images: Tensor, widths: Tensor) -> dict[str, Tensor]:
    """As `CRNN.stages`, of images (N, 1, H, W) that are their own `widths` (N,) wide, whatever the padding holds."""
    found = {"image": (x := images.masked_fill(~inside(widths, images.shape[3])[:, None, None], 0))}
    for i, ((convolution, norm, activation), pool) in enumerate(zip(model.blocks, model.pools, strict=True), 1):
        found[f"conv{i}"] = x = activation(normalise(norm, convolution(x), widths))
        widths = widths // model.config.pools[i - 1][1]
        found[f"pool{i}"] = x = mask(pool(x), widths)  # else the next convolution would see what BatchNorm put there
    found["columns"] = x = x.permute(0, 3, 1, 2).flatten(2)  # (N, C, H, T) -> (N, T, C*H)
    x = normalise(model.normalise, model.project(x).transpose(1, 2), widths).transpose(1, 2)
    found["features"] = x = x.relu()
    found["states"] = x = lstm(model.lstm, x, widths)
    found["logits"] = x = model.classify(x)
    found["log_probs"] = x.log_softmax(-1)
    return found


def mask(x: Tensor, widths: Tensor) -> Tensor:
    """Maps (N, C, H, W) or sequences (N, C, T) with zeros in the padding."""
    own = inside(widths, x.shape[-1]).view(len(x), *[1] * (x.dim() - 2), -1)
    return x * own.to(x.dtype)


def normalise(norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor, widths: Tensor) -> Tensor:
    """BatchNorm of (N, C, ..., W) by what is not padding; in training, padding passes no gradient on."""
    if not norm.training:
        return norm(x)
    result, mean, variance = _BatchNorm.apply(x, norm.weight, norm.bias, widths, norm.eps)
    count = _places(x, widths)
    with torch.no_grad():
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (count / max(count - 1, 1)), norm.momentum)
        norm.num_batches_tracked += 1
    return result


def _places(x: Tensor, widths: Tensor) -> int:
    """How many numbers of each channel of (N, C, ..., W) are not padding."""
    return int(widths.sum()) * x[0, 0, ..., 0].numel()


def _mask_(x: Tensor, widths: Tensor) -> Tensor:
    """`mask` in place: in batches of neighbours in width only the last columns have to be touched."""
    shortest = int(widths.min())
    if shortest < x.shape[-1]:
        x[..., shortest:] = mask(x[..., shortest:], widths - shortest)
    return x


class _BatchNorm(torch.autograd.Function):
    """torch's fused kernels count the padding's zeros as well; what they find is scaled to the `count` true places.

    Of the sums S and Q of x and x * x, which zeros leave as they are, the mean is S / count and the variance
    Q / count - mean * mean. The gradient is that of Ioffe and Szegedy 2015 (arXiv 1502.03167), section 3. Writes into
    its input, zeros where there is padding.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, widths: Tensor, eps: float) -> tuple[Tensor, ...]:
        ctx.widths, ctx.count = widths, _places(x, widths)
        excess = x.numel() / x.shape[1] / ctx.count
        _, mean, inverse = torch.native_batch_norm(_mask_(x, widths), weight, bias, None, None, True, 0.0, 0.0)
        square = (inverse.double().pow(-2) + mean.double().square()) * excess
        mean = mean * excess
        variance = (square - mean.double().square()).clamp_min(0).to(mean.dtype)
        ctx.save_for_backward(x, weight, mean, (variance + eps).rsqrt())
        ctx.mark_non_differentiable(mean, variance)
        return torch.batch_norm(x, weight, bias, mean, variance, False, 0.0, eps, False), mean, variance

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        x, weight, mean, inverse = ctx.saved_tensors
        kernel = torch.ops.aten.native_batch_norm_backward
        _, by_weight, by_bias = kernel(gradient, x, weight, None, None, mean, inverse, True, 0.0, [False, True, True])
        scale = weight * inverse
        slope = scale * inverse * by_weight / ctx.count
        offset = scale * by_bias / ctx.count - slope * mean
        shape = (1, -1, *[1] * (x.dim() - 2))
        scale, slope, offset = (part.view(shape).to(x.dtype) for part in (scale, slope, offset))
        by_x = torch.addcmul(-offset, gradient, scale).addcmul_(x, slope, value=-1)
        return _mask_(by_x, ctx.widths), by_weight, by_bias, None, None


def lstm(layer: nn.LSTM, x: Tensor, steps: Tensor) -> Tensor:
    """States (N, T, 2 * hidden) of a bidirectional LSTM whose backward direction starts at each image's own end.

    Each image's time steps are turned round by themselves and read forwards, which on a CPU takes a third of the time
    of torch's packed sequences. States of padding are without meaning.
    """
    t = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
    mirrored = torch.where(t < steps[:, None], steps[:, None] - 1 - t, t)[..., None]
    start = x.new_zeros(1, len(x), layer.hidden_size)

    def read(sequence: Tensor, direction: str) -> Tensor:
        weights = [getattr(layer, name + direction) for name in DIRECTION]
        return torch.lstm(sequence, (start, start), weights, True, 1, 0.0, layer.training, False, True)[0]

    there = read(x, "")
    back = read(x.gather(1, mirrored.expand_as(x)), "_reverse").gather(1, mirrored.expand_as(there))
    return torch.cat([there, back], -1)
