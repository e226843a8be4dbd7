"""What each command does. Each takes the parsed arguments; results on stdout, progress on stderr."""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from crnn_lib import images, metrics
from crnn_lib.alphabet import Alphabet
from crnn_lib.checkpoints import is_history
from crnn_lib.data import LABELS_CSV, LabelledImages, list_folder, load_files, read_labels, sound, split, with_labels
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError, plain
from crnn_lib.files import alone, csv_text, environment, write_text, writing
from crnn_lib.model import CRNN, Config
from crnn_lib.reader import load, read, save
from crnn_lib.tools import audit, checks, fetch
from crnn_lib.training import Recipe, fit, tune_process


def generate(a: argparse.Namespace) -> None:
    """Write generated images and their labels.csv into a new folder."""
    with writing(a.out), alone(a.out / LABELS_CSV):
        if any(not path.name.startswith(".") for path in a.out.iterdir()):
            raise UserError(f"{a.out} is not empty: give a new folder")
        pictures, labels = captchas.generate(a.count, a.seed)
        names = [f"{i:05d}_{label}.png" for i, label in enumerate(labels)]  # as in captchas.dataset
        rows = [{"file": name, "label": label} for name, label in zip(names, labels, strict=True)]
        try:
            write_text(a.out / LABELS_CSV, csv_text(rows))  # first: it makes a set that lacks images unreadable
            for picture, name in zip(pictures, names, strict=True):
                Image.fromarray(picture).save(a.out / name, "PNG")
        except BaseException:
            for name in (*names, LABELS_CSV):
                (a.out / name).unlink(missing_ok=True)
            raise
    print(f"{len(labels)} images and {LABELS_CSV} in {plain(str(a.out))}")


def fetch_set(a: argparse.Namespace) -> None:
    """Put the real set into a folder, whole and checked."""
    print(fetch.fetch(a.source, a.out))


def verify_set(a: argparse.Namespace) -> None:
    """Compare a folder with the manifest."""
    report = fetch.verify(a.folder)
    if not report.name:
        raise UserError(str(report))
    print(report)


def check_set(a: argparse.Namespace) -> None:
    """Report what a folder of labelled images holds and what is wrong with it."""
    files = list_folder(a.folder, a.label_until, a.fold_spaces)
    report = checks.check(files, *load_files(files))
    if a.json:
        print(_json(report))
        return
    lengths = " to ".join(map(str, dict.fromkeys(report["lengths"])))  # one number if both are the same
    labels = f"{report['distinct_labels']} distinct labels of {lengths or 0} characters"
    print(plain(f"{report['images']} images; {labels}; symbols {report['alphabet']!r}"))
    for line in checks.sentences(report) or ["no problem found"]:
        print(plain(line))


def train(a: argparse.Namespace) -> None:
    """Train on one part of the data; the weights, and a checkpoint until they are there.

    An interrupted run goes on from its checkpoint, a finished one is left as it is, and another one is not overwritten.
    """
    started = time.process_time()
    device, recipe = _device(a.device), _recipe(a)
    tune_process()
    data = _load_data(a, width=a.width)
    config = Config(alphabet=Alphabet.of(data.labels).symbols, width=a.width)
    config.check_labels(data.labels)
    part = data.subset(split(data.labels, a.train_fraction, a.split_seed)[0])
    asked = {
        "data": data.fingerprint(), "images": len(data), "train_images": len(part), "split_seed": a.split_seed,
        "train_fraction": a.train_fraction, "recipe": asdict(recipe), "config": asdict(config),
    }  # fmt: skip
    checkpoint = a.out.with_name(a.out.name + ".checkpoint")
    with alone(a.out):
        if a.fresh:
            checkpoint.unlink(missing_ok=True)
        elif a.out.exists() and not checkpoint.exists():
            return _report_training(a, started, _finished(a.out, asked, data), resumed="finished")
        run = fit(config, part, recipe, checkpoint=checkpoint, device=device)
        if not run.finished:
            again = "the same command without --fresh" if a.fresh and checkpoint.exists() else "the same command"
            does = "goes on" if checkpoint.exists() else "starts again"
            print(f"stopped after epoch {len(run.history)} of {recipe.epochs}: {again} {does}", file=sys.stderr)
            raise KeyboardInterrupt
        history = [{k: v for k, v in record.items() if k != "cpu_seconds"} for record in run.history]  # what recurs
        provenance = asked | {"environment": environment(), "device": device, "history": history}
        save(run.model, a.out, provenance)
        checkpoint.unlink(missing_ok=True)
    return _report_training(a, started, provenance)


