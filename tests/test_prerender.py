"""What a page's widgets start with, recorded while the book is built."""

import json
import re

import numpy as np
import prerender
import pytest
import torch
from py_mini_racer import JSPromiseError
from v8 import Page

from crnn_lib import assets, images
from crnn_lib.widgets import Line, Microscope, host, weights

REPLAY = """
let seen = {};
async function replay(record, image) {
  const host = { readers: ["captcha"], data: null, records: { captcha: record } };
  const made = createReaders(async (name) => { throw new Error(`${name} was asked`); });
  const backend = createBackend({ ...host, made });
  const reader = await backend.reader("captcha");
  const { log_probs, conv1, columns, pool1 } = await reader.infer(Float32Array.from(image), 32, 128);
  seen = { numbers: [log_probs, conv1, columns].map(({ data }) => Array.from(data)), pool1: pool1.data };
  await reader.infer(new Float32Array(32 * 128), 32, 128).catch(({ message }) => (seen.other = message));
}
"""


@pytest.fixture(scope="module")
def stage():
    return prerender.Stage({name: weights.to_bytes(model) for name, model in host.readers().items()})


def test_a_box_has_sizes_and_nothing_that_could_be_named_focused_or_heard(stage):
    box, _ = stage.start("microscope", Microscope()._state())
    assert box.count("<canvas ") > 8 and "<summary>" in box and "2b7xy" in box and "Step 12 of 0 to 31 says" in box
    assert {"class", "width", "height"} <= set(re.findall(r" ([\w-]+)=", box)) <= {
        "class", "style", "width", "height", "type", "value"
    }  # fmt: skip


def test_what_a_model_answered_is_known_again_as_far_as_the_widget_looked(stage):
    _, records = stage.start("microscope", Microscope()._state())
    (reading,) = records["captcha"]["readings"]
    assert {name for name, tensor in reading["stages"].items() if "data" in tensor} == {
        "log_probs", "columns", "features", "states", "conv1"
    }  # fmt: skip
    image = images.load(assets.SAMPLES["2b7xy"])
    with torch.no_grad():
        stages = weights.from_bytes(weights.to_bytes(host.readers()["captcha"])).stages(image[None])
    page = Page(REPLAY)
    seen = page.settled(f"replay({json.dumps(records['captcha'])}, {image.flatten().tolist()})", "seen")
    for name, numbers in zip(("log_probs", "conv1", "columns"), seen["numbers"], strict=True):
        expected = stages[name].flatten().numpy()
        error = 1e-3 if name == "log_probs" else expected.max() / 255 + 1e-3
        assert np.abs(numbers - expected).max() <= error, name
        if name != "log_probs":
            assert ((np.array(numbers) > 0) == (expected > 1e-6)).mean() > 0.999
    assert seen["pool1"] is None and seen["other"] == "captcha was asked"


def test_a_printed_line_is_read_by_the_reader_of_print(stage):
    box, records = stage.start("line", Line(sample="code")._state())
    assert list(records) == ["text"] and "Printed there: x7#Qz_9@kL!w2&amp;Rt" in box and "line-says" in box


def test_a_widget_that_does_not_start_is_told(stage):
    with pytest.raises(JSPromiseError, match='there is no sample "none"'):
        stage.start("microscope", Microscope()._state() | {"sample": "none"})
