"""How long the laboratory takes from a keystroke to the redrawn lattice, in headless Chromium.

    python bench/speed/lab_speed.py [--count N] [--out data/results/lab_speed.json]

T = 32 steps, a label of U = 8 letters: every cell of matrix and lattice changes. Until the layout is done (the script's
own part), and until the frame after it (what the eye waits for, the screen's beat of 60 a second included).
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from crnn_lib import assets
from crnn_lib.files import environment, write_text
from crnn_lib.tools.browser import FLAGS, find_chromium
from crnn_lib.widgets import bundle

PAGE = """<!doctype html><meta charset="utf-8"><style>{style}</style><script src="widgets.js"></script>
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--out", type=Path, default=assets.RESULTS / "lab_speed.json")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        (Path(folder) / "widgets.js").write_text(bundle.script(["captcha"]), encoding="utf-8")
        (Path(folder) / "index.html").write_text(PAGE.format(style=bundle.style()), encoding="utf-8")
        browser = driver.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = browser.new_page()
        page.goto((Path(folder) / "index.html").as_uri())
        page.wait_for_selector('[data-crnn-widget="lab"]')
        cells = page.locator("[data-crnn-cell]").count()
        times = page.evaluate(MEASURE, a.count)
        version = browser.version
        browser.close()
    result = {"command": "python bench/speed/lab_speed.py", "environment": environment() | {"chromium": version}}
    result |= {"T": 32, "U": 8, "cells": cells, "keystrokes": a.count}
    for name, values in zip(("until_layout_ms", "until_frame_ms"), zip(*times, strict=True), strict=True):
        spread = statistics.quantiles(values, n=20)
        result[name] = {"median": round(statistics.median(values), 1), "p95": round(spread[-1], 1)}
    write_text(a.out, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
