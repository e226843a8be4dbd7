"""Kill -9 at random moments, then run again: nothing lost, nothing wrong? `make kills`.

    python bench/tools/kills.py [--kills 60] [--jobs 2] [--seed 0] [--out data/results/kills.json]

Each of fetch (from a zip, and from a slow server), train, crossval, export and execute is run undisturbed first, so
many (--jobs) side by side. Then it starts from the same earlier files, and its process group is killed: two times of
three at a moment of the undisturbed duration, all parts of which get their turn, else up to 20 ms after its first,
second, ... temporary file comes to sight. The same command follows, may be killed again, and at last runs to its end.
Training and cross-validation get --fresh until they have something to continue from, since they would not overwrite the
earlier file.

After a kill something is *lost* if the earlier output is neither whole nor replaced by the whole new one, or if work
that the run had told of (an epoch, a fold) or kept before (a byte of the download) is not kept. The epoch, fold or
check in progress may be lost: it is done again. An end is *wrong* if any file in the folder is not that of the
undisturbed run, to the byte, so also if a temporary file stays. Seconds are the clock's. POSIX only.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from bench.tools.killed import commands, make_house
from bench.tools.server import Server

SPEED = 25_000  # bytes a second that the slow server sends


def copy(source, target):
    shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)


def read(path):
    """The bytes of a file, or of each file in a folder; None if there is nothing."""
    return everything(path) if path.is_dir() else path.read_bytes() if path.exists() else None


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
        state = self.command.state
        fresh = state and not (self.scene / state).exists() and read(self.scene / self.command.output) == self.old
        arguments = [*self.command.arguments, *["--fresh"] * bool(fresh)]
        with open(self.log, "wb") as log:
            return subprocess.Popen(
                arguments, cwd=self.scene, env=self.environment, start_new_session=True,
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
        before, new, started = self.seen(), set(), time.monotonic()
        which, wait = self.rng.randint(1, self.command.writes), self.rng.random() * 0.02
        process = self.start()
        while fraction is None and process.poll() is None and len(new) < which:
            new |= {name for name, _ in self.seen() - before}
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
    a = options(__doc__, kills=60, jobs=2, seed=0, out=RESULTS / "kills.json").parse_args()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(a.jobs) as pool:
        home = Path(folder)
        house = make_house(home)
        server = Server((home / "set.zip").read_bytes(), SPEED)
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
    record(a.out, {"seed": a.seed, "totals": totals, "commands": told, "kills": kills})
    print(json.dumps(totals))
    return 1 if totals["lost"] or totals["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
