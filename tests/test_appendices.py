"""The appendices: complete, and in step with the files and chapters that they tell of."""

import json
import re

import pytest
from places import BOOK, NOTEBOOKS, RESULTS, ROOT, cells, table, text_of


def page(name):
    return text_of("book", f"{name}.md")


def prose():
    """All that introduction and chapters say, code included."""
    parts = [page("intro"), *(cell.source for path in NOTEBOOKS for cell in cells(path))]
    return re.sub(r"\s+", " ", "\n".join(parts)).lower()


def cpu_seconds(found):
    """The sum of all trainings in a recorded result; of a run that tells its whole, the epochs are not counted."""
    if isinstance(found, list):
        return sum(map(cpu_seconds, found))
    if not isinstance(found, dict):
        return 0
    if "cpu_seconds" in found:
        return found["cpu_seconds"]
    return sum(map(cpu_seconds, found.values()))


def index():
    """The rows of the list of results: a file's name and its endings, what it holds, its command, its seconds."""
    return table("results/index.csv")


def test_every_result_and_every_script_is_told():
    results, scripts = sorted(RESULTS.glob("[!._]*")), sorted((ROOT / "bench").rglob("[!._]*.py"))
    assert len(results) > 15 and len(scripts) > 10
    told = page("appendix_reproducing") + text_of("data", "results", "index.csv")
    named = {name for name, _ in re.findall(r"(\w+\.(json|csv|py))\b", told)}
    named |= {f"{stem}.csv" for stem in re.findall(r"\b(\w+)\.json, \.csv", told)}
    assert [p.name for p in results + scripts if p.name not in named] == []


def test_its_times_are_those_of_the_files():
    rows = [(row["file"].split(",")[0], row["CPU-seconds"]) for row in index()]
    recorded = [(RESULTS / name, told) for name, told in rows if (RESULTS / name).exists() and name.endswith(".json")]
    assert len(recorded) > 20
    for path, told in recorded:
        found = cpu_seconds(json.loads(path.read_text(encoding="utf-8")))
        assert (told == "") == (found == 0), f"{path.name}: {found:.0f}"
        assert not told or int(told) == pytest.approx(found, rel=0.02), f"{path.name}: {found:.0f}"


def test_its_commands_are_those_of_the_files():
    told = {row["file"].split(",")[0]: row["command"].strip("`") for row in index()}
    for path in RESULTS.glob("*.json"):
        command = json.loads(path.read_text(encoding="utf-8")).get("command")
        if command and command != "python -":  # a script that was fed to Python
            assert told[path.name].split("python ", 1)[1] == command.split("python ", 1)[1], path.name


def test_every_term_of_the_glossary_is_used_and_leads_to_its_chapter():
    glossary = re.search(r"```\{glossary\}\n(.*?)\n```", page("appendix_glossary"), re.DOTALL)[1]
    entries = [entry.split("\n", 1) for entry in glossary.split("\n\n")]
    terms, said = [term for term, _ in entries], prose()
    assert len(terms) >= 40
    assert terms == sorted(set(terms), key=str.lower)
    for term, definition in entries:
        target = re.search(r"\[(?:Chapter (\d+)|Introduction)\]\(((\d\d)_\w+\.ipynb|intro\.md)\)$", definition)
        assert target and (BOOK / target[2]).exists() and (target[1] is None or int(target[1]) == int(target[3])), term
        assert term.lower() in said, f"nobody says {term!r}"


@pytest.mark.parametrize("letter", [*"NCHWTKUr", r"\alpha", r"\beta", r"\gamma", r"\pi", r"\ell", r"\mathcal{B}", "y"])
def test_the_notation_holds_every_letter_and_the_book_uses_it(letter):
    rows = re.findall(r"^\| (\S+(?: \S+)?) \|", page("appendix_notation"), re.M)
    assert any(re.match(rf"\$?{re.escape(letter)}(?![A-Za-z])", row) for row in rows)
    assert re.search(rf"(?<![A-Za-z]){re.escape(letter.lower())}(?![A-Za-z])", prose())


def test_every_source_is_whole_and_every_citation_has_one():
    bib = text_of("book", "references.bib")
    entries = dict(re.findall(r"^@\w+\{([\w-]+),\n(.*?)^\}", bib, re.M | re.DOTALL))
    assert len(entries) == len(re.findall(r"^@", bib, re.M)) >= 25
    for key, fields in entries.items():
        assert {"author", "title"} <= set(re.findall(r"^ +(\w+) +=", fields, re.M)), key
        assert "year " in fields or "without a date" in fields, key
    cited = {key for path in BOOK.glob("*.md") for keys in re.findall(r"\{cite\}`([^`]+)`", path.read_text("utf-8"))
             for key in keys.split(",")}  # fmt: skip
    assert cited
    assert cited <= set(entries)
    authors = " ".join(re.findall(r"author +=(.*)", bib)).replace(r"{\"u}", "ü").replace(r"{\'a}", "á")
    said = [path.read_text(encoding="utf-8") for path in (ROOT / "crnn_lib").rglob("*.py")]
    said += [cell.source for path in NOTEBOOKS for cell in cells(path)]
    name = r"\b([A-Z]\w+)(?: et al\.| and [A-Z]\w+)?,? \(?(?:19|20)\d\d\b"
    named = set(re.findall(name, "\n".join(said)))
    assert {"Graves", "Shi", "Wilson"} <= named
    assert [name for name in named if name not in authors] == []


def test_the_first_page_leads_to_every_chapter_and_appendix():
    intro, drawing = page("intro"), text_of("book", "_static", "architecture.svg")
    pages = {p.name for p in BOOK.iterdir() if re.match(r"\d\d_.*\.ipynb|appendix_.*\.md", p.name)}
    assert pages <= set(re.findall(r"\]\(([\w.]+)\)", intro))
    linked = re.findall(r'<a href="([\w.]+)"', drawing)
    assert linked == sorted(linked)
    assert {name[:2] for name in linked} >= {f"0{n}" for n in range(2, 8)}
