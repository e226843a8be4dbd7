"""What the page's 8-bit weights cost, and whether the page reads as Python does with the same stored ones.

    python bench/accuracy/stored_weights.py --captchas DIR --ink INK

Each model reads its images with its own float32 weights, and with those that the page stores (`weights.from_bytes`);
then the page reads them in headless Chromium, by WebAssembly and by plain JavaScript. `captcha`: the real images in
DIR, as labelled; of them, `test` are those that it was not trained on. `pen`: strings of mixed widths from the ink of
group 1 in INK, as `bench/training/pen.py` judges by; the shipped model has learned from these writers too, so its
scores compare it with itself alone. `text`: generated lines of mixed widths, in the faces that it was not trained
on among those of the wheels. Writes data/results/stored_weights.json.
"""

import base64
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

import numpy as np

from bench.common import RESULTS, blank_page, options, record
from bench.training import pen as training
from bench.training import strokes
from crnn_lib import images, metrics, reader
from crnn_lib.data import LabelledImages, load_folder, split
from crnn_lib.drawing import faces
from crnn_lib.drawing import lines as printing
from crnn_lib.widgets import bundle, host, weights

READ = """([packed, fast, images]) => {
    const reader = createReader(fromBase64(packed), { fast });
    if (reader.simd !== fast) throw new Error("this is not the engine that was asked for");
    const { height, alphabet } = reader.config;
    return images.map((text) => {
        const image = new Float32Array(fromBase64(text).buffer);
        const { log_probs } = reader.infer(image, height, image.length / height);
        return greedyDecode(log_probs.data, log_probs.dims.at(-1)).map((c) => [...alphabet][c - 1]).join("");
    });
}"""
KEPT = ("images", "exact", "exact_accuracy", "edits", "characters", "cer")


def pen_strings(ink: Path) -> LabelledImages:
    """300 strings and words by the writers of group 1, each at its own width."""
    found, dealt = strokes.read(ink), strokes.groups()
    writers = [i for i, source in enumerate(found.sources()) if dealt.get(source) == 1]
    asked = [*training.questions(found, writers, strokes.SYMBOLS), *training.questions(found, writers, None)]
    chosen = [asked[i] for i in np.random.default_rng(7).permutation(len(asked))[:300]]
    frame = reader.load("pen").config.frame
    tensors = [images.standardise(one.grey.astype(np.float32), *frame) for one in chosen]
    return LabelledImages(tensors, tuple(one.text for one in chosen), tuple(f"{i}" for i in range(len(chosen))))


def lines() -> LabelledImages:
    """300 printed lines, each at its own width."""
    unseen = [face for face in faces.wheels() if face.held_out]
    drawn = printing.generate(320, 300, unseen)
    short = [(grey, label) for grey, label in drawn if grey.shape[1] < 60 * grey.shape[0]]  # else it is not read
    greys, labels = zip(*short[:300], strict=True)
    frame = reader.load("text").config.frame
    tensors = [images.standardise(grey.astype(np.float32), *frame) for grey in greys]
    return LabelledImages(tensors, labels, tuple(f"{i}" for i in range(len(labels))))


def readings(page, name: str, data: LabelledImages) -> dict[str, list[str]]:
    """The texts of `data` by what reads them."""
    network = reader.load(name)
    content = weights.to_bytes(network)
    packed = base64.b64encode(content).decode()
    sent = [base64.b64encode(image.numpy().tobytes()).decode() for image in data.images]
    return {
        "float32": reader.read(network, data.images).texts,
        "stored": reader.read(weights.from_bytes(content), data.images).texts,
        "page": page.evaluate(READ, [packed, True, sent]),
        "page_without_webassembly": page.evaluate(READ, [packed, False, sent]),
    }


def compared(texts: dict[str, list[str]], labels: list[str], chosen: list[int]) -> dict:
    """Scores with the float32 and with the stored weights, and how often the page reads as Python does."""
    mine = {who: [found[i] for i in chosen] for who, found in texts.items()}
    of = [labels[i] for i in chosen]
    scores = {who: metrics.scores(of, mine[who]) for who in ("float32", "stored")}
    result = {who: {key: found[key] for key in KEPT} for who, found in scores.items()}
    for who in ("page", "page_without_webassembly"):
        result[f"{who}_as_stored"] = sum(a == b for a, b in zip(mine[who], mine["stored"], strict=True))
    return result


def main() -> None:
    parser = options(__doc__, captchas=True, out=RESULTS / "stored_weights.json")
    parser.add_argument("--ink", type=Path, required=True, metavar="INK", help="the folder of public pen ink")
    a = parser.parse_args()
    data, strings, printed = load_folder(a.captchas), pen_strings(a.ink), lines()
    _, test = split(data.labels, seed=reader.load("captcha").provenance["split_seed"])
    with blank_page() as (page, chromium):
        page.add_script_tag(content=bundle.flat())
        captcha, pen = readings(page, "captcha", data), readings(page, "pen", strings)
        text = readings(page, "text", printed)
    result = {
        "captcha": compared(captcha, data.labels, list(range(len(data)))),
        "captcha, test": compared(captcha, data.labels, test),
        "pen": compared(pen, strings.labels, list(range(len(strings)))),
        "text": compared(text, printed.labels, list(range(len(printed)))),
        "bytes_a_parameter": {
            name: round(len(weights.to_bytes(network)) / network.parameter_count(), 3)
            for name, network in ((name, reader.load(name)) for name in host.READERS)
        },
    }
    record(a.out, result, "--captchas DIR --ink INK", chromium=chromium)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
