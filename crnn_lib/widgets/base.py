"""The widgets as a notebook sees them: the page's JavaScript, and what the kernel gives it to compute with."""

import base64
import html
import io
import json
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image

from crnn_lib import images, metrics, skeletons, strokes
from crnn_lib import model as models
from crnn_lib.errors import UserError, plain
from crnn_lib.widgets import shared, source, weights
from crnn_lib.widgets.picture import OUTPUT, show

WEIGHTS = Path(__file__).parents[2] / "data" / "weights"
RECORDINGS = {"replay": Path(__file__).parents[2] / "data" / "results" / "replay.json"}
PEN = "strokes"  # the reader that was trained on normalised drawings, and is shown such
MOST_LETTERS = 64
WIDE = 700  # CSS pixels: about as wide as the live view
# Hidden in a notebook: the picture beside its live view, and what JupyterLab says while there is no such view.
HIDE = (
    f"<style>{OUTPUT}:has(+ * .crnn-widget) crnn-widget, "
    ".jp-OutputArea-child:has(crnn-widget) + * > .lm-Panel:not(:has(*)) { display: none; }</style>"
)
MARGIN, WRITTEN = 12, 15.0  # pixels: free space about typed text in all, and its height where it fits


def readers() -> dict[str, models.CRNN]:
    """The trained readers that are there by name: for pictures first, for drawn strokes last."""
    paths = [WEIGHTS / f"{name}.safetensors" for name in ("captcha", "strokes")]
    return {path.stem: models.load(path) for path in paths if path.is_file()}


def typed(text: str) -> list[list[list[float]]]:
    """`text` as strokes in the middle of the pad, smaller where it would not fit. Raises UserError as `skeletons`."""
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

    The page computes, from the weights that each model has when the widget is made. Raises UserError for weights that
    the page's 16-bit numbers cannot hold.
    """

    _esm, _css = shared.LOADER, source.style()
    _recordings: tuple[str, ...] = ()  # names of RECORDINGS that the page needs
    kind = traitlets.Unicode().tag(sync=True)
    readers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    files = traitlets.Dict().tag(sync=True)  # script, weights and recordings by name, as `shared` refers to them

    def __init__(self, models: dict[str, models.CRNN] | None = None, **fields: Any) -> None:
        self._models = models or {}
        files = {"script": source.module().encode()}
        files |= {name: weights.to_bytes(model) for name, model in self._models.items()}
        files |= {name: RECORDINGS[name].read_bytes() for name in self._recordings}
        references = {name: shared.reference(content) for name, content in files.items()}
        super().__init__(readers=list(self._models), files=references, **fields)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take the fields that the page sends. What they cannot hold leaves them as they are."""
        try:
            super().set_state(sync_data)
        except Exception as error:  # a page may send anything, and nobody here could mend it
            self.log.warning("not taken from the page: %s", plain(str(error), 400))

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
    black .. 255 white, lays a picture on the pad. `confidence` is p(text | image). The reader of strokes sees a drawing
    after `strokes.normalise`; a model of yours, as the reader of CAPTCHAs, sees what `image` holds.
    """

    kind = traitlets.Unicode("pad").tag(sync=True)
    strokes = traitlets.List().tag(sync=True)
    thickness = traitlets.Float(2.0).tag(sync=True)
    rotation = traitlets.Float(0.0).tag(sync=True)
    lines = traitlets.Int(0).tag(sync=True)
    blur = traitlets.Float(0.0).tag(sync=True)
    sample = traitlets.Unicode("").tag(sync=True)
    given = Pixels(b"").tag(sync=True)  # laid on from here
    picture = Pixels(b"").tag(sync=True)  # what is shown, and its reading
    reading = traitlets.Unicode("").tag(sync=True)
    confidence = traitlets.Float(0.0).tag(sync=True)

    def __init__(self, model: models.CRNN | None = None, **fields: Any) -> None:
        super().__init__({"yours": model} if model else readers(), **fields)
        if self.sample:
            self._read(images.load_grey(source.SAMPLES / f"{self.sample}.png"), self.readers[0])
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
        grey = np.asarray(grey, dtype=np.float32)
        if not ((grey >= 0) & (grey <= 255)).all():
            raise UserError("an image holds grey levels from 0 to 255")
        self.strokes, self.sample, self.given = [], "", b""
        self._read(grey, self.readers[0])
        self.given = self.picture

    def _drawn(self, change: dict[str, Any] | None = None) -> None:
        if change is None or change["name"] not in self._property_lock:  # else the page did it, and reads by itself
            self.sample = ""
            name = self.readers[-1]
            drawings = self.strokes, strokes.normalise(self.strokes) if name == PEN else self.strokes
            shown, seen = (strokes.render(drawing, self.thickness).astype(np.float32) for drawing in drawings)
            self._read(shown, name, seen)

    def _read(self, grey: np.ndarray, name: str, seen: np.ndarray | None = None) -> None:
        """Show `grey`, and have the reader `name` read it, or `seen` instead."""
        reader = self._models[name]
        self.picture = images.resize(grey, images.HEIGHT, images.WIDTH).round().astype(np.uint8).tobytes()
        image = images.standardise(grey if seen is None else seen, reader.config.height, reader.config.width)
        said = metrics.read(reader, image[None])
        self.reading, self.confidence = said.texts[0], said.confidences[0]

    def baked(self) -> str:
        """The pad as it stands, for a static page: the page goes on with its own trained readers."""
        names = ("strokes", "thickness", "rotation", "lines", "blur", "sample")
        grey = images.load_grey(source.SAMPLES / f"{self.sample}.png") if self.sample else self.image
        alt = f"Example: the network reads this picture as {self.reading!r}, with probability {self.confidence:.1%}."
        return mount(self.kind, {name: getattr(self, name) for name in names}, grey, alt)
