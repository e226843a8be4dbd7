"""Each exercise: the stored notebook holds the stub and its verdict; with the solution put in, the verdict is Right.

Where CRNN_CAPTCHA_DIR is set, this is also each notebook's run on the real images, whose outputs nothing can compare.
"""

import re

import execute
import nbformat
import pytest
from places import NOTEBOOKS

pytestmark = pytest.mark.slow
SOLUTION = re.compile(r"<summary>Solution</summary>\s*```python\n(.*?)\n```", re.DOTALL)


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def solutions(notebook):
    return [code for cell in notebook.cells if cell.cell_type == "markdown" for code in SOLUTION.findall(cell.source)]


def verdict(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def notebooks():
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        if tagged(notebook, "exercise") or solutions(notebook):
            yield pytest.param(path, notebook, id=path.stem)


@pytest.mark.parametrize(("path", "notebook"), list(notebooks()))
def test_stubs_are_not_yet_right_and_solutions_are(path, notebook):
    stubs, checks, codes = tagged(notebook, "exercise"), tagged(notebook, "check"), solutions(notebook)
    assert len(stubs) == len(checks) == len(codes) >= 2
    posed = [cell.source for cell in notebook.cells if "<summary>Solution</summary>" in cell.source]
    assert all("<summary>Hint</summary>" in source for source in posed)
    assert [verdict(cell).split(":")[0] for cell in checks] == ["Not yet"] * len(checks)
    for stub, code in zip(stubs, codes, strict=True):
        stub.source = code
    done = execute.run(notebook, path.parent)
    assert [verdict(cell).split()[0].rstrip(".,:!") for cell in tagged(done, "check")] == ["Right"] * len(checks)
