"""A small book of Markdown pages, built with the project's own extensions."""

import shutil
import subprocess
import sys

from test_widgets import CONF
from visits import ROOT


def build(folder, pages):
    """Write `pages` (text by name, one of them index) into `folder` and build them; the folder of the HTML."""
    (folder / "conf.py").write_text(CONF.format(path=[str(ROOT / "book" / "_ext")]))
    others = "\n".join(name for name in pages if name != "index")
    for name, text in pages.items():
        tree = f"\n```{{toctree}}\n{others}\n```\n" if name == "index" else ""
        (folder / f"{name}.md").write_text(text + tree)
    shutil.copytree(ROOT / "book" / "_static", folder / "_static")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(folder), str(folder / "_build")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "_build"
