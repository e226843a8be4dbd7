"""Is this machine ready? One line a requirement: [ok], or [problem] and its cure: `python -m crnn_lib doctor`.

Only the standard library is imported at the top, so that the answer comes even where nothing else is installed.
"""

import importlib
import importlib.metadata
import math
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from crnn_lib import assets
from crnn_lib.tools import browser

PINS = assets.DATA.parent / "requirements.txt"  # of a checkout
PYTHONS = ((3, 11), (3, 14))  # the first and the last version that the pins were resolved for
# Where a package's module is not called like the package; a program alone has none.
MODULES = {"pillow": "PIL", "pytest-xdist": "xdist", "mini-racer": "py_mini_racer", "codespell": "codespell_lib"}
MODULES |= {"websocket-client": "websocket", "zizmor": ""}
NEEDED_BYTES = 1_000_000_000  # a build, a fetched set and a few trainings
INSTALL = "run `make install`, or `pip install` with the name and version"


class Check(NamedTuple):
    """One requirement: what was looked at and found; `cure` is empty when all is well."""

    found: str
    cure: str = ""


def run() -> int:
    """Check everything and print one line each; returns 0 when all is well, else 1."""
    checks = [python(), *packages(PINS), ctc(), writable(Path.cwd()), disk(Path.cwd()), models(), chromium()]
    for check in checks:
        print(f"[problem] {check.found}: {check.cure}" if check.cure else f"[ok] {check.found}")
    problems = sum(bool(check.cure) for check in checks)
    print(f"{problems} problem{'s' * (problems != 1)} found." if problems else "Everything is in place.")
    return 1 if problems else 0


def python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Check:
    """Python is one that every pinned package has a wheel for."""
    first, last = (".".join(map(str, v)) for v in PYTHONS)
    fits = PYTHONS[0] <= version[:2] <= PYTHONS[1]
    return Check("Python " + ".".join(map(str, version)), "" if fits else f"install one of {first} to {last}")


def packages(pins: Path) -> Iterator[Check]:
    """Each package of the file `pins` can be imported, and has the version pinned there.

    Without that file (the library was installed without its checkout): each package that the library declares, in any
    version, since its installer has compared versions already.
    """
    if pins.is_file():
        lines = pins.read_text(encoding="utf-8").splitlines()
    else:
        lines = [line for line in importlib.metadata.requires("crnn-lib") or [] if "extra ==" not in line]
    for name, pin, rest in (m.groups() for line in lines if (m := re.match(r"([\w.-]+)(?:==([\w.]+))?(.*)", line))):
        if "sys_platform == 'linux'" in rest and sys.platform != "linux":
            continue
        try:
            version = importlib.metadata.version(name)
            if module := MODULES.get(name.lower(), name.replace("-", "_")):
                importlib.import_module(module)
        except importlib.metadata.PackageNotFoundError:
            yield Check(f"{name} is not installed", INSTALL)
        except Exception as error:  # a broken package may raise anything; the others are still worth a line
            yield Check(f"{name} {version} cannot be imported ({type(error).__name__}: {error})", INSTALL)
        else:
            fits = pin in (None, version.split("+")[0])
            yield Check(f"{name} {version}", "" if fits else f"{pin} is pinned, {INSTALL}")


def ctc() -> Check:
    """PyTorch computes the CTC loss: two steps, blank and one symbol at 1/2 each, spell the symbol in 3 of 4 paths."""
    try:
        import torch

        evenly = torch.full((2, 1, 2), 0.5).log()
        loss = torch.nn.functional.ctc_loss(evenly, torch.tensor([[1]]), [2], [1]).item()
    except Exception as error:  # a missing package, a broken one, a processor that it does not run on
        return Check(f"PyTorch cannot compute a CTC loss ({type(error).__name__}: {error})", INSTALL)
    right = math.isclose(loss, -math.log(0.75), rel_tol=1e-5)
    return Check("PyTorch computes the CTC loss", "" if right else f"it is {loss:.4f}, not 0.2877: {INSTALL}")


def writable(folder: Path) -> Check:
    """A file can be written in `folder`."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Check(f"{folder} can be written")
    except OSError as error:
        return Check(f"{folder} cannot be written ({error.strerror})", "work in a folder of your own")


def disk(folder: Path) -> Check:
    """There is room for a build and a few training runs on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    enough = free >= NEEDED_BYTES
    return Check(f"{free / 1e9:.1f} GB of disk are free", "" if enough else f"make room, {NEEDED_BYTES / 1e9:g} GB")


def models(found: Collection[str] = assets.WEIGHTS) -> Check:
    """The trained models are there."""
    missing = sorted({"captcha", "pen", "plates", "text"} - set(found))
    cure = "install the library again" if missing else ""
    return Check(f"trained models {', '.join(missing)} are missing" if missing else "trained models", cure)


def chromium() -> Check:
    """A browser for the browser tests; nothing else needs it, so its absence is not a problem."""
    return Check(f"Chromium (optional): {browser.find_chromium() or 'not found, so the browser tests will be skipped'}")
