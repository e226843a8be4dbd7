"""The CTC laboratory as a notebook sees it: a label, a matrix of probabilities, and what CTC makes of the two."""

from typing import Any

import numpy as np
import torch
import traitlets

from crnn_lib import assets, ctc, images
from crnn_lib.drawing import skeletons
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN
from crnn_lib.widgets import fields, host

MADE_UP = ("uniform", "random", "peaked")
STEPS = (2, 32)  # of a made-up matrix: the page's slider
MOST = 1024  # rows or columns of a matrix


class Probabilities(fields.Field):
    """A matrix of probabilities, at most MOST rows and columns, each row summing to 1; or none."""

    def __init__(self) -> None:
        super().__init__([])

    def _accept(self, widget: Any, value: Any) -> list[list[float]] | None:
        rows = fields.array_of(value, np.float64)
        if rows is not None and not rows.size:
            return []
        if rows is None or rows.ndim != 2 or max(rows.shape) > MOST or not (rows >= 0).all():
            return None
        return rows.tolist() if np.allclose(rows.sum(1), 1, atol=1e-4) else None

    def _takes(self, widget: Any) -> str:
        return f"rows of probabilities that sum to 1 in each row, at most {MOST} rows and columns"


class Lab(host.Widget):
    """Look into CTC: `Lab("mm", steps=6)` starts from an even matrix, `Lab(sample="gxxw6")` from a reader.

    `source` is uniform, random (with `seed`), peaked, or reader; the page makes random and peaked matrices. `symbols`
    are the letters of the classes after the blank, `steps` the number of rows.
    `Lab("ab", symbols="abc", matrix=probabilities)` takes T rows of K = 4 probabilities of your own, the blank first.
    `label` and `matrix` follow what is done on the page. Raises UserError for options that do not fit.
    """

    options = ("label", "source", "sample", "symbols", "steps", "seed", "matrix")
    kind = traitlets.Unicode("lab").tag(sync=True)
    label = fields.Text("ab", skeletons.MOST)
    source = fields.Choice("uniform", [*MADE_UP, "reader", "matrix"])
    sample = fields.Sample("")
    symbols = fields.Text("", MOST - 1)
    steps = fields.Whole(5, 1, MOST)
    seed = fields.Whole(1, 1, 10**9)
    matrix = Probabilities()

    def __init__(self, label: str | None = None, model: CRNN | None = None, matrix: Any = None, **options: Any) -> None:
        named = {} if label is None else {"label": label}
        given = {} if matrix is None else {"matrix": matrix, "source": "matrix"}
        said = str(options.get("source")) == "matrix"  # any value may be given, an array even
        if given and (others := {"source", "sample", "steps"} & {*options}) and not said:
            raise UserError(f"Lab: a matrix is given, so leave out {', '.join(sorted(others))}")
        super().__init__(host.readers(model), **options | named | given)
        if label is None and self.sample:
            self.label = self.sample
        if self.sample and not {"source", "matrix"} & {*options, *given}:
            self.source = "reader"
        {"reader": self._read, "matrix": self._take}.get(self.source, self._make_up)()
        unknown = sorted(set(self.label) - set(self.symbols))
        if unknown:
            raise UserError(f"the label {self.label!r} holds {unknown}, and the matrix is about {self.symbols!r}")

    def _read(self) -> None:
        """The first model's matrix of the sample, which the label may name."""
        if not self.sample and self.label not in assets.SAMPLES:
            raise UserError(f"Lab: the source reader needs a sample, one of {', '.join(assets.SAMPLES)}")
        self.sample = self.sample or self.label
        model = self._models[self.readers[0]]
        log_probs = host.read(model, images.load_grey(assets.SAMPLES[self.sample])).log_probs[0]
        self.symbols, self.matrix = model.config.alphabet, log_probs.double().exp().tolist()
        self.steps = len(self.matrix)

    def _take(self) -> None:
        """The given matrix, each row made to sum to exactly 1."""
        rows, symbols = np.array(self.matrix), self.symbols
        if not rows.size:
            raise UserError("Lab: give a matrix, or choose a different source")
        if rows.shape[1] != len(symbols) + 1 or len(set(symbols)) < len(symbols):
            raise UserError(
                f"a matrix of shape {rows.shape} does not fit the symbols {symbols!r}: "
                "give each of its columns one symbol of its own, the first column is the blank's"
            )
        self.steps, self.matrix = len(rows), (rows / rows.sum(1, keepdims=True)).tolist()

    def _make_up(self) -> None:
        """The letters of a matrix that the page makes, as `symbolsFor` in lab_state.js; an even one is made here."""
        low, high = STEPS
        if not low <= self.steps <= high:
            raise UserError(f"Lab: steps must be from {low} to {high} where no model and no matrix is given")
        self.symbols = self.symbols or "".join(dict.fromkeys(self.label + "abcdefghijklmn"))[: len(set(self.label)) + 2]
        odd = [c for c in self.symbols if c == "-" or c.isspace()]
        if odd or len(set(self.symbols)) < len(self.symbols):
            raise UserError(
                f"Lab: the letters {self.symbols!r} must all differ, without white space and -, the blank's sign"
            )
        if self.source == "uniform":
            K = len(self.symbols) + 1
            self.matrix = np.full((self.steps, K), 1 / K).tolist()

    def _state(self) -> dict[str, Any]:
        state = super()._state()
        return state if self.source == "matrix" else {name: state[name] for name in state if name != "matrix"}

    def baked(self) -> str:
        """The label and what CTC says of it, for a static page, with the sample's picture where there is a sample."""
        sentence = f"The label {self.label!r} over {self.steps} time steps"
        if self.matrix and len(self.matrix[0]) == len(self.symbols) + 1 and set(self.label) <= set(self.symbols):
            target = [self.symbols.index(c) + 1 for c in self.label]
            loss = ctc.ctc_loss(torch.tensor(self.matrix, dtype=torch.float64).log(), target)
            sentence += f": {ctc.count_alignments(target, len(self.matrix)):,} alignments, loss {loss:.3f}"
        grey = images.load_grey(assets.SAMPLES[self.sample]) if self.sample else None
        shows = "With JavaScript, each of its cells in the lattice tells how much probability passes through it."
        return host.mount(self.kind, self._state(), f"{sentence}. {shows}", grey)
