"""Learning to see how a network learns: the film of a training run, one's own included, and exercises in the page."""

import base64
import html
import json
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from crnn_lib import figures, metrics
from crnn_lib.alphabet import BLANK
from crnn_lib.data import LabelledImages
from crnn_lib.errors import UserError, plain
from crnn_lib.model import CRNN, Config
from crnn_lib.training import Fit, Recipe, Run
from crnn_lib.widgets import base

FRAMES, EXAMPLES = 40, 3  # of a film: frames at most, and samples of one's own run
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


def moments(total: int) -> list[int]:
    """Up to FRAMES step numbers from 0 to `total`, growing: every step at first, few at the end."""
    return sorted({0, *np.geomspace(1, total, FRAMES - 1).round().astype(int).tolist()})


class Film:
    """A run's film: what the network reads before some of its steps, dense at the start.

    `samples`: names and standardised images (1, H, W) that are filmed; `facts`: what else the recording says of it.
    A frame holds the CTC loss, the share of blanks and the exact readings on the validation part (the training part
    where there is none), the norm of the last gradient as clipped, the samples' texts, and their class probabilities
    in bytes (probability * 255, rounded).
    """

    def __init__(self, samples: dict[str, Tensor], **facts: Any) -> None:
        self.samples, self.facts = samples, facts
        self.frames: list[dict[str, Any]] = []
        self.posteriors: list[np.ndarray] = []  # (n, T, K) uint8 for each frame
        self.step = self.watched = 0

    def look(self, run: Run) -> bool:
        """Called before each step and after the last; whether it took a frame."""
        steps = -(-len(run.train) // run.recipe.batch_size) * run.recipe.epochs
        wanted = self.step in moments(steps)
        if wanted:
            self._take(run)
        self.step += 1
        return wanted

    def _take(self, run: Run) -> None:
        part = run.validation or run.train
        found, readings = metrics.evaluate(run.model, part.images, part.labels)
        samples = metrics.read(run.model, torch.stack(list(self.samples.values())))
        gradients = [p.grad.norm() for p in run.model.parameters() if p.grad is not None]
        self.watched = len(part)
        self.frames.append(
            {
                "step": self.step,
                "loss": round(found["ctc_loss"], 4),
                "blank": round((readings.log_probs.argmax(-1) == BLANK).float().mean().item(), 4),
                "exact": found["exact"],
                "gradient": round(torch.stack(gradients).norm().item(), 4) if gradients else None,
                "texts": samples.texts,
            }
        )
        self.posteriors.append(np.round(samples.log_probs.exp().numpy() * 255).astype(np.uint8))

    def rewind(self, step: int) -> None:
        """Back to before `step`: a run that was stopped within an epoch goes on from that epoch's start."""
        self.step = step
        kept = sum(frame["step"] < step for frame in self.frames)
        del self.frames[kept:], self.posteriors[kept:]

    def recorded(self) -> dict[str, Any]:
        """The run as data/results/replay.json holds it. Needs a frame at least."""
        film = np.stack(self.posteriors)  # (frames, n, T, K)
        return {
            **self.facts,
            "samples": list(self.samples),
            "shape": list(film.shape),
            "validation_images": self.watched,
            "frames": list(self.frames),
            "posteriors": base64.b64encode(film.tobytes()).decode("ascii"),
        }


def _picture(image: Tensor) -> dict[str, Any]:
    """A standardised image (1, H, W) as grey bytes, dark ink on white."""
    ink = (image[0] - image.min()) / (image.max() - image.min()).clamp(min=1e-6)
    pixels = (255 - 255 * ink).round().to(torch.uint8).contiguous().numpy()
    encoded = base64.b64encode(pixels.tobytes()).decode("ascii")
    return {"height": pixels.shape[0], "width": pixels.shape[1], "pixels": encoded}


class Replay(base.Widget):
    """The film of a training run, to scrub through, beside variants of it; `Replay.follow` films a run of your own.

    `recording` is like data/results/replay.json; empty, it is that film.
    """

    kind = traitlets.Unicode("replay").tag(sync=True)
    recording = traitlets.Dict().tag(sync=True)
    trainable = traitlets.Bool(False).tag(sync=True)
    running = traitlets.Bool(False).tag(sync=True)
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
        where there is none); `floors`, (a) and (b) of chapter 7, are drawn as lines.
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
            return base.mount(self.kind, {"recording": self.recording}, _still(recording), alt)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UserError("the recording is damaged") from error


