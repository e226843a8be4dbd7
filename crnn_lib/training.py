"""Training: a recipe, a run to iterate that can be stopped, killed and resumed, and its history as data."""

import copy
import ctypes
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from crnn_lib import checkpoints, metrics, padding
from crnn_lib.alphabet import BLANK
from crnn_lib.augment import Augmentation, augment
from crnn_lib.data import LabelledImages, split
from crnn_lib.errors import UserError
from crnn_lib.files import cpu_seconds
from crnn_lib.model import CRNN, Config
from crnn_lib.stored import fetch

OnStep = Callable[["Run"], object]
WINDOW = 64  # batches whose images are sorted by width together
OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}  # both bias-corrected (Kingma and Ba 2015)
SCHEDULES = {"onecycle": 3e-3, "plateau": 1e-3}  # and the peak or the first learning rate


@dataclass(frozen=True)
class Recipe:
    """Everything besides model and data that decides a training run. Raises UserError for an impossible value."""

    seed: int = 0
    epochs: int = 40
    batch_size: int = 16
    optimizer: str = "adamw"
    schedule: str = "onecycle"
    learning_rate: float | None = None  # default: the schedule's own
    warm_up: float = 0.1  # fraction of one-cycle before the peak
    weight_decay: float = 0.01  # decoupled, so of AdamW alone
    clip: float = 5.0  # largest norm of the gradient
    prior_bias: bool = True  # see start_at_prior
    validation_fraction: float = 0.1  # of the training set; 0 keeps the last epoch's weights
    augmentation: Augmentation | None = Augmentation()
    plateau_factor: float = 0.5
    plateau_patience: int = 8

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS or self.schedule not in SCHEDULES:
            raise UserError(f"choose an optimizer of {', '.join(OPTIMIZERS)}, a schedule of {', '.join(SCHEDULES)}")
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", SCHEDULES[self.schedule])
        if not all(isinstance(v, int) and v >= 1 for v in (self.epochs, self.batch_size)):
            raise UserError("epochs and batch size must be whole numbers of at least 1")
        if not all(0 < v < math.inf for v in (self.learning_rate, self.clip)):
            raise UserError("learning rate and clip must be above 0")
        if not (0 <= self.warm_up <= 1 and 0 < self.plateau_factor < 1):
            raise UserError("the warm-up must be in [0, 1], the plateau's factor in (0, 1)")
        if not (0 <= self.weight_decay < math.inf and self.plateau_patience >= 0):
            raise UserError("weight decay and patience must not be negative")
        if not 0 <= self.validation_fraction < 1:
            raise UserError(f"the validation fraction must be in [0, 1), not {self.validation_fraction}")
        if self.schedule == "plateau" and not self.validation_fraction:
            raise UserError("the plateau schedule watches the validation loss: leave a validation set")


Batch = tuple[Tensor, Tensor | None, Tensor, Tensor]  # see Run.batch


@dataclass
class Fit:
    """A training run: the model with the weights kept, one record per epoch, and whether it ran to its end."""

    model: CRNN
    history: list[dict[str, Any]]
    finished: bool


def start_at_prior(
    model: CRNN, labels: Sequence[str], widths: Sequence[int] | None = None, classes: Sequence[int] | None = None
) -> None:
    """Set the output's biases to the best answer that ignores the image: mostly blank, every symbol equally rare.

    Without it the loss starts far above the all-blank plateau, and some runs then stay on the plateau for dozens of
    epochs; with it training starts on the plateau, and has left it at every seed recorded in `data/results`. Of some
    `classes` only, the biases of the others stay as they are.
    """
    steps = sum(map(model.config.steps, widths)) if widths else len(labels) * model.config.steps()
    share = sum(map(len, labels)) / steps  # of time steps that carry a symbol
    share = min(max(share, 0.01), 0.99)
    prior = torch.full_like(model.classify.bias, math.log(share / (len(model.alphabet) - 1)))
    prior[BLANK] = math.log(1 - share)
    with torch.no_grad():
        chosen = slice(None) if classes is None else list(classes)
        model.classify.bias[chosen] = prior[chosen]


