"""Formulas: every one of the sources is MathML on its page, in the book's own face, or the build ends and names it."""

import hashlib
import re
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser

import formulas
import mathfont
import pytest
from fontTools.ttLib import TTFont
from markdown_it import MarkdownIt
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from places import BOOK, PAGES, ROOT, cells

built = pytest.mark.skipif(not PAGES, reason="the book is not built: make book")
CONF = """
import sys
sys.path.insert(0, {path!r})
extensions, myst_enable_extensions = ["myst_parser", "formulas", "lean"], ["amsmath", "dollarmath"]
"""
ELSEWHERE = ("script", "style", "code", "pre")


class Formulas(HTMLParser):
    """How many `<math>` a page has, their characters, and the page's text without them and without code."""

    def __init__(self, html):
        super().__init__()
        self.count, self.characters, self.text, self.open, self.classes = 0, set(), [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.count += tag == "math"
        if tag in ("math", *ELSEWHERE) or self.open:
            self.open.append(tag)
            self.classes.append(dict(attributes).get("class"))

    def handle_endtag(self, tag):
        if self.open and tag in self.open:
            while self.open.pop() != tag:
                self.classes.pop()
            self.classes.pop()

    def handle_data(self, data):
        if "math" in self.open:
            alone = self.open[-1] == "mi" and len(data) == 1 and self.classes[-1] is None
            self.characters |= {slanted(data)} if alone else set(data)
        elif not self.open:
            self.text.append(data)


def slanted(letter):
    """What a browser shows for a single letter in `<mi>`."""
    known = mathfont.LATIN + mathfont.GREEK
    return mathfont.slanted(letter) if letter in known else letter


def in_source(path):
    """How many formulas a chapter or page holds, by the grammar of its Markdown."""
    parser = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, double_inline=True).use(amsmath_plugin)
    texts = (
        [c.source for c in cells(path) if c.cell_type == "markdown"]
        if path.suffix == ".ipynb"
        else [path.read_text("utf-8")]
    )
    tokens = [token for text in texts for block in parser.parse(text) for token in (block, *(block.children or ()))]
    return sum(token.type.startswith("math") or token.type == "amsmath" for token in tokens)


@built
def test_every_formula_is_set_and_no_tex_is_left():
    counts = {}
    for path in PAGES:
        found = Formulas(path.read_text(encoding="utf-8"))
        (source,) = [p for p in BOOK.glob(f"{path.stem}.*") if p.suffix in (".ipynb", ".md")]
        assert found.count == in_source(source), path.name
        assert re.findall(r"\\[(\[a-zA-Z]\w*|\$[^$\n]+\$", "".join(found.text)) == [], path.name
        counts[path.stem] = found.count
    assert counts["appendix_notation"] > 0 and counts["intro"] == 0


@built
def test_the_face_has_every_character_of_every_formula():
    found = set().union(*(Formulas(path.read_text(encoding="utf-8")).characters for path in PAGES))
    assert len(found) > 50
    assert found - set(mathfont.CHARACTERS) - {"\u2061"} == set(), "see bench/tools/mathfont.py"


def test_the_face_is_what_the_script_makes_of_the_larger_one():
    path = mathfont.OUT
    font = TTFont(path)
    assert {chr(c) for c in font.getBestCmap()} == set(mathfont.CHARACTERS)
    assert path.stat().st_size < 30_000
    math = font["MATH"].table
    assert math.MathConstants.SubscriptBaselineDropMin.Value == mathfont.DROP
    shown = {name: unicodedata.lookup(name) for name in ("N-ARY SUMMATION", "LEFT PARENTHESIS", "SQUARE ROOT")}
    names = {font.getBestCmap()[ord(c)] for c in shown.values()}
    assert names <= set(math.MathVariants.VertGlyphCoverage.glyphs)


def test_temml_is_as_published():
    program = (formulas.HERE / "temml.min.js").read_bytes()
    assert hashlib.sha256(program).hexdigest() == formulas.TEMML["sha256"]
    assert formulas.temml().eval("temml.version") == formulas.TEMML["version"]


def build(folder, text):
    """What Sphinx says of a book of one page."""
    (folder / "conf.py").write_text(CONF.format(path=str(ROOT / "book" / "_ext")))
    (folder / "index.md").write_text(text)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(folder), str(folder / "out")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_numbered_equation_and_links_to_it(tmp_path):
    done = build(
        tmp_path, "# A\n\nBy {eq}`mass`, $a < b$.\n\n$$\nE = m c^2\n$$ (mass)\n\n\\begin{align}a &= b\\end{align}\n"
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert re.search(r'<a class="reference internal" href="#equation-mass">\(?1\)?</a>', page)
    box = re.search(r'<div class="math[^>]*id="equation-mass">(.*?)</div>', page, re.DOTALL)[1]
    assert box.strip().startswith('<span class="eqno">(1)') and '<math display="block"' in box and "<msup>" in box
    assert Formulas(page).count == 3 and "<mo>&lt;</mo>" in page
    assert "formulas.css" in page and "<script" not in box


@pytest.mark.parametrize("tex", [r"$x + \nosuchthing$", "$$\na & b\n$$"])
def test_a_formula_that_cannot_be_set_ends_the_build(tmp_path, tex):
    done = build(tmp_path, f"# A\n\n{tex}\n")
    assert done.returncode != 0
    assert "index.md" in done.stderr and repr(tex.strip("$\n"))[1:-1] in done.stderr
