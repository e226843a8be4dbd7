"""What it costs to decode images as they are needed, and when processes that decode ahead pay.

    python bench/training/loading.py [--images 1500] [--steps 60] [--rounds 3]

The set is that of bench/training/memory.py: tar shards of lines, 32 pixels high and 256 to 512 wide. Told are images a
second opened (decoded, hashed, measured) and milliseconds a training step of 16 images of the default recipe takes, by
the clock, with the set in memory and with 0, 1, 2, ... processes that decode, up to one a core; and the CPU-seconds of
the training process alone. Medians of the rounds, in which all ways take turns. Writes data/results/loading.json.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from bench.training.memory import write_shards
from crnn_lib import data, stored
from crnn_lib.model import Config
from crnn_lib.training import Recipe, Run, begin, tune_process


def measure(folder: Path, images: int, steps: int, processes: int | None) -> dict[str, float]:
    """Open the set and train on it, in memory or, with a number of `processes`, as it is decoded."""
    if processes is None:
        data.IN_MEMORY = 10**10
    else:
        data.IN_MEMORY = -1
        stored.workers = lambda: processes
    times = []

    def clock(run: Run) -> None:
        times.append((time.perf_counter(), time.process_time()))
        if run.steps == steps:
            run.stop()

    started = time.perf_counter()
    lines = data.load_folder(folder)
    opened = time.perf_counter() - started
    config = Config(alphabet="".join(sorted(set("".join(lines.labels)))))
    list(begin(config, lines, Recipe(), on_step=clock))
    (clock_first, cpu_first), (clock_last, cpu_last) = times[steps // 3], times[-1]  # the first steps are slower
    taken = len(times) - 1 - steps // 3
    return {
        "opened_a_second": images / opened,
        "ms_a_step": 1000 * (clock_last - clock_first) / taken,
        "cpu_ms_a_step": 1000 * (cpu_last - cpu_first) / taken,
    }


def main() -> None:
    a = options(__doc__, images=1500, steps=60, rounds=3, out=RESULTS / "loading.json").parse_args()
    tune_process()
    cores = stored.workers() + 1
    ways = {"in memory": None} | {f"{n} process{'es' * (n != 1)}": n for n in range(cores + 1)}
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as place:
        write_shards(Path(place), a.images)
        for _ in range(a.rounds):
            for way, processes in ways.items():
                found[way].append(measure(Path(place), a.images, a.steps, processes))
    result = {
        way: {key: round(median(one[key] for one in rounds), 1) for key in rounds[0]} for way, rounds in found.items()
    }
    print(*result.items(), sep="\n")
    record(a.out, {"images": a.images, "steps": a.steps, "rounds": a.rounds, "cores": cores, "ways": result})


if __name__ == "__main__":
    main()
