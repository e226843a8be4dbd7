"""ONNX: the model for other programs, with every intermediate as a named output."""

import copy
import json
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from crnn_lib.errors import UserError
from crnn_lib.files import atomic_path
from crnn_lib.model import CRNN

OPSET = 17
TOLERANCE = 1e-4  # largest difference from torch, relative to the largest value of that output


class _AllStages(nn.Module):
    """The model as a graph of many outputs: every stage but the image itself."""

    def __init__(self, model: CRNN) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model.stages(image).values())[1:]


def to_onnx(model: CRNN, path: str | Path) -> float:
    """Write `model` as ONNX: input `image` (N, 1, H, W) of any N and W, outputs named as in `CRNN.stages`.

    Alphabet and configuration go into the file's metadata. Before the file is kept, onnxruntime runs it at three
    shapes, one of an odd width, and every output is compared with torch; the largest relative difference is returned.
    Raises UserError when they differ by more than TOLERANCE.
    """
    model = copy.deepcopy(model).cpu().eval()  # the caller's stays as it is
    image = torch.randn(2, 1, model.config.height, model.config.width, generator=torch.Generator().manual_seed(0))
    names = list(model.stages(image))[1:]
    across = {f"pool{i}" for i in range(len(model.pools) + 1)} | {f"conv{i}" for i in range(len(model.pools) + 1)}
    axes = {name: {0: "N", 3: "W_" + name} if name in across else {0: "N", 1: "T"} for name in names}
    with atomic_path(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch announces another exporter, which freezes the time axis
            torch.onnx.export(
                _AllStages(model).eval(), (image,), str(temporary), input_names=["image"], output_names=names,
                dynamic_axes={"image": {0: "N", 3: "W"}, **axes}, opset_version=OPSET, dynamo=False,
            )  # fmt: skip
        graph = onnx.load(str(temporary))
        properties = {"alphabet": model.config.alphabet, "config": json.dumps(asdict(model.config))}
        onnx.helper.set_model_props(graph, properties)
        onnx.checker.check_model(graph)
        temporary.write_bytes(graph.SerializeToString())
        twice = image.repeat(1, 1, 1, 2)
        shapes = (image, twice[:1], twice[..., : model.config.width * 3 // 2 | 1])
        difference = max(_difference(model, temporary, images) for images in shapes)
        if not difference <= TOLERANCE:
            raise UserError(f"the exported graph differs from the model by {difference:.2g}: {path} was not written")
    return difference


@torch.no_grad()
def _difference(model: CRNN, path: Path, image: Tensor) -> float:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {"image": image.numpy()})
    expected = list(model.stages(image).values())[1:]
    return max(
        float(np.abs(output - tensor.numpy()).max() / tensor.abs().max().clamp(min=1))
        for output, tensor in zip(outputs, expected, strict=True)
    )
