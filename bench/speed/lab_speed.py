"""How long the laboratory takes from a keystroke to the redrawn lattice, in headless Chromium.

    python bench/speed/lab_speed.py [--count N] [--out data/results/lab_speed.json]

T = 32 steps, a label of U = 8 letters: every cell of matrix and lattice changes. Until the layout is done (the script's
own part), and until the frame after it (what the eye waits for, the screen's beat of 60 a second included).
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project

from bench.common import RESULTS, chromium, options, record
from crnn_lib.widgets import bundle

PAGE = """<!doctype html><meta charset="utf-8"><style>{style}</style><script defer src="crnn-widgets.js"></script>
<crnn-widget kind="lab" state='{{"label": "abcdefgh", "source": "random", "steps": 32}}'></crnn-widget>"""
MEASURE = """async (count) => {
    const input = document.querySelector('[data-crnn-widget="lab"] input[type=text]');
    const times = [];
    for (let i = 0; i < count; i++) {
        await new Promise((done) => setTimeout(done, 30));
        const start = performance.now();
        input.value = i % 2 ? 'abcdefgh' : 'abcdefga';
        input.dispatchEvent(new Event('input', {bubbles: true}));
        document.body.getBoundingClientRect();
        const laid = performance.now() - start;
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        times.push([laid, performance.now() - start]);
    }
    return times;
}"""


def main() -> None:
    a = options(__doc__, count=200, out=RESULTS / "lab_speed.json").parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for name, text in bundle.scripts(["captcha"]).items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        (Path(folder) / "index.html").write_text(PAGE.format(style=bundle.style()), encoding="utf-8")
        page = browser.new_page()
        page.goto((Path(folder) / "index.html").as_uri())
        page.wait_for_selector('[data-crnn-widget="lab"]')
        cells = page.locator("[data-crnn-cell]").count()
        times = page.evaluate(MEASURE, a.count)
        version = browser.version
    result = {"T": 32, "U": 8, "cells": cells, "keystrokes": a.count}
    for name, values in zip(("until_layout_ms", "until_frame_ms"), zip(*times, strict=True), strict=True):
        spread = statistics.quantiles(values, n=20)
        result[name] = {"median": round(statistics.median(values), 1), "p95": round(spread[-1], 1)}
    record(a.out, result, chromium=version)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
