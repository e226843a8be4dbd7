"""How far a BiLSTM remembers that starts with open forget gates: biases of 0, 1 and 3, on generated images.

    python bench/training/forget_bias.py [--seeds 0] [--epochs 10] [--biases 0 1 3]

Network and recipe are the library's, with fewer epochs; the seed decides the weights and the order. Only the forget
gates' bias differs before the first step. After the training, of images that it never saw: how many are read exactly,
the mean of the forget gates, and the share of the gradient of an output's margin that lies within so many columns of
it, as chapter 5 computes it. A killed run continues at the first training that is missing. Writes
data/results/forget_bias.json.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from crnn_lib import metrics
from crnn_lib.drawing import captchas
from crnn_lib.model import CRNN
from crnn_lib.training import Recipe, Run, tune_process

REACH = 9  # distances 0 .. 8


def build(bias: float, seed: int) -> CRNN:
    """The library's CRNN; `bias` is added to the initial bias of its forget gates, in both directions."""
    torch.manual_seed(seed)
    model = CRNN()
    hidden = model.config.hidden
    with torch.no_grad():
        for name in ("bias_ih_l0", "bias_ih_l0_reverse"):
            getattr(model.lstm, name)[hidden : 2 * hidden] += bias
    return model


def forget_gate(model: CRNN, x: torch.Tensor) -> float:
    """The mean of the forward direction's forget gates over features x (N, T, F)."""
    p = {name: v.detach() for name, v in model.lstm.named_parameters()}
    with torch.no_grad():
        h = model.lstm(x)[0][..., : model.config.hidden]
    before = torch.nn.functional.pad(h, (0, 0, 1, 0))[:, :-1]  # h before each step
    gates = x @ p["weight_ih_l0"].T + before @ p["weight_hh_l0"].T + p["bias_ih_l0"] + p["bias_hh_l0"]
    return gates.chunk(4, -1)[1].sigmoid().mean().item()


def within(model: CRNN, x: torch.Tensor) -> list[float]:
    """The share of a margin's gradient within 0, 1, 2, ... columns, averaged over the outputs."""
    x = x.clone().requires_grad_()
    top = model.classify(model.lstm(x)[0]).topk(2, -1).values  # (N, T, 2)
    margin, T = top[..., 0] - top[..., 1], x.shape[1]
    shares = torch.zeros(T, T)
    for t in range(T):
        (g,) = torch.autograd.grad(margin[:, t].sum(), x, retain_graph=True)
        shares[t] = g.norm(dim=-1).mean(0)  # (N, T, F) -> (T,)
    shares /= shares.sum(1, keepdim=True)
    distance = (torch.arange(T)[:, None] - torch.arange(T)).abs()
    return [round((shares * (distance <= k)).sum(1).mean().item(), 4) for k in range(REACH)]


def train(bias: float, recipe: Recipe) -> dict:
    """One training on 600 generated images, and what it made of the memory."""
    started = time.process_time()
    run = Run(build(bias, recipe.seed), captchas.dataset(600, seed=1), recipe)
    list(run)
    model = run.result().model.eval()
    test = captchas.dataset(300, seed=2)
    figures, _ = metrics.evaluate(model, test.images, test.labels)
    with torch.no_grad():
        features = model.stages(test.images[:60])["features"]
    return {
        "bias": bias,
        "seed": recipe.seed,
        "exact": figures["exact"],
        "images": figures["images"],
        "ctc_loss": round(figures["ctc_loss"], 4),
        "forget_gate": round(forget_gate(model, features), 4),
        "within": within(model, features),
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def main() -> None:
    a = options(__doc__, seeds=[0], epochs=10, biases=[0, 1, 3], out=RESULTS / "forget_bias.json").parse_args()
    tune_process()
    recipe = asdict(Recipe(epochs=a.epochs))
    runs = json.loads(a.out.read_text(encoding="utf-8"))["runs"] if a.out.exists() else []
    for seed in a.seeds:
        for bias in a.biases:
            if not any((run["bias"], run["seed"]) == (bias, seed) for run in runs):
                runs.append(train(bias, Recipe(epochs=a.epochs, seed=seed)))
                record(a.out, {"recipe": recipe, "runs": runs})
                print(runs[-1], flush=True)


if __name__ == "__main__":
    main()
