"""Running a chapter elsewhere: what Binder installs and what Colab's first cell fetches is what the notebooks need."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
PACKAGES = {"PIL": "pillow", "IPython": "ipywidgets", "matplotlib_inline": "ipywidgets", "traitlets": "ipywidgets"}
PACKAGES |= {"cycler": "matplotlib", "fast_ctc_decode": "fast-ctc-decode"}


@pytest.fixture(scope="module")
def publish():
    spec = importlib.util.spec_from_file_location("publish", ROOT / "book" / "_ext" / "publish.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def installed():
    lines = (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and line[0] not in "#-"]


def imports(source):
    """The top names that Python `source` imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_binder_installs_what_library_and_notebooks_import():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "crnn_lib").rglob("*.py")]
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        sources += [re.sub(r"^\s*[%!].*", "", c.source, flags=re.M) for c in cells if c.cell_type == "code"]
    wanted = set().union(*map(imports, sources)) - set(sys.stdlib_module_names) - {"crnn_lib"}
    wanted -= {path.stem for path in (ROOT / "bench").glob("*.py")}  # a chapter may show how a result was measured
    assert {PACKAGES.get(name, name) for name in wanted} <= set(installed())


def test_versions_are_those_of_the_book():
    lines = (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert "-c ../constraints.txt" in lines
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in installed() if name not in pinned] == []
    assert (ROOT / ".binder" / "runtime.txt").read_text().strip() == "python-3.11"


def test_binder_s_kernels_find_the_library(tmp_path):
    """postBuild as Binder runs it, with a Python that writes elsewhere."""
    fake = tmp_path / "python"
    fake.write_text(
        f"#!/bin/sh\nexec '{sys.executable}' -c \"import sysconfig\nsysconfig.get_path = lambda _: '{tmp_path}'\n$2\"\n"
    )
    fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run([ROOT / ".binder" / "postBuild"], check=True, env=environment, cwd="/")
    assert (tmp_path / "crnn_lib.pth").read_text() == str(ROOT)
    assert sysconfig.get_path("purelib") != str(tmp_path)


def test_colab_s_copies_differ_by_one_cell(publish, tmp_path, monkeypatch):
    monkeypatch.setenv("BOOK_REPOSITORY", "https://github.com/owner/name.git")
    monkeypatch.setenv("BOOK_BRANCH", "main")
    written = publish.write_colab(NOTEBOOKS, tmp_path)
    assert [p.name for p in written] == [p.name for p in NOTEBOOKS]
    for source, copy in zip(NOTEBOOKS, written, strict=True):
        before, after = (nbformat.read(p, as_version=4) for p in (source, copy))
        nbformat.validate(after)
        (added,) = [c for c in after.cells if c.id not in {b.id for b in before.cells}]
        assert "git clone -q --depth 1 --branch main https://github.com/owner/name crnn" in added.source
        after.cells.remove(added)
        assert after.cells == before.cells
        assert copy.relative_to(tmp_path) == source.relative_to(ROOT)


def test_colab_s_cell_finds_the_chapter_s_place(publish):
    """What it leaves behind: the working folder of a chapter, and the library on the path."""
    code = publish.BOOTSTRAP.format(repository="R", branch="B")
    assert "%cd -q crnn/book" in code and 'sys.path.insert(0, "/content/crnn")' in code
    assert "crnn/.binder/requirements.txt" in code


@pytest.mark.parametrize(
    "value", ["http://x y", "git@github.com:a/b.git", "https://gitlab.com/a/b", "https://github.com/a"]
)
def test_a_repository_that_cannot_be_launched_is_refused(publish, monkeypatch, value):
    from sphinx.errors import ExtensionError

    monkeypatch.setenv("BOOK_REPOSITORY", value)
    with pytest.raises(ExtensionError, match="BOOK_REPOSITORY"):
        publish.public("BOOK_REPOSITORY")


def test_editors_find_environment_and_folder():
    settings = json.loads((ROOT / ".vscode" / "settings.json").read_text(encoding="utf-8"))
    assert settings["python.defaultInterpreterPath"] == "${workspaceFolder}/.venv/bin/python"
    assert settings["jupyter.notebookFileRoot"] == "${fileDirname}"
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["updateContentCommand"].startswith("make install")
