"""Pages that arrive quickly: no script that a page does not need, none before the text, pictures that wait their turn.

The theme and its extensions bring every script to every page, most of them in the way of the first paint.
"""

import re
from pathlib import Path

from PIL import Image

# What a page's text must hold to need the scripts and style sheets with this in their names or text. Thebe (a remote
# kernel from a CDN) is off, but its scripts would load, twice, and complain.
NEEDS = {
    "thebe": r"\bthebe-cell\b",
    "toggle": r'class="[^"]*\b(toggle|dropdown)\b',
    "design": r'class="[^"]*\bsd-',
    "formulas": r"<math\b",
    "clipboard": r'class="highlight\b',
    "copybutton": r'class="highlight\b',
}
SEARCH = r'<script src="[^"]*\b(?:searchtools|language_data|searchindex)\.js[^"]*"></script>\s*'
REPAIRS = [
    (r'<script type="text/x-thebe-config">.*?</script>', ""),
    # Firefox would fetch that page ahead, which the policy forbids: an error in the console of each page.
    (r'<link rel="next"[^>]*>\s*', ""),
    (r"<script>kernelName = .*?</script>", ""),
    # Icons come as a font too: 150 kB that nobody waits for, instead of a script of 540 kB.
    (r'<script defer src="[^"]*/fontawesome\.js[^"]*"></script>', ""),
    # Options for searching while one types and for versions of a book: there are none, and the script is not there yet.
    (r"<script>DOCUMENTATION_OPTIONS\.\w+ = [^<]*</script>\s*", ""),
    (r"<script (?=[^>]*\bsrc=)(?![^>]*\b(?:defer|async)\b)", "<script defer "),
]
PICTURE = re.compile(
    r'<img (?=[^>]*\bsrc="([^":?#]+\.(?:png|svg))")(?![^>]*\b(?:width|height|loading)=)'
)
POINTS = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)pt" height="([\d.]+)pt"')


def needed(body: str, file: object) -> bool:
    """Whether a page with this `body` needs a script or style sheet of Sphinx."""
    told = f"{file} {getattr(file, 'attributes', '')}".lower()
    return all(re.search(sign, body) for name, sign in NEEDS.items() if name in told)


def drop_unneeded(app, page, template, context, doctree):
    """Keep off the page what it does not need."""
    body = context.get("body") or ""
    for key in ("script_files", "css_files"):
        context[key] = [f for f in context.get(key, []) if needed(body, f)]


def size(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture in CSS pixels, or None where it does not tell."""
    if path.suffix == ".png":
        with Image.open(path) as image:
            return image.size
    found = POINTS.search(path.read_text("utf-8"))
    return found and tuple(round(float(n) * 4 / 3) for n in found.groups())


def trim(html: str, folder: Path) -> str:
    """The finished page `html`, which lies in `folder`, without what delays it."""
    if 'id="search-results"' not in html:
        html = re.sub(SEARCH, "", html)
    for pattern, replacement in REPAIRS:
        html = re.sub(pattern, replacement, html, flags=re.DOTALL)
    seen = []

    def sized(tag: re.Match) -> str:
        """With its size the text below does not jump; what is not the page's first picture loads when it comes near."""
        seen.append(tag)
        path = folder / tag[1]
        found = size(path) if path.is_file() else None
        room = f'width="{found[0]}" height="{found[1]}" ' if found else ""
        return f"{tag[0]}{room}" + ('loading="lazy" ' if len(seen) > 1 else "")

    return PICTURE.sub(sized, html)


def trim_all(app, error):
    """Trim every page of a finished HTML build."""
    if error is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            if "_static" not in path.parts:
                path.write_text(trim(path.read_text("utf-8"), path.parent), "utf-8")


def setup(app):
    """Register with Sphinx."""
    app.connect("html-page-context", drop_unneeded, priority=900)
    app.connect("build-finished", trim_all, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
