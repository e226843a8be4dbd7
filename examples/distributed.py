"""Training in several processes, on one machine or many: each batch is shared out, the gradients are averaged.

    torchrun --standalone --nproc-per-node 2 examples/distributed.py --data DIR --out FILE
    torchrun --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-endpoint HOST:29500 examples/distributed.py ...

An example to start from, not a part of the library: model, data and loop are the library's, what a batch and a step are
is this file's. One process a GPU (nccl), or one a CPU core (gloo). All processes hold the same weights. Process `rank`
of `world` takes every world-th image of a batch; DistributedDataParallel averages the gradients, so that all make the
same step. Process 0 writes FILE.checkpoint after each epoch; the same command goes on from it, with any number of
processes.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from crnn_lib import checkpoints, metrics
from crnn_lib.alphabet import Alphabet
from crnn_lib.data import LabelledImages, load_folder, split
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError
from crnn_lib.files import environment
from crnn_lib.model import CRNN, Config
from crnn_lib.reader import save
from crnn_lib.training import Recipe, Run, tune_process


class Shared(Run):
    """A run in several processes: each takes its share of every batch, and all make the same step.

    On GPUs BatchNorm sees the joint batch. It cannot on CPUs, where each process keeps the averages of its own images,
    and the last step of an epoch gives all of them the mean.
    """

    def __init__(self, model: CRNN, data: LabelledImages, recipe: Recipe, device: str, checkpoint: Path | None) -> None:
        super().__init__(model, data, recipe, device, checkpoint=checkpoint)
        self.rank, self.world, on_gpu = dist.get_rank(), dist.get_world_size(), device.startswith("cuda")
        if on_gpu:
            nn.SyncBatchNorm.convert_sync_batchnorm(self.model)
        self.network = DistributedDataParallel(self.model, [device] if on_gpu else None, forward_sync_buffers=False)

    def batch(self, indices: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """This process's images of a batch; where there are too few for everyone, one that counts for nothing."""
        own = indices[self.rank :: self.world]
        self.share = len(own) / len(indices)
        seed = torch.randint(2**40, (), generator=generator).item() + self.rank  # of augmentation
        return super().batch(own if len(own) else indices[:1], torch.Generator().manual_seed(seed))

    def gradients(self, images: Tensor, targets: Tensor, lengths: Tensor) -> float:
        """Leave in every process the gradient of the joint batch's mean loss; return that loss.

        The batch may not divide evenly. DistributedDataParallel divides the sum over processes by `world`, so each
        part is multiplied by `world` and weighed by its share of the batch.
        """
        log_probs = self.network(images.to(self.device))  # (N, 1, H, W) -> (N, T, K)
        steps = torch.full_like(lengths, log_probs.shape[1])
        part = nn.functional.ctc_loss(log_probs.transpose(0, 1), targets.to(self.device), steps, lengths) * self.share
        self.optimizer.zero_grad()
        (part * self.world).backward()  # the gradients are averaged meanwhile
        loss = part.detach()
        dist.all_reduce(loss)
        return loss.item()

    def step(self, images: Tensor, targets: Tensor, lengths: Tensor) -> float:
        """One update of the weights, the same in all processes; the joint batch's loss before it."""
        loss = self.gradients(images, targets, lengths)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.scheduler.step()
        if (self.steps + 1) % self.steps_per_epoch == 0:
            for statistic in filter(Tensor.is_floating_point, self.model.buffers()):  # not the counters
                dist.all_reduce(statistic)
                statistic /= self.world
        return loss


def train(config: Config, data: LabelledImages, recipe: Recipe, device: str, checkpoint: Path, fresh: bool) -> Run:
    """Train in all processes alike; process 0 writes the checkpoint after each epoch. `fresh` ignores an old one."""
    torch.manual_seed(recipe.seed)  # the same first weights everywhere
    first = dist.get_rank() == 0
    run = Shared(CRNN(config), data, recipe, device, checkpoint if first else None)
    if checkpoint.exists() and not fresh:
        run.load_state(checkpoints.read(checkpoint))
    for record in run:
        if first:
            print(json.dumps(record), file=sys.stderr, flush=True)
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="default: the embedded generated set")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--epochs", type=int, default=Recipe().epochs)
    parser.add_argument("--batch-size", type=int, default=16, help="images in a joint batch, of all processes together")
    parser.add_argument("--fresh", action="store_true", help="start anew, whatever FILE.checkpoint holds")
    a = parser.parse_args()
    on_gpu = torch.cuda.is_available()
    device = f"cuda:{os.environ['LOCAL_RANK']}" if on_gpu else "cpu"
    if on_gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    tune_process()
    rank, world = dist.get_rank(), dist.get_world_size()
    print(f"process {rank} of {world} on {device}, pid {os.getpid()}", file=sys.stderr, flush=True)
    if a.batch_size < world:
        raise UserError(f"a batch of {a.batch_size} leaves some of {world} processes without an image")

    data = load_folder(a.data) if a.data else captchas.dataset()
    kept, held_out = split(data.labels, 0.7, seed=0)  # the same in every process: a split depends on its seed alone
    recipe = replace(Recipe(), epochs=a.epochs, batch_size=a.batch_size, validation_fraction=0)
    config = Config(alphabet=Alphabet.of(data.labels).symbols)
    checkpoint = a.out.with_name(a.out.name + ".checkpoint")
    run = train(config, data.subset(kept), recipe, device, checkpoint, a.fresh)
    if rank == 0:
        provenance = {
            "data": data.fingerprint(), "images": len(data), "train_images": len(kept), "split_seed": 0,
            "train_fraction": 0.7, "recipe": asdict(recipe), "config": asdict(config), "environment": environment(),
            "device": device, "processes": world, "history": run.history,
        }  # fmt: skip
        save(run.model, a.out, provenance)
        checkpoint.unlink(missing_ok=True)
        test = data.subset(held_out)
        print(json.dumps(metrics.evaluate(run.model, test.images, test.labels)[0]))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
