"""Teaching, simulated: a model learns the hand of a writer whom it never saw from a few strings, and reads many others.

    python bench/accuracy/teaching.py --ink DIR --without 1 --weights FILE

DIR is that of bench/training/strokes.py; the writers are of the group that the model of FILE has not seen. Strings of 3
to 6 of their characters are put together as bench/training/pen.py judges them; no character is in both a taught and a
tested string. Each of the --writers is taught --taught strings in --draws random draws, and read in --tested others
before and after; --others strings of all other writers of the group tell what is forgotten. Texts count as one where
shape alone cannot tell (scores.alike).
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from bench.training import doubt, hands, scores, strokes
from crnn_lib import metrics, reader, teaching
from crnn_lib.drawing import pen
from crnn_lib.errors import UserError
from crnn_lib.images import standardise
from crnn_lib.model import CRNN
from crnn_lib.training import tune_process

PIXELS = 100  # of a capital
FEWEST = 120  # characters of a writer who is taught
FROM, TO = 3, 6  # characters of a string
REPEATS = 2000  # of the bootstrap


class String(NamedTuple):
    """A drawing as the pad has it, and what it says."""

    drawing: list[np.ndarray]
    text: str


def string(ink: strokes.Ink, index: np.ndarray, alphabet: str, rng: np.random.Generator) -> String:
    """Characters of one writer side by side; in small letters for a model that knows no others."""
    drawn = hands.write(ink, ink.points[index].astype(float), index, hands.PLAIN, False, rng)
    ends = np.flatnonzero(~drawn.down[:-1]) + 1
    text = "".join(strokes.SYMBOLS[s] for s in ink.symbol[index])
    return String(np.split(drawn.points * PIXELS, ends), text if set(text) <= set(alphabet) else text.lower())


def drawn_by(ink: strokes.Ink, writer: int) -> np.ndarray:
    """The characters that a writer drew whole, but for the doubtful ones."""
    return np.flatnonzero((ink.writer == writer) & ~ink.cut & ~ink.doubtful)


def strings(
    ink: strokes.Ink, mine: np.ndarray, count: int, alphabet: str, rng: np.random.Generator
) -> tuple[list[String], np.ndarray]:
    """So many strings, each of characters that the others have not as long as there are any; and what was used."""
    left, found, used = rng.permutation(mine), [], []
    for _ in range(count):
        length = int(rng.integers(FROM, TO + 1))
        if len(left) < length:
            left = rng.permutation(mine)
        index, left = left[:length], left[length:]
        found.append(string(ink, index, alphabet, rng))
        used.extend(index)
    return found, np.array(used)


def edits(model: CRNN, asked: list[String]) -> np.ndarray:
    """The edits of each string, look-alikes counted as one."""
    images = [
        standardise(pen.image_for(model.config, [s.tolist() for s in one.drawing]).astype("f4"), *model.config.frame)
        for one in asked
    ]
    texts = reader.read(model, images).texts
    pairs = zip(asked, texts, strict=True)
    return np.array([metrics.edits(scores.alike(one.text), scores.alike(text)) for one, text in pairs])


def characters(asked: list[String]) -> int:
    """How many characters there are to read."""
    return sum(len(one.text) for one in asked)


def of_writer(
    teacher: teaching.Teacher, ink: strokes.Ink, writer: int, others: list[String], a: argparse.Namespace
) -> dict:
    """One writer's figures: edits before and after by draw, and those of others after the first draw's lesson."""
    model, name = teacher.model, ink.names[writer]
    mine = drawn_by(ink, writer)
    draws, forgotten = [], None
    for draw in range(a.draws):
        rng = np.random.default_rng([draw, *name.encode()])
        taught, used = strings(ink, mine, a.taught, model.config.alphabet, rng)
        tested, _ = strings(ink, np.setdiff1d(mine, used), a.tested, model.config.alphabet, rng)
        learned = teacher.teach([[s.tolist() for s in one.drawing] for one in taught], [one.text for one in taught])
        before, after = (int(edits(one, tested).sum()) for one in (model, learned))
        draws.append({"characters": characters(tested), "before": before, "after": after})
        if draw == 0:
            forgotten = int(edits(learned, others).sum())
    return {"draws": draws, "others_after": forgotten}


def summary(found: dict[str, dict], others: list[String], others_before: int) -> dict:
    """All writers together; the interval of the share of edits that is left is that of a bootstrap over writers."""
    keys = ("before", "after", "characters")
    sums = np.array([[sum(draw[key] for draw in one["draws"]) for key in keys] for one in found.values()])
    rng = np.random.default_rng(0)
    drawn = sums[rng.integers(0, len(sums), (REPEATS, len(sums)))].sum(1)
    worse = {name: 100 * float(a - b) / float(c) for name, (b, a, c) in zip(found, sums, strict=True)}
    lost = [one["others_after"] - others_before for one in found.values()]
    return {
        "before": int(sums[:, 0].sum()), "after": int(sums[:, 1].sum()), "characters": int(sums[:, 2].sum()),
        "left": float(sums[:, 1].sum() / max(sums[:, 0].sum(), 1)),
        "left_interval": np.quantile(drawn[:, 1] / np.maximum(drawn[:, 0], 1), (0.025, 0.975)).tolist(),
        "worst_points": max(worse.values()), "worst": max(worse, key=worse.get),
        "others": {"strings": len(others), "characters": characters(others), "before": others_before,
                   "points_lost_mean": 100 * float(np.mean(lost)) / characters(others),
                   "points_lost_worst": 100 * max(lost) / characters(others)},
    }  # fmt: skip


def main(a: argparse.Namespace) -> None:
    """Choose the writers, teach each, and record."""
    tune_process()
    model, dealt = reader.load(a.weights), strokes.groups()
    ink = doubt.judged(strokes.read(a.ink), dealt)
    seen = {writer for piece in model.provenance.get("pieces", []) for writer in piece["composed"]["writers"]}
    counts = np.bincount(ink.writer[~ink.cut & ~ink.doubtful], minlength=len(ink.names))
    group = [i for i, source in enumerate(ink.sources()) if dealt.get(source) == a.without and ink.names[i] not in seen]
    able = [i for i in group if counts[i] >= FEWEST]
    if len(able) < a.writers:
        raise UserError(f"group {a.without} has {len(able)} unseen writers of {FEWEST} characters, not {a.writers}")
    chosen = np.random.default_rng(a.without).permutation(able)[: a.writers].tolist()
    rng, rest = np.random.default_rng(0), [i for i in group if i not in chosen and counts[i] >= TO]
    others = [strings(ink, drawn_by(ink, i), 1, model.config.alphabet, rng)[0][0] for i in rng.choice(rest, a.others)]
    others_before = int(edits(model, others).sum())
    teacher, found = teaching.Teacher(model), {}
    for writer in chosen:
        found[ink.names[writer]] = one = of_writer(teacher, ink, writer, others, a)
        print(ink.names[writer], one, file=sys.stderr, flush=True)
    result = summary(found, others, others_before)
    print(result)
    facts = {"group": a.without, "model": model.digest(), "taught": a.taught, "tested": a.tested}
    record(a.out, facts | {"summary": result, "writers": found}, f"--ink DIR --without {a.without} --weights FILE")


if __name__ == "__main__":
    parser = options(__doc__, without=1, writers=20, draws=3, taught=10, tested=40, others=1000)
    parser.add_argument("--ink", type=Path, required=True)
    parser.add_argument("--weights", default="pen", help="a file, or a model that ships (default: pen)")
    parser.add_argument("--out", type=Path, default=RESULTS / "teaching.json")
    main(parser.parse_args())
