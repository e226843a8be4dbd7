"""The widgets as a notebook sees them: the page's JavaScript, and what the kernel gives it to compute with."""

import base64
import html
import io
import json
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image

from crnn_lib import assets, images, reader
from crnn_lib.errors import UserError, plain
from crnn_lib.model import CRNN
from crnn_lib.widgets import bundle, shared, weights
from crnn_lib.widgets.picture import OUTPUT, show

RECORDINGS = assets.RECORDINGS
WIDE = 700  # CSS pixels: about as wide as the live view
# Hidden in a notebook: the picture beside its live view, and what JupyterLab says while there is no such view.
HIDE = (
    f"<style>{OUTPUT}:has(+ * .crnn-widget) crnn-widget, "
    ".jp-OutputArea-child:has(crnn-widget) + * > .lm-Panel:not(:has(*)) { display: none; }</style>"
)


READERS = ("captcha", "text", "pen")  # of every widget and page: for pictures first, for drawn strokes last


def readers(model: CRNN | None = None) -> dict[str, CRNN]:
    """`model` as `yours`; without one the trained readers by name.

    Raises UserError for a `model` that is not a CRNN.
    """
    if model is not None:
        if not isinstance(model, CRNN):
            raise UserError(f"a model is a CRNN, as crnn_lib.reader.load gives it, not a {type(model).__name__}")
        return {"yours": model}
    return {name: reader.load(name) for name in READERS}


def mount(kind: str, state: dict[str, Any], sentence: str, grey: np.ndarray | None = None) -> str:
    """`<crnn-widget>` for a page; what it shows until the live view does: the picture `grey` (h, w), a sentence."""
    sentence, picture = html.escape(plain(sentence)), ""
    if grey is not None:
        file = io.BytesIO()
        Image.fromarray(grey.round().astype(np.uint8)).save(file, "PNG")
        data = base64.b64encode(file.getvalue()).decode("ascii")
        picture = f'<img src="data:image/png;base64,{data}" alt="{sentence}" width="{WIDE}">'
    attributes = f'kind="{html.escape(kind)}" state="{html.escape(json.dumps(state, sort_keys=True))}"'
    return f'<crnn-widget {attributes}><div class="crnn-baked">{picture}<p>{sentence}</p></div></crnn-widget>'


def read(model: CRNN, grey: np.ndarray) -> reader.Readings:
    """What `model` reads in the picture `grey` (h, w), 0 black .. 255 white."""
    return reader.read(model, images.standardise(grey, *model.config.frame)[None])


def sentence(text: str, confidence: float) -> str:
    """What was read in one picture, in words."""
    return f"The network reads this picture as {text!r}, with probability {confidence:.1%}."


class Widget(anywidget.AnyWidget):
    """What all widgets share: the page's script and style, and `models`, readers by name, for its engine.

    The page computes, from the weights that each model has when the widget is made or `refresh` is called. `options`
    names what a caller or a page's author may give, in the order in which it is checked. Raises UserError for other
    options, and for weights too large for the page's numbers.
    """

    options: tuple[str, ...] = ()
    _made: tuple[str, ...] = ()  # further fields that the page needs to start
    _recordings: tuple[str, ...] = ()  # names of RECORDINGS that the page needs
    _esm, _css = shared.LOADER, bundle.style()
    kind = traitlets.Unicode().tag(sync=True)
    readers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    files = traitlets.Dict().tag(sync=True)  # script, weights and recordings by name, as `shared` refers to them

    def __init__(self, models: dict[str, CRNN] | None = None, **options: Any) -> None:
        unknown = [name for name in options if name not in self.options]
        if unknown:
            known = ", ".join(["model"] * bool(models) + list(self.options))
            raise UserError(f"{type(self).__name__} has no option {plain(unknown[0], 40)!r}: it takes {known}")
        self._models = models or {}
        in_order = {name: options[name] for name in self.options if name in options}
        files = {"script": bundle.module().encode()}
        files |= {name: RECORDINGS[name].read_bytes() for name in self._recordings}
        references = {name: shared.reference(content) for name, content in files.items()}
        super().__init__(readers=list(self._models), files=references | self._weights(), **in_order)

    def _weights(self) -> dict[str, str]:
        """The weights that each model has now, as `files` names them."""
        return {name: shared.reference(weights.to_bytes(model)) for name, model in self._models.items()}

    def refresh(self) -> None:
        """Read again with the weights that the models have now, as after more training.

        Raises UserError for weights too large for the page's numbers, and changes nothing then.
        """
        self.files = self.files | self._weights()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take the fields that the page sends. What they cannot hold leaves them as they are."""
        try:
            super().set_state(sync_data)
        except Exception as error:  # a page may send anything, and nobody here could mend it
            self.log.warning("not taken from the page: %s", plain(str(error), 400))

    def _state(self) -> dict[str, Any]:
        """What a static page gets to start with."""
        return {name: getattr(self, name) for name in (*self.options, *self._made) if self.has_trait(name)}

    def baked(self) -> str:
        """The widget as `<crnn-widget>` for a static page."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {**data, "text/html": self.baked() + HIDE}, metadata

    def _ipython_display_(self) -> None:
        show(self._repr_mimebundle_()[0], "text/html")
