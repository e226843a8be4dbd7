"""Chapter 3's convolution, by hand."""

from typing import Any

import traitlets

from crnn_lib.model import CRNN
from crnn_lib.widgets import weights
from crnn_lib.widgets.probes.patch import Patch


class ProbeConvolution(Patch):
    """A 3 x 3 kernel laid window by window over numbers from a picture, nine products at a time."""

    kind = traitlets.Unicode("probe-convolution").tag(sync=True)
    kernels = traitlets.List().tag(sync=True)
    _made = ("grey", "kernels")
    _shows = "With JavaScript, a kernel of nine numbers slides over the ink and fills a map, sum by sum."

    def __init__(self, model: CRNN | None = None, **options: Any) -> None:
        super().__init__(model, **options)
        self._learn()

    def refresh(self) -> None:
        """Read again with the weights that the model has now, and show its kernels."""
        super().refresh()
        self._learn()

    def _learn(self) -> None:
        learned = weights.folded(self.model)["conv1.weight"]  # (C, 1, 3, 3), BatchNorm folded in
        self.kernels = [[round(v, 1) for v in kernel] for kernel in learned.flatten(1).tolist()]
