"""Trains the model `pen`, which reads what is drawn: 62 symbols, judged on writers of whom it never saw a stroke.

    python bench/training/pen.py --stage compose --ink DIR --without 1 --seed 1 --out runs/pen-1
    python bench/training/pen.py --stage train --piece 1 --data runs/pen-1 --out runs/pen-1.safetensors
    python bench/training/pen.py --stage judge --ink DIR --without 1 --weights runs/pen-1.safetensors

DIR holds public pen ink (bench/training/strokes.py says what and where from), which stays where it is: what `compose`
writes shows it too. "compose" puts strings together from the ink of all groups but one, as tar shards, with a file that
says whose ink it is; --without 0 takes all five. "train" continues from the weights of the piece before (--init), and
names the writers in what it saves; a piece that was interrupted continues from its last epoch. "judge" reads strings of
the group left out, and adds their scores to data/results/pen.json (or to --out).
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, options, record
from bench.training import doubt, hands, scores, strokes
from crnn_lib import reader
from crnn_lib.alphabet import CAPTCHA_SYMBOLS
from crnn_lib.data import list_set, load_files
from crnn_lib.drawing import texts
from crnn_lib.files import environment, write_text
from crnn_lib.images import standardise
from crnn_lib.model import Config
from crnn_lib.tools.generate import write_shards
from crnn_lib.training import Recipe, Run, begin, tune_process

CONFIG = Config(
    strokes.SYMBOLS, width=128, channels=(16, 32, 64, 96, 128), pools=((2, 2), (2, 2), (1, 1), (2, 1), (2, 1)),
    features=160, hidden=112,
)  # 0.49 million parameters  # fmt: skip
SHORT = Recipe(epochs=2, batch_size=32, validation_fraction=0.02, augmentation=None)
PIECES = {
    1: replace(SHORT, learning_rate=3e-3),
    2: replace(SHORT, epochs=3, learning_rate=2e-3, prior_bias=False),
    3: replace(SHORT, epochs=3, learning_rate=1.5e-3, prior_bias=False),
}
FEW_CHARACTERS = 50  # a writer of so many weighs half of one with very many
FACTS = "whose.json"
SHARD = 5000
SETS = {  # what is scored: the symbols of a string, or words; and what counts as one
    "36 symbols": (strokes.SYMBOLS[:10] + strokes.SYMBOLS[36:], scores.folded),
    "19 symbols": (CAPTCHA_SYMBOLS, scores.folded),
    "62 symbols": (strokes.SYMBOLS, scores.alike),
    "words": (None, scores.folded),
}
MOST = 24  # strings of a writer in a set
KNOWS = "by the model that ships, which knows these writers"
BRIEF = ("images", "exact", "edits", "characters", "cer", "cer_interval")


class Question(NamedTuple):
    """A string to be read: who drew it, what it says, its picture, whether the label of one character is doubtful."""

    writer: str
    text: str
    grey: np.ndarray
    doubtful: bool


def weights(ink: strokes.Ink, without: int) -> dict[int, float]:
    """How often each writer of the groups other than `without` draws a string: nearly alike, since ink is uneven."""
    dealt, counts = strokes.groups(), np.bincount(ink.writer[~ink.doubtful], minlength=len(ink.names))
    chosen = [i for i, source in enumerate(ink.sources()) if dealt.get(source, without) != without and counts[i]]
    return {i: counts[i] / (counts[i] + FEW_CHARACTERS) for i in chosen}


def compose(a: argparse.Namespace) -> None:
    """Write the strings, and whose ink they are made of."""
    a.out.mkdir(parents=True)
    ink = strokes.read(a.ink)
    dealt = strokes.groups()
    ink = doubt.judged(ink, {source: group for source, group in dealt.items() if group != a.without})
    shares = weights(ink, a.without)
    composer = hands.Composer(ink, shares)
    write_shards(a.out, (composer.string(a.seed, i) for i in range(a.count)), a.count, SHARD)
    used = np.isin(ink.writer, list(shares))
    facts = {"without": a.without, "seed": a.seed, "strings": a.count, "writers": [ink.names[i] for i in shares],
             "characters": int((used & ~ink.doubtful).sum()), "left out as doubtful": int((used & ink.doubtful).sum()),
             "data": strokes.SOURCES}  # fmt: skip
    write_text(a.out / FACTS, json.dumps(facts, indent=1) + "\n")


def train(a: argparse.Namespace) -> None:
    """One piece of the training, on the strings of a folder."""
    tune_process()
    data, problems = load_files(list_set(a.data), CONFIG.height)
    fits = [i for i, pair in enumerate(zip(data.labels, data.widths, strict=True)) if CONFIG.fits(*pair)]
    unfit, data = len(problems) + len(data) - len(fits), data.subset(fits)
    init = reader.load(a.init) if a.init else None
    facts = json.loads((a.data / FACTS).read_text(encoding="utf-8"))
    recipe = PIECES[a.piece]
    run = begin(CONFIG, data, recipe, checkpoint=a.out.with_name(a.out.name + ".checkpoint"), on_step=progress,
                init=init)  # fmt: skip
    for epoch in run:
        print(json.dumps(epoch), file=sys.stderr, flush=True)
    piece = {"data": data.fingerprint(), "unfit": unfit, "composed": facts, "recipe": asdict(recipe),
             "environment": environment(), "history": run.history}  # fmt: skip
    before = init.provenance.get("pieces", []) if init else []
    reader.save(run.result().model, a.out, {"trained_on": "strings of real pen ink", "pieces": [*before, piece]})


def progress(run: Run) -> None:
    """A line on stderr now and then."""
    done = run.steps % run.steps_per_epoch
    if done % 100 == 0:
        print(f"step {done} of {run.steps_per_epoch}, {time.process_time():.0f} CPU-s", file=sys.stderr, flush=True)


# --- judging ---
def questions(ink: strokes.Ink, writers: list[int], symbols: str | None, seed: int = 7) -> list[Question]:
    """Strings of 3 to 6 of the `symbols` that each writer drew, or words of 3 to 12 letters: MOST a writer.

    Within a string no character is used twice; what is doubtful or not is all taken.
    """
    result = []
    for writer in writers:
        rng = np.random.default_rng([seed, *ink.names[writer].encode()])  # independent of the other writers
        mine = np.flatnonzero((ink.writer == writer) & ~ink.cut)
        for index in words(ink, mine, rng) if symbols is None else cuts(ink, mine, symbols, rng):
            text = "".join(strokes.SYMBOLS[s] for s in ink.symbol[index])
            drawn = hands.write(ink, ink.points[index].astype(float), index, hands.PLAIN, False, rng)
            name = ink.names[writer]
            result.append(Question(name, text, hands.picture(drawn), bool(ink.doubtful[index].any())))
    return result


def cuts(ink: strokes.Ink, mine: np.ndarray, symbols: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Characters of one writer in strings of 3 to 6, every symbol about equally often."""
    pools = {s: rng.permutation(mine[ink.symbol[mine] == strokes.SYMBOLS.index(s)]).tolist() for s in symbols}
    order = [s for turn in range(MOST * 6) for s in rng.permutation(list(symbols)) if turn < len(pools[s])]
    drawn = [pools[s].pop() for s in order]
    found, at = [], 0
    while len(found) < MOST and at + 3 <= len(drawn):
        length = int(rng.integers(3, 7))
        found.append(np.array(drawn[at : at + length]))
        at += length
    return found


