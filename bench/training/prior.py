"""What holds a run on the plateau of blanks if the output does not start at the prior: its weights, or Adam's means?

    python bench/training/prior.py [--seeds 0 1 2] [--epochs 8]

Chapter 8's data and recipe, without the prior. After 40 steps, when the loss has fallen to the plateau, the weights or
the two running means of Adam are replaced by those of a run that starts at the prior (fresh weights with the prior as
biases; no means); the order of the images and the schedule continue. One more variant changes nothing but beta2. A run
that starts at the prior itself, which has both, is in symptoms.json.
Each run is cut off after so many epochs. For each: the training loss and the validation images read exactly after each
epoch and, 20 steps after the exchange, the mean length of Adam's step in learning rates. Writes data/results/prior.json
after each run, and keeps the runs that are in it already.
"""

import copy
import json
import sys
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from crnn_lib.drawing import captchas
from crnn_lib.files import cpu_seconds
from crnn_lib.model import CRNN
from crnn_lib.training import Recipe, Run, start_at_prior, tune_process

EXCHANGE, AFTER = 40, 20  # steps
VARIANTS = {  # name -> (new weights, new means, beta2)
    "nothing": (False, False, 0.999),
    "weights": (True, False, 0.999),
    "means": (False, True, 0.999),
    "beta2 from the start": (False, False, 0.99),
}


def step_length(optimizer: torch.optim.Optimizer) -> float:
    """The mean over all weights of |m| / sqrt(v), both corrected: how far Adam moves a weight, in learning rates."""
    lengths = []
    for group in optimizer.param_groups:
        for p in group["params"]:
            state = optimizer.state[p]
            first, second = (1 - beta ** state["step"] for beta in group["betas"])  # beta1 cycles: nearly corrected
            lengths.append((state["exp_avg"] / first).abs() / ((state["exp_avg_sq"] / second).sqrt() + group["eps"]))
    return torch.cat([length.flatten() for length in lengths]).mean().item()


class Exchanged(Run):
    """A run that is interfered with before the step EXCHANGE, and measured AFTER steps later."""

    def interfere(self, weights: bool, means: bool, beta2: float) -> None:
        self.fresh, self.new = copy.deepcopy(self.model.state_dict()), (weights, means)
        for group in self.optimizer.param_groups:
            group["betas"] = (group["betas"][0], beta2)

    def step(self, *batch: torch.Tensor) -> float:
        if self.steps == EXCHANGE:
            weights, means = self.new
            if weights:
                self.model.load_state_dict(self.fresh)
                start_at_prior(self.model, self.train.labels)
            if means:
                self.optimizer.state.clear()
        loss = super().step(*batch)
        if self.steps == EXCHANGE + AFTER:
            self.length = step_length(self.optimizer)
        return loss


def main() -> None:
    a = options(__doc__, seeds=[0, 1, 2], epochs=8, count=500, out=RESULTS / "prior.json").parse_args()
    tune_process()
    data = captchas.dataset(a.count, seed=7)
    recipe = Recipe(epochs=24, validation_fraction=0.15, prior_bias=False)
    runs = json.loads(a.out.read_text(encoding="utf-8"))["runs"] if a.out.exists() else []
    for seed in a.seeds:
        for name, changes in VARIANTS.items():
            told, started = {"exchanged": name, "seed": seed}, cpu_seconds()
            if any(told.items() <= run.items() for run in runs):
                continue
            torch.manual_seed(seed)
            run = Exchanged(CRNN(), data, replace(recipe, seed=seed))
            run.interfere(*changes)
            history = list(islice(run, a.epochs))
            told |= {
                "train_loss": [round(epoch["train_loss"], 4) for epoch in history],
                "exact": [epoch["validation_exact"] for epoch in history],
                "images": len(run.validation),
                "step_length": round(run.length, 4),
                "cpu_seconds": round(cpu_seconds() - started, 1),
            }
            runs.append(told)
            print(*told.values(), flush=True)
            record(a.out, {"recipe": asdict(recipe), "exchanged_at": EXCHANGE, "measured_after": AFTER, "runs": runs},
                   indent=None)  # fmt: skip


if __name__ == "__main__":
    main()
