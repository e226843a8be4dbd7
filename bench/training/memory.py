"""The memory that a training takes, by the number of images in its shards.

    python bench/training/memory.py [--images 1000 10000 50000 200000] [--steps 40]

Each set is written as tar shards of 10,000 lines each, 32 pixels high and 256 to 512 wide: 500 pictures over and over,
each time with another label, which is a set like any other to the code that stores it. A process of its own opens the
set, takes so many steps of the default recipe, in batches of 16, and reads the whole validation part. Recorded are the
seconds that opening takes (every image is decoded once), the peak of the resident memory of the training process and of
its largest worker, most of which both share, and what the training process would take with no image at all (torch and
the library loaded). POSIX only. Writes data/results/memory.json.
"""

import argparse
import io
import json
import random
import sys
import tarfile
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

import numpy as np
from PIL import Image

from bench.common import RESULTS, again, options, peak_megabytes, record
from crnn_lib import metrics
from crnn_lib.data import load_folder
from crnn_lib.drawing import captchas
from crnn_lib.files import write_text
from crnn_lib.model import Config
from crnn_lib.stored import StoredImages, workers
from crnn_lib.training import Recipe, Run, begin, tune_process

PICTURES, A_SHARD = 500, 10_000


def lines(count: int) -> list[tuple[bytes, str]]:
    """PNG files of lines, generated CAPTCHAs side by side, cut to random widths, and the text of what is left."""
    rng, (pictures, labels) = random.Random(0), captchas.generate(3 * count)
    made = []
    for i in range(0, 3 * count, 3):
        symbols = rng.randint(10, 15)
        line = np.concatenate(pictures[i : i + 3], axis=1)[:, : round(50 * 8 * symbols / 10)]
        file = io.BytesIO()
        Image.fromarray(line).resize((line.shape[1] * 32 // 50, 32)).save(file, "PNG")
        made.append((file.getvalue(), "".join(labels[i : i + 3])[:symbols]))
    return made


def write_shards(folder: Path, count: int) -> int:
    """`count` images in tar shards; their bytes."""
    pictures, rng = lines(PICTURES), random.Random(0)
    for first in range(0, count, A_SHARD):
        with tarfile.open(folder / f"lines-{first // A_SHARD:03}.tar", "w") as shard:
            for i in range(first, min(first + A_SHARD, count)):
                content, text = pictures[i % PICTURES]
                label = "".join(rng.sample(text, len(text)))
                for name, held in ((f"{i:07}.png", content), (f"{i:07}.txt", label.encode())):
                    header = tarfile.TarInfo(name)
                    header.size = len(held)
                    shard.addfile(header, io.BytesIO(held))
    return sum(path.stat().st_size for path in folder.iterdir())


def measure(folder: Path, steps: int, out: Path) -> None:
    """Open the set, train for `steps`, read the validation part; what it took."""

    def count_down(run: Run) -> None:
        if run.steps == steps:
            run.stop()

    tune_process()
    result = {"megabytes_loaded": peak_megabytes()}
    started = time.monotonic()
    data = load_folder(folder)
    result |= {"seconds_to_open": round(time.monotonic() - started, 1), "megabytes_open": peak_megabytes()}
    config = Config(alphabet="".join(sorted(set("".join(data.labels)))))
    run = begin(config, data, Recipe(), on_step=count_down)
    stored = isinstance(data.images, StoredImages)
    del data
    assert not list(run), "the epoch is shorter than the steps"
    result |= {"megabytes_trained": peak_megabytes()}
    metrics.evaluate(run.model, run.validation.images, run.validation.labels)
    result |= {"validated": len(run.validation), "decoded_as_needed": stored}
    result |= {"megabytes": peak_megabytes(), "megabytes_largest_worker": peak_megabytes(children=True)}
    write_text(out, json.dumps(result))


def main() -> None:
    parser = options(__doc__, images=[1000, 10_000, 50_000, 200_000], steps=40, out=RESULTS / "memory.json")
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only-out", type=Path, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.only:
        measure(a.only, a.steps, a.only_out)
        return
    runs = []
    for count in a.images:
        with tempfile.TemporaryDirectory() as place:
            (folder := Path(place, "shards")).mkdir()
            size = write_shards(folder, count)
            again("--only", str(folder), "--only-out", str(out := Path(place, "result.json")))
            runs.append({"images": count, "megabytes_of_shards": round(size / 2**20)} | json.loads(out.read_text()))
        print(runs[-1], flush=True)
    record(a.out, {"steps": a.steps, "batch": Recipe().batch_size, "workers": workers(), "runs": runs})


if __name__ == "__main__":
    main()
