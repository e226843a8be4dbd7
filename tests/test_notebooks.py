"""The notebooks' hygiene: what the book promises about each of them, and the tool that executes them."""

import re

import execute
import nbformat
import pytest
import yaml
from places import NOTEBOOKS, cells, text_of

LONGEST_CELL = 25  # lines
WIDEST_LINE = 88  # characters: what the page shows without scrolling
LARGEST = 1_500_000  # bytes
IMAGES = ("image/svg+xml", "image/png", "image/jpeg")
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(home|Users|root|work|tmp|opt|var|mnt)/\w|[A-Z]:\\\\?Users|site-packages")
REMOTE = re.compile(r"""(src|href)=["']?https?://[^"'>]*\.(js|css|png|jpe?g|svg|gif)|!\[[^\]]*\]\(https?://""")


def test_each_figure_has_a_name_of_its_own():
    figures = [cell.metadata.get("mystnb", {}).get("figure", {}) for path in NOTEBOOKS for cell in cells(path)]
    names = [figure["name"] for figure in figures if "name" in figure]
    assert len(names) > 50 and len(names) == len(set(names))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_begins_and_closes_as_all_do(path):
    begins = [cell.source for cell in cells(path) if cell.cell_type == "code"][:4]
    assert any("figures.use_house_style()" in source for source in begins)
    prose = "\n".join(cell.source for cell in cells(path) if cell.cell_type == "markdown")
    assert re.findall(r"^## (.*)$", prose, re.M)[-3:] == ["Summary", "Exercises", "Next"]
    assert sum("exercise" in cell.metadata.get("tags", []) for cell in cells(path)) >= 2


def texts(output):
    """Everything readable in one output."""
    data = output.get("data", {})
    return [output.get("text", ""), *(v for k, v in data.items() if k.startswith("text/") and isinstance(v, str))]


def faults(notebook, size=0):
    """What is wrong with a notebook, one line a fault; an empty list is the aim."""
    found = []
    code = [c for c in notebook.cells if c.cell_type == "code"]
    if [c.execution_count for c in code] != list(range(1, len(code) + 1)):
        found.append("is not executed from top to bottom, counts 1..n: make execute")
    if size > LARGEST:
        found.append(f"has {size} bytes, more than {LARGEST}")
    if notebook.metadata.get("kernelspec") != execute.KERNEL or notebook.metadata.get("language_info") != {
        "name": "python"
    }:
        found.append("names a kernel or a version of its own: make execute")
    if set(notebook.metadata) - {"kernelspec", "language_info"}:
        found.append(f"carries metadata {sorted(set(notebook.metadata) - {'kernelspec', 'language_info'})}")
    if not notebook.cells or not re.match(r"# \S", notebook.cells[0].source):
        found.append("does not open with its title")
    if sum(len(re.findall(r"^# \S", c.source, re.M)) for c in notebook.cells if c.cell_type == "markdown") > 1:
        found.append("has more than one title")
    for cell in notebook.cells:
        found += [f"cell {cell.id}: {fault}" for fault in cell_faults(cell)]
    return found


