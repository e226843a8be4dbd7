"""Which pages there are, and one visit to one page."""

import contextlib
import functools
import http.server
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
PAGES = sorted(p.relative_to(HTML).as_posix() for p in HTML.glob("book/*.html"))
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
def served(folder):
    """The address of a server for `folder`."""
    handler = functools.partial(_Quiet, directory=str(folder))
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
        if self.page.locator("script#MathJax-script, script[src*=mathjax]").count():
            self.page.wait_for_function("() => window.MathJax?.startup?.promise")
            self.page.evaluate("MathJax.startup.promise.then(() => null)")

    def _gate(self, route):
        url = route.request.url
        if url.startswith((self.base, "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(url)
            route.abort()

    def _failed(self, request):
        # The icon comes when the browser has time: whoever leaves the page before breaks it off.
        if not (request.failure == "net::ERR_ABORTED" and request.url.endswith("favicon.svg")):
            self.problems.append(f"failed: {request.url} ({request.failure})")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()
