"""What the benches share: options, the record of a result, a browser and a server, the parts of a training."""

import argparse
import contextlib
import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from crnn_lib import assets
from crnn_lib.data import LabelledImages, split
from crnn_lib.files import environment, write_text
from crnn_lib.images import HEIGHT, WIDTH
from crnn_lib.tools.browser import FLAGS, find_chromium
from crnn_lib.training import Run

ROOT = Path(__file__).resolve().parents[1]
RESULTS, RUNS = assets.RESULTS, ROOT / "runs"
AUDIT = assets.DATA / "label_audit.csv"  # the labels that the audit calls wrong, and what they should be
ALONE = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


def options(description: str, *, captchas: bool | None = None, **defaults: object) -> argparse.ArgumentParser:
    """A parser: --captchas, the folder of the real images, if it is wanted (True: needed), and whatever has a default.

    `epochs=16` makes --epochs, a whole number; `seeds=[0, 1]` takes several.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if captchas is not None:
        parser.add_argument("--captchas", type=Path, required=captchas, metavar="DIR", help="the real images")
    for name, value in defaults.items():
        first, many = (value[0], "+") if isinstance(value, list) else (value, None)
        kind = Path if isinstance(value, Path) else type(first)
        parser.add_argument(f"--{name}", type=kind, nargs=many, default=value, help=f"default: {value}")
    return parser


def command(given: str = "") -> str:
    """The command that runs this script, with the options `given`."""
    return f"python {Path(sys.argv[0]).resolve().relative_to(ROOT).as_posix()} {given}".rstrip()


def record(out: Path, found: dict, given: str = "", indent: int | None = 1, **installed: str) -> None:
    """Write the result `found` to `out`, with its command, and where and with what it was made."""
    made = {"command": command(given), "environment": environment() | installed}
    write_text(out, json.dumps(made | found | made, indent=indent, ensure_ascii=False) + "\n")


def again(*given: str) -> None:
    """Run this script once more, in a process of its own, with these options beside the present ones."""
    subprocess.run([sys.executable, *sys.argv, *given], check=True)


def peak_megabytes(children: bool = False) -> int:
    """The most memory that this process has had resident, in megabytes (2**20 bytes). POSIX only.

    Of its `children`: the most that one of those has had that have ended.
    """
    import resource

    peak = resource.getrusage(resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))  # macOS counts bytes, the others kilobytes


# --- a page ---
@contextlib.contextmanager
def chromium() -> Iterator:
    """A headless Chromium, as playwright drives it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def to_pad(page, box: dict, x: float, y: float) -> None:
    """Move the mouse to pixel (x, y) of the image that a pad, seen in `box`, is drawn on."""
    page.mouse.move(box["x"] + x / WIDTH * box["width"], box["y"] + y / HEIGHT * box["height"])


@contextlib.contextmanager
def blank_page() -> Iterator:
    """An empty page in Chromium, and the browser's version. No other page shares its process: its clock is finer."""
    with chromium() as browser:
        page = browser.new_page()
        page.route("**/*", lambda r: r.fulfill(body="<!doctype html>", content_type="text/html", headers=ALONE))
        page.goto("https://bench.test/")
        yield page, browser.version


@contextlib.contextmanager
def served(folder: Path, handler: type[SimpleHTTPRequestHandler] = SimpleHTTPRequestHandler) -> Iterator[str]:
    """The address of a server for `folder`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


# --- a training ---
def parts(data: LabelledImages, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """The training and the test part of a split by 7:3."""
    kept, held_out = split(data.labels, 0.7, seed)
    return data.subset(kept), data.subset(held_out)


def until(run: Run, is_over: Callable[[list[dict]], bool]) -> Iterator[dict]:
    """Train until the history `is_over`, which it may be before the first epoch; the record of each epoch."""
    epochs = iter(run)
    while not is_over(run.history) and (made := next(epochs, None)):
        yield made
