"""Weights whose header lies are refused before anything large is allocated; weights that are programs, always."""

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from small import SMALL, parts, safetensors, worn
from v8 import Page, encoded

from crnn_lib import reader
from crnn_lib.widgets import weights

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
    reader.save(worn(), path, {})
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
createKernel(); // whose own bytes are none of a file's
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


def crooked(header, tensors):
    """Page weights by what else is wrong with them."""
    wide = asdict(SMALL) | {"height": 65536, "width": 65536, "pools": [[128, 2], [256, 2]]}
    bias = header["conv1.bias"]
    without = {name: entry for name, entry in header.items() if name != "project.bias"}
    changes = {
        "a picture of 16 GB": {"__metadata__": {weights.FORMAT: json.dumps(wide)}},
        "channels that are none": {"__metadata__": {weights.FORMAT: json.dumps({"channels": 5})}},
        "no configuration": {"__metadata__": {weights.FORMAT: "null"}},
        "another format": {"__metadata__": {"other": "{}"}},
        "an entry that is none": {"conv1.bias": None},
        "a shape that is none": {"conv1.bias": bias | {"shape": 3}},
        "a wrong shape": {"conv1.bias": bias | {"shape": [17]}},
        "a wrong type": {"conv1.bias": bias | {"dtype": "BF16"}},
    }
    return {what: safetensors(header | change, tensors) for what, change in changes.items()} | {
        "a missing tensor": safetensors(without | {"gone": header["project.bias"]}, tensors),
        "a header that is a list": safetensors([1], tensors),
        "infinite weights": safetensors(header, b"\x00\x7c" * (len(tensors) // 2)),
        "a lost end": safetensors(header, tensors)[:-2],
        "nothing": b"",
        "three bytes": bytes(3),
    }


WORDED = "the (weights|file|tensor) |this is not a safetensors file|its configuration |it (has|holds) |.* holds "


def test_the_page_refuses_damaged_weights_in_words_and_makes_no_large_array():
    page, sound = Page(ASKING, before=COUNTING), weights.to_bytes(worn())
    message, seen = page.call("refusal", encoded(sound))
    assert message == "" and 0 < seen <= len(sound)
    for what, content in (liars(*parts(sound)) | crooked(*parts(sound))).items():
        message, seen = page.call("refusal", encoded(content))
        assert re.match(WORDED, message), f"{what}: {message!r}"
        assert seen <= len(content), what
    assert page.call("refusal", "%%%%")[0] == "this is not base64"
    page.eval("const long = new Uint8Array(110_000_000); new DataView(long.buffer).setUint32(0, 100_000_001, true)")
    message, seen = page.value("(() => { fromBase64 = () => long; return refusal(''); })()")
    assert message == "this is not a safetensors file" and seen == 0  # whose headers are never so long