class Live(Replay):
    """See `Replay.follow`. `start` and `stop` are the page's button; `fit` is the result when it has stopped."""

    def __init__(
        self,
        what: tuple[Config, LabelledImages, Recipe],
        samples: LabelledImages | None,
        name: str,
        floors: Sequence[float],
    ) -> None:
        self._what, self.fit = what, None
        self._folder = tempfile.TemporaryDirectory()  # goes when this goes
        self._thread, self._stopping = threading.Thread(), threading.Event()
        if samples is None:
            run = Run(CRNN(what[0]), *what[1:])
            samples = (run.validation or run.train).subset(range(min(EXAMPLES, len(run.validation or run.train))))
        named = dict(zip(samples.labels, samples.images, strict=True))
        facts = {"variant": "yours", "what": name, "floors": list(floors)}
        self._film = Film(named, pictures={label: _picture(image) for label, image in named.items()}, **facts)
        super().__init__(trainable=True, status="Nothing runs yet.")
        self.observe(self._switched, "running")

    def start(self) -> None:
        """Train in the background, unless that is under way; after a stop, on from the last whole epoch."""
        if not self._thread.is_alive():
            self._stopping.clear()
            self._thread = threading.Thread(target=self._guarded, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Let the training end before its next step, and wait for that."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _switched(self, change: dict[str, Any]) -> None:
        if threading.current_thread() is not self._thread:  # else it only tells
            self.start() if change["new"] else self._stopping.set()

    def _guarded(self) -> None:
        self.running, self.status = True, "Training."
        try:
            self._train()
        except Exception as error:  # of whatever kind: in a thread, nobody else would tell
            self.status = plain(f"{type(error).__name__}: {error}")
        finally:
            self.running = False

    def _train(self) -> None:
        config, _, recipe = self._what
        torch.manual_seed(recipe.seed)
        run, checkpoint = Run(CRNN(config), *self._what[1:]), Path(self._folder.name) / "run"
        if checkpoint.exists():
            run.restore(checkpoint)
        self._film.rewind(len(run.history) * -(-len(run.train) // recipe.batch_size))

        def should_stop() -> bool:
            if self._film.look(run):
                self.recording = {"symbols": config.alphabet, "runs": [self._film.recorded()]}
            return self._stopping.is_set()

        while len(run.history) < recipe.epochs and run.epoch(should_stop):
            run.save(checkpoint)
        finished = len(run.history) == recipe.epochs
        if finished:
            should_stop()
        if run.best:
            run.model.load_state_dict(run.best)
        self.fit = Fit(run.model.eval(), run.history, finished)
        self.status = "Finished." if finished else f"Stopped; Start goes on after epoch {len(run.history)}."


class Quiz(base.Widget):
    """An exercise that checks itself in the page: `Quiz("alignments")`, one of QUESTIONS. Nothing is sent anywhere."""

    kind = traitlets.Unicode("quiz").tag(sync=True)
    name = traitlets.Unicode("alignments").tag(sync=True)
    _recordings = ("replay",)

    def __init__(self, name: str = "alignments") -> None:
        if name not in QUESTIONS:
            raise UserError(f"there is no exercise {name!r}: choose one of {', '.join(QUESTIONS)}")
        super().__init__(name=name)

    def baked(self) -> str:
        """The first question, for where no script runs."""
        state = html.escape(json.dumps({"name": self.name}))
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
