"""Trains the model `text`, which reads a line of printed ASCII, in pieces that each start from the last one's weights.

    crnn data generate --kind lines --faces all --count 65000 --seed 1 --shards 5000 --out runs/lines-1
    python bench/training/text.py --piece 1 --data runs/lines-1 --out runs/text-1.safetensors
    crnn data generate --kind lines --faces all --count 130000 --seed 2 --shards 5000 --out runs/lines-2
    python bench/training/text.py --piece 2 --data runs/lines-2 --init runs/text-1.safetensors \
        --out runs/text-2.safetensors
    crnn data generate --kind lines --faces all --count 200000 --seed 3 --shards 5000 --out runs/lines-3
    python bench/training/text.py --piece 3 --data runs/lines-3 --init runs/text-2.safetensors \
        --out runs/text-3.safetensors
    crnn data generate --kind lines --faces all --count 200000 --seed 4 --shards 5000 --out runs/lines-4
    python bench/training/text.py --piece 4 --data runs/lines-4 --init runs/text-3.safetensors \
        --out runs/text-4.safetensors

The fonts are those of the wheels and of Debian's packages that `crnn_lib.drawing.faces.DEBIAN` names, without the
families that are held out. A line that is too long for the network, or too narrow for its label, is left out, and
counted. Writes the weights, and with them in their provenance how each piece was trained.
"""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.training import pieces
from crnn_lib.drawing.faces import PRINTABLE
from crnn_lib.model import Config
from crnn_lib.training import Recipe, Run

CONFIG = Config(
    PRINTABLE, width=768, channels=(16, 32, 64, 128, 160), pools=((2, 2), (2, 2), (1, 1), (2, 1), (2, 1)),
    features=224, hidden=160, stretch=2.0,
)  # 0.879 million parameters  # fmt: skip
ONCE = Recipe(epochs=1, validation_fraction=0.02, augmentation=None)
AGAIN = (pieces.MixedPrecision, replace(ONCE, learning_rate=2e-3))
PIECES = {1: (Run, ONCE), 2: AGAIN, 3: AGAIN, 4: AGAIN}

if __name__ == "__main__":
    pieces.train(pieces.arguments(__doc__).parse_args(), CONFIG, PIECES, "generated lines (crnn_lib.drawing.lines)")
