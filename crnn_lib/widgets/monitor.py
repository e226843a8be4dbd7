"""A training to watch and to stop: losses and readings after each epoch, while the notebook stays free."""

import io
import tempfile
import threading
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from torch import Tensor

from crnn_lib import figures, metrics
from crnn_lib.data import LabelledImages
from crnn_lib.errors import plain
from crnn_lib.model import CRNN, Config
from crnn_lib.training import Fit, Recipe, Run, fit
from crnn_lib.widgets.picture import Pictured

EXAMPLES = 4  # images whose readings are shown: the first of the validation part, where there is one


class TrainingMonitor(Pictured):
    """Start and Stop for `training.fit`, its losses, and what it reads of a few images after each epoch.

    Start trains in a thread, since no button is heard while a cell runs; Stop lets that thread end before its next
    step. Start once more goes on after the last whole epoch, and so does a monitor whose `checkpoint` (default: a
    temporary file) already holds this run. `history` has the records so far, `readings` the texts read after each
    epoch that was watched, `fit` the last result (None before). `floor` is drawn as a line: say, the best loss that
    ignores the image. What goes wrong is told in the widget. Drawing avoids pyplot, which threads would share.
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
        self._what, self._floor = (config, data, recipe), floor
        self._folder = None if checkpoint else tempfile.TemporaryDirectory()  # goes when the monitor goes
        self.checkpoint = Path(checkpoint or Path(self._folder.name) / "run")
        self.history: list[dict[str, Any]] = []
        self.readings: list[list[str]] = []
        self.fit: Fit | None = None
        self._thread, self._stopping = threading.Thread(), threading.Event()
        self.start_button = ipywidgets.Button(description="Start", icon="play")
        self.stop_button = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.progress = ipywidgets.IntProgress(max=recipe.epochs, description="Epochs")
        self.message, self.view = ipywidgets.HTML(), ipywidgets.Image(layout={"max_width": "100%"})
        self.start_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self.stop())
        controls = ipywidgets.HBox([self.start_button, self.stop_button, self.progress])
        super().__init__([controls, self.message, self.view])
        self._guarded(self._look)

    def start(self) -> None:
        """Train in the background, unless that is under way."""
        if not self._thread.is_alive():
            self._stopping.clear()
            self._thread = threading.Thread(target=self._guarded, args=[self._train], daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Let the training end before its next step, and wait for that."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def run(self) -> Fit | None:
        """Train in this cell until done or interrupted by the kernel's own stop button; the result so far."""
        if not self._thread.is_alive():
            self._stopping.clear()
            self._guarded(self._train)
        return self.fit

    def picture(self) -> bytes:
        """The curves and the last readings, as a PNG file."""
        return bytes(self.view.value)

    def _guarded(self, act: Callable[[], None]) -> None:
        self.start_button.disabled, self.stop_button.disabled = True, False
        try:
            act()
        except Exception as error:  # of whatever kind: in a thread, nobody else would tell
            self._tell(f"{type(error).__name__}: {error}")
        finally:
            self.start_button.disabled, self.stop_button.disabled = False, True

    def _train(self) -> None:
        self._tell("training")
        options = {"should_stop": self._stopping.is_set, "on_epoch": lambda record: self._look()}
        self.fit = fit(*self._what, checkpoint=self.checkpoint, **options)
        self._tell("finished" if self.fit.finished else "stopped; Start goes on after the last whole epoch")

    def _tell(self, text: str) -> None:
        self.message.value = f'<span role="status">{escape(plain(text))}</span>'

    def _look(self) -> None:
        """Take history and weights from the checkpoint, which was written just before; read the examples; draw."""
        run = Run(CRNN(self._what[0]), *self._what[1:])
        part = run.validation or run.train
        examples = part.subset(range(min(EXAMPLES, len(part))))
        captions = list(examples.labels)
        if self.checkpoint.exists():
            run.restore(self.checkpoint)
            self.history = run.history
            self.readings.append(metrics.read(run.model, examples.images).texts)
            captions = [f"{a}, read as {b or '(nothing)'}" for a, b in zip(captions, self.readings[-1], strict=True)]
        self.progress.value = len(self.history)
        self.view.value = _draw(self.history, self._floor, examples.images, captions)


def _draw(history: list[dict[str, Any]], floor: float | None, images: Tensor, captions: list[str]) -> bytes:
    """The losses on the left, the images (n, 1, H, W) and their captions on the right, as a PNG file."""
    figure = Figure(figsize=(figures.WIDTH, 3.2), facecolor=figures.PAPER, layout="none")
    axes = figure.add_axes((0.09, 0.15, 0.5, 0.8), facecolor=figures.PAPER)  # by hand: a layout takes too long
    for key, name, colour in (
        ("train_loss", "training", figures.BLUE),
        ("validation_ctc_loss", "validation", figures.ORANGE),
    ):
        seen = {record["epoch"]: record[key] for record in history if key in record}
        axes.plot(list(seen), list(seen.values()), ".-", color=colour, label=name)
    if floor:
        axes.axhline(floor, color=figures.INK, ls="--", lw=1, label="without looking")
    cer = f", CER now {history[-1]['validation_cer']:.3f}" if history and "validation_cer" in history[-1] else ""
    axes.set(xlabel="epoch" + cer, ylabel="CTC loss", xlim=(0.5, max(len(history), 2) + 0.5), yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
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
