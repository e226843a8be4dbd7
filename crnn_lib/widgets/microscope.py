"""The microscope and the probes of the chapters in a notebook; what each leaves on a page where nothing runs."""

import base64
from typing import Any

import numpy as np
import torch
import traitlets

from crnn_lib import ctc, images, metrics, skeletons, strokes
from crnn_lib import model as models
from crnn_lib.widgets import base, source, weights

SCALE = 4  # pixels of the baked picture to one of the image
LEVELS = 12  # colours of a baked map: so few that another processor's rounding does not show
CELL = 22  # pixels of a baked number's cell
PATCH = (11, 8, 12)  # first row, rows and columns of the hand-cranked patch, as in js/crank.js
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
    """`image` as base64 of (32, 128) grey bytes. Negative numbers tell that it is standardised: ink is positive."""
    values = np.asarray(image, dtype=np.float32)
    values = values.reshape(values.shape[-2:])
    if values.min() < 0:
        values = 255 * (values.max() - values) / (values.max() - values.min())
    grey = images.resize(values, images.HEIGHT, images.WIDTH).round().astype(np.uint8)
    return base64.b64encode(grey.tobytes()).decode("ascii")


class View(base.Widget):
    """What microscope and probes share: a picture to start with, and a baked one that shows the same.

    The picture is `sample`, one of data/samples, or `image`: (H, W) or (1, H, W), grey 0 black .. 255 white, or a
    standardised tensor as the reader gets it; `truth` is its text, where known. `View(model)` asks a model of yours.
    """

    sample = traitlets.Unicode("2b7xy").tag(sync=True)
    grey = traitlets.Unicode("").tag(sync=True)
    truth = traitlets.Unicode("").tag(sync=True)
    _names: tuple[str, ...] = ()  # the fields that a page needs beside the picture's

    def __init__(self, model: models.CRNN | None = None, *, image: Any = None, **fields: Any) -> None:
        if image is not None:
            fields["grey"] = _packed(image)
        super().__init__({"yours": model} if model else base.readers(), **fields)

    def _grey(self) -> np.ndarray:
        """The picture to start with: the given image, else the sample."""
        if self.grey:
            pixels = np.frombuffer(base64.b64decode(self.grey), np.uint8)
            return pixels.reshape(images.HEIGHT, images.WIDTH).astype(np.float32)
        return images.load_grey(source.SAMPLES / f"{self.sample}.png")

    def _seen(self) -> tuple[models.CRNN, np.ndarray, dict[str, np.ndarray]]:
        """The reader, the picture (H, W) in grey levels 0..255 as uint8, and its stages without the batch axis."""
        reader = self._models[self.readers[0]].eval()
        config = reader.config
        grey = self._grey()
        image = images.standardise(grey, config.height, config.width)
        device = next(reader.parameters()).device
        with torch.no_grad():
            stages = {name: x[0].float().cpu().numpy() for name, x in reader.stages(image[None].to(device)).items()}
        return reader, images.resize(grey, config.height, config.width).round().astype(np.uint8), stages

    def _picture(self) -> tuple[np.ndarray, str]:
        """The picture of this state and what it shows in words. Each kind has its own."""
        raise NotImplementedError

    def baked(self) -> str:
        """This view for a static page, where it starts again by itself, with the page's own readers."""
        picture, alt = self._picture()
        return base.mount(
            self.kind, {name: getattr(self, name) for name in ("sample", "grey", "truth", *self._names)}, picture, alt
        )


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


class Microscope(View):
    """Every stage of one reading under each other; one time step goes through all. `Microscope(model)` asks yours.

    `unfold` names the stages that are open at the start, with spaces between: image, maps, columns, states,
    probabilities, path. `step` is the time step, `stage` and `map` the feature map shown first.
    """

    kind = traitlets.Unicode("microscope").tag(sync=True)
    unfold = traitlets.Unicode("image probabilities path").tag(sync=True)
    step = traitlets.Int(12).tag(sync=True)
    stage = traitlets.Unicode("conv1").tag(sync=True)
    map = traitlets.Int(0).tag(sync=True)
    strokes = traitlets.List().tag(sync=True)
    reading = traitlets.Unicode("").tag(sync=True)
    confidence = traitlets.Float(0.0).tag(sync=True)
    _names = ("unfold", "step", "stage", "map", "strokes")

    def _picture(self) -> tuple[np.ndarray, str]:
        reader, grey, stages = self._seen()
        width = SCALE * grey.shape[1]
        path = stages["log_probs"].argmax(1)
        text = reader.alphabet.decode(ctc.greedy_decode(torch.from_numpy(stages["log_probs"])))
        letters: list[list[list[float]]] = []
        for t, c in enumerate(path):
            if c and (t == 0 or path[t - 1] != c):
                at = (t + 0.5) * width / len(path) - 6
                glyph = skeletons.write(reader.alphabet.symbols[c - 1], height=18.0)
                letters += [[[x + at, y + 24] for x, y in stroke] for stroke in glyph]
        panels = [_strip(grey, reader.config, self.step), _coloured(0.5 + stages["states"].T / 2, "PuOr", 96, width)]
        panels += [_probabilities(stages["log_probs"], width), strokes.render(letters, 2.5, 34, width)]
        return _stacked(panels), (
            f"Example: the image with what step {self.step} sees; the states of the BiLSTM; the probability of "
            f"each class (rows) at each step (columns), yellow for certain; and the text {text!r} where it is said."
        )


