"""The label audit: which labels of the real set are wrong, by transcribing suspects and controls blind.

    python bench/tools/label_audit.py sheets --captchas DIR --out FOLDER [--controls 100] [--unsure 20] [--seed 0]
    python bench/tools/label_audit.py compare --out FOLDER TRANSCRIPTION.csv TRANSCRIPTION.csv

`sheets` takes the out-of-fold readings in data/results/crossval.csv, chooses every image whose label and reading
disagree, the least confident right ones and random controls, and draws them in random order on numbered sheets,
without label or reading. FOLDER holds real images: keep it out of the project. Each transcriber works alone and writes
a CSV with the columns number,text. `compare` then opens the key and writes data/label_audit.csv: a label counts as
wrong only when all transcribers agree with each other and with the reading against it.

The two transcriptions on record are by general-purpose vision models, not by people; which models they were, and
whether they were two different ones, was not recorded. data/label_audit.md is a short sheet for two people.
"""

import argparse
import csv
import json
from collections import Counter
from pathlib import Path

from PIL import Image, ImageDraw

from crnn_lib import assets
from crnn_lib.errors import UserError
from crnn_lib.tools import audit

SCALE, COLUMNS, ROWS = 3, 2, 6  # each image enlarged so many times; a sheet of 12


def draw_sheets(rows: list[audit.OutOfFold], captchas: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    per_sheet = COLUMNS * ROWS
    for first in range(0, len(rows), per_sheet):
        sheet = Image.new("L", (COLUMNS * 660, ROWS * 190), 255)
        pen = ImageDraw.Draw(sheet)
        for i, row in enumerate(rows[first : first + per_sheet]):
            x, y = i % COLUMNS * 660, i // COLUMNS * 190
            with Image.open(captchas / row.file) as image:
                sheet.paste(image.convert("L").resize((200 * SCALE, 50 * SCALE), Image.Resampling.BICUBIC), (x, y + 22))
            pen.text((x + 4, y + 2), f"{first + i + 1}", fill=0, font_size=18)
        sheet.save(out / f"sheet_{first // per_sheet + 1:02d}.png")
    (out / "key.json").write_text(json.dumps([row.file for row in rows]))
    print(f"{len(rows)} images on sheets in {out}")


def read_transcription(path: Path, files: list[str]) -> dict[str, str]:
    with open(path, encoding="utf-8", newline="") as file:
        texts = {files[int(row["number"]) - 1]: row["text"].strip().lower() for row in csv.DictReader(file)}
    if set(texts) != set(files):
        raise UserError(f"{path} transcribes {len(texts)} of {len(files)} images")
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    sheets = verbs.add_parser("sheets")
    sheets.add_argument("--captchas", type=Path, required=True)
    sheets.add_argument("--controls", type=int, default=100)
    sheets.add_argument("--unsure", type=int, default=20, help="how many of the least confident right readings")
    sheets.add_argument("--seed", type=int, default=0)
    compare = verbs.add_parser("compare")
    compare.add_argument("transcriptions", type=Path, nargs="+")
    for p in (sheets, compare):
        p.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    rows = audit.read_rows(assets.RESULTS / "crossval.csv")
    if a.verb == "sheets":
        return draw_sheets(audit.choose(rows, a.controls, a.unsure, a.seed), a.captchas, a.out)
    files = json.loads((a.out / "key.json").read_text())
    chosen = [row for row in rows if row.file in set(files)]
    verdicts = audit.compare(chosen, [read_transcription(path, files) for path in a.transcriptions])
    audit.write_rows(verdicts, assets.DATA / "label_audit.csv")
    print(Counter(v.verdict for v in verdicts))


if __name__ == "__main__":
    main()
