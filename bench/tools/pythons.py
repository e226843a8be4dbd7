"""The same results on every Python: images generated, a training, its evaluation, readings, compared to the last digit.

    python bench/tools/pythons.py PYTHON [PYTHON ...] [--captchas DIR]

Each PYTHON is that of an environment of its own with the project's requirements:

    python3.12 -m venv runs/python3.12
    runs/python3.12/bin/pip install -r requirements.txt -c constraints.txt

Each runs the same commands on one thread; with --captchas, the committed reader also reads its test part of the real
images. Of what they print, names of files and times are left out. Writes data/results/pythons.json.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, ROOT, options, record
from crnn_lib import assets

PLACES = ("weights", "cpu_seconds")  # where a file lies, and how long it took
TELL = "import json; from crnn_lib.files import environment; print(json.dumps(environment()))"


def run(python: str, *arguments: str, folder: str) -> str:
    """What `python` prints with the library on its path, in `folder`."""
    settings = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    settings.pop("CRNN_CAPTCHA_DIR", None)
    done = subprocess.run([python, *arguments], cwd=folder, env=settings, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def results_of(python: str, captchas: Path | None) -> dict:
    """By name: every figure that a command prints, exactly; and the digest of what one writes."""

    def told(*arguments: str) -> dict:
        printed = json.loads(run(python, "-m", "crnn_lib", *arguments, "--json", folder=folder))
        return {key: value for key, value in printed.items() if key not in PLACES}

    with tempfile.TemporaryDirectory() as folder:
        run(python, "-m", "crnn_lib", "data", "generate", "--out", "set", "--count", "200", folder=folder)
        files = sorted(Path(folder, "set").iterdir())
        content = b"".join(path.name.encode() + path.read_bytes() for path in files)
        samples = list(map(str, assets.SAMPLES.values()))
        readings = told("predict", *samples)["predictions"]
        found = {
            "generated images": {"files": len(files), "sha256": hashlib.sha256(content).hexdigest()},
            "a training of two epochs": told("train", "--epochs", "2", "--out", "reader.safetensors"),
            "its evaluation": told("evaluate", "--weights", "reader.safetensors"),
            "the committed reader, generated images": told("evaluate"),
            "the committed reader, samples": {r["text"]: r["confidence"] for r in readings},
        }
        if captchas:
            found["the committed reader, its test part"] = told("evaluate", "--data", str(captchas.resolve()))
        return found


def main() -> None:
    parser = options(__doc__, captchas=False, out=RESULTS / "pythons.json")
    parser.add_argument("pythons", nargs="+", metavar="PYTHON")
    a = parser.parse_args()
    found, where = {}, {}
    for python in a.pythons:
        python = os.path.abspath(python)
        about = json.loads(run(python, "-c", TELL, folder=str(ROOT)))
        found[about["python"]], where[about["python"]] = results_of(python, a.captchas), about
        print(about, file=sys.stderr, flush=True)
    first = next(iter(found.values()))
    result = {
        "environments": where,
        "results": first,
        "same": {name: all(other[name] == first[name] for other in found.values()) for name in first},
        "differing": {
            version: {name: other[name] for name in first if other[name] != first[name]}
            for version, other in found.items()
            if other != first
        },
    }
    record(a.out, result, "PYTHON PYTHON ... --captchas DIR")
    for name, same in result["same"].items():
        print(f"{name:<44}{'the same' if same else 'not the same'} on {', '.join(found)}")


if __name__ == "__main__":
    main()
