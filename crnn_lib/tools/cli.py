"""`python -m crnn_lib`: the library from the command line. Results on stdout, progress and errors on stderr.

A user's mistake is one line on stderr and exit code 2; Ctrl-C is exit code 130.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from crnn_lib import __version__, assets, processes
from crnn_lib.errors import UserError, plain
from crnn_lib.tools import commands, doctor, fetch, generate
from crnn_lib.training import OPTIMIZERS, SCHEDULES, Recipe


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    try:
        parsed = _parser().parse_args(arguments)
        if processes.several() and parsed.run is not commands.train:
            raise UserError(f"several processes can train, but not {parsed.command}: start it without torchrun")
        if sys.stdout is None:
            raise UserError("standard output is closed, so the result would be lost: lead it to a file or to /dev/null")
        code = parsed.run(parsed) or 0
        sys.stdout.flush()  # a full disk or a closed pipe shows here, not after the end
        return code
    except UserError as error:
        return _end(2, f"error: {plain(' '.join(str(error).split()))}")
    except KeyboardInterrupt:
        return _end(130, "stopped")
    except BrokenPipeError:  # the program that read our output has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a name too long, a folder that may not be read; without a name, what the result went to
        told = str(error) if error.filename else f"cannot write to standard output: {error.strerror or error}"
        return _end(2, f"error: {plain(told)}")


def _end(code: int, line: str) -> int:
    processes.tell(line)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="crnn", description="Train a CRNN, score it, and read images with it.")
    parser.add_argument("--version", action="version", version=f"crnn {__version__}")
    choices = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str, within: Any = choices) -> argparse.ArgumentParser:
        added = within.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    data = choices.add_parser("data", help="generate, fetch, verify or check a data set")
    verbs = data.add_subparsers(dest="verb", required=True, metavar="VERB")
    p = command("generate", generate.generate, "write generated images and their labels", verbs)
    p.add_argument("--out", type=_path, required=True, metavar="DIR")
    p.add_argument("--kind", choices=["captcha", "lines", "plates"], default="captcha")
    p.add_argument("--count", type=_whole(1), default=1000)
    p.add_argument("--seed", type=_whole(0), default=0)
    p.add_argument("--shards", type=_whole(1), metavar="N", help="write tar shards of N images instead of single files")
    fonts = "of lines and plates: those of Python packages, those of the system too, or with them those of a folder"
    p.add_argument("--faces", type=_path, default="wheels", metavar="wheels|all|DIR", help=fonts)
    p.add_argument("--held-out", action="store_true", help="print in the faces kept for tests, not in the others")
    p = command("fetch", commands.fetch_set, "get a real set and check it against its manifest", verbs)
    p.add_argument("set", nargs="?", choices=fetch.SETS, default="captcha")
    p.add_argument("--from", dest="source", metavar="ZIP|DIR|URL", help="default: where it is public")
    p.add_argument("--out", type=_path, metavar="DIR", help="default: data/captcha_images or data/plates")
    p = command("verify", commands.verify_set, "check a folder against the manifests", verbs)
    p.add_argument("folder", type=_path, metavar="DIR")
    p = command("check", commands.check_set, "report what a folder of labelled images holds, and what is wrong", verbs)
    p.add_argument("folder", type=_path, metavar="DIR")
    _add_labels(p)
    p.add_argument("--picture", type=_picture, metavar="PNG", help="draw what the set holds, as one page, to this file")
    p.add_argument("--json", action="store_true")

    p = command("train", commands.train, "train a model on one part of a folder of labelled images")
    _add_data(p)
    p.add_argument("--out", type=_file, required=True, metavar="FILE")
    p.add_argument("--split-seed", type=_whole(0), default=0)
    p.add_argument("--train-fraction", type=float, default=0.7)
    _add_recipe(p)
    few = (
        "Few images: start from a model that ships, with --init NAME --learning-rate 0.001, for 20 epochs or, of fewer "
        "than 350 images, 7000 / images."
    )
    several = "`torchrun --standalone --nproc-per-node N -m crnn_lib train ...` trains in N processes"
    p.epilog = f"{few} {several}: each takes its share of every batch, by whose images alone its BatchNorm normalises."
    p = command("evaluate", commands.evaluate, "score a model")
    _add_data(p)
    _add_weights(p)
    p.add_argument("--split", choices=["train", "test", "all"], help="default: test of the data trained on, else all")
    p.add_argument("--split-seed", type=_whole(0))
    p.add_argument("--labels", type=_path, metavar="CSV", help="columns file,label: labels to score against instead")
    p.add_argument("--json", action="store_true")
    p = command("crossval", commands.crossval, "read every image by a model that never saw it")
    _add_data(p)
    p.add_argument("--folds", type=_whole(2), default=5)
    p.add_argument("--out", type=_file, metavar="CSV")
    _add_recipe(p)
    p = command("predict", commands.predict, "read images")
    p.add_argument("images", type=_path, nargs="+", metavar="IMAGE")
    _add_weights(p)
    p.add_argument("--json", action="store_true")
    p = command("export", commands.export, "write a model as ONNX, every intermediate a named output")
    _add_weights(p)
    p.add_argument("--out", type=_file, required=True, metavar="ONNX")
    command("doctor", lambda a: doctor.run(), "check this installation")
    return parser


def _whole(least: int, most: int = 2**31 - 1) -> Any:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return number


def _path(text: str) -> Path:
    try:
        sound = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        sound = False
    if not sound:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} cannot be the name of a file")
    return Path(text)


def _file(text: str) -> Path:
    """A file to write, refused now rather than after an hour of training if it cannot be written."""
    path = _path(text)
    above = next(folder for folder in (*path.absolute().parents, Path("/")) if folder.exists())
    mine = all(os.access(p, os.W_OK) for p in (above, path) if p.exists())
    if not path.name or path.is_dir() or not above.is_dir() or not mine:
        raise argparse.ArgumentTypeError(f"cannot write {text!r}: give a file in a folder of yours")
    return path


def _picture(text: str) -> Path:
    path = _file(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a picture: it must end in .png")
    return path


def _add_data(parser: argparse.ArgumentParser) -> None:
    shards = "a folder of images, or tar shards: one, a folder of them, or 'train-{000..019}.tar'"
    parser.add_argument("--data", type=_path, metavar="DIR|SHARDS", help=f"{shards}; default: the embedded set")
    bad = "leave out files that cannot be read as images, and images whose labels do not fit them"
    parser.add_argument("--skip-bad", action="store_true", help=bad)
    _add_labels(parser)


def _add_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--label-until", metavar="C", help="the label in a file name ends before C: abc_1.png, with _")
    parser.add_argument("--fold-spaces", action="store_true", help="any white space in labels counts as one space")


def _add_weights(parser: argparse.ArgumentParser) -> None:
    names = " or ".join(assets.WEIGHTS)
    parser.add_argument("--weights", type=_path, default="captcha", metavar="NAME|FILE", help=f"{names}, or a file")


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    default = Recipe()
    start = f"weights to start from, also with other symbols: {' or '.join(assets.WEIGHTS)}, or a file"
    parser.add_argument("--init", type=_path, metavar="NAME|FILE", help=start)
    keep = "with --init: read its symbols too that no label has, which few labels may lack by chance"
    parser.add_argument("--keep-symbols", action="store_true", help=keep)
    parser.add_argument("--width", type=_whole(1, 65536), help="bring every image to this width, in pixels")
    parser.add_argument("--seed", type=_whole(0), default=default.seed)
    parser.add_argument("--epochs", type=_whole(1), default=default.epochs)
    joint = "images per step, of all processes together"
    parser.add_argument("--batch-size", type=_whole(1), default=default.batch_size, help=joint)
    parser.add_argument("--optimizer", choices=list(OPTIMIZERS), default=default.optimizer)
    parser.add_argument("--schedule", choices=SCHEDULES, default=default.schedule)
    peak = "the highest of one-cycle, the first of plateau; default: " + ", ".join(f"{r:g}" for r in SCHEDULES.values())
    parser.add_argument("--learning-rate", type=float, metavar="RATE", help=peak)
    parser.add_argument("--no-augmentation", action="store_true", help="train on the images as they are")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="has no effect: an interrupted run continues by itself")
    again.add_argument("--fresh", action="store_true", help="start anew, and overwrite what another run left")
    parser.add_argument("--json", action="store_true")
