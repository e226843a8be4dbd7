"""A reading in the browser: the page's own engine beside onnxruntime-web, interleaved in one run of headless Chromium.

    npm pack onnxruntime-web@1.30.0 && tar xzf onnxruntime-web-1.30.0.tgz
    python bench/speed/page_speed.py --ort package/dist [--count 100]

Both read the eight samples, one at a time, on one thread, from the same standardised image to log-probabilities; the
page's engine is plain JavaScript, onnxruntime-web is WebAssembly with SIMD on the exported graph. What each sends over
the wire is compressed by gzip. Writes data/results/page_speed.json.
"""

import gzip
import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, chromium, options, record, served
from crnn_lib import assets, images, reader
from crnn_lib.tools.export import to_onnx
from crnn_lib.widgets import bundle, weights

RUNTIME = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
PAGE = """<!doctype html><meta charset="utf-8"><script src="ort.wasm.min.js"></script>
<script src="crnn-weights-captcha.js"></script><script src="widgets.js"></script>"""
MEASURE = """async ([samples, count]) => {
    ort.env.wasm.numThreads = 1;
    const session = await ort.InferenceSession.create('model.onnx', {executionProviders: ['wasm']});
    const reader = crnn['page/engine.js'].createReader(crnn['page/engine.js'].fromBase64(crnnWeights.captcha));
    const readers = {
        page: async (image) => reader.infer(image, 32, 128).log_probs.data,
        ort: async (image) => {
            const feed = {[session.inputNames[0]]: new ort.Tensor('float32', image, [1, 1, 32, 128])};
            return (await session.run(feed, ['log_probs'])).log_probs.data;
        },
    };
    const times = {page: [], ort: []};
    let apart = 0;
    for (let i = 0; i < count; i++) {
        const image = Float32Array.from(samples[i % samples.length]);
        const found = {};
        for (const name of i % 2 ? ['page', 'ort'] : ['ort', 'page']) {
            const start = performance.now();
            found[name] = await readers[name](image);
            times[name].push(performance.now() - start);
        }
        found.page.forEach((v, j) => { apart = Math.max(apart, Math.abs(Math.exp(v) - Math.exp(found.ort[j]))); });
    }
    return {times, apart};
}"""


def wire(paths) -> int:
    """The files' bytes, compressed."""
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


def prepare(folder: Path, runtime: Path) -> None:
    """Everything that the page loads, in `folder`."""
    network = reader.load("captcha")
    for name in RUNTIME:
        (folder / name).write_bytes((runtime / name).read_bytes())
    (folder / "widgets.js").write_text(bundle.script(["captcha"]), encoding="utf-8")
    (folder / "crnn-weights-captcha.js").write_text(weights.to_script(network, "captcha"), encoding="utf-8")
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    to_onnx(network, folder / "model.onnx")


def measure(folder: Path, count: int) -> tuple[dict, str]:
    """The times of both in milliseconds, and the browser's version."""
    samples = [images.load(path).flatten().tolist() for path in assets.SAMPLES.values()]
    with served(folder) as address, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{address}/index.html")
        return page.evaluate(MEASURE, [samples, count]), browser.version


def main() -> None:
    parser = options(__doc__, count=100, out=RESULTS / "page_speed.json")
    parser.add_argument("--ort", type=Path, required=True, help="the folder dist of the package onnxruntime-web")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, a.ort)
        found, version = measure(folder, a.count)
        files = {"page": ["widgets.js", "crnn-weights-captcha.js"], "ort": [*RUNTIME, "model.onnx"]}
        sizes = {kind: wire(folder / file for file in names) for kind, names in files.items()}
    summary = {
        kind: {"median_ms": round(statistics.median(t), 1), "fastest_ms": round(min(t), 1), "wire_bytes": sizes[kind]}
        for kind, t in found["times"].items()
    }
    result = {"readings": a.count, "largest_difference_in_probability": round(found["apart"], 5), **summary}
    record(a.out, result, "--ort package/dist", **{"chromium": version, "onnxruntime-web": "1.30.0"})
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