def _finished(path: Path, asked: dict[str, Any], data: LabelledImages) -> dict[str, Any]:
    """The provenance of the weights in `path`. Raises UserError unless they are those that `asked` would lead to."""
    cure = "use --fresh to overwrite it, or another --out"
    try:
        found = load(path).provenance
    except UserError as error:
        raise UserError(f"{path} exists and holds no weights: {cure}") from error
    wanted = json.loads(json.dumps(asked))
    other = [key for key in wanted if found.get(key) != wanted[key]]
    if other == ["data"] and data.is_known_as(found.get("data")):  # by version 1
        other = []
    if other or not is_history(found.get("history")) or not found["history"]:
        raise UserError(f"{path} exists, of another training (other {', '.join(other) or 'history'}): {cure}")
    print(f"{plain(str(path))} is finished: nothing is left to do", file=sys.stderr)
    return found


def _report_training(a: argparse.Namespace, started: float, provenance: dict[str, Any], **more: Any) -> None:
    kept = min(provenance["history"], key=lambda record: record.get("validation_ctc_loss", -record["epoch"]))
    keys = ("images", "train_images", "split_seed", "train_fraction")
    spent = round(time.process_time() - started, 1)
    _print_scores(
        {"weights": str(a.out), **{k: provenance[k] for k in keys}, **kept, "cpu_seconds": spent, **more}, a.json
    )


def evaluate(a: argparse.Namespace) -> None:
    """Score a reader on the part of the data that it was not trained on."""
    model = load(a.weights)
    data = _load_data(a, model.config.height, model.config.width)
    indices, chosen = _chosen_split(a, model, data)  # by the data's own labels, whatever it is scored against
    if a.labels:
        data = with_labels(data, read_labels(a.labels, a.fold_spaces))
    part = data.subset(indices)
    figures, _ = metrics.evaluate(model, part.images, part.labels)
    if chosen != (a.split or "test"):
        print(f"{plain(str(a.weights))} was trained on other data: all of this is scored", file=sys.stderr)
    _print_scores({**figures, "split": chosen, "weights": str(a.weights)}, a.json)


def _chosen_split(a: argparse.Namespace, model: CRNN, data: LabelledImages) -> tuple[Sequence[int], str]:
    """The indices to score, and that part's name: only the very data and split trained with have a test part."""
    trained = model.provenance
    seed, fraction = trained.get("split_seed"), trained.get("train_fraction")
    same_data = data.is_known_as(trained.get("data")) and type(seed) is int and type(fraction) is float
    if a.split_seed is not None and a.split_seed != seed:
        raise UserError(
            f"{a.weights} was trained with split seed {seed}: with seed {a.split_seed} "
            "the test part would hold images that it was trained on"
        )
    chosen = a.split or ("test" if same_data else "all")
    if chosen == "all":
        return range(len(data)), "all"
    if not same_data:
        raise UserError(f"{a.weights} was trained on other data, so this has no {chosen} part: use --split all")
    train, test = split(data.labels, fraction, seed)
    return train if chosen == "train" else test, chosen


