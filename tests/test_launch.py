"""Running a chapter elsewhere: what Binder installs and what Colab's first cell fetches is what the notebooks need."""

import ast
import json
import re
import sys
import tomllib

import nbformat
import publish
import pytest
from places import NOTEBOOKS, ROOT, cells, text_of

PACKAGES = {"PIL": "pillow", "IPython": "ipywidgets", "matplotlib_inline": "ipywidgets", "traitlets": "ipywidgets"}
PACKAGES |= {"cycler": "matplotlib", "fast_ctc_decode": "fast-ctc-decode"}


def installed():
    """What Binder and Colab install by `crnn-lib[notebooks]`: names of packages."""
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["notebooks"]
    return [re.match(r"[\w.-]+", line)[0] for line in lines]


def imports(source):
    """The top names that Python `source` imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_what_library_and_notebooks_import_is_installed():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "crnn_lib").rglob("*.py")]
    for path in NOTEBOOKS:
        sources += [re.sub(r"^\s*[%!].*", "", c.source, flags=re.M) for c in cells(path) if c.cell_type == "code"]
    wanted = set().union(*map(imports, sources)) - set(sys.stdlib_module_names) - {"crnn_lib"}
    assert {PACKAGES.get(name, name) for name in wanted} <= set(installed())


def test_binder_installs_the_library_in_the_book_s_versions():
    lines = text_of(".binder", "requirements.txt").splitlines()
    assert {"-c ../constraints.txt", ".[notebooks]"} <= set(lines)
    assert text_of(".binder", "runtime.txt").strip() == "python-3.11"


def test_colab_s_copies_differ_by_one_cell(tmp_path, monkeypatch):
    monkeypatch.setenv("BOOK_REPOSITORY", "https://github.com/owner/name.git")
    monkeypatch.setenv("BOOK_BRANCH", "main")
    written = publish.write_colab(NOTEBOOKS, tmp_path)
    assert [p.name for p in written] == [p.name for p in NOTEBOOKS]
    for source, copy in zip(NOTEBOOKS, written, strict=True):
        before, after = (nbformat.read(p, as_version=4) for p in (source, copy))
        nbformat.validate(after)
        (added,) = [c for c in after.cells if c.id not in {b.id for b in before.cells}]
        assert '%pip install -q "crnn-lib[notebooks] @ git+https://github.com/owner/name@main"' in added.source
        after.cells.remove(added)
        assert after.cells == before.cells
        assert copy.relative_to(tmp_path) == source.relative_to(ROOT)


@pytest.mark.parametrize(
    "value", ["http://x y", "git@github.com:a/b.git", "https://gitlab.com/a/b", "https://github.com/a"]
)
def test_a_repository_that_cannot_be_launched_is_refused(monkeypatch, value):
    from sphinx.errors import ExtensionError

    monkeypatch.setenv("BOOK_REPOSITORY", value)
    with pytest.raises(ExtensionError, match="BOOK_REPOSITORY"):
        publish.public("BOOK_REPOSITORY")


def test_editors_find_environment_and_folder():
    settings = json.loads(text_of(".vscode", "settings.json"))
    assert settings["python.defaultInterpreterPath"] == "${workspaceFolder}/.venv/bin/python"
    assert settings["jupyter.notebookFileRoot"] == "${fileDirname}"
    container = json.loads(text_of(".devcontainer", "devcontainer.json"))
    assert container["updateContentCommand"].startswith("make install")
