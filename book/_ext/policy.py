"""The built pages' content security policy: what a page may load and run, in a `<meta>` of its own.

Scripts come from the book's own folder, or are in the page and are named by their SHA-256; nothing else runs, and
nothing is asked of another place. `CONTRIBUTING.md` says what each part is for, and a test compares the two.
"""

import base64
import hashlib
import re
from pathlib import Path

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' HASHES; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'"
)
INLINE = re.compile(
    r"<script\b(?![^>]*\bsrc=)(?![^>]*\btype=\"(?!module|text/javascript))[^>]*>(.*?)</script>",
    re.DOTALL,
)
# The theme's handlers, which no hash can name: _static/page.js acts for them.
HANDLERS = {
    'onclick="window.print()"': 'data-press="print"',
    'onclick="toggleFullScreen()"': 'data-press="toggleFullScreen"',
}


def policy(html: str) -> str:
    """The policy of a page, with the hashes of its own scripts."""
    texts = {text.encode("utf-8") for text in INLINE.findall(html)}
    digests = sorted(
        base64.b64encode(hashlib.sha256(t).digest()).decode() for t in texts
    )
    hashes = " ".join(f"'sha256-{digest}'" for digest in digests)
    return POLICY.replace(" HASHES", f" {hashes}" if hashes else "")


def protect(html: str) -> str:
    """The finished page `html` with its policy, before anything that it rules."""
    html = re.sub(r'\n    <meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    for handler, replacement in HANDLERS.items():
        html = html.replace(handler, replacement)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(html)}">'
    head = re.search(r"<head\b[^>]*>\s*(<meta charset[^>]*>)?", html)
    at = head.end() if head else 0
    return f"{html[:at]}\n    {meta}{html[at:]}"


def protect_all(app, error):
    """Protect every page of a finished HTML build, when all others have done with them."""
    if error is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            if "_static" not in path.parts:
                path.write_text(protect(path.read_text("utf-8")), "utf-8")


def setup(app):
    """Register with Sphinx."""
    app.connect("build-finished", protect_all, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