def carry_over(source: CRNN, model: CRNN) -> list[int]:
    """Give `model` the weights of `source`, and return the classes that it has none for.

    In the output layer each symbol that both alphabets know keeps its row, and so does the blank; the rows of new
    symbols stay as they were. Raises UserError, with nothing changed, for networks that differ in more than alphabet,
    width and stretch.
    """
    shapes = {
        key: [getattr(config, key) for config in (source.config, model.config)]
        for key in ("height", "channels", "pools", "features", "hidden")
    }  # fmt: skip
    other = [f"{key} {theirs} and not {ours}" for key, (theirs, ours) in shapes.items() if theirs != ours]
    if other:
        raise UserError(f"these weights are of a different shape: {', '.join(other)}")
    known = [symbol for symbol in model.alphabet.symbols if symbol in source.alphabet.symbols]
    rows = [[BLANK, *alphabet.encode(known)] for alphabet in (model.alphabet, source.alphabet)]
    weights = model.state_dict()
    for name, tensor in source.state_dict().items():
        if name.startswith("classify."):
            weights[name][rows[0]] = tensor[rows[1]].to(weights[name])
        else:
            weights[name].copy_(tensor)
    return sorted(set(range(len(model.alphabet))) - set(rows[0]))


def _do_nothing(run: "Run") -> None:
    pass


