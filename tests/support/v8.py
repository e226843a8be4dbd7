"""The page's JavaScript in V8, without a browser."""

import base64
import json

import numpy as np
import pytest

from crnn_lib.widgets import bundle, weights

py_mini_racer = pytest.importorskip("py_mini_racer")
Refusal = py_mini_racer.JSEvalException  # what a `throw` of the page's becomes


def encoded(content):
    """Bytes, or an array of grey levels, as the page's `fromBase64` takes them."""
    if isinstance(content, np.ndarray):
        content = np.ascontiguousarray(content, dtype=np.uint8).tobytes()
    return base64.b64encode(content).decode()


def weights_of(network):
    return encoded(weights.to_bytes(network))


class Page:
    """The widgets' modules, every name of theirs a global one, and what `glue` adds."""

    def __init__(self, glue="", before="", script=None):
        self.racer = py_mini_racer.MiniRacer()
        self.eval(before + (bundle.flat() if script is None else script) + glue)

    def eval(self, program):
        self.racer.eval(f"{program}\n;0")

    def value(self, expression):
        """What an expression gives, by way of JSON."""
        return json.loads(self.racer.eval(f"JSON.stringify(({expression}) ?? null)"))

    def call(self, name, *arguments):
        """What a function gives; `arguments` travel as JSON."""
        return self.racer.call(name, *arguments)

    def settled(self, action, name):
        """What is kept under `name` when the promise of `action` has settled."""
        for program in (action, "", "", ""):
            self.eval(program)
        return self.value(name)
