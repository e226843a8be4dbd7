"""Chapter 3's convolution, by hand."""

from typing import Any

import traitlets

from crnn_lib import images
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN
from crnn_lib.widgets import fields, weights
from crnn_lib.widgets.view import View

COLUMNS = 12  # of the patch, as in crank.js
MOST_SHIFT = 2  # pixels by which that patch can move to the left


class ProbeConvolution(View):
    """A 3 x 3 kernel laid window by window over numbers from a picture, nine products at a time.

    `left` is the pixel column where the patch begins. An image without any contrast raises UserError.
    """

    options = (*View.options, "left")
    kind = traitlets.Unicode("probe-convolution").tag(sync=True)
    left = fields.Whole(16, MOST_SHIFT, images.WIDTH - COLUMNS)
    kernels = traitlets.List().tag(sync=True)
    _made = ("grey", "kernels")
    _shows = "With JavaScript, a kernel of nine numbers slides over the ink and fills a map, sum by sum."

    def __init__(self, model: CRNN | None = None, **options: Any) -> None:
        super().__init__(model, **options)
        if self._grey().min() == self._grey().max():
            raise UserError("this image has the same grey everywhere: its ink cannot be numbered from 0 to 9")
        self._learn()

    def refresh(self) -> None:
        """Read again with the weights that the model has now, and show its kernels."""
        super().refresh()
        self._learn()

    def _learn(self) -> None:
        learned = weights.folded(self.model)["conv1.weight"]  # (C, 1, 3, 3), BatchNorm folded in
        self.kernels = [[round(v, 1) for v in kernel] for kernel in learned.flatten(1).tolist()]