class Run:
    """One training run: `for record in run` trains epoch after epoch and gives each one's record.

    Leave the loop, or call `stop`, to end it early; `on_step(run)` is called before each step. Order and augmentation
    of epoch e come from (seed, e) alone, so the state at the end of an epoch is complete: a run killed at any moment
    and resumed there ends bit for bit like one that was not, on the same machine. It is written to `checkpoint` then.
    The weights start as the model's own, or as those that `carry_over` takes from `init`. Raises UserError for data
    that does not suit the model.
    """

    def __init__(
        self, model: CRNN, data: LabelledImages, recipe: Recipe, device: str = "cpu", on_step: OnStep = _do_nothing,
        checkpoint: str | Path | None = None, init: CRNN | None = None,
    ) -> None:  # fmt: skip
        self.recipe, self.device, self.fingerprint = recipe, device, data.fingerprint()
        self.on_step, self.checkpoint, self._stopping = on_step, checkpoint, False
        self.model = model.to(device).to(memory_format=torch.channels_last)  # about a quarter less time on a CPU
        self.network: nn.Module = self.model  # what a step computes with: the model, or what wraps it (processes.py)
        self._check(data)
        self.train, self.validation = data, None
        if recipe.validation_fraction:
            kept, held_out = split(data.labels, 1 - recipe.validation_fraction, recipe.seed)
            self.train, self.validation = data.subset(kept), data.subset(held_out)
        self.widths = self.train.widths
        self.origin = init.digest() if init else None
        new = carry_over(init, model) if init else None
        if recipe.prior_bias:
            start_at_prior(model, self.train.labels, self.widths, new)
        decay = recipe.weight_decay if recipe.optimizer == "adamw" else 0.0
        self.optimizer = OPTIMIZERS[recipe.optimizer](
            model.parameters(), lr=recipe.learning_rate, weight_decay=decay, foreach=True
        )  # all parameters at once: the same numbers in half the time
        self.scheduler = self._make_scheduler()
        self.steps = 0  # taken so far
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Tensor] = {}

    def _check(self, data: LabelledImages) -> None:
        config, widths = self.model.config, data.widths
        fixed = config.stretch is None
        for image in data.images[:1]:
            if image.shape[-2] != config.height or (fixed and set(widths) != {config.width}):
                wanted = f"{config.height} x {config.width if fixed else 'any'}"
                raise UserError(
                    f"images of {image.shape[-2]} x {widths[0]} pixels do not suit a model for {wanted}: load them so"
                )
        config.check_labels(data.labels, widths)

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.train) // self.recipe.batch_size)

    def _make_scheduler(self) -> Any:
        recipe = self.recipe
        if recipe.schedule == "plateau":
            return torch.optim.lr_scheduler.ReduceLROnPlateau(
                self.optimizer, factor=recipe.plateau_factor, patience=recipe.plateau_patience
            )
        total = max(2, recipe.epochs * self.steps_per_epoch)
        warm_up = min(max(recipe.warm_up, 1.5 / total), 1 - 0.5 / total)  # torch divides by zero nearer to the ends
        return torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.learning_rate, total_steps=total, pct_start=warm_up
        )

    def batches(self, generator: torch.Generator) -> list[list[int]]:
        """Which images each step of an epoch trains on: all of them, once, in random order.

        Where widths differ, a batch's images are neighbours in width among WINDOW batches' images, so that little is
        padded, and the batches of a window come in random order.
        """
        size = self.recipe.batch_size
        order = torch.randperm(len(self.train), generator=generator).tolist()
        if len(set(self.widths)) == 1:
            return [order[i : i + size] for i in range(0, len(order), size)]
        dealt = []
        for start in range(0, len(order), size * WINDOW):
            window = sorted(order[start : start + size * WINDOW], key=self.widths.__getitem__)
            groups = [window[i : i + size] for i in range(0, len(window), size)]
            dealt += [groups[i] for i in torch.randperm(len(groups), generator=generator).tolist()]
        return dealt

    def batch(
        self, indices: Sequence[int], generator: torch.Generator, images: Sequence[Tensor] | None = None
    ) -> Batch:
        """Images (N, 1, H, W) augmented, their own widths (N,) if mixed, targets end to end, their lengths (N,).

        `images` are those at `indices`, where they have been decoded already.
        """
        chosen = images or [self.train.images[i] for i in indices]
        if self.recipe.augmentation:
            alike = len({self.widths[i] for i in indices}) == 1
            parts = [torch.stack(chosen)] if alike else [image[None] for image in chosen]
            chosen = [image for part in parts for image in augment(part, self.recipe.augmentation, generator)]
        encode = self.model.alphabet.encode
        targets = [torch.tensor(encode(self.train.labels[i]), dtype=torch.long) for i in indices]
        return *padding.pad(chosen), torch.cat(targets), torch.tensor([len(target) for target in targets])

    def step(self, images: Tensor, widths: Tensor | None, targets: Tensor, lengths: Tensor) -> float:
        """One update of the weights; the batch's CTC loss before it. Takes what `batch` gives."""
        log_probs = self.network(images.to(self.device), None if widths is None else widths.to(self.device))
        if log_probs.device.type == "mps":  # has no CTC loss of its own
            log_probs = log_probs.cpu()
        across = [images.shape[-1]] * len(log_probs) if widths is None else widths.tolist()
        steps = torch.tensor([self.model.config.steps(width) for width in across])
        loss = nn.functional.ctc_loss(log_probs.transpose(0, 1), targets.to(log_probs.device), steps, lengths)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        if self.recipe.schedule == "onecycle":
            self.scheduler.step()
        return loss.item()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Train until the recipe's last epoch or a `stop`; after each epoch its record (its keys: checkpoints.RECORD).

        Raises UserError for a run that was stopped inside an epoch: it continues from a state only.
        """
        self._check_whole()
        self._stopping = False
        return self._epochs()

    def _check_whole(self) -> None:
        if self.steps != self.steps_per_epoch * len(self.history):
            raise UserError("this run was stopped inside an epoch: begin it again from its checkpoint, or load a state")

    def _epochs(self) -> Iterator[dict[str, Any]]:
        while len(self.history) < self.recipe.epochs:
            record = self._epoch()
            if record is None:
                return
            if self.checkpoint:
                checkpoints.write(self.checkpoint, self.state())
            yield record

    def stop(self) -> None:
        """End the loop before its next step, without a record of the epoch under way. From any thread."""
        self._stopping = True

    def _epoch(self) -> dict[str, Any] | None:
        """Train on every image once, then validate; the record of the epoch, or None when stopped inside."""
        number, started = len(self.history) + 1, cpu_seconds()
        generator = torch.Generator().manual_seed(self.recipe.seed * 100_003 + number)
        rate = self.optimizer.param_groups[0]["lr"]
        total = 0.0
        self.model.train()
        batches = self.batches(generator)
        for indices, images in zip(batches, fetch(self.train.images, batches), strict=True):
            self.on_step(self)
            if self._stopping:
                return None
            total += self.step(*self.batch(indices, generator, images)) * len(indices)
            self.steps += 1
        spent = round(cpu_seconds() - started, 2)  # on training alone, without validation
        total = self.pooled(total)
        record = {"epoch": number, "learning_rate": rate, "train_loss": total / len(self.train), "cpu_seconds": spent}
        if self.validation:
            figures = self.validate()
            record |= {f"validation_{key}": figures[key] for key in ("ctc_loss", "exact", "images", "cer")}
        self._keep_best(record)
        self.history.append(record)
        if self.recipe.schedule == "plateau":
            self.scheduler.step(record["validation_ctc_loss"])
        return record

    def pooled(self, total: float) -> float:
        """The sum of `total` over the processes that share a run, at the end of an epoch: here there is one."""
        return total

    def validate(self) -> dict[str, Any]:
        """The figures of the validation set (`metrics.scores`)."""
        return metrics.evaluate(self.model, self.validation.images, self.validation.labels)[0]

    def _keep_best(self, record: dict[str, Any]) -> None:
        """Keep these weights if the validation loss is the lowest so far (or there is nothing to choose by)."""
        losses = [r["validation_ctc_loss"] for r in self.history] if self.validation else []
        lowest = min(filter(math.isfinite, losses), default=math.inf)
        if not self.validation or record["validation_ctc_loss"] < lowest:
            self.best = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def identity(self) -> dict[str, Any]:
        """What must agree for a checkpoint to be this run's."""
        asked = {"recipe": asdict(self.recipe), "config": asdict(self.model.config), "data": self.fingerprint}
        return json.loads(json.dumps(asked | ({"init": self.origin} if self.origin else {})))

    def state(self) -> dict[str, Any]:
        """A copy of all that decides how the run continues: what `checkpoints.write` keeps.

        Raises UserError before the end of the first epoch, and for a run that was stopped inside an epoch.
        """
        self._check_whole()
        if not self.history:
            raise UserError("a run has a state after its first epoch")
        slots = self.optimizer.state_dict()["state"]  # by parameter: step, exp_avg, exp_avg_sq
        state = {"model": self.model.state_dict(), "best": self.best, "optimizer": slots}
        return copy.deepcopy({"identity": self.identity(), "history": self.history, **state})

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken. Raises UserError, with nothing changed, for one of another run or damaged."""
        if state["identity"] != self.identity():
            raise UserError("it belongs to a run with a different recipe, model or data")
        history, best = state["history"], state["best"]
        sound = checkpoints.is_history(history) and 1 <= len(history) <= self.recipe.epochs
        if not sound or any(("validation_ctc_loss" in record) != bool(self.validation) for record in history):
            raise UserError("its history is damaged")
        weights = self.model.state_dict()
        slots = [{"step": torch.tensor(0.0), "exp_avg": p, "exp_avg_sq": p} for p in self.model.parameters()]
        ours = {"model": weights, "best": weights if best else {}, "optimizer": dict(enumerate(slots))}
        if checkpoints.shapes(state) != checkpoints.shapes(ours):
            raise UserError("its tensors are not those of this run")
        if not all(tensor.isfinite().all() for tensor in best.values()):
            raise UserError("its best weights hold impossible numbers")
        steps = self.steps_per_epoch * len(history)
        if {float(slot["step"]) for slot in state["optimizer"].values()} != {steps}:
            raise UserError("the steps of its optimizer are impossible numbers")
        self.model.load_state_dict(state["model"])
        self.steps, self.history, self.best = steps, *copy.deepcopy((history, best))
        self._replay_schedule(steps)
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": copy.deepcopy(state["optimizer"])})

    def result(self) -> Fit:
        """A copy of the model with the weights kept, the history, and whether the run is at its end.

        Raises UserError for a finished run that has diverged.
        """
        finished = len(self.history) == self.recipe.epochs
        if finished and not self.best:
            raise UserError("training has diverged, no validation loss was finite: lower the learning rate")
        model = copy.deepcopy(self.model)
        if self.best:
            model.load_state_dict(self.best)
        return Fit(model.eval(), list(self.history), finished)

    def _replay_schedule(self, steps: int) -> None:
        """Set the learning rate to what it was after `history` and so many steps."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate
        self.scheduler = self._make_scheduler()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wants to see the optimizer step before the schedule does
            if self.recipe.schedule == "plateau":
                for record in self.history:
                    self.scheduler.step(record["validation_ctc_loss"])
            else:
                for _ in range(steps):
                    self.scheduler.step()


