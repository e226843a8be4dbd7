"""Does the working tree compute what version 1.0.0 computed, to the last bit? Kept until version 2.0.0.

    python bench/tools/guards.py [--crossval DIR]

Version 1 is checked out of git's history into a worktree of its own, and both do the same work on this machine, one
after the other: two epochs of training on the embedded set, straight and stopped after the first epoch; `predict` on
the sample images; the logits of every model on them, by onnxruntime. With --crossval, also the 5-fold readings of the
images in DIR, which take about 20 minutes. A line for each, and exit code 1 if any two differ. No digest is stored:
other processors round differently.
"""

import argparse
import hashlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSION_1 = "aa74857ece23794e503aad72f5a25a70f021e170"
SAMPLES = ROOT / "crnn_lib" / "assets" / "samples"
MODELS = {"captcha": ("captcha", "captcha")}  # name in version 1, and now


@contextmanager
def version_1():
    """The folder of version 1, checked out for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "version_1"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(place), VERSION_1], check=True)
        try:
            yield place
        finally:
            subprocess.run([*git, "remove", "--force", str(place)], check=True)


# --- what one version computes; all of this runs in a process that imports that version ---
def either(now: str, before: str):
    """The module as this version names it, or as version 1 did."""
    try:
        return importlib.import_module(now)
    except ModuleNotFoundError:
        return importlib.import_module(before)


def load(name: str):
    return either("crnn_lib.reader", "crnn_lib.model").load(model_file(name))


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "crnn_lib", *arguments]


def tensors(path: Path) -> str:
    """SHA-256 of a weights file's tensors, without what the file says about itself."""
    from safetensors.numpy import load_file

    parts = [(name.encode(), array.tobytes()) for name, array in sorted(load_file(path).items())]
    return digest(*sum(parts, ()))


def straight(folder: Path) -> str:
    out = folder / "straight.safetensors"
    subprocess.run(command("train", "--epochs", "2", "--out", str(out)), check=True, stdout=sys.stderr)
    return tensors(out)


def resumed(folder: Path) -> str:
    """The same after Ctrl-C in the second epoch."""
    out = folder / "resumed.safetensors"
    train = command("train", "--epochs", "2", "--out", str(out), "--resume")
    with subprocess.Popen(train, stdout=sys.stderr) as first:
        while not out.with_name(out.name + ".checkpoint").exists():
            time.sleep(0.02)
        first.send_signal(signal.SIGINT)
    if first.returncode != 130:
        raise SystemExit(f"the first epoch was to be interrupted: exit code {first.returncode}")
    subprocess.run(train, check=True, stdout=sys.stderr)
    return tensors(out)


def predicted() -> str:
    samples = [path.name for path in sorted(SAMPLES.glob("*.png"))]
    done = subprocess.run(command("predict", "--json", *samples), check=True, capture_output=True, cwd=SAMPLES)
    return digest(json.dumps(json.loads(done.stdout), sort_keys=True).encode())


def model_file(name: str) -> Path:
    import crnn_lib

    package = Path(crnn_lib.__file__).parent
    old, new = MODELS[name]
    places = [package / "assets/weights" / f"{new}.safetensors", package.parent / "data/weights" / f"{old}.safetensors"]
    return next(path for path in places if path.is_file())


def by_onnx(name: str, folder: Path) -> str:
    import onnxruntime

    from crnn_lib import images

    network = load(name)
    either("crnn_lib.tools.export", "crnn_lib.export").to_onnx(network, folder / "model.onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    size = getattr(network.config, "frame", (network.config.height, network.config.width))  # version 1 has no frame
    inputs = [images.load(path, *size)[None].numpy() for path in sorted(SAMPLES.glob("*.png"))]
    return digest(*(session.run(["logits"], {"image": image})[0].tobytes() for image in inputs))


def crossvalidated(captchas: str, folder: Path) -> str:
    out = folder / "crossval.csv"
    subprocess.run(command("crossval", "--data", captchas, "--out", str(out)), check=True, stdout=sys.stderr)
    return digest(out.read_bytes())


def probe(captchas: str | None) -> dict[str, str]:
    """Name -> SHA-256 of what the version on the path computes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {"predict": predicted()}
        found |= {f"logits of {model}, onnxruntime": by_onnx(model, folder) for model in MODELS}
        found |= {"two epochs, straight": straight(folder), "two epochs, resumed": resumed(folder)}
        if captchas:
            found["5-fold readings"] = crossvalidated(captchas, folder)
    return found


# --- both, side by side ---
def computed_by(root: Path, captchas: str | None) -> dict[str, str]:
    settings = {"PYTHONPATH": str(root), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, __file__, "--probe", *(["--crossval", captchas] if captchas else [])]
    done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, env=os.environ | settings)
    return json.loads(done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crossval", metavar="DIR", help="also compare the 5-fold readings of the real images in DIR")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    a = parser.parse_args()
    captchas = a.crossval and str(Path(a.crossval).resolve())
    if a.probe:
        print(json.dumps(probe(captchas)))
        return 0
    with version_1() as old:
        before = computed_by(old, captchas)
    now = computed_by(ROOT, captchas)
    for name in before:
        print(f"{'same     ' if before[name] == now[name] else 'DIFFERENT'}  {name}  {now[name][:16]}")
    return int(before != now)


if __name__ == "__main__":
    sys.exit(main())
