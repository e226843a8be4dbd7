"""One training run in several processes, on one machine or many, as torchrun starts them.

All processes hold the same weights. Each takes its share of every batch, so that together they see each image once an
epoch; images of mixed widths are shared out as neighbours in width. DistributedDataParallel (Li et al. 2020, arXiv
2006.15704) gives all of them the gradient of the joint batch, and all make the same step. The validation set is shared
out like a batch. Process 0 leads: it alone looks at the data, reads and writes files, and prints; the others get from
it what they train on. torchrun chooses the machine of process 0, perhaps another one after a restart. Each epoch's
record, also in the provenance of the weights, has the number of processes.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from crnn_lib import metrics
from crnn_lib.data import LabelledImages
from crnn_lib.errors import UserError
from crnn_lib.model import CRNN
from crnn_lib.reader import read
from crnn_lib.training import Batch, Recipe, Run

PATIENCE = timedelta(days=1)  # others wait while process 0 looks through a large set; one that dies is noticed at once


def several() -> bool:
    """Whether torchrun, or whatever else sets its variables, started more processes than this one."""
    return "LOCAL_RANK" in os.environ and int(os.environ.get("WORLD_SIZE", 1)) > 1


def own(device: str) -> str:
    """The device of this process: one GPU each, in the order of the processes on a machine."""
    if not several() or device == "cpu":
        return device
    if device != "cuda":
        raise UserError(f"several processes train on cpu, or on a GPU each: use --device cuda, not {device}")
    return f"cuda:{os.environ['LOCAL_RANK']}"


@contextmanager
def together(device: str) -> Iterator[bool]:
    """Meet the other processes; yields whether this one is the first, which may `fit`, while the others `assist`.

    Raises UserError when one of the others has died.
    """
    signal.signal(signal.SIGINT, _interrupted_once)
    on_gpu = device != "cpu"
    if on_gpu:
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=PATIENCE)
        yield dist.get_rank() == 0
        if dist.get_rank() == 0:
            _from_first(None)  # nothing more to train
        dist.destroy_process_group()
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        lost = "another process of this training run has ended, or cannot be reached"
        raise UserError(f"{lost}: the same command without --fresh continues from the last epoch") from error


def _interrupted_once(*_: Any) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal and torchrun both send it
    raise KeyboardInterrupt


def tell(line: str) -> None:
    """Print on stderr why this process ends; of several processes, the first to fail speaks for all."""
    if not several():
        print(line, file=sys.stderr)
    elif _is_first_to_tell():
        bar = "\n" * (os.environ["RANK"] != "0")  # the progress bar of process 0, which may stand in this line
        print(f"{bar}{line}", file=sys.stderr)


def _is_first_to_tell() -> bool:
    """Asks in the store that torchrun keeps. From then on SIGTERM waits, which it sends as soon as one has ended."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    try:
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = dist.TCPStore(address, port, timeout=timedelta(seconds=5), wait_for_workers=False)
        return store.add(f"crnn_lib/told/{attempt}", 1) == 1
    except (KeyError, ValueError, RuntimeError):  # no store: twice is better than never
        return True


def assist(device: str) -> None:
    """Take part in every training run that process 0 begins, until it has no more."""
    while what := _from_first():
        config, data, recipe = what
        for _ in SharedRun(CRNN(config), data, recipe, device):
            pass


def _from_first(thing: Any = None) -> Any:
    """What process 0 calls this with, in all processes, its tensors on the CPU."""
    box = [_on_cpu(thing)]
    dist.broadcast_object_list(box, device=torch.device("cpu"))
    return box[0]


def _on_cpu(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {key: _on_cpu(value) for key, value in thing.items()}
    return thing.cpu() if isinstance(thing, Tensor) else thing


class SharedRun(Run):
    """A run in several processes: each takes its share of every batch, and all make the same step.

    Process 0 makes one with all that a Run takes, and the others, which `assist`, the same without a checkpoint. The
    batch of the recipe is the joint one. BatchNorm normalises by the images of its own process, and its running
    statistics are averaged after each epoch. A run continues from its checkpoint with any number of processes, but ends
    with the same bits only with the same number. `stop` would end the run in one process alone: end all of them.
    """

    def __init__(self, model: CRNN, data: LabelledImages, recipe: Recipe, *more: Any) -> None:
        super().__init__(model, data, recipe, *more)
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        if recipe.batch_size < self.world:
            raise UserError(f"a batch of {recipe.batch_size} images is too small for {self.world} processes")
        if self.rank == 0:
            _from_first((model.config, data, recipe))
        self.network = DistributedDataParallel(self.model)
        self.network.broadcast_buffers = False  # at each step; at the start all get those of process 0
        self.network.register_comm_hook(None, self._weigh)
        self._settle()

    def _settle(self) -> None:
        """A backward pass for nothing, after the first of which DistributedDataParallel arranges gradients anew.

        That changes in which order three or more processes add up, and a run that continues would round differently.
        """
        config, self._shares = self.model.config, [0.0]
        self.model.eval()
        self.network(torch.zeros(1, 1, config.height, config.width, device=self.device))
        sum(parameter.sum() for parameter in self.model.parameters()).backward()
        self.optimizer.zero_grad()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """As `Run.__iter__`; all continue from where process 0 is."""
        state = _from_first(self.state() if self.history else None)
        if state and self.rank:
            self.load_state(state)
        return super().__iter__()

    def batches(self, generator: torch.Generator) -> list[list[int]]:
        """This process's images of each batch, every image once in all processes; none where there are too few.

        From there on each process draws numbers of its own.
        """
        joint = super().batches(generator)
        generator.manual_seed(int(torch.randint(2**40, (self.world,), generator=generator)[self.rank]))
        dealt = [batch[self.rank :: self.world] for batch in joint]
        self._shares = [len(own) / len(batch) for own, batch in zip(dealt, joint, strict=True)]
        return dealt

    def batch(
        self, indices: Sequence[int], generator: torch.Generator, images: Sequence[Tensor] | None = None
    ) -> Batch:
        """As `Run.batch`; without `indices` some image, for a step in which it counts for nothing."""
        return super().batch(indices or [0], generator, images)

    def _weigh(self, _: None, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
        """The mean gradient over the joint batch, of each process's mean over its own share, which may be uneven."""
        own = bucket.buffer().mul_(self._shares[self.steps % len(self._shares)])
        return dist.all_reduce(own, async_op=True).get_future().then(lambda done: done.value()[0])

    def _epoch(self) -> dict[str, Any] | None:
        record = super()._epoch()
        if record:
            record["processes"] = self.world
        return record

    def pooled(self, total: float) -> float:
        """Sum `total` over all processes; BatchNorm's running statistics become those of the mean process."""
        with torch.no_grad():
            for statistic in filter(Tensor.is_floating_point, self.model.buffers()):  # not the counters
                dist.all_reduce(statistic)
                statistic /= self.world
        joint = torch.tensor(total, dtype=torch.float64)
        dist.all_reduce(joint)
        return joint.item()

    def validate(self) -> dict[str, Any]:
        """The figures of the validation set, of which each process reads its share."""
        part = self.validation.subset(range(self.rank, len(self.validation), self.world))
        readings = read(self.model, part.images, labels=part.labels) if len(part) else None
        own = [(list(part.labels), readings.texts, readings.losses)] if readings else []
        everyone: list[Any] = [None] * self.world
        dist.all_gather_object(everyone, own)
        columns = zip(*(share for shares in everyone for share in shares), strict=True)
        return metrics.scores(*([row for share in column for row in share] for column in columns))
