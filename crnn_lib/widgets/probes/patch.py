"""A patch of a picture as numbers, for the probes of chapter 3."""

from typing import Any

from crnn_lib import images
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN
from crnn_lib.widgets import fields
from crnn_lib.widgets.view import View

COLUMNS = 12  # of the patch, as in crank.js
MOST_SHIFT = 2  # pixels by which that patch can move to the left


class Patch(View):
    """A patch of ink in numbers; `left` is the pixel column where it begins.

    An image without any contrast raises UserError.
    """

    options = (*View.options, "left")
    left = fields.Whole(16, MOST_SHIFT, lambda self: images.natural_width(self._grey().shape) - COLUMNS)

    def __init__(self, model: CRNN | None = None, **options: Any) -> None:
        super().__init__(model, **options)
        if self._grey().min() == self._grey().max():
            raise UserError("this image has the same grey everywhere: its ink cannot be numbered from 0 to 9")
