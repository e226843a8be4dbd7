"""Pages that arrive quickly: one small script, one small style sheet, drawn icons, pictures that wait.

Theme and extensions bring fifteen scripts and as many style sheets to every page, most of them in the way of the first
paint. `page.js` does what the scripts did; `styles.py` makes one sheet of what the pages can use; what no page asks for
any more does not stay in the build.
"""

import re
from pathlib import Path

import icons
import pictures
import styles

# The search page alone runs Sphinx's own scripts.
SPHINX = "documentation_options|doctools|sphinx_highlight|searchtools|language_data|searchindex"
# What a page's text must hold to need the scripts and style sheets with this in their names or text. Thebe (a remote
# kernel from a CDN) is off, but its scripts would load, twice, and complain.
NEEDS = {
    "thebe": r"\bthebe-cell\b",
    "toggle": r'class="[^"]*\b(toggle|dropdown)\b',
    "design": r'class="[^"]*\bsd-',
    "formulas": r"<math\b",
    "copybutton.css": r'class="highlight\b',
}
# Light or dark before the first paint; page.js continues from there.
MODE = """<script>{
      let mode;
      try { mode = localStorage.mode; } catch { /* nothing is remembered */ }
      if (mode !== "light" && mode !== "dark") mode = "auto";
      const dark = mode === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : mode === "dark";
      Object.assign(document.documentElement.dataset, { mode, theme: dark ? "dark" : "light" });
    }</script>"""
REPAIRS = [
    (r'<script type="text/x-thebe-config">.*?</script>', ""),
    # Firefox would fetch that page ahead, which the policy forbids: an error in the console of each page.
    (r'<link rel="next"[^>]*>\s*', ""),
    (r"<script>kernelName = .*?</script>", ""),
    (r'<script data-cfasync="false">.*?</script>', MODE),
    (r' data-theme="auto"', ' data-theme="light"'),  # where no script runs
    # What page.js does instead.
    (r'<script [^>]*src="[^"]*/scripts/[^"]*"[^>]*></script>\s*', ""),
    (r'<link rel="preload"[^>]*as="script"[^>]*>\s*', ""),
    (
        r'<script [^>]*src="[^"]*/(?:clipboard\.min|copybutton)\.js[^"]*"[^>]*></script>\s*',
        "",
    ),
    (r' data-bs-title="', ' title="'),
    (r' data-bs-[\w-]+="[^"]*"', ""),
    # Options for searching while one types and for versions of a book: there are none, and the script is not there yet.
    (r"<script>DOCUMENTATION_OPTIONS\.\w+ = [^<]*</script>\s*", ""),
    (r"<script (?=[^>]*\bsrc=)(?![^>]*\b(?:defer|async)\b)", "<script defer "),
    # A word is broken at hyphens alone; without any it needs no element that forbids this.
    (r'<span class="pre">([^<-]*)</span>', r"\1"),
    # Names, brackets and spaces in code have the colour of all code: thousands of elements that nobody sees.
    (r'<span class="(?:n|nn|p|w)">([^<]*)</span>', r"\1"),
    # Sphinx and the theme say the same of it three times.
    (r'<meta name="viewport" content="width=device-width, initial-scale=1" ?/>\s*', ""),
]


def needed(body: str, file: object) -> bool:
    """Whether a page with this `body` needs a script or style sheet of Sphinx."""
    told = f"{file} {getattr(file, 'attributes', '')}".lower()
    return all(re.search(sign, body) for name, sign in NEEDS.items() if name in told)


def drop_unneeded(app, page, template, context, doctree):
    """Keep off the page what it does not need."""
    body = context.get("body") or ""
    for key in ("script_files", "css_files"):
        context[key] = [f for f in context.get(key, []) if needed(body, f)]


def trim(html: str, folder: Path) -> str:
    """The finished page `html`, whose addresses lead from `folder`, without what delays it."""
    repairs = REPAIRS
    if 'id="search-results"' not in html:
        script = rf'<script [^>]*src="[^"]*\b(?:{SPHINX})\.js[^"]*"[^>]*></script>\s*'
        repairs = [(script, ""), *REPAIRS]
    for pattern, replacement in repairs:
        html = re.sub(pattern, replacement, html, flags=re.DOTALL)
    return pictures.place(icons.draw(html), folder)


def trim_all(app, error):
    """Trim every page of a finished HTML build."""
    if error is None and app.builder.format == "html":
        for path, folder in styles.pages(Path(app.outdir), app.builder.name).items():
            path.write_text(trim(path.read_text("utf-8"), folder), "utf-8")


def sweep(app, error):
    """One style sheet; and none of theme's and extensions' files, and no picture, that no page asks for any more."""
    if error is not None or app.builder.format != "html":
        return
    out, kept = Path(app.outdir), set()
    styles.merge(out, app.builder.name)
    texts = [p.read_text("utf-8") for p in [*styles.pages(out), out / styles.SHEET]]
    for name in app.config.html_static_path:  # extensions add theirs, by absolute paths
        folder = Path(app.confdir, name)
        found = [] if Path(name).is_absolute() else folder.rglob("*")
        kept |= {p.relative_to(folder) for p in found if p.suffix != ".css"}
    for path in [p for p in (out / "_static").rglob("*") if p.is_file()]:
        place = path.relative_to(out / "_static")
        asked = any(place.as_posix() in text for text in texts)
        if not (asked or place in kept or path.name.startswith("crnn-")):
            path.unlink()
    for path in (out / "_images").glob("*.png"):
        if not any(path.name in text for text in texts):
            path.unlink()
    for path in sorted((out / "_static").rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def setup(app):
    """Register with Sphinx."""
    app.add_js_file("page.js", loading_method="defer")
    app.connect("html-page-context", drop_unneeded, priority=900)
    app.connect("build-finished", trim_all, priority=600)
    app.connect("build-finished", sweep, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
