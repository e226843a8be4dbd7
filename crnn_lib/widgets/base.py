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
from torch import Tensor

from crnn_lib import assets, images, metrics, skeletons, strokes
from crnn_lib import model as models
from crnn_lib.errors import UserError, plain
from crnn_lib.widgets import fields, shared, source, weights
from crnn_lib.widgets.picture import OUTPUT, show

RECORDINGS = assets.RECORDINGS
MOST_LETTERS = 64
WIDE = 700  # CSS pixels: about as wide as the live view
# Hidden in a notebook: the picture beside its live view, and what JupyterLab says while there is no such view.
HIDE = (
    f"<style>{OUTPUT}:has(+ * .crnn-widget) crnn-widget, "
    ".jp-OutputArea-child:has(crnn-widget) + * > .lm-Panel:not(:has(*)) { display: none; }</style>"
)
MARGIN, WRITTEN = 12, 15.0  # pixels: free space about typed text in all, and its height where it fits


def readers(model: models.CRNN | None = None) -> dict[str, models.CRNN]:
    """`model` as `yours`; without one the trained readers by name, for pictures first, for drawn strokes last.

    Raises UserError for a `model` that is not a CRNN.
    """
    if model is not None:
        if not isinstance(model, models.CRNN):
            raise UserError(f"a model is a CRNN, as crnn_lib.model.load gives it, not a {type(model).__name__}")
        return {"yours": model}
    return {name: models.load(name) for name in ("captcha", "pen")}


def typed(text: str) -> list[list[list[float]]]:
    """`text` as strokes in the middle of the pad, smaller where it would not fit. Raises UserError as `skeletons`."""
    if not isinstance(text, str):
        raise UserError(f"the pen writes text, not a {type(text).__name__}")
    if len(text) > MOST_LETTERS:
        raise UserError(f"{text[:40]!r} has {len(text)} letters: the pad has room for {MOST_LETTERS} at most")
    written = skeletons.write(text, height=WRITTEN)
    right = max((x for stroke in written for x, _ in stroke), default=0.0)
    height, room = WRITTEN, images.WIDTH - MARGIN
    if right > room:
        height *= room / right
        written = skeletons.write(text, height=height)
        right = max(x for stroke in written for x, _ in stroke)
    left, base = (images.WIDTH - right) / 2, images.HEIGHT / 2 + height * 0.4
    return strokes.quantise([[[x + left, y + base] for x, y in stroke] for stroke in written])


def mount(kind: str, state: dict[str, Any], grey: np.ndarray, alt: str, width: int = WIDE) -> str:
    """`<crnn-widget>` for a page, and in it the picture `grey` (h, w), seen until the live view stands there.

    `width` is that of the picture where there is no style sheet, in CSS pixels.
    """
    file, alt = io.BytesIO(), plain(alt)
    Image.fromarray(grey.round().astype(np.uint8)).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode("ascii")
    attributes = f'kind="{html.escape(kind)}" state="{html.escape(json.dumps(state, sort_keys=True))}"'
    picture = f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" width="{width}">'
    return f'<crnn-widget {attributes}><div class="crnn-baked">{picture}<p>{html.escape(alt)}</p></div></crnn-widget>'


def stages_of(model: models.CRNN, images: Tensor) -> dict[str, Tensor]:
    """`model.stages` of `images` (N, 1, H, W) in evaluation mode, as float32 on the CPU."""
    with models.evaluating(model) as like:
        return {name: stage.float().cpu() for name, stage in model.stages(images.to(like)).items()}


class Pixels(traitlets.Bytes):
    """The bytes of a whole picture, or none. The page sends a memoryview; a number would become that many bytes."""

    def validate(self, obj: Any, value: Any) -> bytes:
        """The value as bytes. Raises TraitError for anything else."""
        content = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else None
        if content is None or len(content) not in (0, images.HEIGHT * images.WIDTH):
            self.error(obj, value)
        return content


