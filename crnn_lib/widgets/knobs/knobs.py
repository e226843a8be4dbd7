"""The generator's knobs: turn one, and see at once what it does to the image."""

import io
from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets
from PIL import Image

from crnn_lib.alphabet import CAPTCHA_SYMBOLS, Alphabet
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError
from crnn_lib.widgets.picture import Pictured

KNOBS = {  # Style field -> name, lowest, highest, step; a whole step makes a slider of whole numbers
    "stroke": ("Stroke width", 2, 9, 0.1),
    "gap": ("Gap", -4, 8, 0.1),
    "slant": ("Slant", -0.6, 0.6, 0.025),
    "rotation": ("Rotation ±", 0, 30, 0.5),
    "jump": ("Jitter ±", 0, 8, 0.1),
    "wave_x": ("Wave across", 0, 8, 0.1),
    "wave_y": ("Wave up", 0, 8, 0.1),
    "water": ("Water", 0, 12, 0.25),
    "lines": ("Noise lines", 0, 8, 1),
    "left_grey": ("Left shade", 60, 255, 1),
    "ink": ("Ink", 0, 200, 1),
    "blur": ("Blur", 0, 3, 0.1),
    "noise": ("Noise", 0, 80, 1),
}
MOST_SEED = 2**31 - 1
SPREAD = {"rotation", "jump"}  # here each glyph draws its own value, from -v to +v


class GeneratorKnobs(Pictured):
    """Sliders, a text and a seed, and the image that `captchas.render` makes of them.

    `style` and `image` (height, width) uint8 are always those of the picture shown. What cannot be drawn leaves both
    as they are, and `message` says why. The sliders start in the middle of the default style.
    """

    def __init__(self, text: str = "2b7xy", seed: int = 0) -> None:
        if not isinstance(text, str) or not isinstance(seed, int) or not 0 <= seed <= MOST_SEED:
            raise UserError(f"give the knobs a text, and as seed a whole number from 0 to {MOST_SEED:,}")
        self.text = ipywidgets.Text(text, description="Text")
        self.seed = ipywidgets.BoundedIntText(seed, min=0, max=MOST_SEED, description="Seed")
        self.sliders = {field: _slider(field) for field in KNOBS}
        self.reset = ipywidgets.Button(description="Reset the knobs")
        self.message = ipywidgets.HTML()  # a Label would set what stands between dollar signs as a formula
        self.view = ipywidgets.Image(layout={"max_width": "100%", "align_self": "flex-start"})
        self.style, self.image = captchas.DEFAULT, captchas.render("2b7xy")  # in case `text` cannot be drawn
        self._redraw()
        for control in (self.text, self.seed, *self.sliders.values()):
            control.observe(self._redraw, names="value")
        self.reset.on_click(self._reset)
        top = ipywidgets.HBox([self.text, self.seed, self.reset], layout={"flex_flow": "row wrap"})
        columns = {"grid_template_columns": "repeat(auto-fit, minmax(19rem, 1fr))"}
        sliders = ipywidgets.GridBox(list(self.sliders.values()), layout=columns)
        super().__init__([self.view, self.message, top, sliders])

    def picture(self) -> bytes:
        """The image as a PNG, twice as large."""
        buffer, (h, w) = io.BytesIO(), self.image.shape
        Image.fromarray(self.image).resize((2 * w, 2 * h)).save(buffer, "PNG")
        return buffer.getvalue()

    def _redraw(self, change: Any = None) -> None:
        try:
            text = self.text.value.strip()
            Alphabet(CAPTCHA_SYMBOLS).encode(text)
            values = {field: slider.value for field, slider in self.sliders.items()}
            style = replace(captchas.DEFAULT, **{f: (-v if f in SPREAD else v, v) for f, v in values.items()})
            self.image, self.style, self.message.value = captchas.render(text, self.seed.value, style), style, ""
        except UserError as error:
            self.message.value = escape(f"Not drawn: {error}", quote=False)
        self.view.value = self.picture()

    def _reset(self, button: Any = None) -> None:
        for field, slider in self.sliders.items():
            slider.value = _start(field)


def _start(field: str) -> float:
    low, high = getattr(captchas.DEFAULT, field)
    return type(KNOBS[field][3])(high if field in SPREAD else (low + high) / 2)


def _slider(field: str) -> ipywidgets.Widget:
    name, low, high, step = KNOBS[field]
    kind = ipywidgets.IntSlider if isinstance(step, int) else ipywidgets.FloatSlider
    return kind(_start(field), min=low, max=high, step=step, description=name, style={"description_width": "6.5rem"})
