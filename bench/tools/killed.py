"""What `kills.py` runs and kills: five commands in a house of their own, and how much of their work is kept."""

import csv
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from safetensors import SafetensorError, safe_open

from crnn_lib.tools import cli, fetch

ROOT = Path(__file__).resolve().parents[2]
IMAGES, EPOCHS, FOLDS = 60, 20, 3


@dataclass
class Command:
    """What is run in a folder of its own, `scene`, and how to look at what it has kept."""

    name: str
    arguments: list[str]
    output: str
    old: Path  # what is there before
    temporary: str  # a pattern for the files that it renames later
    writes: int  # how many of them at most
    kept: Callable[[Path], int] = lambda scene: 0
    told: Callable[[str], int] = lambda stderr: 0
    state: str = ""  # the file that it continues from; without it, what is there before needs --fresh


def make_house(home):
    """A copy of the project for the commands, whose manifest is that of generated images; (house, images, zip)."""
    house, images = home / "house", home / "images"
    shutil.copytree(ROOT / "crnn_lib", house / "crnn_lib")
    (house / "data").mkdir()
    assert cli.main(["data", "generate", "--out", str(images), "--count", str(IMAGES)]) == 0
    names = sorted(p.name for p in images.glob("*.png"))
    with open(house / "data" / "manifest.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label", "kind", "sha256"])
        rows.writerows([n, n[6:-4], "pixels", fetch.digest(n, (images / n).read_bytes())] for n in names)
    with zipfile.ZipFile(home / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(images / name, f"captcha_images_v2/{name}")
    (home / "part").mkdir()
    for name in names[: IMAGES // 3]:
        shutil.copy(images / name, home / "part")
    (home / "old.txt").write_text("an earlier output\n" * 1000)
    notebook = nbformat.read(ROOT / "book" / "04_map_to_sequence.ipynb", as_version=4)
    notebook.cells = notebook.cells[:14]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, home / "short.ipynb")
    return house


def commands(home, house, url):
    """The five, fetch in two ways."""
    library, data = [sys.executable, "-m", "crnn_lib"], ["--data", str(home / "images")]
    old, each, most = home / "old.txt", EPOCHS // 2, FOLDS * EPOCHS // 2
    train = [*library, "train", *data, "--epochs", str(EPOCHS), "--out", "reader"]
    crossval = [*library, "crossval", *data, "--epochs", str(each), "--folds", str(FOLDS), "--out", "table.csv"]
    weights, part = house / "crnn_lib" / "assets" / "weights" / "captcha.safetensors", home / "part"
    get = [*library, "data", "fetch", "--out", "set", "--from"]
    notebook = [sys.executable, str(ROOT / "bench" / "tools" / "execute.py"), "short.ipynb"]
    return [
        Command("fetch", [*get, str(home / "set.zip")], "set", part, ".set.part/*", IMAGES),
        Command("fetch", [*get, url], "set", part, ".set.part/*", IMAGES, lambda scene: size(scene / ".set.zip.part")),
        Command("train", train, "reader", weights, ".reader*.part", EPOCHS + 1, trained, told,
                "reader.checkpoint"),
        Command("crossval", crossval, "table.csv", old, ".table.csv*.part", most, folded, told_folds,
                "table.csv.state.json"),
        Command("export", [*library, "export", "--out", "x.onnx"], "x.onnx", old, ".x.onnx*.part", 1),
        Command("execute", notebook, "short.ipynb", home / "short.ipynb", ".short.ipynb*.part", 1),
    ]  # fmt: skip


def size(path):
    return path.stat().st_size if path.exists() else 0


def epochs(checkpoint):
    """How many epochs a checkpoint holds; -1 if it is damaged."""
    if not checkpoint.exists():
        return 0
    try:
        with safe_open(checkpoint, framework="pt") as file:
            return len(json.loads(file.metadata()["history"]))
    except (SafetensorError, KeyError, ValueError):
        return -1


def trained(scene):
    return epochs(scene / "reader.checkpoint")


def told(stderr):
    return max(map(int, re.findall(r"training:[^\r\n]*?\| (\d+)/", stderr)), default=0)


def folded(scene):
    """Epochs kept by cross-validation: those of its whole folds, and of the one in progress."""
    state = scene / "table.csv.state.json"
    done = len({row["fold"] for row in json.loads(state.read_text())["rows"]}) if state.exists() else 0
    return done * (EPOCHS // 2) + epochs(scene / f"table.csv.state.json.fold{done}.checkpoint")


def told_folds(stderr):
    ends = list(re.finditer(r"fold (\d+) of", stderr))
    if not ends:
        return told(stderr)
    return int(ends[-1][1]) * (EPOCHS // 2) + told(stderr[ends[-1].end() :])
