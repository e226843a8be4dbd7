"""Other OCR readers on the real images, zero-shot: ddddocr, RapidOCR and Tesseract, each used as its makers deliver it.

All three are general: made for text, or CAPTCHAs, of many kinds. ddddocr comes with two models, `common_old.onnx`,
which it loads by default, and the larger and newer `common.onnx`, which `beta=True` loads; both are run. RapidOCR's is
the Chinese and English recogniser of PP-OCRv4.

    python bench/accuracy/other_readers.py --captchas DIR [--readers NAME ...] [--rescore] [--out JSON]

They are not requirements of this project. An environment of their own, made from the project's folder (Debian):

    apt-get install -y tesseract-ocr
    python3 -m venv runs/ocr
    runs/ocr/bin/pip install torch==2.13.0 numpy pillow safetensors scipy rapidfuzz tqdm
    runs/ocr/bin/pip install ddddocr==1.6.1 rapidocr-onnxruntime==1.4.4
    PYTHONPATH=. OMP_NUM_THREADS=1 runs/ocr/bin/python bench/accuracy/other_readers.py --captchas DIR

With --serve NAME it is a worker: each line on stdin is a JSON list of files, one on stdout the seconds and the texts
(`bench/speed/reading.py` times readers in turn so); with --together, in the reader's own way of reading many images.

A reader that is not installed is named on stderr and keeps its earlier entry in the JSON. Only misreadings are stored
(all others equal the label), so --rescore scores every entry again without running a reader: do so when
data/label_audit.csv has changed.

Each reader gets an image's file as it is, no retouching, and its answer is forgiven its form: Unicode NFKC (full-width
letters count), lower case, then everything but a-z and 0-9 dropped (`exact_lower_case_only` counts without dropping).
Nothing else is corrected: no look-alikes swapped, no length imposed. Only Tesseract's settings make it choose among the
19 symbols (ddddocr's `set_ranges` drops the others after decoding). `ddddocr_19_symbols` and `ddddocr_beta_19_symbols`
do the same for ddddocr, the best of them: greedy decoding over the probabilities of these symbols and the blank alone.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import AUDIT, RESULTS, command, options
from crnn_lib import ctc, metrics
from crnn_lib.alphabet import CAPTCHA_SYMBOLS
from crnn_lib.data import LabelledFile, list_folder, read_labels
from crnn_lib.errors import UserError
from crnn_lib.files import environment, write_text

NORMALISATION = "Unicode NFKC, lower case, then everything but a-z and 0-9 dropped"
TIMING = (
    "median wall-clock milliseconds an image, decoding of the file included, one thread, on a shared, noisy machine"
)

DDDDOCR_MODELS = {False: "common_old.onnx", True: "common.onnx"}  # by DdddOcr's argument `beta`

Read = Callable[[bytes], str]  # the bytes of an image file -> its text
ReadAll = Callable[[list[bytes]], list[str]]


class NotInstalled(Exception):
    """The message names what is missing."""


def tidy(text: str) -> str:
    return re.sub("[^a-z0-9]", "", unicodedata.normalize("NFKC", text).lower())


def open_ddddocr(beta: bool):
    """A model of ddddocr in an onnxruntime session of one thread (ddddocr itself has no setting for threads)."""
    try:
        import ddddocr
        import onnxruntime
    except ImportError as error:
        raise NotInstalled(error) from error
    reader = ddddocr.DdddOcr(show_ad=False, beta=beta)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = Path(ddddocr.__file__).with_name(DDDDOCR_MODELS[beta])
    reader.ocr_engine.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return reader


def versions(*packages: str) -> dict[str, str]:
    return {package: version(package) for package in packages}


def ddddocr_default(beta: bool = False) -> tuple[Read, dict[str, str], str]:
    settings = f"DdddOcr({'beta=True' if beta else ''}), the model {DDDDOCR_MODELS[beta]}"
    return open_ddddocr(beta).classification, versions("ddddocr", "onnxruntime"), settings


def ddddocr_19_symbols(beta: bool = False) -> tuple[Read, dict[str, str], str]:
    reader = open_ddddocr(beta)
    charset = reader.get_charset()  # the blank, "", comes first
    allowed = np.array([0] + [i for i, c in enumerate(charset) if c and c.lower() in CAPTCHA_SYMBOLS])

    def read(image: bytes) -> str:
        answer = reader.classification(image, probability=True)["probabilities"]
        probabilities = np.squeeze(np.asarray(answer, dtype=np.float32))[:, allowed]  # (T, 1, classes) -> (T, K)
        best = ctc.greedy_decode(torch.from_numpy(probabilities).log())
        return "".join(charset[allowed[k]] for k in best)

    settings = f"{DDDDOCR_MODELS[beta]}, decoded over the 19 symbols (either case) and blank; "
    return read, versions("ddddocr", "onnxruntime"), settings + "handing over all probabilities costs time"


def rapidocr() -> tuple[Read, dict[str, str], str]:
    try:
        from rapidocr_onnxruntime import RapidOCR
    except ImportError as error:
        raise NotInstalled(error) from error
    engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)

    def read(image: bytes) -> str:
        lines, _ = engine(image, use_det=False, use_cls=False, use_rec=True)
        return lines[0][0] if lines else ""

    settings = "recognition only (no detection, no classification), ch_PP-OCRv4_rec_infer.onnx"
    return read, versions("rapidocr-onnxruntime", "onnxruntime"), settings


def tesseract() -> tuple[Read, dict[str, str], str]:
    program = shutil.which("tesseract")
    if not program:
        raise NotInstalled("no program tesseract on the PATH")
    os.environ["OMP_THREAD_LIMIT"] = "1"
    options = ["--psm", "8", "-c", f"tessedit_char_whitelist={CAPTCHA_SYMBOLS}"]

    def read(image: bytes) -> str:
        run = subprocess.run([program, "stdin", "stdout", *options], input=image, capture_output=True, check=True)
        return run.stdout.decode()

    first = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    settings = f"{' '.join(options)}, language eng; a process an image, its start counted in the time"
    return read, {"tesseract": first.split()[-1]}, settings


READERS = {
    "ddddocr": ddddocr_default,
    "ddddocr_19_symbols": ddddocr_19_symbols,
    "ddddocr_beta": partial(ddddocr_default, beta=True),
    "ddddocr_beta_19_symbols": partial(ddddocr_19_symbols, beta=True),
    "rapidocr": rapidocr,
    "tesseract": tesseract,
}


def rapidocr_together() -> ReadAll:
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1, rec_batch_num=32)
    return lambda images: [text for text, _ in engine.text_rec([engine.load_img(image) for image in images])[0]]


def tesseract_together() -> ReadAll:
    """One process for a list of files, which it reads one after the other."""
    os.environ["OMP_THREAD_LIMIT"] = "1"
    options = ["--psm", "8", "-c", f"tessedit_char_whitelist={CAPTCHA_SYMBOLS}", "-c", "page_separator=\f"]

    def read(images: list[bytes]) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / str(i) for i in range(len(images))]
            for path, image in zip(paths, images, strict=True):
                path.write_bytes(image)
            listed = Path(folder) / "list.txt"
            listed.write_text("\n".join(map(str, paths)))
            run = subprocess.run(["tesseract", listed, "stdout", *options], capture_output=True, check=True)
        return run.stdout.decode().split("\f")[: len(images)]

    return read


TOGETHER = {"rapidocr": rapidocr_together, "tesseract": tesseract_together}  # ddddocr reads one image at a time


def serve(name: str, together: bool) -> None:
    """Answer each line of files by the seconds that each took to read, from bytes in memory, and the texts."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a program prints is not an answer
    read, found, settings = READERS[name]()
    read_all = TOGETHER[name]() if together else None
    print(json.dumps({"versions": found, "settings": settings}), file=answers, flush=True)
    for line in sys.stdin:
        images = [Path(path).read_bytes() for path in json.loads(line)]
        seconds, texts = timed(images, read, read_all)
        print(json.dumps([seconds, [tidy(text) for text in texts]]), file=answers, flush=True)


