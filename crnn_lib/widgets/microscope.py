"""The microscope and the probes of the chapters in a notebook; what each leaves on a page where nothing runs."""

import base64
from typing import Any

import numpy as np
import torch
import traitlets

from crnn_lib import assets, ctc, images, metrics, skeletons, strokes
from crnn_lib import model as models
from crnn_lib.errors import UserError
from crnn_lib.widgets import base, fields, weights

SCALE = 4  # pixels of the baked picture to one of the image
LEVELS = 12  # colours of a baked map: so few that another processor's rounding does not show
CELL = 22  # pixels of a baked number's cell
PATCH = (11, 8, 12)  # first row, rows and columns of the hand-cranked patch, as in js/crank.js
MOST_SHIFT = 2  # pixels by which that patch can move to the left
STAGES = ("image", "maps", "columns", "states", "probabilities", "path")  # of the microscope
EDGES = np.tile([-1.0, 0.0, 1.0], (3, 1))  # the kernel that the convolution starts with


def _coloured(values: np.ndarray, name: str, height: int, width: int) -> np.ndarray:
    """(h, w) values from 0 to 1 as an RGB picture (height, width, 3) of flat cells, in colours of map `name`."""
    from matplotlib import colormaps

    steps = (np.clip(values, 0, 1) * (LEVELS - 1)).round() / (LEVELS - 1)
    rgb = (colormaps[name](steps)[..., :3] * 255).round().astype(np.uint8)
    rows, columns = (np.arange(n) * size // n for n, size in zip((height, width), values.shape, strict=True))
    return rgb[rows][:, columns]


def _stacked(panels: list[np.ndarray]) -> np.ndarray:
    """Pictures (h, w, 3) or (h, w) of one width under each other, with a white line between."""
    colour = [panel if panel.ndim == 3 else np.repeat(panel[..., None], 3, 2) for panel in panels]
    line = np.full((SCALE, colour[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for panel in colour for part in (panel, line)][:-1])


def _numbers(rows: np.ndarray, name: str, most: float) -> np.ndarray:
    """Whole numbers (h, w) in coloured cells, written with the pen; from -most (PuOr) or from 0 to `most`."""
    h, w = rows.shape
    scaled = rows / most if name == "Greys" else 0.5 + rows / most / 2
    picture = _coloured(scaled, name, h * CELL, w * CELL)
    for (y, x), value in np.ndenumerate(rows.astype(int)):
        written = skeletons.write(str(abs(value)), height=10.0)
        if value < 0:
            written = [[[px + 6, py] for px, py in stroke] for stroke in written] + [[[0.0, -4.5], [3.5, -4.5]]]
        right = max(px for stroke in written for px, _ in stroke)
        moved = [[[px + (CELL - right) / 2, py + 16] for px, py in stroke] for stroke in written]
        ink = strokes.render(moved, 1.4, CELL, CELL)[..., None] / 255
        cell = picture[y * CELL : (y + 1) * CELL, x * CELL : (x + 1) * CELL]
        pen = 0 if cell[0, 0] @ [299, 587, 114] > 128_000 else 255
        cell[:] = (cell * ink + pen * (1 - ink)).round()
    return picture


def _packed(image: Any) -> str:
    """`image` as base64 of (32, 128) grey bytes. Negative numbers tell that it is standardised: ink is positive.

    Raises UserError as `fields.grey_of`, and for a standardised image without any ink.
    """
    values = fields.image_of(image)
    if values.min() < 0:
        if values.min() == values.max():
            raise UserError("a standardised image whose pixels are all the same has neither ink nor paper")
        values = 255 * (values.max() - values) / (values.max() - values.min())
    grey = images.resize(fields.grey_of(values), images.HEIGHT, images.WIDTH).round().astype(np.uint8)
    return base64.b64encode(grey.tobytes()).decode("ascii")


class View(base.Widget):
    """What microscope and probes share: a picture to start with, and a baked one that shows the same.

    The picture is `sample`, one of `assets.SAMPLES`, or `image`: (H, W) or (1, H, W), grey 0 black .. 255 white, or a
    standardised tensor as the reader gets it; `truth` is its text, where known. `View(model)` asks a model of yours.
    Raises UserError for an option that does not fit.
    """

    options = ("sample", "image", "truth")
    sample = fields.Sample("2b7xy")
    grey = traitlets.Unicode("").tag(sync=True)
    truth = fields.Text("", 256)
    strokes: tuple[()] = ()  # drawn ones: only the microscope has a pen
    _made = ("grey",)

    def __init__(self, model: models.CRNN | None = None, *, image: Any = None, **options: Any) -> None:
        super().__init__(base.readers(model), **options)
        if image is not None:
            self.grey = _packed(image)

    @property
    def reader(self) -> models.CRNN:
        """The model that reads the picture to start with: a drawing goes to the last one."""
        return self._models[self.readers[-1 if self.strokes else 0]]

    def _grey(self) -> np.ndarray:
        """The picture to start with: the drawing, else the given image, else the sample."""
        if self.strokes:
            return strokes.image(self.strokes)
        if self.grey:
            pixels = np.frombuffer(base64.b64decode(self.grey), np.uint8)
            return pixels.reshape(images.HEIGHT, images.WIDTH).astype(np.float32)
        return images.load_grey(assets.SAMPLES[self.sample])

    def _seen(self) -> tuple[models.Config, np.ndarray, dict[str, np.ndarray]]:
        """The reader's shape, the picture (H, W) in grey levels 0..255 as uint8, its stages without the batch axis."""
        config, grey = self.reader.config, self._grey()
        image = images.standardise(grey, config.height, config.width)
        stages = {name: stage[0].numpy() for name, stage in base.stages_of(self.reader, image[None]).items()}
        return config, images.resize(grey, config.height, config.width).round().astype(np.uint8), stages

    def _picture(self) -> tuple[np.ndarray, str]:
        """The picture of this state and what it shows in words. Each kind has its own."""
        raise NotImplementedError

    def baked(self) -> str:
        """This view for a static page, where it starts again by itself, with the page's own readers."""
        picture, alt = self._picture()
        return base.mount(self.kind, self._state(), picture, alt)


def _large(grey: np.ndarray) -> np.ndarray:
    return grey.repeat(SCALE, 0).repeat(SCALE, 1)


def _strip(grey: np.ndarray, config: models.Config, t: int) -> np.ndarray:
    """The image with all dimmed that step `t` does not see."""
    first, last = config.strip(t)
    dim = np.full(grey.shape[1], 0.45)
    dim[first : last + 1] = 1
    return _large((grey * dim).astype(np.uint8))


def _probabilities(log_probs: np.ndarray, width: int) -> np.ndarray:
    """(T, K) as a picture: a row for each class, the blank at the bottom."""
    return _coloured(np.roll(np.exp(log_probs.T), -1, 0), "viridis", 7 * log_probs.shape[1], width)


def _last_step(view: View) -> int:
    return view.reader.config.steps() - 1


def _maps(view: View) -> list[str]:
    """The stages that are feature maps."""
    return [f"{stage}{i}" for i in range(1, len(view.reader.blocks) + 1) for stage in ("conv", "pool")]


class Microscope(View):
    """Every stage of one reading under each other; one time step goes through all. `Microscope(model)` asks yours.

    `strokes` is a drawing to start with instead of a picture. `unfold` names the stages that are open at the start,
    with spaces between: image, maps, columns, states, probabilities, path. `step` is the time step, `stage` and `map`
    the feature map shown first.
    """

    options = (*View.options, "strokes", "unfold", "step", "stage", "map")
    kind = traitlets.Unicode("microscope").tag(sync=True)
    strokes = fields.Drawing()
    unfold = fields.Choice("image probabilities path", STAGES, several=True)
    step = fields.Whole(12, 0, _last_step)
    stage = fields.Choice("conv1", _maps)
    map = fields.Whole(0, 0, lambda self: self.reader.config.channels[int(self.stage[4:]) - 1] - 1)
    reading = traitlets.Unicode("").tag(sync=True)
    confidence = traitlets.Float(0.0).tag(sync=True)

    def _picture(self) -> tuple[np.ndarray, str]:
        config, grey, stages = self._seen()
        width, symbols = SCALE * grey.shape[1], self.reader.alphabet.symbols
        path = stages["log_probs"].argmax(1)
        text = self.reader.alphabet.decode(ctc.greedy_decode(torch.from_numpy(stages["log_probs"])))
        letters: list[list[list[float]]] = []
        for t, c in enumerate(path):
            if c and (t == 0 or path[t - 1] != c) and symbols[c - 1] in skeletons.SYMBOLS:
                at = (t + 0.5) * width / len(path) - 6
                glyph = skeletons.write(symbols[c - 1], height=18.0)
                letters += [[[x + at, y + 24] for x, y in stroke] for stroke in glyph]
        panels = [_strip(grey, config, self.step), _coloured(0.5 + stages["states"].T / 2, "PuOr", 96, width)]
        panels += [_probabilities(stages["log_probs"], width), strokes.render(letters, 2.5, 34, width)]
        return _stacked(panels), (
            f"Example: the image with what step {self.step} sees; the states of the BiLSTM; the probability of "
            f"each class (rows) at each step (columns), yellow for certain; and the text {text!r} where it is said."
        )


class ProbeConvolution(View):
    """Chapter 2: a 3 x 3 kernel laid window by window over numbers from a picture, nine products at a time.

    `left` is the pixel column where the patch begins. An image without any contrast raises UserError.
    """

    options = (*View.options, "left")
    kind = traitlets.Unicode("probe-convolution").tag(sync=True)
    left = fields.Whole(16, MOST_SHIFT, images.WIDTH - PATCH[2])
    kernels = traitlets.List().tag(sync=True)
    _made = ("grey", "kernels")

    def __init__(self, model: models.CRNN | None = None, **options: Any) -> None:
        super().__init__(model, **options)
        if self._grey().min() == self._grey().max():
            raise UserError("this image has the same grey everywhere: its ink cannot be numbered from 0 to 9")
        learned = weights.folded(self.reader)["conv1.weight"]  # (C, 1, 3, 3), BatchNorm folded in
        self.kernels = [[round(v, 1) for v in kernel] for kernel in learned.flatten(1).tolist()]

    def _patch(self) -> np.ndarray:
        """Ink in whole numbers, 0 for the image's palest pixel to 9 for its darkest."""
        grey = images.resize(self._grey(), images.HEIGHT, images.WIDTH)
        top, rows, columns = PATCH
        part = grey[top : top + rows, self.left : self.left + columns]
        return np.floor(9 * (grey.max() - part) / (grey.max() - grey.min()) + 0.5)

    def _picture(self) -> tuple[np.ndarray, str]:
        patch = self._patch()
        windows = np.lib.stride_tricks.sliding_window_view(patch, (3, 3))
        sums = (windows * EDGES).sum((2, 3))
        left, right = _numbers(patch, "Greys", 9), _numbers(sums, "PuOr", max(np.abs(sums).max(), 1))
        return _beside(left, right), (
            "Example: on the left a patch of the image, its ink in numbers from 0 to 9; on the right the map that a "
            "kernel for upright edges makes of it: positive where ink begins, negative where it ends."
        )


class ProbePooling(ProbeConvolution):
    """Chapter 2: the largest of each 2 x 2 window, and what becomes of it when the picture moves by a pixel."""

    kind = traitlets.Unicode("probe-pooling").tag(sync=True)
    _made = ("grey",)

    def _picture(self) -> tuple[np.ndarray, str]:
        patch = self._patch()
        pooled = patch.reshape(len(patch) // 2, 2, -1, 2).max((1, 3))
        return _beside(_numbers(patch, "Greys", 9), _numbers(pooled, "Greys", 9)), (
            "Example: on the left a patch of the image, its ink in numbers from 0 to 9; on the right the same after "
            "pooling: of each 2 x 2 window only the largest number is left."
        )


def _beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two pictures side by side on white, with a gap of one cell."""
    height = max(len(left), len(right))
    padded = [np.pad(p, ((0, height - len(p)), (0, 0), (0, 0)), constant_values=255) for p in (left, right)]
    return np.concatenate([padded[0], np.full((height, CELL, 3), 255, np.uint8), padded[1]], 1)


class ProbeColumns(View):
    """Chapter 3: what a time step sees, for pools of your choice, and whether a label still fits.

    `step` is the time step, `label` the label to start with.
    """

    options = (*View.options, "step", "label")
    kind = traitlets.Unicode("probe-columns").tag(sync=True)
    step = fields.Whole(16, 0, _last_step)
    label = fields.Text("mm22m", 24)

    def _picture(self) -> tuple[np.ndarray, str]:
        config, grey, _ = self._seen()
        first, last = config.strip(self.step)
        return _strip(grey, config, self.step), (
            f"Example: the image, dimmed where time step {self.step} of {config.steps()} does not see it; it "
            f"sees pixel columns {first} to {last}."
        )


class ProbeContext(View):
    """Chapter 4: hide pixel columns, and see which states and outputs hear of it.

    `left` is the first hidden column of the reader's image, `size` their number.
    """

    options = (*View.options, "left", "size")
    kind = traitlets.Unicode("probe-context").tag(sync=True)
    left = fields.Whole(48, 0, lambda self: min(self.reader.config.width, images.WIDTH) - 1)
    size = fields.Whole(12, 0, 48)

    def _picture(self) -> tuple[np.ndarray, str]:
        _, grey, before = self._seen()
        hide = slice(self.left, self.left + self.size)
        image = torch.from_numpy(before["image"]).clone()
        image[..., hide] = image.median()
        hidden = grey.copy()
        hidden[:, hide] = np.median(grey)
        after = base.stages_of(self.reader, image[None])["states"][0].numpy()
        halves = np.split(np.abs(after - before["states"]).T, 2)
        width = SCALE * grey.shape[1]
        panels = [_large(hidden), *(_coloured(half, "viridis", 64, width) for half in halves)]
        what = f"pixel columns {self.left} to {self.left + self.size - 1} hidden" if self.size else "nothing hidden"
        return _stacked(panels), (
            f"Example: the image with {what}; below it how "
            "much the forward states change, from there to the right, and the backward states, from there to the left."
        )


class ProbeDecoding(View):
    """Chapter 6: greedy against beam search, with a temperature and a width of the beam to turn."""

    options = (*View.options, "temperature", "width")
    kind = traitlets.Unicode("probe-decoding").tag(sync=True)
    sample = fields.Sample("gxxw6")
    temperature = fields.Number(1.0, 0.2, 5)
    width = fields.Whole(8, 1, 20)

    def _picture(self) -> tuple[np.ndarray, str]:
        _, grey, stages = self._seen()
        log_probs = torch.from_numpy(stages["logits"] / self.temperature).log_softmax(-1)
        read = self.reader.alphabet.decode(ctc.greedy_decode(log_probs))
        best = [self.reader.alphabet.decode(text) for text, _ in ctc.beam_search(log_probs, width=self.width, k=3)]
        return _stacked([_large(grey), _probabilities(log_probs.numpy(), SCALE * grey.shape[1])]), (
            f"Example: the image, and the probability of each class (rows) at each step (columns). Greedy decoding "
            f"reads {read!r}; the beam's best texts are {', '.join(map(repr, best))}."
        )


class ProbeRobustness(View):
    """Chapter 8: turn, blur, cross out or cover a picture, and watch the reading and its probability."""

    kind = traitlets.Unicode("probe-robustness").tag(sync=True)

    def _picture(self) -> tuple[np.ndarray, str]:
        _, grey, _ = self._seen()
        panels, said = [], []
        for cover in (0, 12, 24):
            spoilt = grey.copy()
            spoilt[:, 40 : 40 + cover] = np.median(grey)
            image = images.standardise(spoilt.astype(np.float32), *spoilt.shape)
            panels.append(_large(spoilt))
            said.append(f"{metrics.read(self.reader, image[None]).texts[0]!r} with {cover} pixel columns covered")
        return _stacked(panels), f"Example: the same image three times. It is read as {', '.join(said)}."
