"""A training run to watch and to stop: losses and readings after each epoch, while the notebook stays free."""

import io
from html import escape
from math import inf
from numbers import Real
from pathlib import Path
from typing import Any

import ipywidgets
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from torch import Tensor

from crnn_lib import reader
from crnn_lib.data import LabelledImages
from crnn_lib.errors import UserError, plain
from crnn_lib.model import Config
from crnn_lib.tools import figures
from crnn_lib.training import Recipe, Run, begin
from crnn_lib.widgets.background import Background
from crnn_lib.widgets.picture import Pictured

EXAMPLES = 4  # images whose readings are shown: the first of the validation set, where there is one


class TrainingMonitor(Background, Pictured):
    """Start and Stop for a training run, its losses, and what it reads of a few images after each epoch.

    Start trains in a thread, since no button is heard while a cell runs; Stop lets that thread end before its next
    step. Start once more continues after the last whole epoch, and so does a monitor whose `checkpoint` (default: a
    temporary file) already holds this run; where the run is finished, the button starts it afresh. `history` has the
    records so far, `readings` the texts read after each epoch that was watched, `fit` the last result (None before).
    `floor` is drawn as a line: say, the best loss that ignores the image. The widget says what went wrong.
    Raises UserError for arguments of a different kind. Drawing avoids pyplot, which threads would share.
    """

    def __init__(
        self,
        config: Config,
        data: LabelledImages,
        recipe: Recipe,
        *,
        checkpoint: str | Path | None = None,
        floor: float | None = None,
    ) -> None:
        self._prepare(config, data, recipe, checkpoint)
        if floor is not None and not (isinstance(floor, Real) and 0 < floor < inf):
            raise UserError("the floor is a loss: give a number above 0")
        self._floor = floor
        self.history: list[dict[str, Any]] = []
        self.readings: list[list[str]] = []
        self.start_button = ipywidgets.Button(description="Start", icon="play")
        self.stop_button = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.progress = ipywidgets.IntProgress(max=recipe.epochs, description="Epochs")
        self.message, self.view = ipywidgets.HTML(), ipywidgets.Image(layout={"max_width": "100%"})
        self.start_button.on_click(lambda _: self.start(fresh=self._is_finished()))
        self.stop_button.on_click(lambda _: self.stop())
        controls = ipywidgets.HBox([self.start_button, self.stop_button, self.progress])
        super().__init__([controls, self.message, self.view])
        self._guarded(lambda: self._after_epoch(begin(*self._what, checkpoint=self.checkpoint)))
        self._show(False)
        if self.history:
            self._tell(self._standing(len(self.history)))

    def picture(self) -> bytes:
        """The curves and the last readings, as a PNG file."""
        return bytes(self.view.value)

    def _is_finished(self) -> bool:
        return len(self.history) == self._what[2].epochs

    def _show(self, running: bool) -> None:
        self.start_button.disabled, self.stop_button.disabled = running, not running
        self.start_button.description = "Start afresh" if self._is_finished() else "Start"

    def _tell(self, text: str) -> None:
        self.message.value = f'<span role="status">{escape(plain(text))}</span>'

    def _began(self, run: Run) -> None:
        if not run.history:  # afresh
            self.readings = []
            self._after_epoch(run)

    def _after_epoch(self, run: Run) -> None:
        """Read the examples, and draw."""
        part = run.validation or run.train
        examples = part.subset(range(min(EXAMPLES, len(part))))
        captions, self.history = list(examples.labels), list(run.history)
        if self.history:
            self.readings.append(reader.read(run.model, examples.images).texts)
            captions = [f"{a}, read as {b or '(nothing)'}" for a, b in zip(captions, self.readings[-1], strict=True)]
        self.progress.value = len(self.history)
        self.view.value = _draw(self.history, self._floor, examples.images, captions)


def _draw(history: list[dict[str, Any]], floor: float | None, images: Tensor, captions: list[str]) -> bytes:
    """The losses on the left, the images (n, 1, H, W) and their captions on the right, as a PNG file."""
    figure = Figure(figsize=(figures.WIDTH, 3.2), facecolor=figures.PAPER, layout="none")
    axes = figure.add_axes((0.09, 0.15, 0.5, 0.8), facecolor=figures.PAPER)  # by hand: a layout takes too long
    losses = [floor or 0.0]
    for key, name, colour in (
        ("train_loss", "training", figures.BLUE),
        ("validation_ctc_loss", "validation", figures.ORANGE),
    ):
        seen = {record["epoch"]: record[key] for record in history if key in record}
        axes.plot(list(seen), list(seen.values()), ".-", color=colour, label=name)
        losses += seen.values()
    if floor:
        axes.axhline(floor, color=figures.INK, ls="--", lw=1, label="without looking")
    cer = f", CER now {history[-1]['validation_cer']:.3f}" if history and "validation_cer" in history[-1] else ""
    axes.set(xlabel="epoch" + cer, ylabel="CTC loss", xlim=(0.5, max(len(history), 2) + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if any(0 < loss < inf for loss in losses):  # else there is nothing that a logarithm could show
        axes.set_yscale("log")
        axes.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}", minor_locator=NullLocator())
    axes.legend(fontsize=8)
    right = figure.add_axes((0.64, 0.02, 0.34, 0.96))
    for row, (image, caption) in enumerate(zip(images, captions, strict=True)):
        right.imshow(-image[0].numpy(), cmap="gray", extent=(0, 1, -row - 0.68, -row), aspect="auto")
        right.text(0, -row - 0.88, plain(caption, 60), fontsize=9, parse_math=False)
    right.set(xlim=(0, 1), ylim=(-len(images), 0))
    right.axis("off")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