def timed(images: Iterable[bytes], read: Read, read_all: ReadAll | None) -> tuple[list[float], list[str]]:
    """Seconds by image and the texts: one image after the other, or all at once where there is a `read_all`."""
    seconds, texts = [], []
    if read_all:
        started = time.perf_counter()
        texts = read_all(images)
        return [(time.perf_counter() - started) / len(images)] * len(images), texts
    for image in images:
        started = time.perf_counter()
        texts.append(read(image))
        seconds.append(time.perf_counter() - started)
    return seconds, texts


def measure(name: str, files: list[LabelledFile]) -> dict:
    """Read every file once; versions, settings, time, and the readings that differ from the label."""
    read, found, settings = READERS[name]()
    read(files[0].path.read_bytes())  # warm-up, not timed
    contents = (file.path.read_bytes() for file in tqdm(files, desc=name, file=sys.stderr, mininterval=5))
    seconds, texts = timed(contents, read, None)
    tidied = [tidy(text) for text in texts]
    return {
        "versions": found,
        "settings": settings,
        "milliseconds_median": round(1000 * statistics.median(seconds), 1),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "environment": environment(),
        "exact_lower_case_only": sum(f.label == t.strip().lower() for f, t in zip(files, texts, strict=True)),
        "misread": {f.name: text for f, text in zip(files, tidied, strict=True) if text != f.label},
    }


