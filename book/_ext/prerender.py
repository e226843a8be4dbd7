"""What a widget of a page starts with, found by starting it in V8 while the book is built.

The page's own modules run over `prerender.js`, which is as much of a document as they ask for. The widget's box, as
HTML, keeps its place on the page, so that nothing moves when the widget wakes; what its models answered at the start
lets it show all that without their weights.
"""

import atexit
import base64
import json
import zlib
from pathlib import Path

from py_mini_racer import MiniRacer

from crnn_lib.widgets import bundle, host

PATIENCE = 60.0  # seconds for one widget


class Stage:
    """A V8 in which widgets are started; `models`: their weights as the page gets them, bytes by name."""

    def __init__(self, models):
        self.racer = MiniRacer()
        atexit.register(self.racer.close)  # as in formulas.py
        program = Path(__file__).with_name("prerender.js").read_text("utf-8")
        recordings = {
            n: json.loads(path.read_text("utf-8"))
            for n, path in host.RECORDINGS.items()
        }
        given = {
            "weights": {name: encoded(content) for name, content in models.items()},
            "recordings": recordings,
            "inflated": {
                s["pixels"]: raw(s["pixels"])
                for s in (*bundle.samples().values(), *bundle.lines().values())
            },
        }
        self.racer.eval(f"{bundle.ATOB}const given = {json.dumps(given)};\n{program};0")
        self.racer.eval(f"{bundle.joined()};0")

    def start(self, kind, state):
        """The box of a widget as HTML, and its records by model.

        Raises JSPromiseError where it does not start.
        """
        call = f"prerender({json.dumps(kind)}, {json.dumps(state)})"
        found = self.racer.eval(f"{call}.then(JSON.stringify)").get(timeout=PATIENCE)
        return json.loads(found).values()


def encoded(content):
    """Bytes as base64."""
    return base64.b64encode(content).decode("ascii")


def raw(pixels):
    """What V8 cannot inflate: it has no streams."""
    return encoded(zlib.decompress(base64.b64decode(pixels)))
