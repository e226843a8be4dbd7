"""Learning to see how a network learns: the film of a training run, one's own included, and exercises in the page."""

import base64
import html
import json
import math
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from crnn_lib import figures
from crnn_lib.data import LabelledImages
from crnn_lib.errors import UserError, plain
from crnn_lib.model import CRNN, Config
from crnn_lib.training import Fit, Recipe, Run
from crnn_lib.widgets import base, fields
from crnn_lib.widgets.background import Background
from crnn_lib.widgets.film import Film, named, picture_of

EXAMPLES = 3  # samples of one's own run that are filmed
QUESTIONS = {  # the first question of each exercise, for where no script runs
    "alignments": "Tick every path of five columns that collapses to mm.",
    "count": "How many paths of T = 4 columns collapse to ab?",
    "column": "Fill in the column of step 1 of the lattice for ab, to three places.",
    "decoding": "Two steps, and the probability of each class; - is the blank. Which text comes out?",
    "prefixes": "One step of prefix beam search. Tick every way that leads to the prefix a: their probabilities are "
    "added up in one entry.",
    "plateau": "A recorded run: its validation loss, and the two floors of the plateau. What is the matter with it?",
}


def _recording() -> dict[str, Any]:
    """The stored film."""
    return json.loads(base.RECORDINGS["replay"].read_text(encoding="utf-8"))


class Replay(base.Widget):
    """The film of a training run, to scrub through, beside variants of it; `Replay.follow` films a run of your own.

    `recording` is like crnn_lib/assets/replay.json; empty, it is that film.
    """

    options = ("recording",)
    kind = traitlets.Unicode("replay").tag(sync=True)
    recording = fields.Dictionary()
    trainable = traitlets.Bool(False).tag(sync=True)
    running = traitlets.Bool(False).tag(sync=True)
    finished = traitlets.Bool(False).tag(sync=True)
    status = traitlets.Unicode("").tag(sync=True)
    _recordings = ("replay",)

    @staticmethod
    def follow(
        config: Config,
        data: LabelledImages,
        recipe: Recipe,
        samples: LabelledImages | None = None,
        *,
        what: str = "your run",
        floors: Sequence[float] = (),
    ) -> "Live":
        """A replay that trains as `training.fit` does, in the background, and grows while it does.

        `samples` are filmed, named by their labels (default: the first few of the validation part, or of the data
        where there is none); `floors`, (a) and (b) of chapter 7, are drawn as lines. `start`, `stop` and `run` do what
        the page's button does. Raises UserError for what cannot be trained or filmed.
        """
        return Live((config, data, recipe), samples, what, floors)

    def baked(self) -> str:
        """The film for a static page: its first run and the one beside it as a picture."""
        recording = self.recording or _recording()
        try:
            first = recording["runs"][0]
            chosen = [first["frames"][i] for i in _turning_points(first)]
            steps = ", ".join(f"{frame['texts'][0] or 'nothing'} at step {frame['step']}" for frame in chosen)
            alt = (
                f"Example: the class probabilities of {first['samples'][0]} in a training run, read as {steps}; below, "
                "the loss by training step."
            )
            return base.mount(self.kind, self._state(), _still(recording), alt)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UserError("the recording is damaged") from error


