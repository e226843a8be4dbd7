"""Which pages there are, small books of their own, one visit to one page, and what a visitor does there."""

import contextlib
import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import places
import pytest
from places import HTML, ROOT

from crnn_lib.drawing import pen

PAGES = [path.relative_to(HTML).as_posix() for path in places.PAGES]
PAGES += [name for name in ("search.html", "genindex.html") if (HTML / name).is_file()]
TELL = """globalThis.breaches = [];
addEventListener("securitypolicyviolation", ({effectiveDirective, blockedURI}) => {
    breaches.push(`${effectiveDirective} ${blockedURI}`);
    console.error("policy", effectiveDirective, blockedURI);
});"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(folder, handler=_Quiet):
    """The address of a server for `folder`."""
    handler = functools.partial(handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


class Visit:
    """One page in one window; everything it asked for and complained about is noted, nothing leaves the machine."""

    def __init__(self, browser, base, page, scheme="light", width=1280, height=900, **more):
        self.requests, self.problems, self.outside = [], [], []
        self.base = base
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", **more
        )
        self.context.route("**/*", self._gate)
        self.context.add_init_script(TELL)
        self.page = self.context.new_page()
        self.page.on("console", lambda m: self.problems.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.problems.append(str(e)))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", lambda r: self.problems.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        self.page.goto(f"{base}/{page}")
        self.page.wait_for_load_state("load")

    def _gate(self, route):
        url = route.request.url
        self.requests.append(url)
        if url.startswith((self.base, "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(url)
            route.abort()

    def _failed(self, request):
        # Icon and widgets come when the browser has time: whoever leaves the page before breaks them off.
        late = request.url.endswith("favicon.svg") or "/crnn-" in request.url
        if not (late and request.failure == "net::ERR_ABORTED"):
            self.problems.append(f"failed: {request.url} ({request.failure})")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


CONF = """
import sys
sys.path[:0] = {path!r}
project, language, html_title = "pad", "en", "Pad"
extensions = ["myst_nb", "crnn_widgets", "house", "lean", "policy"]
html_theme, exclude_patterns, nb_execution_mode = "sphinx_book_theme", ["_build"], "off"
html_static_path, html_css_files, html_favicon = ["_static"], ["house.css"], "_static/favicon.svg"
html_context, html_theme_options = {{"default_mode": "auto"}}, {{"navbar_persistent": []}}
nb_mime_priority_overrides, nb_ipywidgets_js = [["html", "text/html", 5]], {{}}
"""


def build(folder, pages):
    """Build `pages` (Markdown by name, one of them index) with the project's extensions; the folder of the HTML."""
    (folder / "conf.py").write_text(CONF.format(path=[str(ROOT / "book" / "_ext")]))
    others = "\n".join(name for name in pages if name != "index")
    for name, text in pages.items():
        tree = f"\n```{{toctree}}\n{others}\n```\n" if name == "index" else ""
        (folder / f"{name}.md").write_text(text + tree)
    shutil.copytree(ROOT / "book" / "_static", folder / "_static")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(folder), str(folder / "_build")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "_build"


class Live:
    """A live widget as somebody who uses it meets it."""

    def __init__(self, visit, kind, root=None):
        self.visit, self.page = visit, visit.page
        self.root = root or self.page.locator(f'[data-crnn-widget="{kind}"]')
        self.root.wait_for()

    def part(self, name):
        return self.root.locator(f'[data-crnn="{name}"]').inner_text()

    def button(self, name):
        return self.root.get_by_role("button", name=name)

    def press(self, name):
        self.button(name).click()

    def more(self):
        """Open the pad's drawer."""
        self.root.get_by_text("Other pictures, models").click()

    def reads(self):
        """How many readings there were."""
        return int(self.root.get_attribute("data-crnn-read"))

    def wait(self, before):
        """Until there is a reading after number `before`."""
        self.page.wait_for_function(
            "n => Number(document.querySelector('[data-crnn-widget]').dataset.crnnRead) > n", arg=before
        )


