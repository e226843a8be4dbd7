"""Films a training run, dense at the start: what the book's training replay plays.

    python bench/training/replay.py [--epochs 16] [--variants ours no-prior ...]

Chapter 8's data and recipe, and variants with one thing changed each; crnn_lib.widgets.replay.film.Film says what a
frame holds. With each run stand the two floors of its plateau: the lowest loss on the training labels of an output that
ignores the image and is the same at every step, and of one that ignores the image alone.
Writes crnn_lib/assets/replay.json, at most 300 kB.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import command, options
from bench.training.symptoms import generated, without_batchnorm
from crnn_lib import assets
from crnn_lib.alphabet import BLANK, Alphabet
from crnn_lib.files import environment, write_text
from crnn_lib.images import load_grey, resize, standardise
from crnn_lib.model import Config
from crnn_lib.training import Recipe, Run, begin, tune_process
from crnn_lib.widgets.replay.film import Film

COUNT, LARGEST = 500, 300_000
SAMPLES = {"ours": ("55dne", "mw4pg", "c3f8n")}  # of the sample images; the variants show the first alone
SHORT = Config(pools=((2, 2), (2, 2), (1, 1), (2, 3), (2, 1)))  # T = 10
VARIANTS = {
    "ours": "the book's recipe",
    "no-prior": "output not started at the prior",
    "no-standardisation": "grey levels from 0 to 1, not standardised",
    "no-batchnorm": "no BatchNorm on the columns",
    "short": "pooled to T = 10 time steps",
    "sgd": "SGD with momentum 0.9 instead of AdamW",
}


def floor(labels: list[str], alphabet: Alphabet, steps: int, varying: bool) -> float:
    """The lowest mean CTC loss on `labels` of probabilities that ignore the image, constant or `varying` in time."""
    logits = torch.zeros(steps if varying else 1, 1, len(alphabet), requires_grad=True)
    with torch.no_grad():
        logits[..., BLANK] = 3  # near the prior
        if varying:  # there are many valleys: letters get a head start in as many columns, well apart
            letters = len(labels[0])
            logits[[int((i + 0.5) * steps / letters) for i in range(letters)], :, BLANK] = -3
    targets = [torch.tensor(alphabet.encode(label)) for label in labels]
    lengths = torch.tensor([len(target) for target in targets])
    optimizer = torch.optim.LBFGS([logits], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        log_probs = logits.log_softmax(-1).expand(steps, len(labels), -1)
        value = nn.functional.ctc_loss(log_probs, torch.cat(targets), torch.full_like(lengths, steps), lengths)
        value.backward()
        return value

    optimizer.step(loss)
    return round(loss().item(), 4)


def prepared(variant: str, recipe: Recipe) -> Run:
    """The run of a variant, before its first step."""
    data, recipe = generated(COUNT, variant != "no-standardisation"), replace(recipe, prior_bias=variant != "no-prior")
    run = begin(SHORT if variant == "short" else Config(), data, recipe)
    if variant == "no-batchnorm":
        without_batchnorm(run.model.normalise)
    if variant == "sgd":
        run.optimizer = torch.optim.SGD(run.model.parameters(), lr=recipe.learning_rate, momentum=0.9)
        run.scheduler = run._make_scheduler()
    return run


def sample(name: str, standardised: bool, config: Config) -> torch.Tensor:
    """A sample image as this run's network wants it, (1, H, W)."""
    grey = load_grey(assets.SAMPLES[name])
    if standardised:
        return standardise(grey, config.height, config.width)
    return torch.tensor(resize(grey, config.height, config.width))[None] / 255


def film(variant: str, recipe: Recipe) -> dict:
    """The frames of one variant's run."""
    run = prepared(variant, recipe)
    names = SAMPLES.get(variant, SAMPLES["ours"][:1])
    shown = {name: sample(name, variant != "no-standardisation", run.model.config) for name in names}
    steps = run.model.config.steps()
    floors = [floor(run.train.labels, run.model.alphabet, steps, varying) for varying in (False, True)]
    made = Film(shown, variant=variant, what=VARIANTS[variant], floors=floors)
    run.on_step = made.look
    for _ in run:
        pass
    made.look(run)
    return made.recorded()


def main() -> None:
    parser = options(__doc__, epochs=16, out=assets.RECORDINGS["replay"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    a = parser.parse_args()
    tune_process()
    recipe = Recipe(epochs=a.epochs, validation_fraction=0.15)
    runs = []
    for variant in a.variants:
        runs.append(film(variant, recipe))
        frames = runs[-1]["frames"]
        print(variant, runs[-1]["floors"], [f["loss"] for f in frames[::4]], frames[-1]["texts"], flush=True)
    result = {"command": command(), "environment": environment(), "epochs": a.epochs, "symbols": Config().alphabet}
    text = json.dumps(result | {"runs": runs})
    if len(text) > LARGEST:
        raise SystemExit(f"{len(text)} bytes are more than {LARGEST}: show fewer samples or frames")
    write_text(a.out, text + "\n")
    print(f"{len(text)} bytes")


if __name__ == "__main__":
    main()