def cell_faults(cell):
    outputs = cell.get("outputs", [])
    everything = [cell.source, *(t for o in outputs for t in texts(o))]
    if any(MACHINE_PATH.search(t) for t in everything):
        yield "names a path of one machine"
    if any(REMOTE.search(t) for t in everything):
        yield "fetches something from elsewhere"
    if cell.cell_type != "code":
        return
    lines = cell.source.splitlines()
    if not lines:
        yield "is empty"
    if len(lines) > LONGEST_CELL:
        yield f"has {len(lines)} lines, more than {LONGEST_CELL}"
    if any(len(line) > WIDEST_LINE for line in lines):
        yield f"has a line wider than {WIDEST_LINE} characters"
    if lines and lines[-1].rstrip().endswith(";"):
        yield "ends with a semicolon, which nbval cannot compare"
    if "execution" in cell.metadata:
        yield "records when it ran"
    if any(o.output_type == "error" for o in outputs):
        yield "holds an error"
    if any(o.get("name") == "stderr" and "Warning" in o.text for o in outputs):
        yield "holds a warning"
    if any(kind in o.get("data", {}) for o in outputs for kind in IMAGES):
        told = cell.metadata.get("mystnb", {})
        if len(told.get("image", {}).get("alt", "")) < 20:
            yield "shows an image without alt text (metadata mystnb.image.alt)"
        if not told.get("figure", {}).get("caption"):
            yield "shows an image without a caption (metadata mystnb.figure.caption)"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_hygiene(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert faults(notebook, path.stat().st_size) == []


def test_every_notebook_is_in_the_book():
    files = {chapter["file"] for part in yaml.safe_load(text_of("_toc.yml"))["parts"] for chapter in part["chapters"]}
    assert NOTEBOOKS
    assert {f"book/{p.stem}" for p in NOTEBOOKS} <= files


def notebook_of(*sources):
    """A notebook of the given code cells under a title, not executed."""
    cells = [nbformat.v4.new_markdown_cell("# Title", id="title")]
    cells += [nbformat.v4.new_code_cell(s, id=f"c{i}") for i, s in enumerate(sources)]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "mine", "display_name": "My Python"}})


def test_hygiene_finds_each_fault():
    cell = nbformat.v4.new_code_cell("\n".join(["x = 1"] * 26 + ["#" * 89, "open('/home/me/x');"]), id="bad")
    cell.metadata["execution"] = {"iopub.execute_input": "now"}
    cell.outputs = [
        nbformat.v4.new_output("error", ename="E", evalue="", traceback=[]),
        nbformat.v4.new_output("stream", name="stderr", text="UserWarning: old"),
        nbformat.v4.new_output("display_data", data={"image/png": "", "text/html": "<img src='https://x.org/y.png'>"}),
    ]
    notebook = notebook_of()
    notebook.cells = [cell, nbformat.v4.new_code_cell("", id="empty")]
    notebook.metadata["widgets"] = {}
    report = "\n".join(faults(notebook, 2_000_000))
    expected = """top to bottom | more than 1500000 | of its own | carries metadata ['widgets'] | open with its title
        | has 28 lines | wider than 88 | semicolon | when it ran | an error | a warning | alt text | caption
        | one machine | elsewhere | is empty"""
    assert [part for part in map(str.strip, expected.split("|")) if part not in report] == []


@pytest.mark.slow
def test_execution_is_repeatable_and_neutral(tmp_path, capsys):
    path = tmp_path / "small.ipynb"
    nbformat.write(
        notebook_of(
            "import sys\nprint('a', flush=True)\nprint('b')\nprint('c', file=sys.stderr)\nobject()",
            "def f():\n    pass\nprint(f.__code__.co_filename, hash('text'), sorted({'b', 'a'}))",
            "import crnn_lib\ncrnn_lib.__name__",
            "from crnn_lib.widgets import Quiz\nQuiz('count')",
        ),
        path,
    )
    assert execute.main([str(path)]) == 0
    first = path.read_bytes()
    assert execute.main([str(path)]) == 0
    assert path.read_bytes() == first
    assert "stored" in capsys.readouterr().out
    notebook = nbformat.read(path, as_version=4)
    assert faults(notebook) == []
    assert notebook.cells[1].outputs[0].text == "a\nb\n"
    assert "object at 0x0" in notebook.cells[1].outputs[-1]["data"]["text/plain"]
    assert [list(output["data"]) for output in notebook.cells[-1].outputs] == [["text/html"]]  # no live view


@pytest.mark.slow
def test_a_failing_notebook_is_left_alone(tmp_path, capsys):
    path = tmp_path / "broken.ipynb"
    nbformat.write(notebook_of("1 / 0"), path)
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.slow
def test_a_hanging_cell_is_stopped(tmp_path):
    path = tmp_path / "endless.ipynb"
    nbformat.write(notebook_of("import time\ntime.sleep(60)"), path)
    with pytest.raises(execute.CellTimeoutError):
        execute.execute(path, timeout=1)
