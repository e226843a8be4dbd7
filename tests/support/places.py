"""Where things are, and what is recorded there."""

import csv
import json
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
BOOK, RESULTS, HTML = ROOT / "book", ROOT / "data" / "results", ROOT / "_build" / "html"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
SOURCES = {path.stem for path in (*NOTEBOOKS, *BOOK.glob("*.md"))}
PAGES = sorted(path for path in HTML.glob("book/*.html") if path.stem in SOURCES)  # and not what leads on to one


def text_of(*names):
    """The text of a file of the project."""
    return ROOT.joinpath(*names).read_text(encoding="utf-8")


def cells(path):
    return nbformat.read(path, as_version=4).cells


def result(name):
    """What data/results/NAME.json holds."""
    return json.loads(text_of("data", "results", f"{name}.json"))


def table(name):
    """The rows of data/NAME."""
    with open(ROOT / "data" / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
