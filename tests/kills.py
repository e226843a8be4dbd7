"""Kill -9 at random moments, then run again: nothing lost, nothing wrong? `make kills`.

    python tests/kills.py [--kills 60] [--seed 0] [--out data/results/kills.json]

Its name keeps it out of pytest's run, since it takes minutes. Each of fetch (from a zip, and from a slow server),
train, crossval, export and execute is run undisturbed first. Then it starts from the same earlier files, and its
process group is killed: two times of three at a moment of the undisturbed duration, all parts of which get their turn,
else up to 20 ms after a temporary file comes to sight. The same command follows, may be killed again, and at last runs
to its end.

After a kill something is *lost* if the earlier output is neither whole nor replaced by the whole new one, or if work
that the run had told of (an epoch, a fold) or kept before (a byte of the download) is not kept. The epoch, fold or
check in progress may be lost: it is done again. An end is *wrong* if any file in the folder is not that of the
undisturbed run, to the byte, so also if a temporary file stays. Seconds are the clock's. POSIX only.
"""

import argparse
import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
from safetensors import SafetensorError, safe_open
from test_fetch import Handler, Server, contents, zipped

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crnn_lib import cli, fetch  # noqa: E402
from crnn_lib.files import environment, write_text  # noqa: E402

IMAGES, EPOCHS, FOLDS = 60, 6, 3
SPEED = 100_000  # bytes a second that the slow server sends


@dataclass
class Command:
    """What is run in a folder of its own, `scene`, and how to look at what it has kept."""

    name: str
    arguments: list[str]
    output: str
    old: Path  # what stands there before
    temporary: str  # a pattern for the files that it renames later
    kept: Callable[[Path], int] = lambda scene: 0
    told: Callable[[str], int] = lambda stderr: 0


class SlowHandler(Handler):
    """Sends like a slow network, so that a kill finds half a download."""

    def setup(self):
        super().setup()
        send = self.wfile.write

        def slowly(body):
            for start in range(0, len(body), 8192):
                send(body[start : start + 8192])
                time.sleep(8192 / SPEED)

        self.wfile.write = slowly


def make_house(home):
    """A copy of the project for the commands, whose manifest is that of generated images; (house, images, zip)."""
    house, images = home / "house", home / "images"
    shutil.copytree(ROOT / "crnn_lib", house / "crnn_lib")
    for part in ("weights", "samples"):
        shutil.copytree(ROOT / "data" / part, house / "data" / part)
    (house / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "execute.py", house / "tests")
    assert cli.main(["data", "generate", "--out", str(images), "--count", str(IMAGES)]) == 0
    names = sorted(p.name for p in images.glob("*.png"))
    with open(house / "data" / "manifest.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label", "kind", "sha256"])
        rows.writerows([n, n[6:-4], "pixels", fetch.digest(n, (images / n).read_bytes())] for n in names)
    (home / "set.zip").write_bytes(zipped(images, names))
    (home / "part").mkdir()
    for name in names[: IMAGES // 3]:
        shutil.copy(images / name, home / "part")
    (home / "old.txt").write_text("an earlier output\n" * 1000)
    notebook = nbformat.read(ROOT / "book" / "03_map_to_sequence.ipynb", as_version=4)
    notebook.cells = notebook.cells[:14]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, home / "short.ipynb")
    return house


