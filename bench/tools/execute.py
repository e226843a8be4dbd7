"""Run notebooks from a fresh kernel and store their outputs, the same bytes each time: `make execute`.

Whether stored outputs are what the cells print is for nbval to check. A notebook that fails is left as it was (exit
code 1); one that cannot be read or written ends the run with one line (exit code 2).
"""

import argparse
import os
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from crnn_lib.files import write_text

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
TIMEOUT = 300  # seconds for one cell
LIVE_VIEW = "application/vnd.jupyter.widget-view+json"  # a random number that means nothing without its kernel
VARYING = [(re.compile(r"\b0x[0-9a-fA-F]{6,16}\b"), "0x0"), (re.compile(r"\S*ipykernel_\d+[/\\]\d+\.py"), "<cell>")]


def execute(path: Path, timeout: int = TIMEOUT) -> nbformat.NotebookNode:
    """The notebook at `path`, executed in its own folder; raises CellExecutionError with the cell's traceback."""
    return run(nbformat.read(path, as_version=4), path.resolve().parent, timeout)


def run(notebook: nbformat.NotebookNode, folder: Path, timeout: int = TIMEOUT) -> nbformat.NotebookNode:
    """`notebook` executed in `folder` from a fresh kernel, its outputs made neutral."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    )
    client.execute(env=environment)
    return neutral(notebook)


def neutral(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what differs between machines and runs: versions in the metadata, addresses and files in the outputs."""
    notebook.metadata["kernelspec"] = dict(KERNEL)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(LIVE_VIEW, None)
            for holder, key in ((output, "text"), (output.get("data", {}), "text/plain")):
                if key in holder:
                    for pattern, replacement in VARYING:
                        holder[key] = pattern.sub(replacement, holder[key])
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("data") != {}]
    return notebook


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run notebooks and store their outputs.")
    parser.add_argument("notebooks", nargs="+", type=Path)
    failed = 0
    for path in parser.parse_args(arguments).notebooks:
        try:
            failed += not store(path)
        except (OSError, ValueError, nbformat.ValidationError) as error:  # UserError is a ValueError
            what = "standard output" if getattr(error, "filename", path) is None else path
            print(f"{what}: {' '.join(str(error).split())[:300]}", file=sys.stderr)
            return 2
    return 1 if failed else 0


def store(path: Path) -> bool:
    """Execute the notebook at `path` and write it if anything changed; whether it ran through."""
    before = path.read_text(encoding="utf-8")
    try:
        after = nbformat.writes(execute(path)).rstrip("\n") + "\n"
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return False
    if after != before:
        write_text(path, after)
    print(f"{path}: {'unchanged' if after == before else 'stored'}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
