"""How long training stays on the all-blank plateau when the output's biases do not start at the prior.

    python bench/plateau.py --captchas DIR [--seeds 0 1 2 3 4] [--epochs 16]

The recipe is the library's in everything else, on the training parts of the same splits as bench/protocol.py (where the
runs with the prior stand); each run is cut off after so many epochs of its full schedule. No test part is read. Writes
data/results/plateau.json.
"""

import argparse
import json
from pathlib import Path

import torch

from crnn_lib.data import load_folder, split
from crnn_lib.files import environment, write_text
from crnn_lib.model import CRNN
from crnn_lib.training import Recipe, Run, tune_process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captchas", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("data/results/plateau.json"))
    a = parser.parse_args()
    tune_process()
    data, runs = load_folder(a.captchas), []
    for seed in a.seeds:
        torch.manual_seed(seed)
        run = Run(CRNN(), data.subset(split(data.labels, 0.7, seed)[0]), Recipe(seed=seed, prior_bias=False))
        for _ in range(a.epochs):
            run.epoch(lambda: False)
        runs.append({"split_seed": seed, "history": run.history})
        print(seed, [round(record["train_loss"], 2) for record in run.history], flush=True)
    result = {"command": "python bench/plateau.py --captchas DIR", "environment": environment(), "runs": runs}
    write_text(a.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
