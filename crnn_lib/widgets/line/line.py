"""A line of print, cut out of a picture."""

import base64
from typing import Any

import numpy as np
import traitlets

from crnn_lib import assets, images
from crnn_lib.model import CRNN
from crnn_lib.widgets import fields, host
from crnn_lib.widgets.view import levels_of

READER = "text"  # reads what is printed, where it is among the readers; else the reader of pictures does


class Line(host.Widget):
    """Mark one line of a picture, pasted, dropped or chosen from a file, and read it; `Line(model)` asks yours.

    `sample`, one of `assets.LINES`, or `image`, (h, w) or (1, h, w), is the picture to start with: grey levels, 0 black
    .. 255 white, or a standardised tensor. `mark` is what is marked of it, [left, top, width, height] in pixels,
    `reading` the text of that, `confidence` p(text | image). Raises UserError for an option that does not fit.
    """

    options = ("sample", "image")
    kind = traitlets.Unicode("line").tag(sync=True)
    sample = fields.Choice("sentence", list(assets.LINES))
    grey = traitlets.Unicode("").tag(sync=True)
    rows = traitlets.Int(0).tag(sync=True)  # of `grey`, base64 of bytes (h, w)
    mark = traitlets.List(traitlets.Int()).tag(sync=True)
    reading = traitlets.Unicode("").tag(sync=True)
    confidence = traitlets.Float(0.0).tag(sync=True)
    _made = ("grey", "rows")

    def __init__(self, model: CRNN | None = None, *, image: Any = None, **options: Any) -> None:
        super().__init__(host.readers(model), **options)
        if image is not None:
            pixels = levels_of(image).round().astype(np.uint8)
            self.grey, self.rows = base64.b64encode(pixels.tobytes()).decode("ascii"), len(pixels)

    @property
    def model(self) -> CRNN:
        """The model that reads the line."""
        return self._models.get(READER) or self._models[self.readers[0]]

    def _grey(self) -> np.ndarray:
        if not self.grey:
            return images.load_grey(assets.LINES[self.sample])
        return np.frombuffer(base64.b64decode(self.grey), np.uint8).reshape(self.rows, -1).astype(np.float32)

    def baked(self) -> str:
        """This line for a static page, where it is read again by the page's own models."""
        grey = self._grey()
        readings = host.read(self.model, grey)
        sentence = host.sentence(readings.texts[0], readings.confidences[0])
        shows = "With JavaScript, paste a picture of your own, or choose a file, and mark a line of it."
        return host.mount(self.kind, self._state(), f"{sentence} {shows}", grey)
