"""Where the time goes: of a training step by part, and of a reading in the page by stage.

    python bench/speed/where_time_goes.py [--epochs 3] [--readings 200] [--before COMMIT]

Training is the library's own, on generated images and one thread; hooks take the CPU time between the ends of its
parts, forward and backward, in turn with a run whose optimiser takes one parameter after the other, as it once did. The
reading, from grey levels to text, runs in headless Chromium, where a stage ends when the engine puts it down. With
--before, the engine of that commit reads the same images in turn. Writes data/results/profile.json.
"""

import base64
import io
import json
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

from torch.nn import utils

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, ROOT, blank_page, options, record
from crnn_lib import assets, images, metrics, model, reader, training
from crnn_lib.drawing import captchas
from crnn_lib.widgets import bundle, weights

PRESENT = bundle.FOLDER


class Clock:
    """CPU seconds by part; each mark gives the time since the last one to the part that has just ended."""

    def start(self):
        self.seconds, self.last = Counter(), time.process_time()

    def mark(self, part):
        now = time.process_time()
        self.seconds[part] += now - self.last
        self.last = now

    def around(self, holder, name, before, after):
        """Replace `holder.name` by itself between two marks."""
        inner = getattr(holder, name)

        def timed(*args, **options):
            self.mark(before)
            result = inner(*args, **options)
            self.mark(after)
            return result

        setattr(holder, name, timed)


def parts_of(network):
    """Module by part, in the order of the forward pass."""
    parts = {}
    for i, (block, pool) in enumerate(zip(network.blocks, network.pools, strict=True), 1):
        parts |= {f"conv{i}": block[0], f"BatchNorm {i}": block[1], f"ReLU {i}": block[2], f"pool{i}": pool}
    parts |= {"projection": network.project, "projection's BatchNorm": network.normalise}
    return parts | {"BiLSTM": network.lstm, "classifier": network.classify}


def watch(clock, run):
    """Mark the end of every part of a training step; a gradient at a part's output has passed all that comes later."""
    parts = parts_of(run.model)
    passed = {part: f"backward {later}" for part, later in pairwise(parts)} | {"classifier": "loss"}

    def ended(part):
        def hook(module, inputs, output):
            if module.training:
                clock.mark(f"forward {part}")
                first = output[0] if isinstance(output, tuple) else output
                first.register_hook(lambda gradient: clock.mark(passed[part]))

        return hook

    for part, module in parts.items():
        module.register_forward_hook(ended(part))
    clock.around(run, "step", "data handling", "schedule")
    clock.around(run.optimizer, "zero_grad", "loss", "zeroing gradients")
    run.optimizer.register_step_pre_hook(lambda *_: clock.mark("clipping"))
    run.optimizer.register_step_post_hook(lambda *_: clock.mark("optimiser"))


def training_step(epochs, count=800):
    """Milliseconds of CPU time a step by part, medians over epochs: now, and before, one parameter after the other."""
    training.tune_process()
    data, recipe = captchas.dataset(count, seed=7), training.Recipe(epochs=epochs + 1)
    runs = {name: training.Run(model.CRNN(), data, recipe) for name in ("before", "now")}
    for group in runs["before"].optimizer.param_groups:
        group["foreach"] = False
    clock, rows = Clock(), {name: [] for name in runs}
    clock.around(training, "augment", "data handling", "augmentation")
    clock.around(utils, "clip_grad_norm_", "backward conv1", "clipping")
    clock.around(metrics, "evaluate", "data handling", "validation")
    for run in runs.values():
        watch(clock, run)
    trainings = {name: iter(run) for name, run in runs.items()}
    for epoch in range(epochs + 1):
        for name, training_run in trainings.items():
            clock.start()
            next(training_run)
            clock.mark("keeping the best")
            rows[name] += [clock.seconds] if epoch else []  # the first one warms up
    steps = run.steps_per_epoch
    return {name: {p: 1000 * statistics.median(row[p] for row in r) / steps for p in r[0]} for name, r in rows.items()}


# --- a reading in the page ---

