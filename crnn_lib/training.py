"""Training: a recipe, a run to iterate that can be stopped, killed and resumed, and its history as data."""

import copy
import ctypes
import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from crnn_lib import checkpoints, metrics
from crnn_lib.alphabet import BLANK
from crnn_lib.augment import Augmentation, augment
from crnn_lib.data import LabelledImages, split
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN, Config

OnStep = Callable[["Run"], object]
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
    validation_fraction: float = 0.1  # of the training part; 0 keeps the last epoch's weights
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
            raise UserError("the plateau schedule watches the validation loss: leave a validation part")


@dataclass
class Fit:
    """A training run: the model with the weights kept, one record an epoch, and whether it ran to its end."""

    model: CRNN
    history: list[dict[str, Any]]
    finished: bool


def start_at_prior(model: CRNN, labels: Sequence[str]) -> None:
    """Set the output's biases to the best answer that ignores the image: mostly blank, every symbol equally rare.

    Without it the loss starts far above the all-blank plateau, and some runs then stay on the plateau for dozens of
    epochs; with it training starts on the plateau, and has left it at every seed recorded in `data/results`.
    """
    share = sum(map(len, labels)) / (len(labels) * model.config.steps())  # of time steps that carry a symbol
    share = min(max(share, 0.01), 0.99)
    with torch.no_grad():
        model.classify.bias.fill_(math.log(share / (len(model.alphabet) - 1)))
        model.classify.bias[BLANK] = math.log(1 - share)


def _do_nothing(run: "Run") -> None:
    pass


class Run:
    """One training run: `for record in run` trains epoch after epoch and gives each one's record.

    Leave the loop, or call `stop`, to end it early; `on_step(run)` is called before each step. Order and augmentation
    of epoch e come from (seed, e) alone, so the state at the end of an epoch is complete: a run killed at any moment
    and resumed there ends bit for bit like one that was not, on the same machine. It is written to `checkpoint` then.
    Raises UserError for data that does not suit the model.
    """

    def __init__(
        self, model: CRNN, data: LabelledImages, recipe: Recipe, device: str = "cpu", on_step: OnStep = _do_nothing,
        checkpoint: str | Path | None = None,
    ) -> None:  # fmt: skip
        self.recipe, self.device, self.fingerprint = recipe, device, data.fingerprint()
        self.on_step, self.checkpoint, self._stopping = on_step, checkpoint, False
        self.model = model.to(device).to(memory_format=torch.channels_last)  # about a quarter less time on a CPU
        size, expected = tuple(data.images.shape[2:]), (model.config.height, model.config.width)
        if size != expected:
            raise UserError(f"images of {size[0]} x {size[1]} pixels do not suit a model for {expected}: load them so")
        model.config.check_labels(data.labels)
        self.train, self.validation = data, None
        if recipe.validation_fraction:
            kept, held_out = split(data.labels, 1 - recipe.validation_fraction, recipe.seed)
            self.train, self.validation = data.subset(kept), data.subset(held_out)
        self.targets = [torch.tensor(model.alphabet.encode(label), dtype=torch.long) for label in self.train.labels]
        if recipe.prior_bias:
            start_at_prior(model, self.train.labels)
        decay = recipe.weight_decay if recipe.optimizer == "adamw" else 0.0
        self.optimizer = OPTIMIZERS[recipe.optimizer](
            model.parameters(), lr=recipe.learning_rate, weight_decay=decay, foreach=True
        )  # all parameters at once: the same numbers in half the time
        self.scheduler = self._make_scheduler()
        self.steps = 0  # taken so far
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Tensor] = {}

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

    def batch(self, indices: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Images (N, 1, H, W), all targets end to end, and the targets' lengths (N,)."""
        images = self.train.images[indices]
        if self.recipe.augmentation:
            images = augment(images, self.recipe.augmentation, generator)
        targets = [self.targets[i] for i in indices]
        return images, torch.cat(targets), torch.tensor([len(target) for target in targets])

    def step(self, images: Tensor, targets: Tensor, lengths: Tensor) -> float:
        """One update of the weights; the batch's CTC loss before it."""
        log_probs = self.model(images.to(self.device))
        if log_probs.device.type == "mps":  # has no CTC loss of its own
            log_probs = log_probs.cpu()
        steps = torch.full_like(lengths, log_probs.shape[1])
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

        Raises UserError for a run that was stopped inside an epoch: it goes on from a state only.
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
        number, started = len(self.history) + 1, time.process_time()
        generator = torch.Generator().manual_seed(self.recipe.seed * 100_003 + number)
        order = torch.randperm(len(self.train), generator=generator)
        rate = self.optimizer.param_groups[0]["lr"]
        total = 0.0
        self.model.train()
        for indices in order.split(self.recipe.batch_size):
            self.on_step(self)
            if self._stopping:
                return None
            total += self.step(*self.batch(indices, generator)) * len(indices)
            self.steps += 1
        spent = round(time.process_time() - started, 2)  # on training alone, without validation
        record = {"epoch": number, "learning_rate": rate, "train_loss": total / len(self.train), "cpu_seconds": spent}
        if self.validation:
            figures, _ = metrics.evaluate(self.model, self.validation.images, self.validation.labels)
            record |= {f"validation_{key}": figures[key] for key in ("ctc_loss", "exact", "images", "cer")}
        self._keep_best(record)
        self.history.append(record)
        if self.recipe.schedule == "plateau":
            self.scheduler.step(record["validation_ctc_loss"])
        return record

    def _keep_best(self, record: dict[str, Any]) -> None:
        """Keep these weights if the validation loss is the lowest so far (or there is nothing to choose by)."""
        losses = [r["validation_ctc_loss"] for r in self.history] if self.validation else []
        lowest = min(filter(math.isfinite, losses), default=math.inf)
        if not self.validation or record["validation_ctc_loss"] < lowest:
            self.best = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def identity(self) -> dict[str, Any]:
        """What must agree for a checkpoint to be this run's."""
        return json.loads(
            json.dumps({"recipe": asdict(self.recipe), "config": asdict(self.model.config), "data": self.fingerprint})
        )

    def state(self) -> dict[str, Any]:
        """A copy of all that decides how the run goes on: what `checkpoints.write` keeps.

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
            raise UserError("it belongs to a run with another recipe, model or data")
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
        """Bring the learning rate to where it stood after `history` and so many steps."""
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
    on_step: OnStep = _do_nothing,
) -> Run:  # fmt: skip
    """A run of a new CRNN of `config` on `data`, or, where `checkpoint` holds the state of that run, its continuation.

    Raises UserError for a checkpoint that is damaged or of another run.
    """
    torch.manual_seed(recipe.seed)
    run = Run(CRNN(config), data, recipe, device, on_step, checkpoint)
    if checkpoint and Path(checkpoint).exists():
        try:
            run.load_state(checkpoints.read(checkpoint))
        except UserError as error:
            cure = "delete it or use --fresh to start anew"
            raise UserError(f"cannot resume from {checkpoint}: {error}; {cure}") from error
    return run


def fit(
    config: Config, data: LabelledImages, recipe: Recipe, *, checkpoint: str | Path | None = None, device: str = "cpu"
) -> Fit:
    """Train a CRNN of `config` on `data`; keep the weights of the lowest validation loss.

    With `checkpoint`, the state is written there after each epoch, and a run that is already there goes on. Ctrl-C
    ends the run early, with the history so far. Progress goes to stderr. Raises UserError as `begin` and `Run.result`.
    """
    run = begin(config, data, recipe, checkpoint=checkpoint, device=device)
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
