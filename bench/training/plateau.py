"""How long training stays on the all-blank plateau when the output's biases do not start at the prior.

    python bench/training/plateau.py --captchas DIR [--seeds 0 1 2 3 4] [--epochs 16]

The recipe is the library's in everything else, on the training parts of the same splits as bench/accuracy/protocol.py
(where the runs with the prior stand); each run is cut off after so many epochs of its full schedule. No test part is
read. Writes data/results/plateau.json.
"""

import sys
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, parts, record
from crnn_lib.data import load_folder
from crnn_lib.model import Config
from crnn_lib.training import Recipe, begin, tune_process


def main() -> None:
    a = options(__doc__, captchas=True, seeds=[0, 1, 2, 3, 4], epochs=16, out=RESULTS / "plateau.json").parse_args()
    tune_process()
    data, runs = load_folder(a.captchas), []
    for seed in a.seeds:
        run = begin(Config(), parts(data, seed)[0], Recipe(seed=seed, prior_bias=False))
        runs.append({"split_seed": seed, "history": list(islice(run, a.epochs))})
        print(seed, [round(epoch["train_loss"], 2) for epoch in run.history], flush=True)
    record(a.out, {"runs": runs}, "--captchas DIR")


if __name__ == "__main__":
    main()