class Live(Background, Replay):
    """See `Replay.follow`. `start` and `stop` are the page's button; `fit` is the result when it has stopped."""

    def __init__(
        self,
        what: tuple[Config, LabelledImages, Recipe],
        samples: LabelledImages | None,
        name: str,
        floors: Sequence[float],
    ) -> None:
        self._prepare(*what)
        run = Run(CRNN(what[0]), *what[1:])  # what cannot be trained is refused here
        part = run.validation or run.train
        filmed = named(part.subset(range(min(EXAMPLES, len(part)))) if samples is None else samples, what[0])
        if not isinstance(name, str):
            raise UserError(f"what the run is called is text, not a {type(name).__name__}")
        facts = {"variant": "yours", "what": name, "floors": _floors(floors)}
        self._film = Film(filmed, pictures={label: picture_of(image) for label, image in filmed.items()}, **facts)
        super().__init__()
        self.trainable, self.status = True, "Nothing runs yet."
        self.observe(self._switched, "running")

    def _switched(self, change: dict[str, Any]) -> None:
        if threading.current_thread() is not self._thread:  # else it only tells
            self.start(fresh=self.finished) if change["new"] else self.stop(wait=False)

    def _show(self, running: bool) -> None:
        self.running = running

    def _tell(self, text: str) -> None:
        self.status = text

    def _train(self) -> None:
        self.finished, self.status = False, "Training."
        config, _, recipe = self._what
        torch.manual_seed(recipe.seed)
        run = Run(CRNN(config), *self._what[1:])
        if self.checkpoint.exists():
            run.restore(self.checkpoint)
        filmed = len(run.history) == recipe.epochs
        if not filmed:
            self._film.rewind(len(run.history) * -(-len(run.train) // recipe.batch_size))

        def should_stop() -> bool:
            if self._film.look(run):
                self.recording = {"symbols": config.alphabet, "runs": [self._film.recorded()]}
            return self._stopping.is_set()

        with suppress(KeyboardInterrupt):
            while len(run.history) < recipe.epochs and run.epoch(should_stop):
                run.save(self.checkpoint)
        finished = len(run.history) == recipe.epochs
        if finished and not filmed:
            should_stop()
        if run.best:
            run.model.load_state_dict(run.best)
        self.fit = Fit(run.model.eval(), run.history, finished)
        self.finished, self.status = finished, self._standing(len(run.history))


def _floors(floors: Sequence[float]) -> list[float]:
    """The floors as numbers. Raises UserError for anything else."""
    try:
        found = [float(floor) for floor in floors]
    except (TypeError, ValueError, OverflowError):
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise UserError("floors are numbers: the losses at which lines are drawn")
    return found


class Quiz(base.Widget):
    """An exercise that checks itself in the page: `Quiz("alignments")`, one of QUESTIONS. Nothing is sent anywhere."""

    options = ("name",)
    kind = traitlets.Unicode("quiz").tag(sync=True)
    name = fields.Choice("alignments", list(QUESTIONS))
    _recordings = ("replay",)

    def __init__(self, name: str = "alignments", **options: Any) -> None:
        super().__init__(name=name, **options)

    def baked(self) -> str:
        """The first question, for where no script runs."""
        state = html.escape(json.dumps(self._state()))
        text = html.escape(QUESTIONS[self.name])
        inside = f"<p><strong>Exercise.</strong> {text} (It is answered in the page, which needs JavaScript.)</p>"
        return f'<crnn-widget kind="quiz" state="{state}"><div class="crnn-baked">{inside}</div></crnn-widget>'


def _turning_points(run: dict[str, Any]) -> list[int]:
    """Frames that tell the story: the first, the first text, the first time half of the final readings, the last."""
    frames = run["frames"]
    half = frames[-1]["exact"] / 2
    text = next((i for i, frame in enumerate(frames) if frame["texts"][0]), 0)
    good = next((i for i, frame in enumerate(frames) if half and frame["exact"] >= half), 0)
    return sorted({0, text, good, len(frames) - 1})


def _legend(name: str) -> str:
    """`name` for a legend, which would set a formula between dollar signs and leave out what begins with `_`."""
    shown = plain(name, 60).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def _still(recording: dict[str, Any]) -> np.ndarray:
    """The turning points of the first run above the loss of the first two, RGB (h, w, 3)."""
    runs = recording["runs"][:2]
    frames, _, steps, classes = runs[0]["shape"]
    film = np.frombuffer(base64.b64decode(runs[0]["posteriors"]), np.uint8).reshape(frames, -1, steps, classes)
    figure = Figure(figsize=(figures.WIDTH, 4.6), dpi=110, facecolor=figures.PAPER, layout="constrained")
    points = _turning_points(runs[0])
    top, below = figure.subfigures(2, height_ratios=(1, 1.1))
    for axes, at in zip(top.subplots(1, len(points), squeeze=False)[0], points, strict=True):
        now = runs[0]["frames"][at]
        axes.imshow(np.roll(film[at, 0].T, -1, 0), cmap=figures.SEQUENTIAL, vmin=0, vmax=255, aspect="auto")
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(plain(f"step {now['step']}: {now['texts'][0] or '(nothing)'}", 40), parse_math=False)
    axes = below.subplots()
    for run, colour, style in zip(runs, (figures.BLUE, figures.ORANGE), ("-", "--"), strict=False):
        x, y = ([frame[key] for frame in run["frames"]] for key in ("step", "loss"))
        axes.plot(x, y, style, color=colour, label=_legend(run["what"]))
    for floor in runs[0]["floors"]:
        axes.axhline(floor, color=figures.INK, ls=":", lw=1)
    axes.set(xlabel="training step", ylabel="CTC loss", ylim=(0, 5))
    axes.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    axes.set_xlim(0)
    axes.legend(loc="lower left", frameon=False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
