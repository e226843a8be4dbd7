import json
import os
from dataclasses import asdict

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from small import worn
from torch import nn

from crnn_lib.errors import UserError
from crnn_lib.model import CRNN, Config
from crnn_lib.tools import export
from crnn_lib.tools.export import to_onnx

CONFIG = Config(
    alphabet="ab°", height=16, width=24, channels=(3, 4), pools=((2, 2), (2, 1)), features=6, hidden=5, stretch=1.25
)  # fmt: skip
NAMES = ["conv1", "pool1", "conv2", "pool2", "columns", "features", "states", "logits", "log_probs"]


@pytest.fixture(scope="module")
def model():
    return worn(CONFIG)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "reader.onnx"
    difference = to_onnx(model, path)
    return path, difference


def test_the_file_is_written_and_nothing_else(exported):
    path, difference = exported
    assert 0 <= difference <= export.TOLERANCE
    assert [p.name for p in path.parent.iterdir()] == ["reader.onnx"]


def test_inputs_outputs_and_metadata_have_names(exported, model):
    graph = onnx.load(exported[0])
    onnx.checker.check_model(graph, full_check=True)
    assert [i.name for i in graph.graph.input] == ["image"]
    assert [o.name for o in graph.graph.output] == NAMES == list(model.stages(torch.zeros(1, 1, 16, 24)))[1:]
    properties = {p.key: p.value for p in graph.metadata_props}
    assert properties["alphabet"] == "ab°"
    assert json.loads(properties["config"]) == json.loads(json.dumps(asdict(CONFIG)))


@pytest.mark.parametrize(("n", "width"), [(1, 24), (3, 24), (2, 25), (1, 70), (5, 2)])
def test_any_number_of_images_of_any_width_is_read_as_by_torch(n, width, exported, model):
    session = onnxruntime.InferenceSession(str(exported[0]), providers=["CPUExecutionProvider"])
    image = torch.randn(n, 1, 16, width, generator=torch.Generator().manual_seed(width))
    with torch.no_grad():
        expected = model.stages(image)
    for name, output in zip(NAMES, session.run(NAMES, {"image": image.numpy()}), strict=True):
        assert output.shape == tuple(expected[name].shape)
        np.testing.assert_allclose(output, expected[name].numpy(), atol=1e-4)


def test_narrow_models_are_exported(tmp_path):
    narrow = worn(Config(alphabet="a", height=8, width=4, channels=(2,), pools=((2, 4),), features=2, hidden=2))
    assert to_onnx(narrow, tmp_path / "narrow.onnx") <= export.TOLERANCE


class Crooked(nn.Module):
    """Exports another network than the one it is asked to."""

    def __init__(self, model):
        super().__init__()
        self.model = CRNN(model.config).eval()  # other weights

    def forward(self, image):
        return tuple(self.model.stages(image).values())[1:]


def test_a_graph_that_differs_is_refused_and_the_old_file_stays(model, tmp_path, monkeypatch):
    path = tmp_path / "reader.onnx"
    path.write_text("old")
    monkeypatch.setattr(export, "_AllStages", Crooked)
    with pytest.raises(UserError, match=r"differs from the model by .*reader\.onnx was not written"):
        to_onnx(model, path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["reader.onnx"]


@pytest.mark.parametrize("difference", [float("nan"), float("inf"), 2e-4])
def test_no_difference_but_a_small_one_will_do(difference, model, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_difference", lambda *_: difference)
    with pytest.raises(UserError, match="differs"):
        to_onnx(model, tmp_path / "reader.onnx")
    assert os.listdir(tmp_path) == []


def test_where_nothing_can_be_written_an_error_says_so(model, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "reader.onnx", tmp_path):
        with pytest.raises(UserError, match="cannot write"):
            to_onnx(model, path)
    assert os.listdir(tmp_path) == ["file"]
