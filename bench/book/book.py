"""What the book costs: to build, to send, to open; and what Lighthouse says of it.

    python bench/book/book.py [--parts build pages lighthouse] [--repeats 3] [--lighthouse node_modules/lighthouse]

- build: `make book` in a fresh clone, pip included, and pip by itself; `make book` again with nothing to do, and with
  one chapter touched; `make notebooks`, twice. Run it on a calm machine; pip's cache is used where there
  is one.
- pages: every built page over http, compressed: requests and bytes on arrival and when it has been scrolled to its end
  (pictures, widgets and weights come as they come near), first contentful paint, and the time to interactive: the end
  of the last long task (over 50 ms of the main thread) before two seconds without one, not before that paint or the
  document's DOMContentLoaded. No network is imitated: what is measured is the page's own work. Medians of interleaved
  visits, each with an empty cache. Then once on a screen of 390 x 844: all bytes before a touch, and the sum of all
  layout shifts, from the top to the bottom of the page, each widget awaited.
- lighthouse: its four scores for each page on its imitated telephone, the blocking time there, and which audits fail.
  Needs Node and `npm install lighthouse@13.5.0` in a folder outside the project.

Parts that are not asked for stay as they were recorded. Writes data/results/book.json, and book.csv, the table of pages
that the book shows.
"""

import argparse
import contextlib
import functools
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, ROOT, chromium, options, record, served
from crnn_lib.files import csv_text, environment, write_text
from crnn_lib.tools.browser import FLAGS, find_chromium

HTML = ROOT / "_build" / "html"
PAGES = sorted(f"book/{path.stem}.html" for path in (ROOT / "book").iterdir() if path.suffix in (".ipynb", ".md"))
PAGES += ["search.html", "genindex.html", "404.html"]
PARTS = ["build", "pages", "lighthouse"]
QUIET = 2000  # milliseconds without a long task
WATCH = """globalThis.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.startTime + e.duration)))
    .observe({type: "longtask", buffered: true});"""
CALM = f"() => document.readyState === 'complete' && performance.now() > Math.max(0, ...tasks) + {QUIET}"
TIMES = """() => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0].startTime;
    const parsed = performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd;
    return {paint, interactive: Math.max(paint, parsed, ...tasks)};
}"""
SCROLL = """async () => {
    for (let y = 0; y < document.documentElement.scrollHeight; y += 500) {
        window.scrollTo(0, y);
        await new Promise((done) => setTimeout(done, 50));
    }
}"""

SHIFTS = """globalThis.shifts = [];
new PerformanceObserver((list) => shifts.push(...list.getEntries().map((entry) => entry.value)))
    .observe({type: "layout-shift", buffered: true});"""
WALK = """async () => {
    const pause = (time) => new Promise((done) => setTimeout(done, time));
    const asleep = () => [...document.querySelectorAll("crnn-widget:not([live])")].some((widget) => {
        const { top, bottom } = widget.getBoundingClientRect();
        return bottom > 0 && top < innerHeight;
    });
    for (let y = 0; y < document.documentElement.scrollHeight; y += 400) {
        window.scrollTo({ top: y, behavior: "instant" });
        await pause(50);
        for (const start = performance.now(); asleep() && performance.now() < start + 20_000;) await pause(50);
    }
}"""


class Compressing(SimpleHTTPRequestHandler):
    """Files as a common web server sends them: text compressed, a page of its own for what is not there."""

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        found = path.is_file()
        path = path if found else Path(self.directory) / "404.html"
        kind, body = self.guess_type(str(path)), path.read_bytes()
        self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
        if kind.startswith("text/") or kind.endswith(("javascript", "json", "xml")):
            self.send_header("Content-Encoding", "gzip")
            body = gzip.compress(body, 6)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


# --- building ---
def timed(*command: str, folder: Path, **variables: str) -> float:
    """Seconds that `command` takes in `folder`."""
    started = time.perf_counter()
    given = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CRNN_CAPTCHA_DIR")}
    subprocess.run(command, cwd=folder, env=given | variables, check=True, stdout=sys.stderr)
    return round(time.perf_counter() - started, 1)


def build(_) -> dict:
    """Seconds of each step, in a clone of the last commit."""
    chapter = "book/06_ctc_alignment.ipynb"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "book"
        timed("git", "clone", "-q", str(ROOT), str(folder), folder=ROOT)
        make = functools.partial(timed, "make", f"PYTHON={sys.executable}", folder=folder)
        seconds = {"pip": make("install"), "first book": make("book")}
        seconds["cold book"] = round(sum(seconds.values()), 1)
        seconds["nothing to do"] = make("book")
        (folder / chapter).touch()
        seconds["one chapter touched"] = make("book")
        seconds["notebooks, compared twice"] = round(make("notebooks") + make("notebooks"), 1)
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True)
    return {"commit": commit.strip(), "seconds": seconds}


