"""A kernel widget that leaves a picture behind: where no kernel answers, its last state is seen, not a blank."""

from base64 import b64encode
from typing import Any

import ipywidgets


class Pictured(ipywidgets.VBox):
    """A box of controls whose stored output also holds a PNG: the page, GitHub and print show that one."""

    def picture(self) -> bytes:
        """The widget's present state as a PNG file. Each kind draws its own."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The live view for a notebook, and the picture for everything else."""
        return {**super()._repr_mimebundle_(**kwargs), "image/png": b64encode(self.picture()).decode("ascii")}
