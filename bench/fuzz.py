"""Thousands of damaged files, odd arguments and hostile messages: how many cases of each property, and what failed.

    python bench/fuzz.py [--cases 2000] [--out data/results/fuzz.json]

Runs the tests of tests/test_fuzz*.py with new random cases and reads from Hypothesis's statistics what was tried. The
faults that earlier runs found are tests of their own (tests/test_fuzz_found.py), which this runs and lists too. Ends
with 1 when anything fails; nothing is written then.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import hypothesis

from crnn_lib.files import environment, write_text

ROOT = Path(__file__).resolve().parents[1]
FOUND = "test_fuzz_found"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "results" / "fuzz.json")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        tests = sorted(map(str, (ROOT / "tests").glob("test_fuzz*.py")))
        command = [sys.executable, "-m", "pytest", "-q", *tests, f"--junitxml={report}", "-o", "junit_family=xunit1"]
        variables = {**os.environ, "CASES": str(a.cases)}
        done = subprocess.run([*command, "--hypothesis-show-statistics"], cwd=ROOT, env=variables, check=False)
        suite = ET.parse(report).getroot().find("testsuite")
    properties = cases_of(suite)
    for name, count in properties.items():
        print(f"{count:>8}  {name}")
    if done.returncode or not properties or not all(properties.values()):
        return 1
    result = {
        "command": f"python bench/fuzz.py --cases {a.cases}",
        "environment": environment() | {"hypothesis": hypothesis.__version__},
        "cases": sum(properties.values()),
        "failing": 0,
        "properties": properties,
        "found_and_mended": [c.get("name") for c in suite.iter("testcase") if c.get("classname").endswith(FOUND)],
    }
    write_text(a.out, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return 0


def cases_of(suite: ET.Element) -> dict[str, int]:
    """By the name of each property, the cases that Hypothesis tried and found valid when it generated at random."""
    cases = {}
    for told in suite.iter("property"):
        name = told.get("name", "")
        if name.startswith("hypothesis-statistics-"):
            tried = re.findall(r"(\d+) passing, (\d+) failing", told.get("value", ""))
            cases[name.split("::")[-1]] = sum(int(passing) + int(failing) for passing, failing in tried)
    return cases


if __name__ == "__main__":
    sys.exit(main())