# --- what is open to everybody ---

LOOK = os.environ.get("CRNN_LOOK")  # a folder for screenshots, to be looked at
HIDE_REPEATED = """() => {
    const seen = new Set();
    for (const span of document.querySelectorAll('pre span[class]')) {
        if (span.childElementCount || span.attributes.length > 1) continue;
        const { color, fontSize, fontWeight, opacity } = getComputedStyle(span);
        const grounds = [];
        for (let up = span; up; up = up.parentElement) grounds.push(getComputedStyle(up).backgroundColor);
        const look = [color, fontSize, fontWeight, opacity, ...grounds].join();
        if (seen.has(look)) span.style.visibility = 'hidden';
        seen.add(look);
    }
}"""
everywhere = pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])


def axe(page):
    """What axe finds; of code, where each token is a span, it looks at one of each look, not at thousands."""
    folder = pytest.importorskip("axe_playwright_python").__path__[0]
    page.evaluate(Path(folder, "axe.min.js").read_text(encoding="utf-8"))
    page.evaluate(HIDE_REPEATED)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)")
    return [f"{v['id']}: {v['help']}: {n['html'][:160]}" for v in found for n in v["nodes"]]


def assert_open_to_everybody(page, name, width, targets=None):
    """Nothing for axe to find, no scrolling sideways, and each of `targets` that is shown large enough for a finger."""
    if LOOK:
        page.screenshot(path=f"{LOOK}/{name}-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    assert axe(page) == []
    if targets is not None:
        small = "all => all.map(e => e.getBoundingClientRect()).filter(b => b.width && (b.height < 44 || b.width < 44))"
        assert targets.count() and targets.evaluate_all(small) == []


# --- mouse and finger ---


def draw(page, canvas, drawing):
    """With the mouse, a drawing in pixels of the pad's 128 x 32; the points that it passed, on the grid."""
    box, passed = canvas.bounding_box(), []
    for stroke in drawing:
        passed.append([])
        for i, (x, y) in enumerate(stroke):
            at = round(box["x"] + x / 128 * box["width"]), round(box["y"] + y / 32 * box["height"])
            page.mouse.move(*at)
            if i == 0:
                page.mouse.down()
            passed[-1].append([(at[0] - box["x"]) / box["width"] * 128, (at[1] - box["y"]) / box["height"] * 32])
        page.mouse.up()
    return pen.quantise(passed)


PICTURE = """async (image) => {
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), {width: image.naturalWidth, height: 32});
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    return Array.from(context.getImageData(0, 0, canvas.width, 32).data).filter((_, i) => i % 4 === 0);
}"""


def picture_of(pad):
    """The picture that the network sees, as the pad shows it: (32, W) uint8."""
    return np.array(pad.locator('[data-crnn="seen"]').evaluate(PICTURE), np.uint8).reshape(32, -1)


class Finger:
    """One finger on the page of a visit."""

    def __init__(self, visit):
        self.page, self.session = visit.page, visit.context.new_cdp_session(visit.page)
        self.session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})

    def send(self, kind, *points):
        points = [{"x": x, "y": y} for x, y in points]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def draw(self, pad, strokes):
        """Strokes in pixels of the image, 32 x 128, that a pad shows a view of: a locator."""
        box = pad.bounding_box()
        for stroke in strokes:
            first, *more = [(box["x"] + x / 128 * box["width"], box["y"] + y / 32 * box["height"]) for x, y in stroke]
            self.send("touchStart", first)
            for point in more:
                self.send("touchMove", point)
            self.send("touchEnd")

    def tap(self, target, share=0.5):
        """On a locator, at this share of its width."""
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        self.send("touchStart", (box["x"] + share * box["width"], box["y"] + box["height"] / 2))
        self.send("touchEnd")
        self.page.wait_for_timeout(100)
