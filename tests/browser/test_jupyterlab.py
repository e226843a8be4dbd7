"""The pad in a real JupyterLab: the kernel answers, Python sees what was drawn, and the page goes on without it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from visits import ROOT

from crnn_lib import strokes
from crnn_lib.widgets import base

pytest.importorskip("jupyterlab")

CELLS = [
    "from crnn_lib.widgets.base import Pad\npad = Pad(sample='2b7xy')\npad",
    "print(pad.text, f'{pad.confidence:.3f}', len(pad.strokes), int(pad.image.sum()))",
    "pad.text = 'n7x'\nprint(pad.text)",
    "pad._models.clear()",
]
KERNELS = "fetch('/api/kernels').then(r => r.json())"
END = """async () => {
    const headers = {'X-XSRFToken': (document.cookie.match(/_xsrf=([^;]*)/) || [])[1]};
    for (const {id} of await KERNELS) await fetch('/api/kernels/' + id, {method: 'DELETE', headers});
}""".replace("KERNELS", KERNELS)


@pytest.fixture
def lab(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    (tmp_path / "files").mkdir()
    nbformat.write(notebook, tmp_path / "files" / "pad.ipynb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
    command += ["--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, f"--notebook-dir={tmp_path / 'files'}"],
            env=os.environ | own | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def wait_for(url, seconds=90):
    for _ in range(seconds * 2):
        try:
            return urllib.request.urlopen(url).read()
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(url)


# In milliseconds: JupyterLab has not yet seen that its kernel is gone, and has.
@pytest.mark.parametrize("wait", [0, 20_000])
def test_the_pad_in_jupyterlab(chromium, lab, wait):
    context = chromium.new_context(viewport={"width": 1300, "height": 1300}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{lab}/lab/tree/pad.ipynb")
    cells = page.locator(".jp-CodeCell")
    cells.first.wait_for(timeout=60_000)
    page.get_by_text("| Idle").wait_for(timeout=60_000)

    def run(number):
        cells.nth(number).locator(".jp-InputArea-editor").click()
        page.keyboard.press("Control+Enter")
        page.wait_for_function(
            "i => /\\d/.test(document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')[i].textContent)",
            arg=number,
            timeout=60_000,
        )
        page.wait_for_timeout(500)
        return cells.nth(number).locator(".jp-OutputArea-output").all_inner_texts()

    def part(name):
        return page.locator(f'[data-crnn="{name}"]').inner_text()

    run(0)
    page.locator('[data-crnn="text"]:not(:empty)').wait_for(timeout=60_000)
    assert part("text") == "2b7xy" and "in the kernel" in part("knows")

    canvas = page.locator('[data-crnn-widget="pad"] canvas')
    box = canvas.bounding_box()
    for stroke in base.typed("7x"):
        for i, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x / 128 * box["width"], box["y"] + y / 32 * box["height"])
            if i == 0:
                page.mouse.down()
        page.mouse.up()
    page.wait_for_timeout(1500)
    drawn = part("text")
    (printed,) = run(1)
    text, confidence, count, _ = printed.split()
    assert text == drawn and f"{100 * float(confidence):.0f}" == f"{float(part('confidence').split()[0]):.0f}"
    assert int(count) == len(base.typed("7x"))

    (printed,) = run(2)
    assert printed.strip() == part("text")
    shown = canvas.evaluate("""c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data
        .reduce((sum, value, i) => (i % 4 ? sum : sum + value), 0)""")
    assert shown == 36 * int(strokes.render(base.typed("n7x")).astype(int).sum())  # an image pixel is 6 x 6 there

    run(3)  # the kernel is there, but cannot do what is asked: it says so, and the pad shows it
    page.locator('[data-crnn-widget="pad"]').get_by_role("button", name="Clear").click()
    page.locator('[data-crnn-widget="pad"]').get_by_role("alert").wait_for()
    assert "KeyError" in part("message")

    page.evaluate(END)
    page.wait_for_timeout(wait)
    page.locator('[data-crnn-widget="pad"]').get_by_role("button", name="Undo").click()
    page.wait_for_function(
        "document.querySelector('[data-crnn=knows]').textContent.includes('this page')", timeout=20_000
    )
    assert part("text") == printed.strip()
    context.close()
