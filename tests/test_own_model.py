"""A model of somebody's own in the page: its file is read as the library reads it, or refused in words."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load
from small import SMALL, parts, safetensors, worn
from v8 import Page, Refusal, encoded

from crnn_lib import assets, reader
from crnn_lib.model import Config
from crnn_lib.widgets import weights

GLUE = """
const files = modules["page/safetensors.js"];
let own = null;
function open(text, fast) {
  own = createReader(fromBase64(text), { fast });
  return [own.config, own.simd];
}
const logProbs = (image, H, W) => Array.from(own.infer(Float32Array.from(image), H, W).log_probs.data);
function again(text) {
  const { metadata, tensors } = files.read(fromBase64(text));
  return files.write(metadata, tensors).toBase64();
}
/** What is read in a damaged file: log-probabilities, or what its error says and whether that is the page's own. */
function tried(text) {
  try {
    const { config: { height, width }, infer } = createReader(fromBase64(text));
    return [infer(new Float32Array(height * width), height, width).log_probs.data.length, ""];
  } catch (error) {
    return [error.constructor === Error ? 0 : -1, error.message];
  }
}
const written = () => files.write({ "naïve \\u{1f600}": 'a "b"\\n', one: "1" }, {
  "b\\u00e9": { data: Float32Array.of(1, -2.5, 3e38, 0, 5, 6), dims: [2, 3] },
  a: { data: Float32Array.of(7), dims: [] },
  halves: { data: Uint16Array.of(0x3c00, 0xc000), dims: [2] },
  bytes: { data: Int8Array.of(-128, 127, 3), dims: [3, 1] },
  many: { data: BigInt64Array.of(-(2n ** 40n)), dims: [1] },
  none: { data: new Float32Array(0), dims: [0, 4] },
}).toBase64();
"""
SHAPES = {
    "default": {},
    "stretched": {
        "stretch": 1.25,
        "channels": (5, 8, 9),
        "pools": ((2, 2), (2, 2), (2, 1)),
        "features": 9,
        "hidden": 6,
    },
    "squeezed": {"alphabet": "ab", "channels": (3, 5), "pools": ((2, 1), (3, 3)), "width": 50, "stretch": None},
    "high, any symbols": {"alphabet": 'é"\\-\U0001f600 ', "height": 45, "channels": (4, 6), "pools": ((4, 2), (1, 2))},
    "tiny": {
        "alphabet": "a",
        "height": 7,
        "channels": (1,),
        "pools": ((3, 5),),
        "features": 1,
        "hidden": 1,
        "width": 9,
    },
}


@pytest.fixture(scope="module")
def page():
    return Page(GLUE)


def saved(network, folder, provenance=None):
    """The bytes that `reader.save` writes."""
    reader.save(network, folder / "own.safetensors", provenance or {"data": {"name": "naïve", "images": 3}})
    return (folder / "own.safetensors").read_bytes()


@pytest.mark.parametrize("fast", [True, False], ids=["WebAssembly", "JavaScript"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_saved_model_says_in_the_page_what_it_says_in_torch(page, shape, fast, tmp_path):
    network = worn(Config(**shape))
    with torch.no_grad():
        network.normalise.running_var *= 1e-4  # so small that BatchNorm's epsilon tells
        network.normalise.weight *= 1e-2
    config, swift = page.call("open", encoded(saved(network, tmp_path)), fast)
    assert swift is fast and Config(**config) == network.config
    _agrees(page, network)


def _agrees(page, network):
    config = network.config
    for W in (config.width, config.width + 31):
        image = torch.randn(1, 1, config.height, W, generator=torch.Generator().manual_seed(W))
        with torch.no_grad():
            expected = network(image).flatten().numpy()
        found = page.call("logProbs", image.flatten().tolist(), config.height, W)
        assert np.abs(np.array(found) - expected).max() < 1e-4


@pytest.mark.parametrize("name", assets.WEIGHTS)
def test_a_model_that_ships_reads_from_its_own_file_too(page, name):
    page.call("open", encoded(assets.WEIGHTS[name].read_bytes()), True)
    _agrees(page, reader.load(name))


def test_a_file_of_version_1_brings_every_image_to_one_width(page, tmp_path):
    network = worn()
    header, tensors = parts(saved(network, tmp_path))
    told = json.loads(header["__metadata__"]["config"])
    del told["stretch"]
    header["__metadata__"]["config"] = json.dumps(told)
    config, _ = page.call("open", encoded(safetensors(header, tensors)), True)
    assert config["stretch"] is None
    _agrees(page, network)


# --- the files themselves ---


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_what_is_read_is_written_again_byte_for_byte(page, shape, tmp_path):
    content = saved(worn(Config(**shape)), tmp_path)
    assert page.call("again", encoded(content)) == encoded(content)


def test_python_reads_what_the_page_writes(page, tmp_path):
    path = tmp_path / "page.safetensors"
    path.write_bytes(bytes(page.value("Array.from(fromBase64(written()))")))
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"naïve \U0001f600": 'a "b"\n', "one": "1"}
    found = load(path.read_bytes())
    expected = {
        "bé": torch.tensor([[1, -2.5, 3e38], [0, 5, 6]]),
        "a": torch.tensor(7.0),
        "halves": torch.tensor([1, -2], dtype=torch.float16),
        "bytes": torch.tensor([[-128], [127], [3]], dtype=torch.int8),
        "many": torch.tensor([-(2**40)]),
        "none": torch.empty(0, 4),
    }
    assert set(found) == set(expected)
    assert all(torch.equal(found[n], t) and found[n].dtype == t.dtype for n, t in expected.items())
    page_weights = weights.to_bytes(worn())
    (tmp_path / "again").write_bytes(bytes(page.value(f"Array.from(fromBase64(again({encoded(page_weights)!r})))")))
    before, after = load(page_weights), load((tmp_path / "again").read_bytes())
    assert set(before) == set(after) and all(torch.equal(before[name], after[name]) for name in before)


# --- what is refused ---


def _config(**changes):
    def change(header, tensors):
        told = json.loads(header["__metadata__"]["config"]) | changes
        header["__metadata__"]["config"] = json.dumps({key: value for key, value in told.items() if value != "gone"})
        return safetensors(header, tensors)

    return change


def _tensor(name, **changes):
    def change(header, tensors):
        header[name] |= changes
        return safetensors(header, tensors)

    return change


def _number(name, number):
    """The tensor `name` begins with this number."""

    def change(header, tensors):
        at = header[name]["data_offsets"][0]
        return safetensors(header, tensors[:at] + np.float32(number).tobytes() + tensors[at + 4 :])

    return change


def _renamed(header, tensors):
    header["head.weight"] = header.pop("classify.weight")
    return safetensors(header, tensors)


def _more(header, tensors):
    end = len(tensors)
    header["extra"] = {"dtype": "F32", "shape": [1], "data_offsets": [end, end + 4]}
    return safetensors(header, tensors + bytes(4))


def _metadata(metadata):
    return lambda header, tensors: safetensors(header | {"__metadata__": metadata}, tensors)


REFUSED = {
    "no file of its kind": (lambda header, tensors: b"\x89PNG\r\n\x1a\n" + bytes(90), "this is not a safetensors file"),
    "pickled": (lambda header, tensors: b"PK\3\4" + bytes(90), "this is not a safetensors file"),
    "nothing": (lambda header, tensors: b"", "this is not a safetensors file"),
    "a header that is no object": (lambda header, tensors: safetensors(b"[1, 2]  ", b""), "not a safetensors file"),
    "cut in the header": (lambda header, tensors: safetensors(header, tensors)[:100], "its header does not end"),
    "cut in the numbers": (
        lambda header, tensors: safetensors(header, tensors[:-9]),
        r"cut short: of \d+ bytes .* has \d+",
    ),
    "more than is told": (lambda header, tensors: safetensors(header, tensors + b"x"), "more than its header lists"),
    "a wrong size": (_tensor("classify.bias", shape=[4]), "“classify.bias” does not have the size"),
    "a wrong place": (_tensor("classify.bias", data_offsets=[0, 12]), "does not begin where the tensor before it ends"),
    "float64": (_tensor("classify.bias", dtype="F64"), "“classify.bias” holds numbers of type F64"),
    "numbers of another type": (_tensor("classify.bias", dtype="F16", shape=[6]), "classify.bias is 6, and .* wants 3"),
    "a lost tensor": (_renamed, "no tensor classify.weight, which its configuration wants"),
    "a further tensor": (_more, "a tensor “extra”, for which its configuration has no place"),
    "another shape": (_config(hidden=6), r"the tensor lstm.weight_ih_l0 is 20 x 6, and its configuration wants 24 x 6"),
    "another alphabet": (_config(alphabet="abc"), "classify.weight is 3 x 10, and its configuration wants 4 x 10"),
    "not a number": (_number("blocks.1.0.weight", np.nan), "blocks.1.0.weight holds a number that is not finite"),
    "an infinite variance": (_number("normalise.running_var", np.inf), "running_var holds a number that is not finite"),
    "a variance below zero": (_number("blocks.0.1.running_var", -1), "conv1 holds a number that is not finite"),
    "no metadata": (_metadata({}), "no model that this page knows: it has no format"),
    "metadata that are not texts": (_metadata({"format": 1}), "its metadata are not texts"),
    "a later format": (_metadata({"format": "crnn_lib 2"}), "format “crnn_lib 2”, and what is read has “crnn_lib 1”"),
    "no configuration": (_metadata({"format": "crnn_lib 1", "config": "{"}), "its configuration is not a JSON object"),
    "an unknown key": (_config(layers=2), "“layers” is unknown"),
    "a missing key": (_config(hidden="gone"), "a size is not a whole number"),
    "a doubled symbol": (_config(alphabet="aa"), "a symbol occurs in the alphabet more than once"),
    "an empty alphabet": (_config(alphabet=""), "the alphabet is not a text, or is empty"),
    "too few pools": (_config(pools=[[2, 2]]), "the pools are not a pair of sizes for each block"),
    "no channels": (_config(channels=[]), "the channels are not a list of sizes"),
    "a stretch beyond all": (_config(stretch=99), "the stretch is not from 0.1 to 10"),
    "pooled away": (_config(height=3), "an image of 3 x 16 is pooled away"),
    "too large a stage": (_config(height=65536, width=65536), "a stage of it would be too large"),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return saved(worn(SMALL), tmp_path_factory.mktemp("own"))


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_with_a_file_is_told_in_words(page, small, change, words):
    page.call("open", encoded(small), True)
    with pytest.raises(Refusal, match=words):
        page.call("open", encoded(change(*parts(small))), True)


def test_a_file_damaged_by_chance_is_read_or_refused_in_words(page, small):
    rng = np.random.default_rng(1)
    start = len(small) - len(parts(small)[1])
    said = {"read": 0, "refused": set()}
    for trial in range(400):
        content = bytearray(small)
        if trial % 4 == 0:
            del content[rng.integers(len(content)) :]
        for at in rng.integers(0, [start, len(content) or 1][trial % 2], 1 + trial % 3):
            if at < len(content):
                content[at] ^= 1 << rng.integers(8)
        numbers, words = page.call("tried", encoded(bytes(content)))
        assert numbers >= 0, words
        said["read"] += numbers > 0
        said["refused"] |= {words[:20]} if words else set()
    assert said["read"] > 50 and len(said["refused"]) > 8
