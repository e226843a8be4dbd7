"""A reading in the browser: the page's engine beside onnxruntime-web, interleaved in one run of headless Chromium.

    npm pack onnxruntime-web@1.30.0 && tar xzf onnxruntime-web-1.30.0.tgz
    python bench/speed/page_speed.py --ort package/dist [--count 200]

Each reads the same pictures, one at a time, on one thread, from the same standardised image to log-probabilities, with
every model of a page: that of print a sample line of 44 characters, the others the eight samples. Compared are the
page's engine by WebAssembly, the same by plain JavaScript, that of version 1 from git's history, and onnxruntime-web,
which is WebAssembly with SIMD, on the exported graph of the same stored weights. Who begins changes from reading to
reading. What ours and onnxruntime-web send over the wire, script and weights, is compressed by gzip: of ours the
engine's modules alone, and the script of all widgets. Writes data/results/page_speed.json and page_speed.csv.
"""

import base64
import gzip
import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import ALONE, RESULTS, SimpleHTTPRequestHandler, chromium, options, record, served
from bench.speed.where_time_goes import PRESENT, script_at, script_of
from crnn_lib import assets, images
from crnn_lib.files import csv_text, write_text
from crnn_lib.model import CRNN
from crnn_lib.tools.export import to_onnx
from crnn_lib.widgets import bundle, host, weights
from crnn_lib.widgets.line.line import READER

VERSION_1 = "aa74857"
TOLD = {
    "page": "ours, WebAssembly",
    "page_without_webassembly": "ours, JavaScript alone",
    "version_1": "ours in version 1, JavaScript",
    "onnxruntime_web": "onnxruntime-web, WebAssembly",
}
RUNTIME = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
PAGE = '<!doctype html><meta charset="utf-8"><script src="ort.wasm.min.js"></script>'
MEASURE = """async ([name, samples, scripts, weights, count]) => {
    ort.env.wasm.numThreads = 1;
    const session = await ort.InferenceSession.create(`${name}.onnx`, {executionProviders: ['wasm']});
    const made = (script, options) => {
        const { createReader, fromBase64 } = new Function(`${script}; return { createReader, fromBase64 };`)();
        const reader = createReader(fromBase64(weights), options);
        return async (image) => reader.infer(image, 32, image.length / 32).log_probs.data;
    };
    const readers = {
        page: made(scripts.now),
        page_without_webassembly: made(scripts.now, { fast: false }),
        version_1: made(scripts.version_1),
        onnxruntime_web: async (image) => {
            const feed = {[session.inputNames[0]]: new ort.Tensor('float32', image, [1, 1, 32, image.length / 32])};
            return (await session.run(feed, ['log_probs'])).log_probs.data;
        },
    };
    const names = Object.keys(readers);
    const times = Object.fromEntries(names.map((name) => [name, []]));
    let apart = 0;
    for (let i = 0; i < count; i++) {
        const image = Float32Array.from(samples[i % samples.length]);
        const found = {};
        for (let j = 0; j < names.length; j++) {
            const name = names[(i + j) % names.length];
            const start = performance.now();
            found[name] = await readers[name](image);
            times[name].push(performance.now() - start);
        }
        for (const name of ["page", "page_without_webassembly"]) {
            found[name].forEach((v, j) => {
                apart = Math.max(apart, Math.abs(Math.exp(v) - Math.exp(found.onnxruntime_web[j])));
            });
        }
    }
    return {times, apart};
}"""


class Alone(SimpleHTTPRequestHandler):
    """No other page shares the process: the clock is finer."""

    def end_headers(self):
        for name, value in ALONE.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_):
        pass


def wire(*contents: bytes) -> int:
    """Bytes, compressed."""
    return sum(len(gzip.compress(content, 9)) for content in contents)


def pictures(name: str) -> list[np.ndarray]:
    """What a model is given to read."""
    paths = [assets.LINES["sentence"]] if name == READER else assets.SAMPLES.values()
    return [images.load_grey(path) for path in paths]


def measure(folder: Path, network: CRNN, name: str, count: int) -> tuple[dict, list[int], str]:
    """The times of all four in milliseconds and how far apart they are, the images' widths, the browser's version."""
    tensors = [images.standardise(picture, *network.config.frame) for picture in pictures(name)]
    samples = [tensor.flatten().tolist() for tensor in tensors]
    scripts = {"version_1": script_at(VERSION_1), "now": script_of(PRESENT)}
    packed = base64.b64encode((folder / f"{name}.bytes").read_bytes()).decode()
    with served(folder, Alone) as address, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{address}/index.html")
        found = page.evaluate(MEASURE, [name, samples, scripts, packed, count])
    return found, [tensor.shape[-1] for tensor in tensors], browser.version


def sizes(folder: Path, name: str) -> dict[str, int]:
    """What each sends, compressed; of ours the engine alone, and all widgets' script and style."""
    packed = base64.b64encode((folder / f"{name}.bytes").read_bytes()).decode()
    (ours,) = (text.encode() for text in bundle.data(f"weights-{name}", packed).values())
    engine = bundle.joined("page/engine.js").encode()
    runtime = [(folder / file).read_bytes() for file in (*RUNTIME, f"{name}.onnx")]
    everything = "".join(bundle.scripts(host.READERS).values()).encode()
    return {
        "page": wire(ours, engine),
        "page_with_all_widgets": wire(ours, everything, bundle.style().encode()),
        "onnxruntime_web": wire(*runtime),
    }


def table(models: dict) -> list[dict]:
    """Rows for the page: each engine with its median for each model, and what it sends for the first."""
    rows = []
    for who, told in TOLD.items():
        ms = {f"{name}, ms": f"{found['median_ms'][who]:.1f}" for name, found in models.items()}
        sent = models[host.READERS[0]]["wire_bytes"].get(who.removesuffix("_without_webassembly"))
        rows.append({"engine": told} | ms | {"kB over the wire": f"{sent / 1000:.0f}" if sent else ""})
    return rows


def main() -> None:
    parser = options(__doc__, count=200, out=RESULTS / "page_speed.json")
    parser.add_argument("--ort", type=Path, required=True, help="the folder dist of the package onnxruntime-web")
    a = parser.parse_args()
    result = {"readings": a.count, "models": {}}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for file in RUNTIME:
            (folder / file).write_bytes((a.ort / file).read_bytes())
        (folder / "index.html").write_text(PAGE, encoding="utf-8")
        for name, network in host.readers().items():
            content = weights.to_bytes(network)
            (folder / f"{name}.bytes").write_bytes(content)
            to_onnx(weights.from_bytes(content), folder / f"{name}.onnx")
            found, widths, version = measure(folder, network, name, a.count)
            medians = {who: statistics.median(times) for who, times in found["times"].items()}
            result["models"][name] = {
                "columns": [min(widths), max(widths)],
                "median_ms": {who: round(ms, 2) for who, ms in medians.items()},
                "fastest_ms": {who: round(min(times), 2) for who, times in found["times"].items()},
                "over_onnxruntime_web": round(medians["page"] / medians["onnxruntime_web"], 2),
                "without_webassembly_over_version_1": round(
                    medians["page_without_webassembly"] / medians["version_1"], 2
                ),
                "wire_bytes": sizes(folder, name),
                "largest_difference_in_probability": round(found["apart"], 7),
            }
    write_text(a.out.with_suffix(".csv"), csv_text(table(result["models"])))
    record(a.out, result, "--ort package/dist", **{"chromium": version, "onnxruntime-web": "1.30.0"})
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
