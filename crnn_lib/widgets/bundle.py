"""The widgets' JavaScript as one text: modules beside their Python, joined in order, without a bundler.

Each module becomes a function that is called at once and returns what it exports, so it keeps its own names.
"""

import base64
import functools
import json
import posixpath
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crnn_lib import assets, images
from crnn_lib.data import LABELS_CSV, read_labels
from crnn_lib.drawing import skeletons
from crnn_lib.widgets import WIDGETS

FOLDER = Path(__file__).parent
IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|const|class) (\w+))", re.MULTILINE)
PARTS = {"pad/teach.js": "pad/pad.js"}  # what a widget opens within itself, in a script that a page loads then
# Comments on lines of their own, and indentation: no page needs them.
COMMENT = re.compile(r"^[ \t]*(?:/\*\*(?:(?!\*/).)*\*/[ \t]*\n|//[^\n]*\n)|^[ \t]+", re.MULTILINE | re.DOTALL)
TOP = re.compile(r"^(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)
KIND = re.compile(r'^export const kind = "([\w-]+)";', re.MULTILINE)
MAIN = "page/main.js"
ELEMENT = "page/element.js"  # the static page's own: it loads the others
# What V8 has without a browser: the page asks the browser.
ATOB = (
    "globalThis.atob ??= (text) => Array.from(Uint8Array.fromBase64(text), (v) => String.fromCharCode(v)).join('');\n"
)
EMBEDDED = "/embedded.js"  # how a module ends that exports nothing but empty objects: they are filled here


def order(*paths: str) -> list[str]:
    """The modules that `paths` need, these included: each after those that it imports."""
    found: dict[str, None] = {}
    for path in paths:
        found |= dict.fromkeys([*order(*(beside(path, m[2]) for m in IMPORT.finditer(_text(path)))), path])
    return list(found)


def widgets() -> list[str]:
    """The modules of the registered widgets that a page can show."""
    paths = [f"{module.replace('.', '/')}.js" for module in WIDGETS.values()]
    return [path for path in paths if (FOLDER / path).exists()]


def joined(*paths: str) -> str:
    """The modules that `paths` need (default: all) as an object `modules` by path, with what each exports."""
    return "const modules = {};\n" + "".join(_scoped(path, EXPORT) for path in order(*paths or _all()))


def flat(*paths: str) -> str:
    """The same with every top-level name of theirs a global one, for tests and benches that call single functions."""
    scoped = "".join(_scoped(path, TOP) for path in order(*paths or _all()))
    return f"{ATOB}const modules = {{}};\n{scoped}Object.assign(globalThis, ...Object.values(modules));\n"


def _all() -> list[str]:
    return [MAIN, *widgets(), *PARTS]


def _scoped(path: str, names: re.Pattern[str]) -> str:
    def taken(found: re.Match[str]) -> str:
        wanted = re.sub(r"(\w+) as (\w+)", r"\1: \2", " ".join(found[1].split()))
        return f"const {{ {wanted} }} = modules[{json.dumps(beside(path, found[2]))}];\n"

    text = _text(path)
    given = ", ".join(found[1] for found in names.finditer(text if names is EXPORT else EXPORT.sub("", text)))
    body = IMPORT.sub(taken, EXPORT.sub("", text))
    return f"modules[{json.dumps(path)}] = (() => {{\n{body}return {{ {given} }};\n}})();\n"


def _text(path: str) -> str:
    text = (FOLDER / path).read_text(encoding="utf-8")
    if path.endswith(EMBEDDED):
        text = re.sub(r"(\w+) = \{\};", lambda found: f"{found[1]} = {_embedded(found[1])};", text)
    return text


def beside(path: str, other: str) -> str:
    """`other`, as the module at `path` names it, from the folder of all."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), other))


@functools.cache
def _embedded(name: str) -> str:
    return json.dumps({"SKELETONS": _skeletons, "SAMPLES": samples, "LINES": lines}[name]())


def _skeletons() -> dict[str, str]:
    """The plainest way of writing each symbol."""
    variants = json.loads(assets.SKELETONS.read_text(encoding="utf-8"))
    return {symbol: variants[symbol][0] for symbol in skeletons.SYMBOLS}


Packed = dict[str, int | str]


def samples() -> dict[str, Packed]:
    """The samples by name, deflated grey bytes: to decode a PNG on a canvas would depend on privacy rules."""
    return {name: _packed(path) for name, path in assets.SAMPLES.items()}


def lines() -> dict[str, Packed]:
    """The same of the printed lines, each with its text."""
    labels = read_labels(next(iter(assets.LINES.values())).with_name(LABELS_CSV))
    return {name: _packed(path) | {"text": labels[path.name]} for name, path in assets.LINES.items()}


def _packed(path: Path) -> Packed:
    grey = images.load_grey(path).round().astype("uint8")
    pixels = base64.b64encode(zlib.compress(grey.tobytes(), 9)).decode("ascii")
    return {"height": grey.shape[0], "width": grey.shape[1], "pixels": pixels}


@functools.cache
def module() -> str:
    """One ES module for anywidget, with `export default { render }`."""
    register = _register([*widgets(), *PARTS])
    return f"{joined()}{register}export default {{ render: modules[{json.dumps(MAIN)}].render }};\n"


def scripts(readers: Sequence[str]) -> dict[str, str]:
    """The same as classic scripts by file name, which run from a file too: the element, and what it loads when needed.

    `crnn-widgets.js` defines `<crnn-widget>`, with `readers` to load; `crnn-shared.js` holds the modules that several
    widgets need, `crnn-widget-KIND.js` those of one. A part has in its script all that its widget lacks.
    """
    needs = {path: order(path) for path in widgets()}
    users = Counter(module for own in needs.values() for module in own)
    common = order(MAIN, *(module for module, count in users.items() if count > 1))
    element = f"{joined(ELEMENT)}modules[{ELEMENT!r}].defineElement({json.dumps(readers)});\n"
    files = {"crnn-widgets.js": _closed(element), "crnn-shared.js": _chunk(common)}
    for path, own in needs.items():
        name = f"crnn-widget-{KIND.search(_text(path))[1]}.js"
        files[name] = _chunk([m for m in own if m not in common], [path])
    for path, widget in PARTS.items():
        own = [m for m in order(path) if m not in common and m not in needs[widget]]
        files[f"crnn-widget-{KIND.search(_text(path))[1]}.js"] = _chunk(own, [path])
    return files


def data(name: str, value: Any) -> dict[str, str]:
    """The script, by file name, that leaves `value` in `crnnData[name]`: weights are `weights-NAME`, as base64."""
    return {f"crnn-{name}.js": f"crnnData[{json.dumps(name)}] = {json.dumps(value)};\n"}


def _chunk(paths: Sequence[str], registered: Sequence[str] = ()) -> str:
    modules = "const modules = globalThis.crnn;\n" + "".join(_scoped(path, EXPORT) for path in paths)
    return _closed(modules + _register(registered))


def _closed(text: str) -> str:
    return COMMENT.sub("", f'(() => {{\n"use strict";\n{text}}})();\n')


def _register(paths: Sequence[str]) -> str:
    return "".join(f"modules[{MAIN!r}].register(modules[{path!r}]);\n" for path in paths)


def style() -> str:
    """The style sheet, the same in a notebook and on a page: what all widgets share, then each one's own."""
    sheets = sorted(FOLDER.glob("*/*.css"), key=lambda path: (path.parent.name != "page", path))
    return "\n".join(path.read_text(encoding="utf-8") for path in sheets)
