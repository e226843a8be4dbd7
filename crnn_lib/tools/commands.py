"""What each command does. Each takes the parsed arguments; results on stdout, progress on stderr."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median_high
from typing import Any

import torch

from crnn_lib import images, metrics, processes
from crnn_lib.alphabet import Alphabet
from crnn_lib.checkpoints import is_history
from crnn_lib.data import LabelledImages, list_set, load_files, read_labels, sound, split, with_labels
from crnn_lib.drawing import captchas
from crnn_lib.errors import UserError, plain
from crnn_lib.files import alone, cpu_seconds, environment
from crnn_lib.model import CRNN, Config
from crnn_lib.reader import load, read, save
from crnn_lib.tools import audit, checks, fetch
from crnn_lib.training import Recipe, Run, fit, tune_process

LOOKED_AT = 5000  # images in which a training looks for doubtful labels and a second row of text


def fetch_set(a: argparse.Namespace) -> None:
    """Put a real set into a folder, whole and checked."""
    url, manifest, folder = fetch.SETS[a.set]
    print(fetch.fetch(a.source or url, a.out or folder, manifest))


def verify_set(a: argparse.Namespace) -> None:
    """Compare a folder with the manifests."""
    report = fetch.recognise(a.folder)
    if not report.name:
        raise UserError(str(report))
    print(report)


def check_set(a: argparse.Namespace) -> None:
    """Report what a folder of labelled images holds and what is wrong with it."""
    files = list_set(a.folder, a.label_until, a.fold_spaces)
    data, problems = load_files(files)
    report = checks.check(files, data, problems)
    if a.picture:
        from crnn_lib.tools import sheet  # matplotlib takes a second to import

        sheet.draw(a.picture, str(a.folder), report, data)
    if a.json:
        print(_json(report))
        return
    for line in [*checks.overview(report), *(checks.sentences(report) or ["no problem found"])]:
        print(plain(line))


def train(a: argparse.Namespace) -> None:
    """Train on one part of the data; the weights, and a checkpoint until they are there.

    An interrupted run continues from its checkpoint, a finished one is left as it is, another is not overwritten.
    Under torchrun the first process does so, and the others share its work.
    """
    device, recipe = _device(processes.own(a.device)), _recipe(a)
    tune_process()
    if not processes.several():
        return _train(a, device, recipe, Run)
    with processes.together(device) as first:
        if first:
            _train(a, device, recipe, processes.SharedRun)
        else:
            processes.assist(device)


def _train(a: argparse.Namespace, device: str, recipe: Recipe, kind: type[Run]) -> None:
    started = cpu_seconds()
    init, data, config = _start_data_and_config(a)
    part = data.subset(split(data.labels, a.train_fraction, a.split_seed)[0])
    asked = {
        "data": data.fingerprint(), "images": len(data), "train_images": len(part), "split_seed": a.split_seed,
        "train_fraction": a.train_fraction, "recipe": asdict(recipe), "config": asdict(config),
        **({"init": init.digest()} if init else {}),
    }  # fmt: skip
    checkpoint = a.out.with_name(a.out.name + ".checkpoint")
    with alone(a.out):
        if a.fresh:
            checkpoint.unlink(missing_ok=True)
        elif a.out.exists() and not checkpoint.exists():
            return _report_training(a, started, _finished(a.out, asked, data), resumed="finished")
        run = fit(config, part, recipe, checkpoint=checkpoint, device=device, kind=kind, init=init)
        if not run.finished:
            again = "the same command without --fresh" if a.fresh and checkpoint.exists() else "the same command"
            does = "continues" if checkpoint.exists() else "starts again"
            print(f"stopped after epoch {len(run.history)} of {recipe.epochs}: {again} {does}", file=sys.stderr)
            raise KeyboardInterrupt
        history = [{k: v for k, v in record.items() if k != "cpu_seconds"} for record in run.history]  # what recurs
        provenance = asked | {"environment": environment(), "device": device, "history": history}
        save(run.model, a.out, provenance)
        checkpoint.unlink(missing_ok=True)
    return _report_training(a, started, provenance)


def _finished(path: Path, asked: dict[str, Any], data: LabelledImages) -> dict[str, Any]:
    """The provenance of the weights in `path`. Raises UserError unless they are those that `asked` would lead to."""
    cure = "use --fresh to overwrite it or a different --out"
    try:
        found = load(path).provenance
    except UserError as error:
        raise UserError(f"{path} exists and holds no weights: {cure}") from error
    wanted = {"init": None} | json.loads(json.dumps(asked))
    other = [key for key in wanted if found.get(key) != wanted[key]]
    if other == ["data"] and data.is_known_as(found.get("data")):  # by version 1
        other = []
    if other or not is_history(found.get("history")) or not found["history"]:
        raise UserError(f"{path} exists, of a different training run (other {', '.join(other) or 'history'}): {cure}")
    print(f"{plain(str(path))} is finished: nothing is left to do", file=sys.stderr)
    return found


def _report_training(a: argparse.Namespace, started: float, provenance: dict[str, Any], **more: Any) -> None:
    kept = min(provenance["history"], key=lambda record: record.get("validation_ctc_loss", -record["epoch"]))
    keys = ("images", "train_images", "split_seed", "train_fraction")
    spent = round(cpu_seconds() - started, 1)
    _print_scores(
        {"weights": str(a.out), **{k: provenance[k] for k in keys}, **kept, "cpu_seconds": spent, **more}, a.json
    )


def evaluate(a: argparse.Namespace) -> None:
    """Score a model on the part of the data that it was not trained on."""
    model = load(a.weights)
    data = _load_data(a, model.config)
    indices, chosen = _chosen_split(a, model, data)  # by the data's own labels, whatever it is scored against
    if a.labels:
        data = with_labels(data, read_labels(a.labels, a.fold_spaces))
    part = data.subset(indices)
    figures, _ = metrics.evaluate(model, part.images, part.labels)
    if chosen != (a.split or "test"):
        print(f"{plain(str(a.weights))} was trained on other data: all of this is scored", file=sys.stderr)
    _print_scores({**figures, "split": chosen, "weights": str(a.weights)}, a.json)


def _chosen_split(a: argparse.Namespace, model: CRNN, data: LabelledImages) -> tuple[Sequence[int], str]:
    """The indices to score, and that part's name: only the very data and split trained with have a test set."""
    trained = model.provenance
    seed, fraction = trained.get("split_seed"), trained.get("train_fraction")
    same_data = data.is_known_as(trained.get("data")) and type(seed) is int and type(fraction) is float
    if a.split_seed is not None and a.split_seed != seed:
        raise UserError(
            f"{a.weights} was trained with split seed {seed}: with seed {a.split_seed} "
            "the test set would hold images that it was trained on"
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
    started = cpu_seconds()
    device, recipe = _device(a.device), _recipe(a)
    tune_process()
    init, data, config = _start_data_and_config(a)
    out = a.out or Path("runs") / "crossval.csv"
    state = out.with_name(out.name + ".state.json")
    trained = []

    def say(fold: int, figures: dict[str, Any]) -> None:
        trained.append(fold)
        print(f"fold {fold + 1} of {a.folds}: {figures['exact']} of {figures['images']} exact", file=sys.stderr)

    with alone(out):
        if a.fresh:
            audit.discard(state)
        elif out.exists() and not state.exists():
            raise UserError(
                f"{out} exists, and no {state.name} says of which run: use --fresh to overwrite it or a different --out"
            )
        rows = audit.crossval(config, data, recipe, a.folds, a.seed, state, device, say, init)
        finished = not trained and out.exists() and out.read_bytes() == audit.as_csv(rows).encode()
        if finished:
            print(f"{plain(str(out))} is finished: nothing is left to do", file=sys.stderr)
        else:
            audit.write_rows(rows, out)
    figures = metrics.scores([r.label for r in rows], [r.reading for r in rows], [r.loss for r in rows])
    figures |= {"folds": a.folds, "seed": a.seed, "out": str(out)}
    figures |= {"cpu_seconds": round(cpu_seconds() - started, 1)}
    if a.json:
        figures |= {"recipe": asdict(recipe), "data": data.fingerprint(), "environment": environment()}
    _print_scores(figures | ({"resumed": "finished"} if finished else {}), a.json)


def predict(a: argparse.Namespace) -> int:
    """Read images; files that are not sound images are reported after the readings."""
    model = load(a.weights)
    good, bad = [], []
    for path in a.images:
        try:
            good.append((path, images.load(path, *model.config.frame)))
        except UserError as error:
            bad.append(plain(str(error)))
    found = []
    if good:
        readings = read(model, [image for _, image in good])
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
    """Write a model as ONNX."""
    from crnn_lib.tools.export import to_onnx  # onnx and onnxruntime take a second to import

    difference = to_onnx(load(a.weights), a.out)
    print(f"{plain(str(a.out))}: equal to the model within {difference:.1g}")


def _recipe(a: argparse.Namespace) -> Recipe:
    recipe = Recipe(a.seed, a.epochs, a.batch_size, a.optimizer, a.schedule, a.learning_rate)
    return replace(recipe, augmentation=None) if a.no_augmentation else recipe


def _device(name: str) -> str:
    try:
        if torch.device(name).type not in ("cpu", "cuda", "mps"):
            raise RuntimeError("give cpu, cuda or mps")
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UserError(f"device {name!r} is not usable here: {str(error).splitlines()[0]}") from error
    return name


def _start_data_and_config(a: argparse.Namespace) -> tuple[CRNN | None, LabelledImages, Config]:
    """The model to start from, what to train on, and the shape of a model for it.

    That has the shape of the model to start from, and reads images of any width, unless --width brings all to one. It
    reads the symbols of the labels, with --keep-symbols also those of the model to start from.
    """
    if a.keep_symbols and not a.init:
        raise UserError("--keep-symbols is about those of the model to start from: give --init")
    init = load(a.init) if a.init else None
    config = init.config if init else Config()
    if a.width:
        config = replace(config, width=a.width, stretch=None)
    data = _load_data(a, config)
    symbols = Alphabet.of([*data.labels, config.alphabet if a.keep_symbols else ""]).symbols
    return init, data, replace(config, alphabet=symbols, width=median_high(data.widths))


def _load_data(a: argparse.Namespace, config: Config) -> LabelledImages:
    if a.data is None:
        if a.label_until or a.fold_spaces:
            raise UserError("--label-until and --fold-spaces are about the labels of a folder: give --data")
        return captchas.dataset(height=config.height, width=config.columns((50, 200)))
    files = list_set(a.data, a.label_until, a.fold_spaces, a.skip_bad)
    data = sound(*load_files(files, *config.frame), a.skip_bad)
    report = checks.check(files, data, config=config, most=LOOKED_AT)
    for line in checks.sentences(report, checks.SILENT):
        print(f"warning: {plain(line)}", file=sys.stderr)
    return _fitting(a, data, report) if report["too_long"] else data


def _fitting(a: argparse.Namespace, data: LabelledImages, report: dict[str, Any]) -> LabelledImages:
    """The images whose labels fit, with --skip-bad. Else such labels are refused, but for those of an evaluation."""
    bad = report["too_long"]
    (told,) = checks.sentences(report, ["too_long"])
    if a.skip_bad and len(bad) < len(data):
        print(f"warning: skipped {plain(checks.named('too_long', bad, 10))}", file=sys.stderr)
        names = {one["file"] for one in bad}
        return data.subset(i for i, name in enumerate(data.names) if name not in names)
    if a.skip_bad or a.command != "evaluate":
        raise UserError(f"{'no image is left: ' if a.skip_bad else ''}{told}")
    print(f"warning: {plain(told)}", file=sys.stderr)  # each counts as misread
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