def crossval(a: argparse.Namespace) -> None:
    """Read every image by a model that never saw it; the readings as CSV.

    The state file stays beside the table: by it the same run is recognised as finished, and no other overwrites it.
    """
    started = time.process_time()
    device, recipe = _device(a.device), _recipe(a)
    tune_process()
    data = _load_data(a, width=a.width)
    out = a.out or Path("runs") / "crossval.csv"
    state = out.with_name(out.name + ".state.json")
    config = Config(alphabet=Alphabet.of(data.labels).symbols, width=a.width)
    config.check_labels(data.labels)

    trained = []

    def say(fold: int, figures: dict[str, Any]) -> None:
        trained.append(fold)
        print(f"fold {fold + 1} of {a.folds}: {figures['exact']} of {figures['images']} exact", file=sys.stderr)

    with alone(out):
        if a.fresh:
            audit.discard(state)
        elif out.exists() and not state.exists():
            raise UserError(
                f"{out} exists, and no {state.name} says of which run: use --fresh to overwrite it, or another --out"
            )
        rows = audit.crossval(config, data, recipe, a.folds, a.seed, state, device, say)
        finished = not trained and out.exists() and out.read_bytes() == audit.as_csv(rows).encode()
        if finished:
            print(f"{plain(str(out))} is finished: nothing is left to do", file=sys.stderr)
        else:
            audit.write_rows(rows, out)
    figures = metrics.scores([r.label for r in rows], [r.reading for r in rows], [r.loss for r in rows])
    figures |= {"folds": a.folds, "seed": a.seed, "out": str(out)}
    figures |= {"cpu_seconds": round(time.process_time() - started, 1)}
    if a.json:
        figures |= {"recipe": asdict(recipe), "data": data.fingerprint(), "environment": environment()}
    _print_scores(figures | ({"resumed": "finished"} if finished else {}), a.json)


def predict(a: argparse.Namespace) -> int:
    """Read images; files that are not sound images are reported after the readings."""
    model = load(a.weights)
    good, bad = [], []
    for path in a.images:
        try:
            good.append((path, images.load(path, model.config.height, model.config.width)))
        except UserError as error:
            bad.append(plain(str(error)))
    found = []
    if good:
        readings = read(model, torch.stack([image for _, image in good]))
        if not all(map(math.isfinite, readings.confidences)):
            raise UserError(f"{a.weights} is damaged: its probabilities are not numbers")
        found = [
            {"file": str(path), "text": text, "confidence": confidence}
            for (path, _), text, confidence in zip(good, readings.texts, readings.confidences, strict=True)
        ]
    if a.json:
        print(_json({"predictions": found, "errors": bad}))
    else:
        for one in found:
            print(f"{plain(one['file'])}\t{plain(one['text'])}\t{one['confidence']:.4f}")
    if bad:
        raise UserError("; ".join(bad))
    return 0


def export(a: argparse.Namespace) -> None:
    """Write a reader as ONNX."""
    from crnn_lib.tools.export import to_onnx  # onnx and onnxruntime take a second to import

    difference = to_onnx(load(a.weights), a.out)
    print(f"{plain(str(a.out))}: equal to the model within {difference:.1g}")


def _recipe(a: argparse.Namespace) -> Recipe:
    recipe = Recipe(seed=a.seed, epochs=a.epochs, optimizer=a.optimizer, schedule=a.schedule)
    return replace(recipe, augmentation=None) if a.no_augmentation else recipe


def _device(name: str) -> str:
    try:
        if torch.device(name).type not in ("cpu", "cuda", "mps"):
            raise RuntimeError("give cpu, cuda or mps")
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UserError(f"device {name!r} is not usable here: {str(error).splitlines()[0]}") from error
    return name


def _load_data(a: argparse.Namespace, height: int = images.HEIGHT, width: int = images.WIDTH) -> LabelledImages:
    if a.data is None:
        if a.label_until or a.fold_spaces:
            raise UserError("--label-until and --fold-spaces are about the labels of a folder: give --data")
        return captchas.dataset(height=height, width=width)
    files = list_folder(a.data, a.label_until, a.fold_spaces)
    data = sound(*load_files(files, height, width), a.skip_bad)
    for line in checks.sentences(checks.check(files, data), checks.SILENT):
        print(f"warning: {plain(line)}", file=sys.stderr)
    return data


def _print_scores(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sound = {k: v if not isinstance(v, float) or math.isfinite(v) else None for k, v in figures.items()}
        print(_json(sound))  # JSON knows no infinity: the loss of a label that does not fit is null
        return
    for key, value in figures.items():
        if isinstance(value, list):
            value = "[" + ", ".join(f"{v:.4f}" for v in value) + "]"
        print(f"{key:>20}  {value:.4f}" if isinstance(value, float) else f"{key:>20}  {plain(str(value))}")


def _json(value: Any) -> str:
    return json.dumps(value).replace("\x7f", "\\u007f")  # the one control character that JSON lets pass
