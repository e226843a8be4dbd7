"""Images a second on one core: our reader in three runtimes, beside ddddocr, RapidOCR and Tesseract.

    python bench/speed/reading.py --captchas DIR [--others runs/ocr/bin/python] [--repetitions 12] [--chunk 32]

Ours runs in torch, in onnxruntime and in the page. From the bytes of an image file to its text, decoding and resizing
included. Every repetition takes a chunk of images and gives it to each reader in turn, a turn further each time; all
run on the one core to which this script pins itself and what it starts. The images are of the committed reader's test
part, which it has not seen. The others run in an environment of their own (`bench/accuracy/other_readers.py` says how
it is made); one that is missing is named on stderr.

Batch 1 is one image after the other. Batch 32 is one call for 32 where a reader can do that: ours in torch and
onnxruntime, RapidOCR, and Tesseract with a list of files (one process, which still reads one after the other). The
page, here headless Chromium, and ddddocr have none. Writes data/results/reading.json, and reading.csv, the table that
the book's page of times shows.
"""

import base64
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import onnxruntime
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, ROOT, RUNS, blank_page, options, record
from crnn_lib import ctc, data, images, reader
from crnn_lib.errors import UserError
from crnn_lib.files import csv_text, write_text
from crnn_lib.tools.export import to_onnx
from crnn_lib.widgets import bundle, weights

SEED = 0  # of the split, and of the choice of images
OTHER_READERS = "bench/accuracy/other_readers.py"
OTHERS = ("ddddocr", "rapidocr", "tesseract")
IN_PAGE = """async (files) => {
    const seconds = [], texts = [];
    for (const file of files) {
        const bytes = fromBase64(file);
        const start = performance.now();
        const bitmap = await createImageBitmap(new Blob([bytes]));
        const { width, height } = bitmap;
        const canvas = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
        canvas.drawImage(bitmap, 0, 0);
        const rgba = canvas.getImageData(0, 0, width, height).data;
        const grey = new Float32Array(width * height);
        for (let i = 0; i < grey.length; i++)
            grey[i] = (299 * rgba[4 * i] + 587 * rgba[4 * i + 1] + 114 * rgba[4 * i + 2]) / 1000;
        const { log_probs } = reader.infer(standardise({ data: grey, height, width }, 32, 128), 32, 128);
        texts.push(greedyDecode(log_probs.data, 20).map((c) => reader.config.alphabet[c - 1]).join(""));
        seconds.push((performance.now() - start) / 1000);
    }
    return [seconds, texts];
}"""


def text_of(network, log_probs):
    return network.alphabet.decode(ctc.greedy_decode(log_probs))


def standardised(content):
    return images.standardise(images.load_grey(content))


