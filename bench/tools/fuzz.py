"""Thousands of damaged files, odd arguments and hostile messages: how many cases of each property, and what failed.

    python bench/tools/fuzz.py [--cases 2000] [--out data/results/fuzz.json]

Runs the tests of tests/test_fuzz*.py with new random cases and reads from Hypothesis's statistics what was tried; the
properties that train or draw take a tenth of the cases. Faults found earlier are tests of their own, in
tests/test_fuzz_found.py, which this runs and lists too. Ends with 1 when anything fails; nothing is written then.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, ROOT, options, record


def main() -> int:
    a = options(__doc__, cases=2000, out=RESULTS / "fuzz.json").parse_args()
    tests = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").glob("test_fuzz*.py"))]
    command = [sys.executable, "-m", "pytest", "-q", "-rp", "--hypothesis-show-statistics", *tests]
    variables = {**os.environ, "CASES": str(a.cases)}
    done = subprocess.run(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    found = told(done.stdout)
    for name, count in found["properties"].items():
        print(f"{count:>8}  {name}")
    if done.returncode or not found["properties"] or not all(found["properties"].values()):
        print(done.stdout[-20_000:], f"pytest ended with {done.returncode}", file=sys.stderr, sep="\n")
        return 1
    record(a.out, found, f"--cases {a.cases}", hypothesis=hypothesis.__version__)
    return 0


def told(output: str) -> dict[str, Any]:
    """What pytest's output says: the cases of each property that Hypothesis tried, and the tests of earlier faults."""
    properties, failing, name = {}, 0, ""
    for line in output.splitlines():
        if heading := re.fullmatch(r"\S*test_fuzz\w*\.py::(test_\w+):", line):
            name = heading[1]
        elif count := re.search(r"- (\d+) passing, (\d+) failing", line):
            properties[name] = properties.get(name, 0) + int(count[1]) + int(count[2])
            failing += int(count[2])
    mended = re.findall(r"^PASSED \S*test_fuzz_found\.py::(test_\w+)", output, re.MULTILINE)
    return {
        "cases": sum(properties.values()),
        "failing": failing,
        "properties": properties,
        "found_and_mended": list(dict.fromkeys(mended)),
    }


if __name__ == "__main__":
    sys.exit(main())
