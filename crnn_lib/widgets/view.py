"""What microscope and probes share: a picture to look into, and the words that stand for the widget in print."""

import base64
from typing import Any

import numpy as np
import traitlets

from crnn_lib import assets, images
from crnn_lib.drawing import pen
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN
from crnn_lib.widgets import fields, host


class View(host.Widget):
    """A widget that looks into the reading of one picture.

    The picture is `sample`, one of `assets.SAMPLES`, or `image`: (H, W) or (1, H, W), grey 0 black .. 255 white, or a
    standardised tensor as the model gets it, of any proportions; `truth` is its text, where known. `View(model)` asks a
    model of yours.
    Raises UserError for an option that does not fit.
    """

    options = ("sample", "image", "truth")
    sample = fields.Sample("2b7xy")
    grey = traitlets.Unicode("").tag(sync=True)
    truth = fields.Text("", 256)
    strokes: tuple[()] = ()  # drawn ones: only the microscope has a pen
    _made = ("grey",)
    _shows = ""  # what can be done with it in the page, for where nothing runs

    def __init__(self, model: CRNN | None = None, *, image: Any = None, **options: Any) -> None:
        if image is not None:
            self.grey = _packed(image)  # before the options: what they may be depends on the picture
        super().__init__(host.readers(model), **options)

    @property
    def model(self) -> CRNN:
        """The model that reads the picture to start with: a drawing goes to the last one."""
        return self._models[self.readers[-1 if self.strokes else 0]]

    def _grey(self) -> np.ndarray:
        """The picture to start with: the drawing, else the given image, else the sample."""
        if self.strokes:
            return pen.image_for(self.model.config, self.strokes)
        if self.grey:
            pixels = np.frombuffer(base64.b64decode(self.grey), np.uint8)
            return pixels.reshape(images.HEIGHT, -1).astype(np.float32)
        return images.load_grey(assets.SAMPLES[self.sample])

    def baked(self) -> str:
        """This view for a static page, where it starts again by itself, with the page's own models."""
        grey = self._grey()
        readings = host.read(self.model, grey)
        sentence = host.sentence(readings.texts[0], readings.confidences[0])
        return host.mount(self.kind, self._state(), f"{sentence} {self._shows}", grey)


def columns(view: View) -> int:
    """How wide the model gets the picture that the view starts with."""
    return view.model.config.columns(view._grey().shape)


def last_step(view: View) -> int:
    """The largest time step of the picture that the view starts with."""
    return view.model.config.steps(columns(view)) - 1


def levels_of(image: Any) -> np.ndarray:
    """`image` as grey levels (h, w). Negative numbers mean that it is standardised: ink is positive.

    Raises UserError as `fields.grey_of`, and for a standardised image without any ink.
    """
    values = fields.image_of(image)
    if values.min() < 0:
        if values.min() == values.max():
            raise UserError("a standardised image whose pixels are all the same has neither ink nor paper")
        values = 255 * (values.max() - values) / (values.max() - values.min())
    return fields.grey_of(values)


def _packed(image: Any) -> str:
    """`image` as base64 of grey bytes (32, W), its proportions kept. Raises UserError as `levels_of`."""
    return base64.b64encode(fields.pixels_of(levels_of(image)).tobytes()).decode("ascii")
