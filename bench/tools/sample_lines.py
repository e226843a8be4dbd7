"""Draw the printed lines that a page offers to try, in faces that no training may see.

    python bench/tools/sample_lines.py

Writes crnn_lib/assets/lines: a PNG for each, and labels.csv with their texts. One of them has two rows, which is more
than a CRNN reads; each seed was chosen for the look of its wear.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from crnn_lib import assets
from crnn_lib.data import LABELS_CSV
from crnn_lib.drawing import faces, lines
from crnn_lib.files import csv_text, write_text

LINES = {  # the texts in their rows, the face's family and style, and the seed
    "sentence": (["The quick brown fox jumps over the lazy dog."], "DejaVu Serif Book", 9),
    "invoice": (["Total: $1,284.50 (incl. 19% VAT)"], "DejaVu Sans Mono Book", 8),
    "address": (["Ms Ada Lovelace, 12 St James's Sq."], "Noto Sans Italic", 0),
    "code": (["x7#Qz_9@kL!w2&Rt"], "Space Mono Regular", 10),
    "two-rows": (["A CRNN reads one line,", "never two at once."], "Noto Sans Regular", 1),
}


def stacked(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of print below each other on one sheet (h, w) uint8."""
    sheet = np.full(
        (sum(map(len, rows)), max(row.shape[1] for row in rows)), round(float(np.median(rows[0]))), np.uint8
    )
    top = 0
    for row in rows:
        sheet[top : top + len(row), : row.shape[1]] = row
        top += len(row)
    return sheet


def main() -> None:
    held_out = {f"{face.family} {face.style}": face for face in faces.wheels() if face.held_out}
    folder = assets.HERE / "lines"
    folder.mkdir(exist_ok=True)
    for name, (rows, face, seed) in LINES.items():
        drawn = [lines.render(row, held_out[face], np.random.default_rng(seed)) for row in rows]
        Image.fromarray(stacked(drawn)).save(folder / f"{name}.png", optimize=True)
    found = [{"file": f"{name}.png", "label": " ".join(rows)} for name, (rows, *_) in LINES.items()]
    write_text(folder / LABELS_CSV, csv_text(found))


if __name__ == "__main__":
    main()
