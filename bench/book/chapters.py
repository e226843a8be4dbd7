"""How long each chapter takes from a fresh kernel, and with which versions.

    python bench/book/chapters.py [--repeats 3]

Every notebook is executed in memory, on one thread, without the real images; the median of the interleaved repeats
counts, the kernel's start and the imports included. Writes data/results/chapters.json, and the two tables that the
book's page shows: chapters.csv and versions.csv.
"""

import os
import re
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, ROOT, options, record
from bench.tools import execute
from crnn_lib.files import csv_text, environment, write_text


def seconds(path: Path) -> float:
    """The wall time of one run of the notebook at `path`."""
    started = time.perf_counter()
    execute.execute(path)
    return time.perf_counter() - started


def facts(path: Path) -> dict:
    """Title and size of the notebook at `path`."""
    notebook = nbformat.read(path, as_version=4)
    lengths = [len(cell.source.splitlines()) for cell in notebook.cells if cell.cell_type == "code"]
    return {
        "chapter": notebook.cells[0].source.splitlines()[0].removeprefix("# "),
        "code cells": len(lengths),
        "median lines": statistics.median_low(lengths),
        "longest cell": max(lengths),
        "kB": round(path.stat().st_size / 1000),
    }


def packages() -> dict[str, str]:
    """Name -> version of each direct dependency, as installed."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = [m[1] for line in lines if (m := re.match(r"([\w.-]+)==", line))]
    return {name: version(name) for name in names}


def main() -> None:
    a = options(__doc__, repeats=3, out=RESULTS).parse_args()
    os.environ.pop("CRNN_CAPTCHA_DIR", None)
    os.environ["OMP_NUM_THREADS"] = "1"
    paths = sorted((ROOT / "book").glob("*.ipynb"))
    runs: dict[str, list[float]] = {path.name: [] for path in paths}
    for _ in range(a.repeats):
        for path in paths:
            runs[path.name].append(round(seconds(path), 1))
            print(path.name, runs[path.name], flush=True)
    rows = [facts(path) | {"seconds": statistics.median(runs[path.name])} for path in paths]
    where, installed = environment(), packages()
    record(a.out / "chapters.json", {"runs": runs, "packages": installed})
    write_text(a.out / "chapters.csv", csv_text(rows))
    versions = [{"what": k, "version": v} for k, v in (where | installed).items()]
    write_text(a.out / "versions.csv", csv_text(list({row["what"]: row for row in versions}.values())))


if __name__ == "__main__":
    main()
