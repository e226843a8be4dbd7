"""A small CRNN that somebody trains in the page."""

import tempfile
from pathlib import Path
from typing import Any

import traitlets

from crnn_lib import reader
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN
from crnn_lib.widgets import fields, host

EXPERIMENTS = ("blanks", "doubled", "overfit", "rate", "context")  # of experiments.js


class Content(traitlets.Bytes):
    """The bytes of a file: the page sends a memoryview."""

    def validate(self, obj: Any, value: Any) -> bytes:
        """The value as bytes. Raises TraitError for anything else."""
        return super().validate(obj, bytes(value) if isinstance(value, bytearray | memoryview) else value)


class Trainer(host.Widget):
    """Train a small CRNN in the page, with the knobs that decide whether it learns to read.

    `experiment` is one of EXPERIMENTS, set up at the start, or none. `model` is the network as it was when the training
    last paused. Raises UserError for an option that does not fit.
    """

    options = ("experiment",)
    kind = traitlets.Unicode("trainer").tag(sync=True)
    experiment = fields.Choice("", ["", *EXPERIMENTS])
    trained = Content(b"").tag(sync=True)  # the page's, a file as reader.load reads it

    def __init__(self, **options: Any) -> None:
        super().__init__(None, **options)

    @property
    def model(self) -> CRNN:
        """What was trained, in evaluation mode. Raises UserError while nothing was."""
        if not self.trained:
            raise UserError("nothing is trained yet: press Start in the widget, and Pause when you want the model")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "trained.safetensors")
            path.write_bytes(self.trained)
            return reader.load(path)

    def baked(self) -> str:
        """A sentence for a static page, where the training starts when somebody wants it."""
        return host.mount(self.kind, self._state(), "With JavaScript, a small network can be trained here.")
