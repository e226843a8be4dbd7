"""The machine of the first page: one drawing on its way to a text, all stages in one view."""

from typing import Any

import traitlets

from crnn_lib.drawing import pen, skeletons
from crnn_lib.model import CRNN
from crnn_lib.widgets import fields, host

WORD, VARIANTS, GAP = "hello", [0, 4, 6, 4, 5], 10.0  # what it opens with, and how that is written


class Machine(host.Widget):
    """Draw, type, paste or pick a line of text, and see every stage of its reading; `Machine(model)` asks yours.

    `strokes` is the drawing to start with, lists of points [x, y] on a surface of 128 x 32 pixels; without any it opens
    with a word. `reading` is the text read, `confidence` p(text | image). Raises UserError for strokes that are none.
    """

    options = ("strokes",)
    kind = traitlets.Unicode("machine").tag(sync=True)
    strokes = fields.Drawing()
    reading = traitlets.Unicode("").tag(sync=True)
    confidence = traitlets.Float(0.0).tag(sync=True)

    def __init__(self, model: CRNN | None = None, **options: Any) -> None:
        super().__init__(host.readers(model), **options)
        if not self.strokes:
            self.strokes = pen.normalise(skeletons.write(WORD, VARIANTS, gap=GAP))

    def _state(self) -> dict[str, Any]:
        """What a static page gets: there, titles also lead to chapters."""
        return super()._state() | {"chapters": True}

    def baked(self) -> str:
        """The machine for a static page, where the page's own models take over."""
        model = self._models[self.readers[-1]]
        grey = pen.image_for(model.config, self.strokes)
        readings = host.read(model, grey)
        sentence = host.sentence(readings.texts[0], readings.confidences[0])
        shows = "With JavaScript, draw a word of your own here, and follow it through every stage of the network."
        return host.mount(self.kind, self._state(), f"{sentence} {shows}", grey)
