"""Small readers, data sets and files, which take no time to make."""

import json
import struct
from dataclasses import replace

import torch

from crnn_lib.data import LabelledImages
from crnn_lib.model import CRNN, Config

SMALL = Config("ab", 8, 16, (3, 4), ((2, 2), (2, 2)), 6, 5)
WIDER = replace(SMALL, width=32)  # T = 8: room for three letters
TWO_LAYERS = {"channels": (2, 2), "pools": ((4, 2), (4, 2)), "features": 3, "hidden": 2}  # of a picture of 32 x 128


def worn(config=SMALL, seed=3):
    """A reader nobody trained, in evaluation mode, whose running statistics are not those of a start."""
    torch.manual_seed(seed)
    network = CRNN(config).train()
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(4, 1, config.height, config.width))
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    return network.eval()


def speaker(alphabet, symbol=None, **shape):
    """A reader of 32 x 128 that reads one of its symbols (default: the last), whatever it is shown."""
    torch.manual_seed(0)
    network = CRNN(Config(alphabet, **(shape or TWO_LAYERS))).eval()
    with torch.no_grad():
        network.classify.weight.zero_()
        network.classify.bias.zero_()
        network.classify.bias[1 + alphabet.index(symbol or alphabet[-1])] = 17
    return network


def eight_labelled(seed=0):
    """Eight images for WIDER, each with a label of three letters of its own."""
    images = torch.randn(8, 1, 8, 32, generator=torch.Generator().manual_seed(seed))
    labels = tuple("".join("ab"[i >> bit & 1] for bit in range(3)) for i in range(8))
    return LabelledImages(images, labels, tuple(f"{i}.png" for i in range(8)))


def parts(content):
    """The header of a safetensors file (JSON), and the bytes of its tensors."""
    start = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:start]), content[start:]


def safetensors(header, tensors, size=None):
    """A safetensors file of a header (JSON, or its bytes) that may lie, also about its size."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + tensors
