"""The widgets' JavaScript as one text: readable modules in `js/`, joined in order, without a bundler."""

import base64
import functools
import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from crnn_lib import assets, images, skeletons

FOLDER = Path(__file__).parent
IMPORT = re.compile(r"^import\b[^;]*;\n", re.MULTILINE)
FROM = re.compile(r'^import\b[^;]*"\./(\w+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?function\b|const\b|let\b|class\b)", re.MULTILINE)


def order(name: str = "main") -> list[str]:
    """The modules that `name` needs, itself the last: each stands after those that it imports."""
    text = (FOLDER / "js" / f"{name}.js").read_text(encoding="utf-8")
    return list(dict.fromkeys([*(needed for other in FROM.findall(text) for needed in order(other)), name]))


def joined() -> str:
    """All modules after one another, in one scope: so no two may declare the same name (a test looks)."""
    parts = [f"const SKELETONS = {json.dumps(_skeletons())};\nconst SAMPLES = {json.dumps(_samples())};\n"]
    parts += [(FOLDER / "js" / f"{name}.js").read_text(encoding="utf-8") for name in order()]
    return "\n".join(EXPORT.sub("", IMPORT.sub("", part)) for part in parts)


def _skeletons() -> dict[str, str]:
    """The plainest way of writing each symbol."""
    variants = json.loads(assets.SKELETONS.read_text(encoding="utf-8"))
    return {symbol: variants[symbol][0] for symbol in skeletons.SYMBOLS}


def _samples() -> dict[str, dict[str, int | str]]:
    """Grey bytes, deflated: a page that had to decode a PNG on a canvas would depend on the browser's privacy rules."""
    result = {}
    for name, path in assets.SAMPLES.items():
        grey = images.load_grey(path).round().astype("uint8")
        pixels = base64.b64encode(zlib.compress(grey.tobytes(), 9)).decode("ascii")
        result[name] = {"height": grey.shape[0], "width": grey.shape[1], "pixels": pixels}
    return result


@functools.cache
def module() -> str:
    """One ES module for anywidget, with `export default { render }`."""
    return joined() + "\nexport default { render };\n"


def script(readers: Sequence[str]) -> str:
    """The same as a classic script, which runs from a file too: it defines `<crnn-widget>`, with `readers` to load."""
    start = "globalThis.crnn = { render, createReader, fromBase64, receivers };\n"
    start += f"defineElement({json.dumps(list(readers))});"
    return f'(() => {{\n"use strict";\n{joined()}\n{start}\n}})();\n'


def style() -> str:
    """The style sheet, the same in a notebook and on a page: what all widgets share, then each one's own."""
    sheets = sorted(FOLDER.glob("*.css"), key=lambda path: (path.stem != "widgets", path.stem))
    return "\n".join(path.read_text(encoding="utf-8") for path in sheets)