# --- sending and opening ---
@contextlib.contextmanager
def opened(browser, url: str, script: str, width: int, height: int) -> Iterator[tuple]:
    """A page visited with an empty cache, `script` run before its own; and the bytes of each answer, as they come."""
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(120_000)
    page, received = context.new_page(), []
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.add_init_script(script)
    page.goto(url)
    yield page, received
    context.close()


def at_end(page, script: str) -> None:
    """Scroll to the end by `script`, and wait until all has come."""
    page.evaluate(script)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)


def visit(browser, url: str) -> dict:
    """One visit: what was sent and how long it took, then what scrolling brought."""
    with opened(browser, url, WATCH, 1280, 900) as (page, received):
        page.wait_for_function(CALM)
        found = {"requests": len(received), "bytes": int(sum(received)), **page.evaluate(TIMES)}
        at_end(page, SCROLL)
    return found | {"scrolled_requests": len(received), "scrolled_bytes": int(sum(received))}


def walk(browser, url: str) -> dict:
    """From the top to the bottom on a telephone's screen, without a touch: what was sent, and the sum of all shifts."""
    with opened(browser, url, SHIFTS, 390, 844) as (page, received):
        at_end(page, WALK)
        shift = page.evaluate("shifts.reduce((sum, value) => sum + value, 0)")
    return {"untouched_bytes": int(sum(received)), "shift": round(shift, 4)}


def pages(a: argparse.Namespace) -> dict:
    """Each page's medians."""
    runs: dict[str, list[dict]] = {name: [] for name in PAGES}
    with served(HTML, Compressing) as address, chromium() as browser:
        visit(browser, f"{address}/book/intro.html")  # the browser's own start
        for _ in range(a.repeats):
            for name in runs:
                runs[name].append(visit(browser, f"{address}/{name}"))
                print(name, runs[name][-1], file=sys.stderr, flush=True)
        walks = {name: walk(browser, f"{address}/{name}") for name in runs}
        version = browser.version
    medians = {
        name: {f"{key}_ms" if key in ("paint", "interactive") else key: round(statistics.median(v[key] for v in found))
               for key in found[0]} | walks[name]
        for name, found in runs.items()
    }  # fmt: skip
    return {"chromium": version, "repeats": a.repeats, "medians": medians}


# --- Lighthouse ---
def audit(program: Path, url: str) -> dict:
    """Scores of one page on the imitated telephone, 0 to 100, its blocking time, and the audits that cost points."""
    flags = f"--chrome-flags=--headless {' '.join(FLAGS)}"
    command = ["node", str(program / "cli" / "index.js"), url, "--quiet", "--output=json", flags]
    chrome = {"CHROME_PATH": str(find_chromium())}
    done = subprocess.run(command, env=os.environ | chrome, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    kinds, audits = report["categories"], report["audits"]
    failing = {ref["id"] for kind in kinds.values() for ref in kind["auditRefs"] if ref["weight"]}
    failing = {name for name in failing if (audits[name]["score"] or 0) < 0.9
               and audits[name]["scoreDisplayMode"] in ("binary", "numeric", "metricSavings")}  # fmt: skip
    scores = {name: round(100 * kind["score"]) for name, kind in kinds.items()}
    blocking = round(audits["total-blocking-time"]["numericValue"])
    return scores | {"blocking_ms": blocking, "failing": sorted(failing)}


def lighthouse(a: argparse.Namespace) -> dict:
    """What it says of each page."""
    version = json.loads((a.lighthouse / "package.json").read_text(encoding="utf-8"))["version"]
    found = {}
    with served(HTML, Compressing) as address:
        for name in PAGES:
            found[name] = audit(a.lighthouse, f"{address}/{name}")
            print(name, found[name], file=sys.stderr, flush=True)
    return {"lighthouse": version, "scores": found}


def rows(medians: dict) -> list[dict]:
    """For the page: what each page costs."""
    return [
        {
            "page": name.removeprefix("book/").removesuffix(".html"),
            "requests": p["requests"],
            "kB": f"{p['bytes'] / 1000:.0f}",
            "kB, scrolled": f"{p['scrolled_bytes'] / 1000:.0f}",
            "paint, ms": f"{p['paint_ms']:.0f}",
            "interactive, ms": f"{p['interactive_ms']:.0f}",
        }
        for name, p in medians.items()
    ]


def main() -> None:
    parser = options(__doc__, repeats=3, lighthouse=Path("node_modules/lighthouse"), out=RESULTS / "book.json")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    a = parser.parse_args()
    if "pages" in a.parts or "lighthouse" in a.parts:
        assert HTML.is_dir(), "the book is not built: make book"
    found = json.loads(a.out.read_text(encoding="utf-8")) if a.out.is_file() else {}
    for part in a.parts:
        found[part] = {"build": build, "pages": pages, "lighthouse": lighthouse}[part](a)
        found[part]["processor"] = environment()["processor"]
        record(a.out, found)
        print(json.dumps(found[part], indent=1))
    if "pages" in found:
        write_text(a.out.with_suffix(".csv"), csv_text(rows(found["pages"]["medians"])))


if __name__ == "__main__":
    main()
