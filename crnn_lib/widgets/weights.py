"""A CRNN's weights in the form that the page's engine reads: BatchNorm folded away, 8-bit numbers, safetensors.

Each row of a weight is stored as whole numbers from -127 to 127 and one scale, the symmetric quantisation of weights of
Jacob et al. 2018 (arXiv 1712.05877, section 2), by row; scales and biases are float16.
"""

import json
from dataclasses import asdict

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from crnn_lib.errors import UserError
from crnn_lib.model import CRNN, Config

FORMAT = "crnn_lib page 1"  # the metadata's one key: with two, safetensors would write them in random order
HALF_MIN, HALF_MAX = 2.0**-24, 65504.0  # the smallest and the largest float16


def folded(model: CRNN) -> dict[str, Tensor]:
    """float32 tensors by name: conv1.. (C_out, C_in, 3, 3), project (F, C*H), the LSTM's forward and reverse, classify.

    Each has a `.weight` and a `.bias`. In evaluation mode BatchNorm is a scale and a shift per channel: the scale goes
    into the weights before it, the shift into a bias (Jacob et al. 2018, arXiv 1712.05877, section 3.2). An LSTM
    direction's `.weight` (4 * hidden, F + hidden) holds both of torch's matrices side by side, gates i, f, g, o.
    """
    tensors: dict[str, Tensor] = {}
    for i, (convolution, norm, _) in enumerate(model.blocks, 1):
        tensors |= _fold(f"conv{i}", convolution.weight, norm)
    tensors |= _fold("project", model.project.weight, model.normalise)
    for name, suffix in (("forward", "_l0"), ("reverse", "_l0_reverse")):
        of = {key: getattr(model.lstm, key + suffix) for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        tensors[f"{name}.weight"] = torch.cat([of["weight_ih"], of["weight_hh"]], 1)
        tensors[f"{name}.bias"] = of["bias_ih"] + of["bias_hh"]
    tensors |= {"classify.weight": model.classify.weight, "classify.bias": model.classify.bias}
    return {name: tensor.detach().float().cpu().contiguous() for name, tensor in tensors.items()}


def _fold(name: str, weight: Tensor, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> dict[str, Tensor]:
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    shaped = scale.reshape(-1, *[1] * (weight.dim() - 1))
    return {f"{name}.weight": weight * shaped, f"{name}.bias": norm.bias - norm.running_mean * scale}


def to_bytes(model: CRNN) -> bytes:
    """The folded weights as safetensors bytes, 1.02 for a parameter, with the configuration in the metadata.

    Raises UserError when a number is too large.
    """
    stored: dict[str, Tensor] = {}
    for name, tensor in folded(model).items():
        if name.endswith(".bias"):
            stored[name] = _half(tensor)
            continue
        rows = tensor.flatten(1)
        stored[name + ".scale"] = scale = _half((rows.abs().amax(1) / 127).clamp(min=HALF_MIN))
        whole = (rows / scale.float()[:, None]).round().clamp(-127, 127)
        stored[name] = whole.to(torch.int8).reshape(tensor.shape)
    return save(stored, {FORMAT: json.dumps(asdict(model.config))})


def _half(tensor: Tensor) -> Tensor:
    largest = float(tensor.abs().max())
    if not largest <= HALF_MAX:
        raise UserError(f"a folded weight of {largest:.3g} is too large for the page's numbers")
    return tensor.half()


def from_bytes(content: bytes) -> CRNN:
    """The CRNN that the page computes with, in evaluation mode, from what `to_bytes` gave.

    Its BatchNorms do nothing but add a bias, since the page's weights have them folded in.
    """
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    stored = load(content)
    tensors = {name: tensor.float() for name, tensor in stored.items() if not name.endswith(".scale")}
    for name in [name for name in tensors if name.endswith(".weight")]:
        tensors[name] *= stored[name + ".scale"].float().reshape(-1, *[1] * (tensors[name].dim() - 1))
    model = CRNN(Config(**json.loads(header["__metadata__"][FORMAT]))).eval()
    F = model.config.features
    with torch.no_grad():
        for i, (convolution, norm, _) in enumerate(model.blocks, 1):
            _unfold(convolution, norm, tensors[f"conv{i}.weight"], tensors[f"conv{i}.bias"])
        _unfold(model.project, model.normalise, tensors["project.weight"], tensors["project.bias"])
        for name, suffix in (("forward", "_l0"), ("reverse", "_l0_reverse")):
            getattr(model.lstm, "weight_ih" + suffix).copy_(tensors[name + ".weight"][:, :F])
            getattr(model.lstm, "weight_hh" + suffix).copy_(tensors[name + ".weight"][:, F:])
            getattr(model.lstm, "bias_ih" + suffix).copy_(tensors[name + ".bias"])
            getattr(model.lstm, "bias_hh" + suffix).zero_()
        model.classify.weight.copy_(tensors["classify.weight"])
        model.classify.bias.copy_(tensors["classify.bias"])
    return model


def _unfold(layer: nn.Module, norm: nn.BatchNorm1d | nn.BatchNorm2d, weight: Tensor, bias: Tensor) -> None:
    layer.weight.copy_(weight)
    norm.bias.copy_(bias)
    norm.eps = 0.0  # a new norm's mean is 0, its variance and its weight are 1
