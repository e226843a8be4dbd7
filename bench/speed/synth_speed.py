"""How many images a second the generator draws on one core.

    python bench/speed/synth_speed.py [--count N] [--json]

CPU-seconds of this process, after 200 images that fill the cache of glyphs.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

import numpy as np

from bench.common import options
from crnn_lib.drawing import captchas
from crnn_lib.images import standardise


def main() -> None:
    parser = options(__doc__, count=2000)
    parser.add_argument("--json", action="store_true", help="one object on stdout instead of the table")
    a = parser.parse_args()
    seconds = {}

    def timed(name, action):
        started = time.process_time()
        result = action()
        seconds[name] = time.process_time() - started
        return result

    captchas.generate(200, seed=1)
    images, _ = timed("5 characters", lambda: captchas.generate(a.count))
    timed("1 to 8 characters", lambda: captchas.generate(a.count, lengths=(1, 8)))
    timed("standardising", lambda: [standardise(image.astype(np.float32)) for image in images])
    rows = {name: round(a.count / spent) for name, spent in seconds.items()}
    if a.json:
        print(json.dumps({"count": a.count, "images_per_second": rows, "numpy": np.__version__}))
        return
    print(f"{'step':<20}{'images/s':>10}{'ms/image':>10}")
    for name, rate in rows.items():
        print(f"{name:<20}{rate:>10}{1000 / rate:>10.2f}")


if __name__ == "__main__":
    main()
