"""The CTC laboratory as a notebook sees it: a label, a matrix of probabilities, and what CTC makes of the two."""

from typing import Any

import numpy as np
import torch
import traitlets
from PIL import Image, ImageDraw, ImageFont

from crnn_lib import ctc, images
from crnn_lib import model as models
from crnn_lib.errors import UserError
from crnn_lib.widgets import base, source

SOURCES = ("uniform", "random", "peaked", "reader", "matrix")
CELL = 24  # pixels of a cell of the baked picture


class Lab(base.Widget):
    """Look into CTC: `Lab("mm", steps=6)` starts from an even matrix, `Lab("gxxw6", sample="gxxw6")` from a reader.

    `Lab("ab", symbols="abc", matrix=probabilities)` takes T rows of K = 4 probabilities of your own, the blank first.
    `label` and `matrix` follow what is done on the page. Raises UserError for a label or a matrix that does not fit.
    """

    kind = traitlets.Unicode("lab").tag(sync=True)
    label = traitlets.Unicode("ab").tag(sync=True)
    source = traitlets.Enum(SOURCES, "uniform").tag(sync=True)
    sample = traitlets.Unicode("").tag(sync=True)
    steps = traitlets.Int(5).tag(sync=True)
    seed = traitlets.Int(1).tag(sync=True)
    symbols = traitlets.Unicode("").tag(sync=True)
    matrix = traitlets.List().tag(sync=True)

    def __init__(self, label: str = "ab", model: models.CRNN | None = None, matrix: Any = None, **fields: Any) -> None:
        if matrix is not None:
            rows = np.asarray(matrix, dtype=float)
            rows = _checked(rows, fields.get("symbols", ""))
            fields |= {"source": "matrix", "matrix": rows, "steps": len(rows)}
        elif fields.get("sample"):
            fields.setdefault("source", "reader")
        if len(label) > base.MOST_LETTERS:
            raise UserError(f"the label {label[:40]!r} has {len(label)} letters: give at most {base.MOST_LETTERS}")
        super().__init__({"yours": model} if model else base.readers(), label=label, **fields)
        if self.source == "reader":
            self.sample = self.sample or label
            self._read()
        elif self.source == "uniform":
            self.symbols = self.symbols or "".join(dict.fromkeys(label + "abcdefghijklmn"))[: len(set(label)) + 2]
            K = len(self.symbols) + 1
            self.matrix = np.full((self.steps, K), 1 / K).tolist()
        unknown = set(label) - set(self.symbols) if self.matrix else set()
        if unknown:
            raise UserError(f"the label {label!r} holds {sorted(unknown)}, and the matrix is about {self.symbols!r}")

    def _read(self) -> None:
        path = source.SAMPLES / f"{self.sample}.png"
        if not path.is_file():
            raise UserError(f"there is no sample {self.sample!r}")
        reader = self._models[self.readers[0]]
        image = images.standardise(images.load_grey(path), reader.config.height, reader.config.width)
        with torch.no_grad():
            self.symbols, self.matrix = reader.config.alphabet, reader(image[None])[0].exp().double().tolist()
        self.steps = len(self.matrix)

    def baked(self) -> str:
        """The lattice's occupancy as a picture, for a static page: the page goes on with its own arithmetic."""
        names = ("label", "source", "sample", "steps", "seed", "symbols")
        state = {name: getattr(self, name) for name in names}
        if self.source == "matrix":
            state["matrix"] = self.matrix
        target = [self.symbols.index(c) + 1 for c in self.label] if self.matrix else []
        log_probs = torch.tensor(self.matrix or [[1.0]] * self.steps, dtype=torch.float64).log()
        through = (ctc.forward(log_probs, target) + ctc.backward(log_probs, target)).exp().numpy()
        loss = ctc.ctc_loss(log_probs, target)
        alt = (
            f"The lattice of the label {self.label!r} over {len(log_probs)} time steps: the darker a cell, the more of "
            f"the label's probability passes through it. {ctc.count_alignments(target, len(log_probs)):,} alignments, "
            f"loss {loss:.3f}."
        )
        grey = _picture(through / max(float(np.exp(-loss)), 1e-300), self.label)
        return base.mount(self.kind, state, grey, alt, width=grey.shape[1])


def _checked(rows: np.ndarray, symbols: str) -> list[list[float]]:
    if rows.ndim != 2 or rows.shape[1] != len(symbols) + 1 or len(set(symbols)) < len(symbols):
        raise UserError(
            f"a matrix of shape {rows.shape} does not fit the symbols {symbols!r}: one column each, the blank's first"
        )
    if not (rows >= 0).all() or not np.allclose(rows.sum(1), 1, atol=1e-4):
        raise UserError("each row of the matrix must hold probabilities that sum to 1")
    return (rows / rows.sum(1, keepdims=True)).tolist()


def _picture(through: np.ndarray, label: str) -> np.ndarray:
    """Shares (T, 2U + 1) as grey cells with their row's sign before them: (rows, columns) of grey levels."""
    T, S = through.shape
    canvas = Image.new("L", ((T + 1) * CELL, S * CELL), 255)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(16)
    for s, sign in enumerate(("-".join(["", *label, ""])) or "-"):
        pen.text((CELL / 2, (s + 0.5) * CELL), sign, fill=0, font=font, anchor="mm")
        for t in range(T):
            box = ((t + 1) * CELL, s * CELL, (t + 2) * CELL - 1, (s + 1) * CELL - 1)
            pen.rectangle(box, fill=round(255 - 225 * min(float(through[t, s]), 1)), outline=120)
    return np.asarray(canvas)
