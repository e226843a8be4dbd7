"""The house: who may import whom."""

import ast
from graphlib import TopologicalSorter

import pytest
from places import ROOT, text_of

TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
OURS = {path.stem for path in (ROOT / "tests").rglob("*.py")}
OUTSIDE = [path for place in ("crnn_lib", "bench", "book") for path in (ROOT / place).rglob("*.py")]


def imports(path):
    """The names of the modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: import by the full name"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
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


# --- the library ---

FLOORS = [  # a module imports from its own floor and from those below it
    {"errors", "files", "assets"},
    {"images", "alphabet", "padding"},
    {"model", "ctc", "augment"},
    {"data", "shards", "stored"},
    {"reader", "metrics", "drawing", "teaching"},
    {"checkpoints", "training", "processes"},
    {"tools"},
    {"widgets"},
    {"__main__"},
]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "crnn_lib").rglob("*.py")
}


def needed(module):
    """The library's modules that one imports, also within a function; not the packages that they lie in."""
    found = {name for name in imports(MODULES[module]) if name in MODULES}
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)} - {"crnn_lib"}


def floor(module):
    (at,) = (i for i, names in enumerate(FLOORS) if module.split(".")[1] in names)
    return at


def test_the_library_imports_downwards_and_in_no_circle():
    graph = {module: needed(module) for module in MODULES if module != "crnn_lib"}
    assert len(graph) > 50 and sum(map(len, graph.values())) > 100
    assert [(m, n) for m, names in graph.items() for n in names if floor(n) > floor(m)] == []
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)  # raises CycleError
    assert [module for module, path in MODULES.items() if "TYPE_CHECKING" in path.read_text(encoding="utf-8")] == []


def test_no_widget_imports_from_the_folder_of_another():
    folders = {module.split(".")[2] for module in MODULES if module.count(".") == 3 and ".widgets." in module}
    assert len(folders) > 7
    for module in MODULES:
        others = folders - {*module.split(".")[2:3]}
        assert not {name.split(".")[2] for name in needed(module) if ".widgets." in name} & others, module


def test_the_drawing_in_contributing_is_the_house():
    """Each floor of the drawing names its modules and packages, the highest first."""
    drawing = text_of("CONTRIBUTING.md").split("## The house")[1].split("```")[1]
    lines = [line for line in drawing.splitlines() if "│" in line]
    drawn = [set(line.split("│")[1].split()) for line in lines]
    assert drawn == [names for names in reversed(FLOORS) if names != {"__main__"}]
