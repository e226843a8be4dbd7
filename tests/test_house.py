"""The house: who may import whom."""

import ast

import pytest
from places import ROOT

TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
OURS = {path.stem for path in (ROOT / "tests").rglob("*.py")}
OUTSIDE = [path for place in ("crnn_lib", "bench", "book", "examples") for path in (ROOT / place).rglob("*.py")]


def imports(path):
    """The names of the modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ".", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_no_test_imports_from_a_test(path):
    """What tests share is a fixture of a conftest.py, or in tests/support."""
    others = {other.stem for other in TESTS} | {"conftest", "tests"}
    assert [name for name in imports(path) if name.split(".")[0] in others] == []


def test_nothing_else_imports_from_tests():
    assert len(OUTSIDE) > 50
    beside = {path.stem for path in OUTSIDE}  # a bench may have a module of the same name beside it
    for path in OUTSIDE:
        named = {name.split(".")[0] for name in imports(path)} - beside
        assert not named & (OURS | {"tests"}), path
