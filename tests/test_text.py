"""The text and the code that a reader meets: how many words, how many lines in sight."""

import re
import statistics
from itertools import chain

from places import BOOK, NOTEBOOKS, cells

IN_CHAPTERS, ON_OTHER_PAGES = 33_500, 6_000  # words of Markdown
MEDIAN_CELL, LONGEST_CELL = 6, 20  # lines of a code cell that is not collapsed
COLLAPSED = {"hide-input", "hide-cell", "remove-input", "remove-cell"}


def words(markdown):
    """How many words of prose: all but front matter, blocks of code, formulas and the targets of links."""
    text = re.sub(r"\A---\n.*?\n---\n", "", markdown, flags=re.DOTALL)
    text = re.sub(r"^```\{glossary\}\n(.*?)^```$", r"\1", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^(```+).*?^\1|\$\$.*?\$\$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<[^<>]+>|^\(.*\)=$", "", text, flags=re.MULTILINE)
    text = re.sub(r"`[^`\n]+`|\$[^$\n]+\$", " code ", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return sum(re.search(r"[^\W_]", token) is not None for token in text.split())


def in_sight(path):
    """The lines of each code cell that the page of a chapter shows at once."""
    shown = [c for c in cells(path) if c.cell_type == "code" and not COLLAPSED & set(c.metadata.get("tags", []))]
    return [len(cell.source.splitlines()) for cell in shown]


def test_words_are_counted_as_a_reader_would():
    page = "---\nx: 1\n---\n# Two words\n\n[A link](a.md#b), `some code()` and $a + b$; <b>bold</b>.\n\n(mark)=\n"
    page += "| a | cell |\n|---|--:|\n\n```python\nnot = 1\n```\n\n$$\nc\n$$\n\n"
    page += "```{glossary}\nterm\n  Its meaning.\n```\n"
    assert words(page) == 2 + 6 + 2 + 3


def test_the_book_keeps_to_its_length():
    chapters = {path.stem: sum(words(c.source) for c in cells(path) if c.cell_type == "markdown") for path in NOTEBOOKS}
    others = {path.stem: words(path.read_text(encoding="utf-8")) for path in BOOK.glob("*.md")}
    assert 20_000 < sum(chapters.values()) <= IN_CHAPTERS, chapters
    assert 3_000 < sum(others.values()) <= ON_OTHER_PAGES, others


def test_code_in_sight_is_short():
    lines = {path.stem: in_sight(path) for path in NOTEBOOKS}
    assert min(map(len, lines.values())) > 5, "nothing left to read"
    assert statistics.median(chain(*lines.values())) <= MEDIAN_CELL
    assert {stem: max(each) for stem, each in lines.items() if max(each) > LONGEST_CELL} == {}