def score(entry: dict, files: list[LabelledFile], audited: dict[str, str]) -> dict:
    """`entry` with its figures on the given and the audited labels."""
    misread = entry.pop("misread")
    texts = [misread.get(f.name, f.label) for f in files]
    entry["given"] = metrics.scores([f.label for f in files], texts)
    entry["audited"] = metrics.scores([audited.get(f.name, f.label) for f in files], texts)
    return entry | {"misread": misread}


def earlier_entries(out: Path, files: list[LabelledFile]) -> dict[str, dict]:
    entries = json.loads(out.read_text(encoding="utf-8"))["readers"] if out.exists() else {}
    for name, entry in entries.items():
        if entry["given"]["images"] != len(files) or not set(entry["misread"]) <= {f.name for f in files}:
            raise UserError(f"{out}: the entry {name!r} is of other images; give another --out")
    return entries


def compare(a: argparse.Namespace) -> None:
    files, audited = list_folder(a.captchas), read_labels(AUDIT)
    entries = earlier_entries(a.out, files)
    for name in [] if a.rescore else a.readers:
        try:
            entries[name] = measure(name, files)
        except NotInstalled as error:
            kept = "its earlier entry is kept" if name in entries else "no number is written"
            print(f"{name} is not installed ({error}): {kept}", file=sys.stderr)
    result = {
        "command": f"PYTHONPATH=. OMP_NUM_THREADS=1 {command('--captchas DIR')}",
        "normalisation": NORMALISATION,
        "timing": TIMING,
        "readers": {name: score(entries[name], files, audited) for name in READERS if name in entries},
    }
    write_text(a.out, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    for name, entry in result["readers"].items():
        for labels in ("given", "audited"):
            s, (low, high) = entry[labels], entry[labels]["exact_interval"]
            print(f"{name:<25}{labels:<8}{s['exact']:>5}/{s['images']} [{low:.3f}, {high:.3f}]", end="")
            print(f"  CER {s['cer']:.4f}  {entry['milliseconds_median']} ms")


def main() -> None:
    parser = options(__doc__, captchas=False, out=RESULTS / "other_readers.json")
    parser.add_argument("--serve", choices=READERS, metavar="NAME", help="be a worker, see above")
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS), metavar="NAME")
    parser.add_argument("--rescore", action="store_true", help="run no reader, only score the stored readings again")
    a = parser.parse_args()
    if not a.captchas and not a.serve:
        parser.error("give --captchas, the folder of real images")
    try:
        serve(a.serve, a.together) if a.serve else compare(a)
    except UserError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
