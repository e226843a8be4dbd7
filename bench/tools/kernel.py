"""The page's kernel, assembled: crnn_lib/widgets/page/kernel.wat -> kernel.js, as tests compare them.

python bench/tools/kernel.py
"""

import base64
import sys
from pathlib import Path

from wasmtime import wat2wasm

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from crnn_lib.files import write_text
from crnn_lib.widgets import bundle

SOURCE, TARGET = (bundle.FOLDER / "page" / name for name in ("kernel.wat", "kernel.js"))


def assembled() -> str:
    """The text of kernel.js."""
    encoded = base64.b64encode(wat2wasm(SOURCE.read_text(encoding="utf-8"))).decode("ascii")
    return (
        "// kernel.wat, assembled by `python bench/tools/kernel.py`, in base64: a page from a file cannot fetch.\n"
        f'export const KERNEL =\n  "{encoded}";\n'
    )


if __name__ == "__main__":
    write_text(TARGET, assembled())