def begin(
    config: Config, data: LabelledImages, recipe: Recipe, *, checkpoint: str | Path | None = None, device: str = "cpu",
    on_step: OnStep = _do_nothing, kind: type[Run] = Run, init: CRNN | None = None,
) -> Run:  # fmt: skip
    """A run of a new CRNN of `config` on `data`, or, where `checkpoint` holds the state of that run, its continuation.

    With `init` it starts from the weights of that model, which may know another alphabet (`carry_over`). Of the `kind`
    `processes.SharedRun`, several processes share it. Raises UserError for a checkpoint that is damaged or of another
    run.
    """
    torch.manual_seed(recipe.seed)
    run = kind(CRNN(config), data, recipe, device, on_step, checkpoint, init)
    if checkpoint and Path(checkpoint).exists():
        try:
            run.load_state(checkpoints.read(checkpoint))
        except UserError as error:
            cure = "delete it or use --fresh to start anew"
            raise UserError(f"cannot resume from {checkpoint}: {error}; {cure}") from error
    return run


def fit(
    config: Config, data: LabelledImages, recipe: Recipe, *, checkpoint: str | Path | None = None, device: str = "cpu",
    kind: type[Run] = Run, init: CRNN | None = None,
) -> Fit:  # fmt: skip
    """Train a CRNN of `config` on `data`; keep the weights of the lowest validation loss.

    With `checkpoint`, the state is written there after each epoch, and a run that is already there continues. Ctrl-C
    ends the run early, with the history so far. Progress goes to stderr. Raises UserError as `begin` and `Run.result`.
    """
    run = begin(config, data, recipe, checkpoint=checkpoint, device=device, kind=kind, init=init)
    bar = tqdm(total=recipe.epochs, initial=len(run.history), desc="training", unit="epoch", file=sys.stderr)
    with suppress(KeyboardInterrupt), bar:
        for record in run:
            bar.update()
            bar.set_postfix({key: f"{record[key]:.4g}" for key in ("train_loss", "validation_cer") if key in record})
    return run.result()


def tune_process(threads: int = 1) -> None:
    """Settings that cost nothing and save CPU time; call once, before training, from a program of your own.

    One thread: the network is so small that a second one saves a third of the wait for a third more work, and the
    result then does not depend on the number of cores. glibc's malloc is told to keep its pages instead of giving
    them back after every step, which saves about a sixth; elsewhere than on glibc that part does nothing.
    """
    torch.set_num_threads(threads)
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**30)):  # MMAP_MAX, TRIM_THRESHOLD, TOP_PAD
            libc.mallopt(option, value)
