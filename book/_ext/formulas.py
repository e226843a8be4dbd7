"""Formulas are set when the book is built: TeX becomes MathML, which browsers set, print and read aloud themselves.

Temml does it, in V8: `mathml/temml.min.js` is `dist/temml.min.js` of npm's temml, unchanged. `formulas.css`, beside it, is what
browsers need to know beside the MathML, and brings the face, made by `bench/tools/mathfont.py`, along: were it a file
of its own, it would come after the text, which would move. Both licences lie beside the files.
"""

import atexit
import base64
from functools import cache
from pathlib import Path

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.errors import SphinxError
from sphinx.util.math import get_node_equation_number

HERE = Path(__file__).parent / "mathml"
TEMML = {
    "version": "0.13.5",
    "sha256": "1ab19148afe0dbc836b7a74f344071b3f3a70a7a8259ae4049e76894fcdf8d95",
}
MENDS = {
    # \big( asks for a bracket grown to one size, round which Chromium leaves the room of the largest there is.
    ' symmetric="true" minsize="1.2em" maxsize="1.2em"': ' stretchy="false" lspace="0" rspace="0" '
    'style="font-size: 1.2em"',
    # Firefox takes it for a large operator, like a sum.
    "<mo>⊙</mo>": '<mo largeop="false">⊙</mo>',
}


class FormulaError(SphinxError):
    """A formula that cannot be set."""

    category = "Formula error"


@cache
def temml() -> MiniRacer:
    """The program that sets formulas."""
    racer = MiniRacer()
    atexit.register(racer.close)  # later than that, after an error, it never ends
    racer.eval((HERE / "temml.min.js").read_text("utf-8") + ";0")
    return racer


def mathml(tex: str, display: bool = False) -> str:
    """The formula `tex` as a `<math>` element; `display` sets it apart from the text.

    Raises:
        FormulaError: if it is not TeX that Temml knows.
    """
    options = {"displayMode": display, "throwOnError": True}
    try:
        text = temml().call("temml.renderToString", tex, options)
    except JSEvalException as error:
        reason = next(s for s in str(error).splitlines() if "Error" in s)
        raise FormulaError(f"{tex!r} cannot be set: {reason.strip()}") from None
    for what, mended in MENDS.items():
        text = text.replace(what, mended)
    return text


def formula(self, node: nodes.Element, display: bool) -> str:
    """What the page shows for a node of the document, which is named if it cannot be set."""
    try:
        return mathml(node.astext(), display)
    except FormulaError as error:
        path = self.builder.env.doc2path(self.builder.current_docname)
        raise FormulaError(f"{path}: {error}") from None


def visit_math(self, node):
    """A formula within the text."""
    self.body.append(formula(self, node, display=False))
    raise nodes.SkipNode


def visit_displayed(self, node):
    """A formula apart from the text, in a box that scrolls where the formula is wider, with its number if it has one."""
    box = "math notranslate nohighlight pst-scrollable-table-container"
    self.body.append(self.starttag(node, "div", CLASS=box))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(formula(self, node, display=True) + "</div>\n")
    raise nodes.SkipNode


def write_style(app):
    """The style sheet of pages with formulas, its face in it."""
    face = base64.b64encode((HERE / "formulas.woff").read_bytes()).decode()
    style = (HERE / "formulas.css").read_text("utf-8")
    style = style.replace("formulas.woff", f"data:font/woff;base64,{face}")
    out = Path(app.outdir, "_static")
    out.mkdir(parents=True, exist_ok=True)
    (out / "formulas.css").write_text(style, "utf-8")


def setup(app):
    """Register with Sphinx."""
    app.add_html_math_renderer("formulas", (visit_math, None), (visit_displayed, None))
    app.config.html_math_renderer = "formulas"
    app.add_css_file("formulas.css")
    app.connect("builder-inited", write_style)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
