"""The model `text` and Tesseract on the same printed lines, in one process on one thread: what they read, how fast.

    python bench/accuracy/lines.py --scans DIR --faces DIR [--weights FILE]

- running: running text in the faces that no training image used, of 30 families with those of `faces.DEBIAN` in
  `--faces`, of five on a machine without them;
- strings: strings of 4 to 24 of the 95 printable characters in them, where I, l and | count as one;
- scans: lines of a printed magazine, `--scans`, a folder with labels.csv, which no training saw.

The time is that of each image from its grey levels to its text, one after the other, start-up left out; ours through
PyTorch, also when all are given at once, and through onnxruntime as exported. Tesseract's curly quotes and long dashes
count as the straight ones. It needs Debian's tesseract-ocr and PyPI's tesserocr. Writes data/results/lines.json.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_THREAD_LIMIT"] = "1"  # before Tesseract is loaded
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

import numpy as np
import onnxruntime
import torch
from PIL import Image

from bench.common import RESULTS, options, record
from crnn_lib import ctc, images, metrics, reader
from crnn_lib.data import read_labels
from crnn_lib.drawing import faces, lines
from crnn_lib.drawing.texts import random_string, running_text
from crnn_lib.model import CRNN
from crnn_lib.tools.export import to_onnx
from crnn_lib.training import tune_process

Set = list[tuple[np.ndarray, str]]
TESSDATA = "/usr/share/tesseract-ocr/5/tessdata"
STRAIGHT = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"})
TWINS = str.maketrans("Il", "||")
SEED = 1001  # no training's


def sets(a: argparse.Namespace) -> dict[str, Set]:
    """The lines of each set: grey levels (h, w) uint8, and the label."""
    found = faces.joined(faces.wheels(), faces.find([a.faces]))
    unseen = [face for face in found if face.held_out]
    result = {
        "running": list(lines.generate(a.count, SEED, unseen, running_text)),
        "strings": list(lines.generate(a.count, SEED + 1, unseen, random_string)),
    }
    if a.scans:
        labels = read_labels(a.scans / "labels.csv")
        result["scans"] = [(images.load_grey(a.scans / name).astype(np.uint8), text) for name, text in labels.items()]
    return result


def ours(model: CRNN) -> Callable[[np.ndarray], str]:
    """Reads one image."""
    frame = model.config.frame
    return lambda grey: reader.read(model, images.standardise(grey.astype(np.float32), *frame)[None]).texts[0]


def exported(model: CRNN) -> Callable[[np.ndarray], str]:
    """Reads one image by the exported network in onnxruntime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        to_onnx(model, Path(folder) / "text.onnx")
        session = onnxruntime.InferenceSession(str(Path(folder) / "text.onnx"), options)

    def read(grey: np.ndarray) -> str:
        image = images.standardise(grey.astype(np.float32), *model.config.frame)[None]
        (log_probs,) = session.run(["log_probs"], {"image": image.numpy()})
        return model.alphabet.decode(ctc.greedy_decode(torch.from_numpy(log_probs[0])))

    return read


def tesseract() -> Callable[[np.ndarray], str]:
    """Reads one image as one line of English."""
    import tesserocr

    engine = tesserocr.PyTessBaseAPI(path=TESSDATA, lang="eng", psm=tesserocr.PSM.SINGLE_LINE)

    def read(grey: np.ndarray) -> str:
        engine.SetImage(Image.fromarray(grey))
        return " ".join(engine.GetUTF8Text().translate(STRAIGHT).split())

    return read


def figures(name: str, lines: Set, read: Callable[[np.ndarray], str]) -> dict:
    """Scores, and milliseconds a line, of one reader on one set."""
    started, labels = time.perf_counter(), [label for _, label in lines]
    texts = [read(grey) for grey, _ in lines]
    spent = (time.perf_counter() - started) / len(lines) * 1000
    if name == "strings":
        texts, labels = ([text.translate(TWINS) for text in some] for some in (texts, labels))
    scores = metrics.scores(labels, texts)
    return {key: scores[key] for key in ("images", "exact", "edits", "characters", "cer")} | {"ms": round(spent, 2)}


def together(model: CRNN, lines: Set) -> float:
    """Milliseconds a line when all are read at once."""
    started = time.perf_counter()
    reader.read(model, [images.standardise(grey.astype(np.float32), *model.config.frame) for grey, _ in lines])
    return round((time.perf_counter() - started) / len(lines) * 1000, 2)


def main(a: argparse.Namespace) -> None:
    tune_process()
    model = reader.load(a.weights)
    readers = {"text": ours(model), "text, onnxruntime": exported(model)}
    readers |= {} if a.alone else {"tesseract": tesseract()}
    found: dict[str, dict] = {}
    for name, some in sets(a).items():
        for read in readers.values():
            read(some[0][0])  # whatever is made at the first use
        found[name] = {who: figures(name, some, read) for who, read in readers.items()}
        found[name]["text"]["ms_together"] = together(model, some)
        print(name, found[name], flush=True)
    if not a.alone:
        record(RESULTS / "lines.json", {"sets": found}, "--scans DIR --faces DIR")


if __name__ == "__main__":
    parser = options(__doc__, count=1000, weights="text", faces=faces.SYSTEM)
    parser.add_argument("--scans", type=Path, metavar="DIR")
    parser.add_argument("--alone", action="store_true", help="without Tesseract, and nothing is written")
    main(parser.parse_args())