class Widget(anywidget.AnyWidget):
    """What all widgets share: the page's script and style, and `models`, readers by name, for its engine.

    The page computes, from the weights that each model has when the widget is made. `options` names what a caller or a
    page's author may give, in the order in which it is checked. Raises UserError for other options, and for weights
    that the page's 16-bit numbers cannot hold.
    """

    options: tuple[str, ...] = ()
    _made: tuple[str, ...] = ()  # further fields that the page needs to start
    _recordings: tuple[str, ...] = ()  # names of RECORDINGS that the page needs
    _esm, _css = shared.LOADER, source.style()
    kind = traitlets.Unicode().tag(sync=True)
    readers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    files = traitlets.Dict().tag(sync=True)  # script, weights and recordings by name, as `shared` refers to them

    def __init__(self, models: dict[str, models.CRNN] | None = None, **options: Any) -> None:
        unknown = [name for name in options if name not in self.options]
        if unknown:
            known = ", ".join(["model"] * bool(models) + list(self.options))
            raise UserError(f"{type(self).__name__} has no option {plain(unknown[0], 40)!r}: it takes {known}")
        self._models = models or {}
        in_order = {name: options[name] for name in self.options if name in options}
        files = {"script": source.module().encode()}
        files |= {name: weights.to_bytes(model) for name, model in self._models.items()}
        files |= {name: RECORDINGS[name].read_bytes() for name in self._recordings}
        references = {name: shared.reference(content) for name, content in files.items()}
        super().__init__(readers=list(self._models), files=references, **in_order)

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
        """The widget as `<crnn-widget>` for a static page. Each kind draws its own."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {**data, "text/html": self.baked() + HIDE}, metadata

    def _ipython_display_(self) -> None:
        show(self._repr_mimebundle_()[0], "text/html")


class Pad(Widget):
    """Draw, type or pick a picture and see what a reader makes of it; `Pad(model)` asks a model of your own.

    `strokes`, `image` and `text` can be read and set: setting `text` writes it with the pen, setting `image` (h, w), 0
    black .. 255 white, lays a picture on the pad. `sample` is one of `assets.SAMPLES`; `thickness`, `rotation`
    (degrees), `lines` and `blur` (pixels) are what the page's sliders say. `confidence` is p(text | image). A model
    sees a drawing by `strokes.image`, whatever its size and its place on the pad, and a picture as it is. Raises
    UserError for a value that does not fit, which changes nothing.
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

    def __init__(self, model: models.CRNN | None = None, **options: Any) -> None:
        super().__init__(readers(model), **options)
        if self.sample and not self.strokes:
            self._show(self._grey(), self._read(self._grey(), self.readers[0]))
        else:
            self._drawn()
        self.observe(self._drawn, ["strokes", "thickness"])

    @property
    def text(self) -> str:
        """What the network reads."""
        return self.reading

    @text.setter
    def text(self, text: str) -> None:
        self.strokes = typed(text)

    @property
    def image(self) -> np.ndarray:
        """The picture that is shown, (32, 128) uint8."""
        return np.frombuffer(bytes(self.picture), dtype=np.uint8).reshape(images.HEIGHT, images.WIDTH).copy()

    @image.setter
    def image(self, grey: np.ndarray) -> None:
        grey = fields.grey_of(grey)
        readings = self._read(grey, self.readers[0])  # may fail, so before anything is changed
        self.strokes, self.sample, self.given = [], "", b""
        self._show(grey, readings)
        self.given = self.picture

    def _drawn(self, change: dict[str, Any] | None = None) -> None:
        name = change["name"] if change else ""
        if name in self._property_lock or (name == "thickness" and not self.strokes):
            return  # the page did it and reads by itself; a picture has no pen
        self.sample = ""
        readings = self._read(strokes.image(self.strokes, self.thickness), self.readers[-1])
        self._show(strokes.render(self.strokes, self.thickness), readings)

    def _read(self, grey: np.ndarray, name: str) -> metrics.Readings:
        reader = self._models[name]
        return metrics.read(reader, images.standardise(grey, reader.config.height, reader.config.width)[None])

    def _show(self, grey: np.ndarray, readings: metrics.Readings) -> None:
        self.picture = images.resize(grey, images.HEIGHT, images.WIDTH).round().astype(np.uint8).tobytes()
        self.reading, self.confidence = readings.texts[0], readings.confidences[0]

    def _grey(self) -> np.ndarray:
        """The sample's own pixels, else what is shown."""
        return images.load_grey(assets.SAMPLES[self.sample]) if self.sample else self.image

    def baked(self) -> str:
        """The pad as it stands, for a static page: the page goes on with its own trained readers."""
        alt = f"Example: the network reads this picture as {self.reading!r}, with probability {self.confidence:.1%}."
        return mount(self.kind, self._state(), self._grey(), alt)
