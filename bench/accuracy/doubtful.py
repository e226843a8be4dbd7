"""Doubtful labels and second rows: how often `data check` calls sound images into question, and finds planted errors.

    python bench/accuracy/doubtful.py [--captchas DIR] [--folders DIR ...] [--out JSON]

Sets: 1,000 generated CAPTCHAs, 4,000 generated lines of print, the real CAPTCHAs (with --captchas) and folders of other
labelled images (named by their last part). Their labels count as right, so each that is called doubtful is a false
alarm. Then every 50th label, at random, is made wrong in each of four ways, ROUNDS times, and those found are counted.
The thresholds (`checks.DOUBT`) were chosen by such figures, of other lines and of the same real sets.
"""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from crnn_lib.data import LabelledImages, list_folder, load_files, with_labels
from crnn_lib.drawing import captchas, faces, lines
from crnn_lib.images import standardise
from crnn_lib.tools import checks

SEED, COUNT, SHARE, ROUNDS = 14, 4000, 50, 5
WRONG = {
    "another's": lambda label, other: other,
    "half": lambda label, other: label[: len(label) // 2],
    "a third": lambda label, other: label[: len(label) // 3],
    "doubled": lambda label, other: 2 * label,
}


def printed() -> LabelledImages:
    drawn = [(standardise(picture), label) for picture, label in lines.generate(COUNT, SEED, faces.wheels())]
    names = tuple(f"{i}.png" for i in range(COUNT))
    return LabelledImages([image for image, _ in drawn], tuple(label for _, label in drawn), names)


def planted(data: LabelledImages, columns: list[int], kind: str) -> dict[str, int]:
    """How many labels were made wrong so, of another length than before, and how many of these are called doubtful."""
    found = made = 0
    for chance in (random.Random(SEED + i) for i in range(ROUNDS)):
        chosen = chance.sample(range(len(data)), max(1, len(data) // SHARE))
        wrong = {data.names[i]: WRONG[kind](data.labels[i], chance.choice(data.labels)).strip() for i in chosen}
        wrong = {data.names[i]: wrong[data.names[i]] for i in chosen
                 if len(wrong[data.names[i]]) not in (0, len(data.labels[i]))}  # fmt: skip
        called = {one["file"] for one in checks.doubtful(with_labels(data, wrong), columns)}
        found, made = found + len(called & set(wrong)), made + len(wrong)
    return {"wrong": made, "found": found}


def row(name: str, data: LabelledImages) -> dict:
    columns, two_rows = checks.looked_at(data)
    doubtful = checks.doubtful(data, columns)
    result = {"set": name, "images": len(data), "doubtful": len(doubtful), "two_rows": len(two_rows)}
    result["planted"] = {kind: planted(data, columns, kind) for kind in WRONG}
    print(result, flush=True)
    return result


def main() -> None:
    parser = options(__doc__, captchas=False, out=RESULTS / "doubtful.json")
    parser.add_argument("--folders", type=Path, nargs="*", default=[], metavar="DIR", help="other labelled images")
    a = parser.parse_args()
    rows = [row("generated CAPTCHAs", captchas.dataset(1000, SEED)), row("generated lines", printed())]
    named = [("real CAPTCHAs", a.captchas)] * bool(a.captchas) + [(folder.name, folder) for folder in a.folders]
    rows += [row(name, load_files(list_folder(folder))[0]) for name, folder in named]
    given = "--captchas DIR" * bool(a.captchas) + " --folders DIR" * bool(a.folders)
    thresholds = {"deviations": checks.DOUBT[0], "factor": checks.DOUBT[1], "alike": checks.ALIKE}
    record(a.out, {"thresholds": thresholds, "rows": rows}, given.strip())


if __name__ == "__main__":
    main()
