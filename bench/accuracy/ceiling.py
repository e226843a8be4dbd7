"""The ceiling for the model `pen`: how well strings put together from real ink are read by eye, and by a model.

    python bench/accuracy/ceiling.py --ink DIR --without 1 --out FOLDER
    python bench/accuracy/ceiling.py --ink DIR --without 1 --weights FILE --transcriptions CSV CSV

The first command draws --count strings of 3 to 6 digits and small letters, by writers of the group left out, on
numbered sheets without their texts. FOLDER shows real ink: keep it out of the project. Each transcriber works alone,
knows only that these are digits and small letters, and writes a CSV with the columns number,text. The second scores the
transcriptions and the readings of the model, in which 0/o and 1/l/i count as one and the case does not count.

The two transcriptions on record are by a vision model in two separate sittings, not by people.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from bench.training import doubt, pen, scores, strokes
from crnn_lib import reader
from crnn_lib.errors import UserError
from crnn_lib.images import standardise

SEED = 29  # beside that of the strings which a model is judged on
SYMBOLS = strokes.SYMBOLS[:10] + strokes.SYMBOLS[36:]
KEPT = ("cer", "cer_interval", "exact", "edits", "characters", "confusions")
SCALE, COLUMNS, ROWS, CELL = 4, 2, 5, (900, 180)  # each drawing enlarged so many times; a sheet of ten


def asked(a: argparse.Namespace) -> list[pen.Question]:
    """The strings, by as many writers as possible."""
    dealt = strokes.groups()
    ink = doubt.judged(strokes.read(a.ink), dealt)
    writers = [i for i, source in enumerate(ink.sources()) if dealt.get(source) == a.without]
    questions = np.random.default_rng(SEED).permutation(np.array(pen.questions(ink, writers, SYMBOLS, SEED), object))
    turns: dict[str, int] = {}
    order = []  # the first of each writer, then the second of each
    for one in (pen.Question(*row) for row in questions):
        turns[one.writer] = turns.get(one.writer, 0) + 1
        order.append((turns[one.writer], len(order), one))
    return [one for *_, one in sorted(order, key=lambda row: row[:2])[: a.count]]


def draw_sheets(questions: list[pen.Question], out: Path) -> None:
    """Numbered drawings without their texts."""
    out.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(questions), COLUMNS * ROWS):
        sheet = Image.new("L", (COLUMNS * CELL[0], ROWS * CELL[1]), 255)
        text = ImageDraw.Draw(sheet)
        for i, one in enumerate(questions[first : first + COLUMNS * ROWS]):
            x, y = i % COLUMNS * CELL[0], i // COLUMNS * CELL[1]
            grey = Image.fromarray(one.grey)
            size = [n * SCALE for n in grey.size]
            sheet.paste(grey.resize(size, Image.Resampling.BICUBIC), (x, y + 30))
            text.text((x + 4, y + 4), str(first + i + 1), fill=0, font_size=20)
        sheet.save(out / f"sheet_{first // (COLUMNS * ROWS) + 1:02d}.png")


def read_transcription(path: Path, count: int) -> list[str]:
    """The texts in the order of their numbers."""
    with path.open(encoding="utf-8", newline="") as file:
        texts = {int(row["number"]): row["text"].strip() for row in csv.DictReader(file)}
    if set(texts) != set(range(1, count + 1)):
        raise UserError(f"{path} transcribes {len(texts)} drawings of {count}")
    return [texts[number] for number in sorted(texts)]


def main(a: argparse.Namespace) -> None:
    questions = asked(a)
    if not a.transcriptions:
        draw_sheets(questions, a.out)
        return
    labels, writers = [one.text for one in questions], [one.writer for one in questions]
    model = reader.load(a.weights)
    images = [standardise(one.grey.astype(np.float32), *model.config.frame) for one in questions]
    read = {path.stem: read_transcription(path, len(questions)) for path in a.transcriptions}
    read["the model"] = reader.read(model, images).texts
    found = {}
    for name, texts in read.items():
        scored = scores.by_writer(labels, texts, writers, scores.folded)
        found[name] = {key: scored[key] for key in KEPT} | {"texts": texts}
        print(name, {key: found[name][key] for key in ("cer", "cer_interval", "exact")})
    facts = {"group": a.without, "strings": len(questions), "writers": len(set(writers)),
             "doubtful": sum(one.doubtful for one in questions), "model": model.digest(), "labels": labels}  # fmt: skip
    record(RESULTS / "ceiling.json", facts | {"found": found},
           f"--ink DIR --without {a.without} --weights FILE --transcriptions CSV CSV")  # fmt: skip


if __name__ == "__main__":
    parser = options(__doc__, without=1, count=100)
    parser.add_argument("--ink", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--weights", default="pen", help="a file, or a model that ships (default: pen)")
    parser.add_argument("--transcriptions", type=Path, nargs="+")
    main(parser.parse_args())
