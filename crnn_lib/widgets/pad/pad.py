"""The pad: draw, type or pick a picture, and see what a model reads in it."""

from typing import Any

import numpy as np
import traitlets

from crnn_lib import assets, images, reader
from crnn_lib.drawing import pen, skeletons
from crnn_lib.model import CRNN
from crnn_lib.widgets import fields, host


class Pixels(traitlets.Bytes):
    """The bytes of a whole picture (32, W), or none: their number tells W.

    The page sends a memoryview; a number would become that many bytes.
    """

    def validate(self, obj: Any, value: Any) -> bytes:
        """The value as bytes. Raises TraitError for anything else."""
        content = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else None
        columns, rest = divmod(len(content or b""), images.HEIGHT)
        if content is None or (content and (rest or not images.NARROWEST <= columns <= images.WIDEST)):
            self.error(obj, value)
        return content


class Pad(host.Widget):
    """Draw, type or pick a picture and see what a reader makes of it; `Pad(model)` asks a model of your own.

    `strokes`, `image` and `text` can be read and set: setting `text` writes it with the pen, setting `image` (h, w), 0
    black .. 255 white, lays a picture on the pad, which keeps its proportions. `sample` is one of `assets.SAMPLES`;
    `thickness`, `rotation` (degrees), `lines` and `blur` (pixels) are what the page's sliders say. `confidence` is
    p(text | image). A model sees a drawing by `pen.image`, whatever its size and its place on the pad, and a picture as
    it is. Raises UserError for a value that does not fit, which changes nothing.
    """

    options = ("strokes", "sample", "thickness", "rotation", "lines", "blur")
    kind = traitlets.Unicode("pad").tag(sync=True)
    strokes = fields.Drawing()
    sample = fields.Sample("")
    thickness = fields.Number(2.0, 1, 6)
    rotation = fields.Number(0.0, -20, 20)
    lines = fields.Whole(0, 0, 6)
    blur = fields.Number(0.0, 0, 2)
    given = Pixels(b"").tag(sync=True)  # laid on from here
    picture = Pixels(b"").tag(sync=True)  # what is shown, and its reading
    reading = traitlets.Unicode("").tag(sync=True)
    confidence = traitlets.Float(0.0).tag(sync=True)

    def __init__(self, model: CRNN | None = None, **options: Any) -> None:
        super().__init__(host.readers(model), **options)
        self._read()
        self.observe(self._drawn, ["strokes", "thickness"])

    def refresh(self) -> None:
        """Read again with the weights that the models have now, as after more training; `text` follows."""
        super().refresh()
        self._read()

    @property
    def text(self) -> str:
        """What the network reads."""
        return self.reading

    @text.setter
    def text(self, text: str) -> None:
        self.strokes = skeletons.place(text, pen.WIDEST)

    @property
    def image(self) -> np.ndarray:
        """The picture that is shown, (32, W) uint8; a drawing is 128 columns wide, or as wide as it needs."""
        return np.frombuffer(bytes(self.picture), dtype=np.uint8).reshape(images.HEIGHT, -1).copy()

    @image.setter
    def image(self, grey: np.ndarray) -> None:
        grey = fields.grey_of(grey)
        readings = host.read(self._models[self.readers[0]], grey)  # may fail, so before anything is changed
        self.strokes, self.sample, self.given = [], "", b""
        self._show(grey, readings)
        self.given = self.picture

    def _drawn(self, change: dict[str, Any]) -> None:
        if change["name"] in self._property_lock or (change["name"] == "thickness" and not self.strokes):
            return  # the page did it and reads by itself; a picture has no pen
        self.sample, self.picture = "", b""
        self._read()

    def _read(self) -> None:
        """Read what lies on the pad: a sample or another picture, else the drawing."""
        if not self.strokes and (self.sample or self.picture.strip(b"\xff")):
            grey = self._grey()
            return self._show(grey, host.read(self._models[self.readers[0]], grey))
        self.sample = ""
        model = self._models[self.readers[-1]]
        readings = host.read(model, pen.image_for(model.config, self.strokes, self.thickness))
        self._show(pen.sheet(self.strokes, self.thickness), readings)

    def _show(self, grey: np.ndarray, readings: reader.Readings) -> None:
        self.picture = fields.pixels_of(grey).tobytes()
        self.reading, self.confidence = readings.texts[0], readings.confidences[0]

    def _grey(self) -> np.ndarray:
        """The sample's own pixels, else what is shown."""
        return images.load_grey(assets.SAMPLES[self.sample]) if self.sample else self.image

    def baked(self) -> str:
        """The pad as it stands, for a static page: the page goes on with its own trained readers."""
        return host.mount(self.kind, self._state(), host.sentence(self.reading, self.confidence), self._grey())