def ours(network, folder):
    """By runtime: images (N, 1, H, W) -> log-probabilities (N, T, K)."""
    to_onnx(network, folder / "reader.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "reader.onnx", options, providers=["CPUExecutionProvider"])

    def with_torch(batch):
        with torch.inference_mode():
            return network(batch)

    def with_onnxruntime(batch):
        return torch.from_numpy(session.run(["log_probs"], {"image": batch.numpy()})[0])

    return {"torch": with_torch, "onnxruntime": with_onnxruntime}


def in_batches(network, run, size):
    """Files -> seconds an image and texts, `size` images at a time."""

    def read(paths):
        contents, seconds, texts = [path.read_bytes() for path in paths], [], []
        for at in range(0, len(contents), size):
            started = time.perf_counter()
            batch = torch.stack([standardised(content) for content in contents[at : at + size]])
            texts += [text_of(network, rows) for rows in run(batch)]
            seconds += [(time.perf_counter() - started) / len(batch)] * len(batch)
        return seconds, texts

    return read


def in_page(page, network):
    """The same in headless Chromium, one image after the other."""
    packed = base64.b64encode(weights.to_bytes(network)).decode()
    page.add_script_tag(content=f"{bundle.flat()}\nconst reader = createReader(fromBase64({json.dumps(packed)}));")

    def read(paths):
        return page.evaluate(IN_PAGE, [base64.b64encode(path.read_bytes()).decode() for path in paths])

    return read


class Worker:
    """Another reader, in a process of its own environment."""

    def __init__(self, python, name, *options):
        command = [python, str(ROOT / OTHER_READERS), "--serve", name, *options]
        settings = os.environ | {"OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=settings)
        first = self.process.stdout.readline()
        if not first:
            raise UserError(f"{name} does not start with {python}: {OTHER_READERS} tells how it is installed")
        self.about = json.loads(first)

    def __call__(self, paths):
        print(json.dumps([str(path.resolve()) for path in paths]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def open_workers(python):
    """By (name, batch): the others that are installed."""
    workers = {}
    for name in OTHERS:
        try:
            workers[name, 1] = Worker(python, name)
            if name != "ddddocr":
                workers[name, 32] = Worker(python, name, "--together")
        except (UserError, OSError) as error:
            print(f"left out: {error}", file=sys.stderr)
    return workers


def chosen(folder, count):
    """`count` files of the test part, the same for the same folder."""
    files = data.list_folder(folder)
    test = data.split([file.label for file in files], seed=SEED)[1]
    return [files[i] for i in random.Random(SEED).sample(test, count)]


def take_turns(readers, files, chunk, repetitions):
    """Seconds an image by reader, and the texts of each."""
    paths = [file.path for file in files]
    seconds, texts, names = {name: [] for name in readers}, {name: {} for name in readers}, list(readers)
    for read in readers.values():
        read(paths[:chunk])  # warm-up
    for turn in range(repetitions):
        part = [paths[(turn * chunk + i) % len(paths)] for i in range(chunk)]
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            spent, found = readers[name](part)
            seconds[name] += spent
            texts[name] |= dict(zip(part, found, strict=True))
    return seconds, texts


def accuracies():
    """What is recorded of each reader on the real images, labels as given; of ours, on images that it has not seen."""
    kept = ("images", "exact", "exact_accuracy", "exact_interval", "cer")
    folds = json.loads((RESULTS / "crossval.json").read_text(encoding="utf-8"))
    protocol = json.loads((RESULTS / "protocol_ours.json").read_text(encoding="utf-8"))["runs"][SEED]["scores"]
    test = next(row for row in protocol if (row["part"], row["labels"]) == ("test", "given"))
    others = json.loads((RESULTS / "other_readers.json").read_text(encoding="utf-8"))["readers"]
    found = {"ours, five folds, each image read by a reader that has not seen it": folds}
    found |= {"ours, the committed reader on its test part": test}
    found |= {f"{name}, zero-shot": others[name]["given"] for name in OTHERS}
    return {name: {key: scores[key] for key in kept if key in scores} for name, scores in found.items()}


def told(seconds, texts, files):
    milliseconds = 1000 * statistics.median(seconds)
    right = {file.path: file.label for file in files}
    return {
        "ms_median": round(milliseconds, 3),
        "images_per_second": round(1000 / milliseconds, 1),
        "exact_here": sum(right[path] == text for path, text in texts.items()),
        "images_here": len(texts),
    }


def table(result):
    """Rows for the page: each reader with its speed and what it reads of the whole set; ours, by the five folds."""
    whole = {name.split(",")[0]: scores for name, scores in reversed(result["accuracy"].items())}
    rows = []
    for name in dict.fromkeys(row.split(",")[0] for row in result["readers"]):
        one, many = (result["readers"].get(f"{name}, batch {size}") for size in (1, 32))
        scores = whole.get(name, whole["ours"])
        rows.append(
            {
                "reader": name if name in whole else f"ours, in {'the ' * (name == 'page')}{name}",
                "ms an image": f"{one['ms_median']:.1f}",
                "images/s": f"{one['images_per_second']:.0f}",
                "images/s, batch 32": f"{many['images_per_second']:.0f}" if many else "none",
                "exact, real images": f"{scores['exact']} of {scores['images']} ({scores['exact_accuracy']:.2%})",
            }
        )
    return rows


def main() -> None:
    a = options(__doc__, captchas=True, others=str(RUNS / "ocr" / "bin" / "python"), repetitions=12, chunk=32,
                out=RESULTS / "reading.json").parse_args()  # fmt: skip
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    files, network = chosen(a.captchas, 3 * a.chunk), reader.load("captcha")
    with tempfile.TemporaryDirectory() as folder, blank_page() as (page, chromium):
        runtimes, workers = ours(network, Path(folder)), open_workers(a.others)
        readers = {(name, size): in_batches(network, run, size) for name, run in runtimes.items() for size in (1, 32)}
        readers["page", 1] = in_page(page, network)
        seconds, texts = take_turns(readers | workers, files, a.chunk, a.repetitions)
        for worker in workers.values():
            worker.close()
    mine = [texts[name] for name in readers]
    rows = {f"{name}, batch {size}": told(seconds[name, size], texts[name, size], files) for name, size in seconds}
    rate = {name: row["images_per_second"] for name, row in rows.items()}
    result = {
        "others": {name: worker.about for (name, size), worker in workers.items() if size == 1},
        "one_core": hasattr(os, "sched_setaffinity"),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "repetitions": a.repetitions,
        "our_runtimes_agree": all(found == mine[0] for found in mine),
        "readers": rows,
        "accuracy": accuracies(),
    }
    if "ddddocr, batch 1" in rate:
        result["onnxruntime_over_ddddocr"] = round(rate["onnxruntime, batch 1"] / rate["ddddocr, batch 1"], 2)
    record(a.out, result, "--captchas DIR", chromium=chromium, onnxruntime=version("onnxruntime"))
    write_text(a.out.with_suffix(".csv"), csv_text(table(result)))
    for name, row in rows.items():
        print(f"{name:<24}{row['ms_median']:>9.2f} ms{row['images_per_second']:>9.1f} images/s")
    for name, row in result["accuracy"].items():
        print(f"{name:<70}{row['exact']:>5} of {row['images']}")
    print(f"onnxruntime over ddddocr, batch 1: {result.get('onnxruntime_over_ddddocr', 'not measured')}")


if __name__ == "__main__":
    main()