MEASURE = """async ([samples, engines, weights, count]) => {
    const made = {};
    for (const [name, text] of Object.entries(engines)) {
        const code = new Function(text + "; return { createReader, fromBase64, standardise, greedyDecode };")();
        made[name] = { ...code, reader: code.createReader(code.fromBase64(weights)), whole: [], stages: {} };
    }
    const read = ({ reader, standardise, greedyDecode, whole, stages }, { pixels, height, width }) => {
        const start = performance.now();
        let last = start;
        const ended = (stage) => {
            const now = performance.now();
            (stages[stage] ??= []).push(now - last);
            last = now;
        };
        const image = standardise({ data: Float32Array.from(pixels), height, width }, 32, 128);
        ended("standardise");
        const set = (target, stage, value) => { ended(stage); return Reflect.set(target, stage, value); };
        const { log_probs } = reader.infer(image, 32, 128, new Proxy({}, { set }));
        const classes = greedyDecode(log_probs.data, log_probs.dims.at(-1));
        ended("decode");
        whole.push(performance.now() - start);
        return [classes.join(), log_probs.data];
    };
    let apart = 0;
    for (let i = 0; i < count; i++) {
        const names = Object.keys(made);
        if (i % 2) names.reverse();
        const found = names.map((name) => read(made[name], samples[i % samples.length]));
        if (found.some(([text]) => text !== found[0][0])) throw new Error("the engines read differently");
        found[0][1].forEach((v, j) => { apart = Math.max(apart, Math.abs(v - found.at(-1)[1][j])); });
    }
    return [Object.fromEntries(Object.entries(made).map(([n, { whole, stages }]) => [n, { whole, stages }])), apart];
}"""


def script_of(folder):
    """The engine, the pictures and the decoders of a folder of widgets, as one script."""
    bundle.FOLDER = folder
    needed = ("engine", "images", "decode")
    if (folder / "page").is_dir():
        return bundle.flat(*(f"page/{name}.js" for name in needed))
    plain = re.compile(r"^import\b[^;]*;\n|^export ", re.MULTILINE)  # version 1: all modules in one scope
    texts = (path.read_text(encoding="utf-8") for path in sorted((folder / "js").glob("*.js")))
    return "\n".join(plain.sub("", text) for text in texts)


def script_at(commit):
    """The same, as it was at `commit`."""
    inside = "crnn_lib/widgets"
    archive = subprocess.run(["git", "archive", commit, inside], cwd=ROOT, capture_output=True)
    if archive.returncode:
        raise SystemExit(f"error: the widgets of commit {commit} are not to be had: {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        return script_of(Path(folder) / inside)


def page_reading(count, before):
    """Median milliseconds of a reading and of its stages, by engine; and the browser's version."""
    engines = ({"before": script_at(before)} if before else {}) | {"now": script_of(PRESENT)}
    grey = [images.load_grey(path) for path in assets.SAMPLES.values()]
    samples = [{"pixels": g.ravel().tolist(), "height": g.shape[0], "width": g.shape[1]} for g in grey]
    packed = base64.b64encode(weights.to_bytes(reader.load("captcha"))).decode()
    with blank_page() as (page, version):
        found, apart = page.evaluate(MEASURE, [samples, engines, packed, count])
    result = {
        name: {"whole": statistics.median(f["whole"])} | {s: statistics.median(t) for s, t in f["stages"].items()}
        for name, f in found.items()
    }
    return result, apart, version


# --- both, told ---


def shares(milliseconds):
    """By part: milliseconds and the share of their sum, the largest first."""
    total = sum(milliseconds.values())
    ranked = sorted(milliseconds.items(), key=lambda item: -item[1])
    return {part: {"ms": round(ms, 3), "share": round(ms / total, 4)} for part, ms in ranked}


def table(title, parts):
    print(f"\n{title}")
    for part, row in parts.items():
        print(f"  {part:<32}{row['ms']:>9.3f} ms{row['share']:>8.1%}")


def main() -> None:
    parser = options(__doc__, epochs=3, readings=200, out=RESULTS / "profile.json")
    parser.add_argument("--before", metavar="COMMIT", help="compare with the page's engine of that commit")
    a = parser.parse_args()
    steps = training_step(a.epochs)
    readings, apart, version = page_reading(a.readings, a.before)
    whole = {name: round(stages.pop("whole"), 3) for name, stages in readings.items()}
    result = {
        "training_step_ms": {name: round(sum(parts.values()), 2) for name, parts in steps.items()},
        "optimiser_ms": {name: round(parts["optimiser"], 3) for name, parts in steps.items()},
        "page_reading_ms": whole,
        "largest_difference_in_log_probability": apart,
        "training_step": shares(steps["now"]),
        "page_reading": shares(readings["now"]),
    }
    record(a.out, result, f"--before {a.before}" if a.before else "", chromium=version)
    table("a training step, 16 images, CPU time", result["training_step"])
    table("a reading in the page", result["page_reading"])
    print("\nbefore and now, ms:", json.dumps({key: result[key] for key in result if key.endswith("_ms")}))


if __name__ == "__main__":
    main()
