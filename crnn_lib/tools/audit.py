"""Out-of-fold readings of a data set, and the audit of the labels that they call in question."""

import csv
import glob
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crnn_lib import metrics
from crnn_lib.data import LabelledImages, folds, shorten
from crnn_lib.errors import UserError
from crnn_lib.files import csv_text, write_text
from crnn_lib.model import CRNN, Config
from crnn_lib.training import Recipe, fit


@dataclass(frozen=True)
class OutOfFold:
    """One image as read by a model that never saw it; `loss` is -log p(label) in nats."""

    file: str
    label: str
    reading: str
    confidence: float
    loss: float
    fold: int

    def is_sound(self) -> bool:
        """Whether each value has its type: a row that was read may hold anything."""
        return [type(value) for value in asdict(self).values()] == [str, str, str, float, float, int]


def crossval(
    config: Config, data: LabelledImages, recipe: Recipe, k: int, seed: int, state: str | Path, device: str = "cpu",
    on_fold: Callable[[int, dict[str, Any]], None] = lambda fold, figures: None, init: CRNN | None = None,
) -> list[OutOfFold]:  # fmt: skip
    """Read every image by the one of k models that was not trained on it; in the order of `data`.

    After each fold the rows so far are written to the JSON file `state`, and within a fold the training checkpoints
    beside it, so that a killed run continues where it was, and one that `state` records as finished trains nothing.
    Each starts from the weights of `init`, if given. Raises UserError for a `state` of a different run.
    """
    state = Path(state)
    start = [init.digest()] if init else []
    identity = json.loads(json.dumps([asdict(config), asdict(recipe), data.fingerprint(), k, seed, *start]))
    dealt = folds(data.labels, k, seed)
    wanted = [(data.names[i], data.labels[i], fold) for fold, (_, test) in enumerate(dealt) for i in test]
    rows = _rows_so_far(state, identity, wanted)
    if not state.exists():
        _note(state, identity, rows)
    for fold, (train, test) in enumerate(dealt):
        checkpoint = state.with_name(f"{state.name}.fold{fold}.checkpoint")
        if any(row.fold == fold for row in rows):
            checkpoint.unlink(missing_ok=True)  # killed between the two lines that end a fold
            continue
        run = fit(config, data.subset(train), recipe, checkpoint=checkpoint, device=device, init=init)
        if not run.finished:
            raise KeyboardInterrupt
        held_out = data.subset(test)
        figures, readings = metrics.evaluate(run.model, held_out.images, held_out.labels)
        columns = (held_out.names, held_out.labels, readings.texts, readings.confidences, readings.losses)
        rows += [OutOfFold(*row, fold) for row in zip(*columns, strict=True)]
        _note(state, identity, rows)
        checkpoint.unlink(missing_ok=True)
        on_fold(fold, figures)
    order = {name: i for i, name in enumerate(data.names)}
    return sorted(rows, key=lambda row: order[row.file])


def _note(state: Path, identity: list[Any], rows: Sequence[OutOfFold]) -> None:
    write_text(state, json.dumps({"identity": identity, "rows": [asdict(row) for row in rows]}))


def _rows_so_far(state: Path, identity: list[Any], wanted: list[tuple[str, str, int]]) -> list[OutOfFold]:
    """The rows of the whole folds in `state`; `wanted` is (file, label, fold) of every row in the end."""
    if not state.exists():
        return []
    try:
        found = json.loads(state.read_text(encoding="utf-8"))
        rows, whose = [OutOfFold(**row) for row in found["rows"]], found["identity"]
        done = [row for row in wanted if row[2] in {r.fold for r in rows}]
        if whose == identity and not (
            all(row.is_sound() for row in rows) and [(row.file, row.label, row.fold) for row in rows] == done
        ):
            raise ValueError("its rows are not those of whole folds")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{state} is damaged; delete it or use --fresh to start anew") from error
    if whose != identity:
        raise UserError(
            f"{state} belongs to a run with a different recipe, model or data; delete it or use --fresh to start anew"
        )
    return rows


def discard(state: str | Path) -> None:
    """Remove what an earlier `crossval` left in `state` and beside it."""
    state = Path(state)
    for path in (state, *state.parent.glob(f"{glob.escape(state.name)}.fold*.checkpoint")):
        path.unlink(missing_ok=True)


def as_csv(rows: Sequence[Any]) -> str:
    """Dataclass instances as CSV, one column a field, numbers to six decimals."""
    return csv_text([{k: f"{v:.6f}" if isinstance(v, float) else v for k, v in asdict(row).items()} for row in rows])


def write_rows(rows: Sequence[Any], path: str | Path) -> None:
    """Write dataclass instances to a file as in `as_csv`."""
    write_text(path, as_csv(rows))


def read_rows(path: str | Path) -> list[OutOfFold]:
    """The rows of a CSV that `write_rows` made of OutOfFold. Raises UserError when it is missing or something else."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [
                OutOfFold(r["file"], r["label"], r["reading"], float(r["confidence"]), float(r["loss"]), int(r["fold"]))
                for r in csv.DictReader(file)
            ]
        if not rows or not all(row.is_sound() for row in rows):
            raise UserError("it holds none, or rows with empty cells")
        return rows
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise UserError(f"cannot read out-of-fold readings from {path}: {error}") from error


def choose(rows: Sequence[OutOfFold], controls: int = 100, unsure: int = 20, seed: int = 0) -> list[OutOfFold]:
    """The images to transcribe blind, in random order.

    All whose label and reading disagree, the `unsure` least confident right readings, and at least `controls` random
    others, so that a transcriber cannot tell a suspect from a control.
    """
    suspects = [row for row in rows if row.label != row.reading]
    agreeing = sorted((row for row in rows if row.label == row.reading), key=lambda row: row.confidence)
    random_order = random.Random(seed)
    others = agreeing[unsure:]
    chosen = suspects + agreeing[:unsure] + random_order.sample(others, min(controls, len(others)))
    random_order.shuffle(chosen)
    return chosen


@dataclass(frozen=True)
class Verdict:
    """What the audit says of one image. `label` is the audited label; `given` the one in the data set."""

    file: str
    given: str
    reading: str
    transcriptions: str  # one by each transcriber, separated by spaces
    label: str
    verdict: str


def compare(rows: Sequence[OutOfFold], transcriptions: Sequence[Mapping[str, str]]) -> list[Verdict]:
    """Compare blind transcriptions (file name -> text, one mapping a transcriber) with label and reading.

    A label is wrong only when all transcribers agree on another text and the reading is that text too; what is
    ambiguous in any way keeps its label.
    """
    missing = sorted({row.file for row in rows for texts in transcriptions if row.file not in texts})
    if missing:
        raise UserError(f"no transcription of {shorten(missing)}")
    verdicts = []
    for row in sorted(rows, key=lambda row: row.file):
        seen = [texts[row.file] for texts in transcriptions]
        agreed = seen[0] if len(set(seen)) == 1 else None
        if agreed == row.label:
            verdict = "label right" if row.reading == row.label else "label right, reading wrong"
        elif agreed is not None and agreed == row.reading:
            verdict = "label wrong"
        else:
            verdict = "ambiguous"
        label = row.reading if verdict == "label wrong" else row.label
        verdicts.append(Verdict(row.file, row.label, row.reading, " ".join(seen), label, verdict))
    return verdicts
