"""A CRNN's weights in the form that the page's engine reads: BatchNorm folded away, small, safetensors."""

import base64
import json
from dataclasses import asdict

import torch
from safetensors.torch import save
from torch import Tensor, nn

from crnn_lib.errors import UserError
from crnn_lib.model import CRNN

FORMAT = "crnn_lib page 1"  # the metadata's one key: with two, safetensors would write them in random order
HALF_MAX = 65504.0  # the largest float16


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


def to_bytes(model: CRNN, bits: int = 16) -> bytes:
    """The folded weights as safetensors bytes, with the configuration in the metadata.

    16 bits: everything is float16. 8 bits: each row of a weight is a whole number times the row's `.scale`, half the
    size for about ten times the error. Raises UserError when a weight is too large.
    """
    tensors = folded(model)
    largest = max(float(tensor.abs().max()) for tensor in tensors.values())
    if not largest <= HALF_MAX:
        raise UserError(f"a folded weight of {largest:.3g} is too large for the page's 16-bit numbers")
    small = {name: tensor.half() for name, tensor in tensors.items()}
    if bits == 8:
        for name in [n for n in small if n.endswith(".weight")]:
            rows = tensors[name].flatten(1)
            small[name + ".scale"] = scale = rows.abs().amax(1).clamp(min=1e-12) / 127
            small[name] = (rows / scale[:, None]).round().to(torch.int8).reshape(tensors[name].shape)
    return save(small, {FORMAT: json.dumps(asdict(model.config))})


def to_script(model: CRNN, name: str, bits: int = 16) -> str:
    """The same as a classic script, which loads from a file too: it leaves base64 in `crnnData`."""
    encoded = base64.b64encode(to_bytes(model, bits)).decode("ascii")
    return f"crnnData[{json.dumps(f'weights-{name}')}] = {json.dumps(encoded)};\n"
