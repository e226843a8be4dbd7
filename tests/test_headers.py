"""Weights whose header lies are refused before anything large is allocated; weights that are programs, always."""

import base64
import json
import pickle
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from fuzzing import safetensors

from crnn_lib import model, reader
from crnn_lib.errors import UserError
from crnn_lib.widgets import bundle, weights

SMALL = model.Config("ab", 8, 16, (3, 4), ((2, 2), (2, 2)), 6, 5)
ROOM = 128  # megabytes that a refusal may take, beyond the library itself
CHILD = """
import resource, sys
from crnn_lib.errors import UserError
from crnn_lib import reader
reader.load(sys.argv[1])  # whatever is loaded late is loaded now
held = 4096 * int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (held + int(sys.argv[2]) * 2**20,) * 2)
for path in sys.argv[3:]:
    try:
        print("loaded", reader.load(path).config.height)
    except UserError as error:
        print("refused", error)
"""


def parts(content):
    start = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:start]), content[start:]


def liars(header, tensors):
    """Files by what is wrong with their header."""
    name = "classify.bias"
    entry, other = header[name], header["classify.weight"]
    size, text = len(tensors), json.dumps(header)
    start, end = entry["data_offsets"]
    shared = [other["data_offsets"][0], other["data_offsets"][0] + end - start]
    twice = text[:-1] + f', "{name}": {json.dumps(entry | {"data_offsets": [0, 4]})}' + "}"
    return {
        "header beyond the file": safetensors(header, tensors, size=len(text) + size + 1),
        "header of 2**63 bytes": safetensors(header, tensors, size=2**63),
        "header of 100 MB": safetensors(header, tensors, size=100_000_001),
        "header that is not there": b"\x10",
        "a name twice": safetensors(twice.encode(), tensors),
        "tensors that overlap": safetensors(header | {name: entry | {"data_offsets": shared}}, tensors),
        "product that overflows": safetensors(header | {name: entry | {"shape": [2**32, 2**32]}}, tensors),
        "product that overflows to nothing": safetensors(
            header | {"more": entry | {"shape": [2**32, 2**32], "data_offsets": [size, size]}}, tensors
        ),
        "terabytes": safetensors(header | {name: entry | {"shape": [2**38], "data_offsets": [0, 2**40]}}, tensors),
        "bytes that nobody owns": safetensors(header, tensors + bytes(8)),
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "sound.safetensors"
    torch.manual_seed(0)
    reader.save(model.CRNN(SMALL), path, {})
    return path


@pytest.mark.slow
def test_a_header_that_lies_is_refused_within_little_memory(saved):
    header, tensors = parts(saved.read_bytes())
    files = liars(header, tensors)
    wide = json.loads(header["__metadata__"]["config"]) | {
        "height": 65536,
        "width": 65536,
        "pools": [[128, 2], [256, 2]],
    }
    changed = header["__metadata__"] | {"config": json.dumps(wide)}
    files["a picture of 16 GB"] = safetensors(header | {"__metadata__": changed}, tensors)
    paths = [saved.with_name(f"{i}.safetensors") for i in range(len(files))]
    for path, content in zip(paths, files.values(), strict=True):
        path.write_bytes(content)
    with open(paths[list(files).index("header of 100 MB")], "rb+") as file:
        file.truncate(110_000_000)  # as long as it claims, though the disk holds next to nothing of it
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs Linux's limit on memory")
    command = [sys.executable, "-c", CHILD, *map(str, [saved, ROOM, *paths, saved])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout.splitlines()
    assert done.returncode == 0 and said.pop() == "loaded 8", done.stderr
    for what, line, path in zip(files, said, paths, strict=True):
        assert line.startswith(f"refused cannot read weights from {path}: "), f"{what}: {line}"


COUNTING = """
let largest = 0;
for (const kind of ["Float32Array", "Float64Array", "Uint8Array"]) {
  const original = globalThis[kind];
  globalThis[kind] = new Proxy(original, {
    construct(target, given, made) {
      if (typeof given[0] === "number") largest = Math.max(largest, given[0]);
      return Reflect.construct(target, given, made === globalThis[kind] ? target : made);
    },
  });
}
"""
ASKING = """
function refusal(text) {
  largest = 0;
  try {
    createReader(fromBase64(text));
  } catch (error) {
    return [error.message, largest];
  }
  return ["", largest];
}
"""


def test_the_page_refuses_the_same_headers_and_makes_no_large_array():
    py_mini_racer = pytest.importorskip("py_mini_racer")
    racer = py_mini_racer.MiniRacer()
    racer.eval(COUNTING + bundle.flat() + ASKING + "0")
    sound = weights.to_bytes(model.CRNN(SMALL).eval())
    message, seen = racer.call("refusal", base64.b64encode(sound).decode())
    assert message == "" and 0 < seen <= len(sound)
    header, tensors = parts(sound)
    files = liars(header, tensors)
    crooked = asdict(SMALL) | {"height": 65536, "width": 65536, "pools": [[128, 2], [256, 2]]}
    changed = {weights.FORMAT: json.dumps(crooked)}
    files["a picture of 16 GB"] = safetensors(header | {"__metadata__": changed}, tensors)
    for what, content in files.items():
        message, seen = racer.call("refusal", base64.b64encode(content).decode())
        assert message.startswith("the weights are damaged: "), f"{what}: {message!r}"
        assert seen <= len(content), what
    racer.eval("const long = new Uint8Array(110_000_000); new DataView(long.buffer).setUint32(0, 100_000_001, true); 0")
    message, seen = racer.eval("fromBase64 = () => long; refusal('')")
    assert message.endswith("larger than any") and seen == 0


class Trap:
    """Unpickled, it would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["zip", "legacy", "bare"])
def test_weights_as_pickle_are_refused_in_a_clear_line_and_never_unpickled(kind, tmp_path):
    path, sprung = tmp_path / "reader.pt", tmp_path / "sprung"
    if kind == "bare":
        path.write_bytes(pickle.dumps(Trap(sprung)))
    else:
        torch.save({"x": Trap(sprung)}, path, _use_new_zipfile_serialization=kind == "zip")
    with pytest.raises(UserError, match="it is pickled, could run any program and is never opened") as caught:
        reader.load(path)
    assert str(path) in str(caught.value) and not sprung.exists()
    pickle.loads(path.read_bytes()) if kind == "bare" else None
    assert sprung.exists() == (kind == "bare"), "the trap works"