class ProbeConvolution(View):
    """Chapter 2: a 3 x 3 kernel laid window by window over numbers from a picture, nine products at a time."""

    kind = traitlets.Unicode("probe-convolution").tag(sync=True)
    left = traitlets.Int(16).tag(sync=True)
    kernels = traitlets.List().tag(sync=True)
    _names = ("left", "kernels")

    def __init__(self, model: models.CRNN | None = None, **fields: Any) -> None:
        super().__init__(model, **fields)
        learned = weights.folded(self._models[self.readers[0]])["conv1.weight"]  # (C, 1, 3, 3), BatchNorm folded in
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
        left, right = _numbers(patch, "Greys", 9), _numbers(sums, "PuOr", np.abs(sums).max())
        return _beside(left, right), (
            "Example: on the left a patch of the image, its ink in numbers from 0 to 9; on the right the map that a "
            "kernel for upright edges makes of it: positive where ink begins, negative where it ends."
        )


class ProbePooling(ProbeConvolution):
    """Chapter 2: the largest of each 2 x 2 window, and what becomes of it when the picture moves by a pixel."""

    kind = traitlets.Unicode("probe-pooling").tag(sync=True)
    _names = ("left",)

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
    """Chapter 3: what a time step sees, for pools of your choice, and whether a label still fits."""

    kind = traitlets.Unicode("probe-columns").tag(sync=True)
    step = traitlets.Int(16).tag(sync=True)
    label = traitlets.Unicode("mm22m").tag(sync=True)
    _names = ("step", "label")

    def _picture(self) -> tuple[np.ndarray, str]:
        reader, grey, _ = self._seen()
        first, last = reader.config.strip(self.step)
        return _strip(grey, reader.config, self.step), (
            f"Example: the image, dimmed where time step {self.step} of {reader.config.steps()} does not see it; it "
            f"sees pixel columns {first} to {last}."
        )


class ProbeContext(View):
    """Chapter 4: hide pixel columns, and see which states and outputs hear of it."""

    kind = traitlets.Unicode("probe-context").tag(sync=True)
    left = traitlets.Int(48).tag(sync=True)
    size = traitlets.Int(12).tag(sync=True)
    _names = ("left", "size")

    def _picture(self) -> tuple[np.ndarray, str]:
        reader, grey, before = self._seen()
        image = torch.from_numpy(before["image"]).clone()
        image[..., self.left : self.left + self.size] = image.median()
        hidden = grey.copy()
        hidden[:, self.left : self.left + self.size] = np.median(grey)
        with torch.no_grad():
            after = reader.stages(image[None].to(next(reader.parameters()).device))["states"][0].float().cpu().numpy()
        halves = np.split(np.abs(after - before["states"]).T, 2)
        width = SCALE * grey.shape[1]
        panels = [_large(hidden), *(_coloured(half, "viridis", 64, width) for half in halves)]
        return _stacked(panels), (
            f"Example: the image with pixel columns {self.left} to {self.left + self.size - 1} hidden; below it how "
            "much the forward states change, from there to the right, and the backward states, from there to the left."
        )


class ProbeDecoding(View):
    """Chapter 6: greedy against beam search, with a temperature and a width to turn."""

    kind = traitlets.Unicode("probe-decoding").tag(sync=True)
    sample = traitlets.Unicode("gxxw6").tag(sync=True)
    temperature = traitlets.Float(1.0).tag(sync=True)
    width = traitlets.Int(8).tag(sync=True)
    _names = ("temperature", "width")

    def _picture(self) -> tuple[np.ndarray, str]:
        reader, grey, stages = self._seen()
        log_probs = torch.from_numpy(stages["logits"] / self.temperature).log_softmax(-1)
        read = reader.alphabet.decode(ctc.greedy_decode(log_probs))
        best = [reader.alphabet.decode(text) for text, _ in ctc.beam_search(log_probs, width=self.width, k=3)]
        return _stacked([_large(grey), _probabilities(log_probs.numpy(), SCALE * grey.shape[1])]), (
            f"Example: the image, and the probability of each class (rows) at each step (columns). Greedy decoding "
            f"reads {read!r}; the beam's best texts are {', '.join(map(repr, best))}."
        )


class ProbeRobustness(View):
    """Chapter 8: turn, blur, cross out or cover a picture, and watch the reading and its probability."""

    kind = traitlets.Unicode("probe-robustness").tag(sync=True)

    def _picture(self) -> tuple[np.ndarray, str]:
        reader, grey, _ = self._seen()
        panels, said = [], []
        for cover in (0, 12, 24):
            spoilt = grey.copy()
            spoilt[:, 40 : 40 + cover] = np.median(grey)
            image = images.standardise(spoilt.astype(np.float32), *spoilt.shape)
            panels.append(_large(spoilt))
            said.append(f"{metrics.read(reader, image[None]).texts[0]!r} with {cover} pixel columns covered")
        return _stacked(panels), f"Example: the same image three times. It is read as {', '.join(said)}."
