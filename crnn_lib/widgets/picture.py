"""What a widget leaves behind where no kernel answers: a picture of its last state."""

from base64 import b64encode
from typing import Any

import ipywidgets
from IPython.display import display

LIVE = "application/vnd.jupyter.widget-view+json"
# Of one output JupyterLab shows the live view alone, and an error where its kernel is gone. So the view follows its
# picture as an output of its own, and hides it by a style sheet: selectors of JupyterLab and VS Code.
OUTPUT = ":is(.jp-OutputArea-child, .output_container)"
# JupyterLab tells a widget nothing of a kernel that was shut down or has died; its toolbar shows it by this attribute.
GONE = ", ".join(f'[data-status="{status}"]' for status in ("unknown", "disconnected", "dead"))
NEEDS_KERNEL = "crnn-needs-kernel"  # the class of a widget that answers through Python alone
WITHOUT_KERNEL = (
    f".jp-NotebookPanel:has(.jp-Notebook-ExecutionIndicator:is({GONE})) .{NEEDS_KERNEL}::after "
    '{ content: "The kernel is gone, and nothing here answers without it. Run the notebook again."; display: block; }'
)


def show(data: dict[str, Any], kind: str) -> None:
    """Two outputs of a cell from one MIME bundle: the picture, of type `kind`, and the live view."""
    for part in (kind, LIVE):
        display({part: data[part]}, raw=True)


class Pictured(ipywidgets.VBox):
    """A box of controls that is stored with a PNG: the page, GitHub and print show that one."""

    def __init__(self, children: list[ipywidgets.Widget]) -> None:
        style = f"<style>{OUTPUT}:has(+ * .crnn-pictured) img {{ display: none; }} {WITHOUT_KERNEL}</style>"
        super().__init__([*children, ipywidgets.HTML(style, layout={"display": "none"})])
        self.add_class("crnn-pictured").add_class(NEEDS_KERNEL)

    def picture(self) -> bytes:
        """The widget's present state as a PNG file. Each kind draws its own."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The live view for a notebook, and the picture for everything else."""
        return {**super()._repr_mimebundle_(**kwargs), "image/png": b64encode(self.picture()).decode("ascii")}

    def _ipython_display_(self) -> None:
        show(self._repr_mimebundle_(), "image/png")