def words(ink: strokes.Ink, mine: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Words of 3 to 12 letters that this writer's letters are enough for, half of them small."""
    found = []
    for _ in range(40 * MOST):
        word, case = texts.word(rng), rng.random()
        word = word.lower() if case < 0.5 else word.title() if case < 0.75 else word.upper()
        pools = {
            s: rng.permutation(mine[ink.symbol[mine] == strokes.SYMBOLS.index(s)]).tolist() for s in sorted(set(word))
        }
        if 3 <= len(word) <= 12 and all(len(pools[s]) >= word.count(s) for s in pools):
            found.append(np.array([pools[s].pop() for s in word]))
            if len(found) == MOST:
                break
    return found


def judge(a: argparse.Namespace) -> None:
    """Score the writers of the group left out."""
    tune_process()
    model, ships, dealt = reader.load(a.weights), reader.load("pen"), strokes.groups()
    trained = {writer for piece in model.provenance["pieces"] for writer in piece["composed"]["writers"]}
    ink = doubt.judged(strokes.read(a.ink), dealt)
    writers = [i for i, source in enumerate(ink.sources()) if dealt.get(source) == a.without]
    if seen := trained & {ink.names[i] for i in writers}:
        raise SystemExit(f"this model has seen {len(seen)} of the writers, {min(seen)} among them")
    found = {}
    for name, (symbols, fold) in SETS.items():
        asked = questions(ink, writers, symbols)
        found[name] = one = read_by(model, asked, fold)
        one[KNOWS] = brief(read_by(ships, asked, fold)["all"])
        print(name, {key: round(one[key]["cer"], 4) for key in ("all", "without doubtful", "strict", KNOWS)})
    cost = sum(epoch["cpu_seconds"] for piece in model.provenance["pieces"] for epoch in piece["history"])
    judged = {"writers": len(writers), "parameters": model.parameter_count(), "cpu_seconds": round(cost), "sets": found}
    out = a.out or RESULTS / "pen.json"
    before = json.loads(out.read_text(encoding="utf-8"))["groups"] if out.exists() else {}
    record(out, {"groups": dict(sorted((before | {str(a.without): judged}).items()))},
           "--stage judge --ink DIR --without GROUP --weights FILE")  # fmt: skip


def read_by(model: reader.CRNN, asked: list[Question], fold: Callable[[str], str]) -> dict:
    """The scores of all questions, with each writer's and symbol's; in short those without a doubtful label, and those
    with nothing counted as one."""
    images = [standardise(q.grey.astype(np.float32)) for q in asked]
    readings = reader.read(model, images).texts

    def of(chosen: list[int], counts_as_one: Callable[[str], str]) -> dict:
        columns = ([asked[i].text for i in chosen], [readings[i] for i in chosen], [asked[i].writer for i in chosen])
        return scores.by_writer(*columns, counts_as_one)

    everything = list(range(len(asked)))
    sound = [i for i in everything if not asked[i].doubtful]
    found = {"all": of(everything, fold)}
    return found | {"without doubtful": brief(of(sound, fold)), "strict": brief(of(everything, str))}


def brief(found: dict) -> dict:
    """Scores without those of each writer and symbol."""
    return {key: found[key] for key in BRIEF}


if __name__ == "__main__":
    parser = options(__doc__, without=1, seed=1, count=60_000, piece=1)
    parser.add_argument("--stage", choices=("compose", "train", "judge"), required=True)
    for name in ("ink", "data", "init", "weights"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--out", type=Path)
    a = parser.parse_args()
    if a.stage != "judge" and not a.out:
        parser.error("--out: where what this stage makes is to go")
    {"compose": compose, "train": train, "judge": judge}[a.stage](a)
