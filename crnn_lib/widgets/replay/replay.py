"""The film of a training run, one's own included."""

import base64
import json
import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from crnn_lib import assets, images
from crnn_lib.data import LabelledImages
from crnn_lib.errors import UserError
from crnn_lib.model import Config
from crnn_lib.training import Recipe, Run, begin
from crnn_lib.widgets import fields, host
from crnn_lib.widgets.background import Background
from crnn_lib.widgets.picture import NEEDS_KERNEL, WITHOUT_KERNEL
from crnn_lib.widgets.replay.film import Film, named, picture_of

EXAMPLES = 3  # samples of one's own run that are filmed


def _recording() -> dict[str, Any]:
    """The stored film."""
    return json.loads(host.RECORDINGS["replay"].read_text(encoding="utf-8"))


class Replay(host.Widget):
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

        `samples` are filmed, named by their labels (default: the first few of the validation set, or of the data
        where there is none); `floors`, (a) and (b) of chapter 8, are drawn as lines. `start`, `stop` and `run` do what
        the page's button does. Raises UserError for what cannot be trained or filmed.
        """
        return Live((config, data, recipe), samples, what, floors)

    def baked(self) -> str:
        """The film's story for a static page: a sample and how it was read at the turning points of the first run."""
        recording = self.recording or _recording()
        try:
            first = recording["runs"][0]
            chosen = [first["frames"][i] for i in _turning_points(first)]
            steps = ", ".join(f"{frame['texts'][0] or 'nothing'} at step {frame['step']}" for frame in chosen)
            name = first["samples"][0]
            sentence = f"In a training run, the network reads {name} as {steps}. With JavaScript, the film is shown."
            return host.mount(self.kind, self._state(), sentence, _picture(first, name))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UserError("the recording is damaged") from error


class Live(Background, Replay):
    """See `Replay.follow`. `start` and `stop` are the page's button; `fit` is the result when it has stopped."""

    _css = Replay._css + WITHOUT_KERNEL

    def __init__(
        self,
        what: tuple[Config, LabelledImages, Recipe],
        samples: LabelledImages | None,
        name: str,
        floors: Sequence[float],
    ) -> None:
        self._prepare(*what)
        run = begin(*what)  # what cannot be trained is refused here
        part = run.validation or run.train
        filmed = named(part.subset(range(min(EXAMPLES, len(part)))) if samples is None else samples, what[0])
        if not isinstance(name, str):
            raise UserError(f"what the run is called is text, not a {type(name).__name__}")
        facts = {"variant": "yours", "what": name, "floors": _floors(floors)}
        self._film = Film(filmed, pictures={label: picture_of(image) for label, image in filmed.items()}, **facts)
        super().__init__()
        self.add_class(NEEDS_KERNEL)
        self.trainable, self.status = True, "Nothing runs yet."
        self.observe(self._switched, "running")

    def _switched(self, change: dict[str, Any]) -> None:
        if threading.current_thread() is not self._thread:  # else it only tells
            self.start(fresh=self.finished) if change["new"] else self.stop(wait=False)

    def _show(self, running: bool) -> None:
        self.running = running

    def _tell(self, text: str) -> None:
        self.status = text

    def _look(self, run: Run) -> None:
        if self._film.look(run):
            self.recording = {"symbols": run.model.config.alphabet, "runs": [self._film.recorded()]}

    def _before_step(self, run: Run) -> None:
        self._look(run)
        super()._before_step(run)

    def _began(self, run: Run) -> None:
        self.finished = False

    def _ended(self, run: Run) -> None:
        self.finished = len(run.history) == run.recipe.epochs
        if self.finished and run.steps > self._film.frames[-1]["step"]:
            self._look(run)


def _floors(floors: Sequence[float]) -> list[float]:
    """The floors as numbers. Raises UserError for anything else."""
    try:
        found = [float(floor) for floor in floors]
    except (TypeError, ValueError, OverflowError):
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise UserError("floors are numbers: the losses at which lines are drawn")
    return found


def _turning_points(run: dict[str, Any]) -> list[int]:
    """Frames that tell the story: the first, the first text, the first time half of the final readings, the last."""
    frames = run["frames"]
    half = frames[-1]["exact"] / 2
    text = next((i for i, frame in enumerate(frames) if frame["texts"][0]), 0)
    good = next((i for i, frame in enumerate(frames) if half and frame["exact"] >= half), 0)
    return sorted({0, text, good, len(frames) - 1})


def _picture(run: dict[str, Any], name: str) -> np.ndarray | None:
    """A sample's picture (h, w), where it is known: one's own is in the recording."""
    if name in run.get("pictures", {}):
        own = run["pictures"][name]
        return np.frombuffer(base64.b64decode(own["pixels"]), np.uint8).reshape(own["height"], own["width"])
    return images.load_grey(assets.SAMPLES[name]) if name in assets.SAMPLES else None