def commands(home, house, url):
    """The five, fetch in two ways."""
    library, data = [sys.executable, "-m", "crnn_lib"], ["--data", str(home / "images")]
    train = [*library, "train", *data, "--epochs", str(EPOCHS), "--resume", "--out", "reader"]
    crossval = [*library, "crossval", *data, "--epochs", str(EPOCHS // 2), "--folds", str(FOLDS), "--out", "table.csv"]
    weights, part = house / "data" / "weights" / "captcha.safetensors", home / "part"
    get = [*library, "data", "fetch", "--out", "set", "--from"]
    notebook = [sys.executable, str(house / "tests" / "execute.py"), "short.ipynb"]
    return [
        Command("fetch", [*get, str(home / "set.zip")], "set", part, ".set.part/*"),
        Command("fetch", [*get, url], "set", part, ".set.part/*", lambda scene: size(scene / ".set.zip.part")),
        Command("train", train, "reader", weights, ".reader*.part", lambda s: epochs(s / "reader.checkpoint"), told),
        Command("crossval", crossval, "table.csv", home / "old.txt", ".table.csv*.part", folded, told_folds),
        Command("export", [*library, "export", "--out", "x.onnx"], "x.onnx", home / "old.txt", ".x.onnx*.part"),
        Command("execute", notebook, "short.ipynb", home / "short.ipynb", ".short.ipynb*.part"),
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


def copy(source, target):
    shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)


def read(path):
    """The bytes of a file, or of each file in a folder; None if there is nothing."""
    return contents(path) if path.is_dir() else path.read_bytes() if path.exists() else None


def everything(scene):
    return {str(p.relative_to(scene)): p.read_bytes() for p in scene.rglob("*") if p.is_file()}


class Torture:
    """One command, killed again and again."""

    def __init__(self, command, folder, house, server, rng):
        self.command, self.scene, self.server, self.rng = command, folder / "scene", server, rng
        self.runs, self.log, self.mark = 0, folder / "stderr.txt", str(folder)
        self.environment = os.environ | {
            "PYTHONPATH": str(house), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "CRNN_KILLS": self.mark,
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "IPYTHONDIR": str(folder / "ipython"),
        }  # fmt: skip
        self.environment.pop("CRNN_CAPTCHA_DIR", None)
        self.reset()
        self.old = read(self.scene / command.output)
        started = time.monotonic()
        self.finish()
        self.duration, self.end = time.monotonic() - started, everything(self.scene)
        self.new = read(self.scene / command.output)
        assert self.new != self.old

    def about(self):
        source = "server" if "://" in self.command.arguments[-1] else "zip"
        return {"command": self.command.name} | ({"source": source} if self.command.name == "fetch" else {})

    def asked(self):
        """What this command has asked of the server."""
        return self.server.asked if self.about().get("source") == "server" else []

    def reset(self):
        shutil.rmtree(self.scene, ignore_errors=True)
        self.scene.mkdir(parents=True)
        copy(self.command.old, self.scene / self.command.output)

    def start(self):
        self.runs += 1
        with open(self.log, "wb") as log:
            return subprocess.Popen(
                self.command.arguments, cwd=self.scene, env=self.environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip

    def finish(self):
        if code := self.start().wait():
            raise SystemExit(f"{self.command.name} ended with {code}: {self.log.read_text()}")

    def seen(self):
        found = set()
        for path in self.scene.glob(self.command.temporary):
            try:
                found.add((path.name, path.stat().st_mtime_ns))
            except FileNotFoundError:
                continue
        return found

    def strike(self, fraction):
        """Start it and kill it at that fraction of its duration, or while it writes; the seconds that it lived."""
        before, wait, started = self.seen(), self.rng.random() * 0.02, time.monotonic()
        process = self.start()
        if fraction is None:
            while process.poll() is None and not self.seen() - before:
                time.sleep(0.002)
        try:
            process.wait(wait if fraction is None else fraction * self.duration)
            return None
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        lived = time.monotonic() - started
        while self.survivors():  # a notebook's kernel has a group of its own, and leaves when it misses its parent
            time.sleep(0.1)
            if time.monotonic() - started - lived > 60:
                raise SystemExit(f"{self.command.name}: a process outlives the kill by a minute")
        return lived

    def survivors(self):
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if path.parent.name != str(os.getpid()) and self.mark.encode() in path.read_bytes():
                    found.append(path.parent.name)
            except OSError:
                continue
        return found

    def found(self, kept_before, asked):
        """What a kill left behind."""
        output = read(self.scene / self.command.output)
        if output is None and self.command.name == "fetch":
            output = read(self.scene / ".set.old")  # between two renames; the next run sets it back
        state = "old" if output == self.old else "new" if output == self.new else "neither"
        kept, told = self.command.kept(self.scene), self.command.told(self.log.read_text("utf-8", "replace"))
        told = max(told, kept_before)
        begun_again = kept_before and asked and asked[0] != f"bytes={kept_before}-"
        lost = state == "neither" or kept < 0 or (state == "old" and kept < told) or bool(begun_again)
        parts = len(list(self.scene.glob(".*.part"))) + len(list(self.scene.glob(".*.lock")))
        return {"output": state, "told": told, "kept": kept, "temporary": parts, "lost": lost}

    def chain(self, plan):
        """Kill it one to six times as planned, then let it end; one record for each kill."""
        self.reset()
        records, kept, started = [], 0, time.monotonic()
        for _ in range(self.rng.randint(1, 6)):
            if not plan:
                break
            requests = len(self.asked())
            lived = self.strike(plan[0])
            if lived is None:
                if not records:  # quicker than before: the machine has less to do
                    self.duration = time.monotonic() - started
                break
            fraction = plan.pop(0)
            aim = {"aim": "writing"} if fraction is None else {"aim": "moment", "fraction": round(fraction, 3)}
            found = self.found(kept, self.asked()[requests:])
            records.append({**self.about(), **aim, "seconds": round(lived, 2), **found})
            kept = found["kept"]
        self.finish()
        wrong = sorted({name for name, _ in everything(self.scene).items() ^ self.end.items()})
        return [record | {"wrong": wrong} for record in records]

    def all(self, count):
        """One record for each of `count` kills."""
        records, plan = [], planned(count, self.rng)
        while plan:
            records += self.chain(plan)
            print(f"{self.command.name}: {len(records)} killed, {len(plan)} to go", file=sys.stderr)
        return records


def planned(count, rng):
    """`count` fractions, a third of them None for "while it writes", the others one in each equal part of (0, 1)."""
    moments = count - count // 3
    plan = [(i + rng.random()) / moments for i in range(moments)] + [None] * (count // 3)
    rng.shuffle(plan)
    return plan


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2, help="commands side by side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "results" / "kills.json")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(a.jobs) as pool:
        home = Path(folder)
        house = make_house(home)
        server = Server((home / "set.zip").read_bytes())
        server.RequestHandlerClass = SlowHandler
        threading.Thread(target=server.serve_forever, daemon=True).start()
        five = [
            Torture(command, home / f"{command.name}{i}", house, server, random.Random(a.seed + i))
            for i, command in enumerate(commands(home, house, server.url))
        ]
        share = -(-a.kills // 5)
        counts = [share // 2, share - share // 2] + [share] * 4  # fetch in its two ways
        kills = [kill for own in pool.map(Torture.all, five, counts) for kill in own]
    told = [one.about() | {"seconds": round(one.duration, 1), "runs": one.runs} for one in five]
    totals = {"kills": len(kills), "runs": sum(command["runs"] for command in told)}
    totals |= {key: sum(bool(kill[key]) for kill in kills) for key in ("lost", "wrong")}
    result = {"command": "python tests/kills.py", "environment": environment(), "seed": a.seed, "totals": totals}
    write_text(a.out, json.dumps(result | {"commands": told, "kills": kills}, indent=1) + "\n")
    print(json.dumps(totals))
    return 1 if totals["lost"] or totals["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
