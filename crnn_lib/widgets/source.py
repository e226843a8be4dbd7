"""The widgets' JavaScript as one text: readable modules in `js/`, joined in order, without a bundler."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent
ORDER = ("engine", "decode", "images", "strokes", "dom", "backend", "pad", "main")  # each uses only what stands before
IMPORT = re.compile(r"^import\b[^;]*;\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?function\b|const\b|let\b|class\b)", re.MULTILINE)


def joined() -> str:
    """All modules after one another, in one scope: so no two may declare the same name (a test looks)."""
    parts = [(FOLDER / "js" / f"{name}.js").read_text(encoding="utf-8") for name in ORDER]
    return "\n".join(EXPORT.sub("", IMPORT.sub("", part)) for part in parts)


def module() -> str:
    """One ES module for anywidget, with `export default { render }`."""
    return joined() + "\nexport default { render };\n"


def script() -> str:
    """The same as a classic script, which also runs from a file: it defines `<crnn-widget>` and sets `crnn.render`."""
    return f'(() => {{\n"use strict";\n{joined()}\nglobalThis.crnn = {{ render }};\ndefineElement();\n}})();\n'


def style() -> str:
    """The style sheet, the same in a notebook and on a page."""
    return (FOLDER / "widgets.css").read_text(encoding="utf-8")
