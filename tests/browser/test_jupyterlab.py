"""The widgets in a real JupyterLab: alive while the kernel is busy, heard by Python, and a picture without a kernel."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import numpy as np
import pytest
from visits import draw, picture_of

from crnn_lib.drawing import pen, skeletons
from crnn_lib.widgets import WIDGETS

pytest.importorskip("jupyterlab")
pytestmark = pytest.mark.slow

NOTEBOOKS = {
    "pad": [
        "from crnn_lib.widgets import Pad\npad = Pad(sample='2b7xy')\npad",
        "print(pad.text, f'{pad.confidence:.3f}', len(pad.strokes), int(pad.image.sum()))",
        "pad.text = 'n7x'\nprint(pad.text)",
    ],
    "busy": [
        "from crnn_lib.widgets import Pad\nfrom crnn_lib.widgets import GeneratorKnobs",
        "Pad(sample='2b7xy')",
        "GeneratorKnobs()",
        "import time\ntime.sleep(60)",
    ],
    "keys": ["from crnn_lib.widgets import Microscope\nMicroscope()", "1"],
    "leak": [
        "from crnn_lib.widgets import Pad\nfrom crnn_lib.widgets import Microscope",
        "Pad(sample='2b7xy')",
        "Microscope(sample='2b7xy')",
    ],
}
NOTEBOOKS["line"] = [
    "from crnn_lib.widgets import Line\nline = Line(sample='code')\nline",
    "print(line.mark, repr(line.reading), line.confidence > 0)",
]
NOTEBOOKS["other"] = NOTEBOOKS["leak"]
OPTIONS = {"Pad": "sample='2b7xy'", "Quiz": "'count'", "TrainingMonitor": "*what", "Replay.follow": "*what"}
NOTEBOOKS["all"] = [
    """
from crnn_lib import widgets
from crnn_lib.drawing import captchas
from crnn_lib.model import Config
from crnn_lib.training import Recipe
shape = {"alphabet": "2bx", "height": 32, "width": 32, "channels": (4, 6), "pools": ((4, 2), (4, 2))}
images = captchas.dataset(count=12, alphabet="2bx", lengths=(2, 3), height=32, width=32)
what = Config(**shape, features=12, hidden=6), images, Recipe(epochs=2, batch_size=4, validation_fraction=0.25)
""",
    *(f"widgets.{name}({OPTIONS.get(name, '')})" for name in (*WIDGETS, "Replay.follow")),
]
HEADERS = "{'X-XSRFToken': (document.cookie.match(/_xsrf=([^;]*)/) || [])[1]}"
END = f"""async () => {{
    for (const {{id}} of await (await fetch('/api/sessions')).json())
        await fetch('/api/sessions/' + id, {{method: 'DELETE', headers: {HEADERS}}});
}}"""


def wait_for(url, seconds=90):
    for _ in range(seconds * 2):
        try:
            return urllib.request.urlopen(url).read()
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(url)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jupyterlab")
    (folder / "files").mkdir()
    for name, cells in NOTEBOOKS.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
        notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
        nbformat.write(notebook, folder / "files" / f"{name}.ipynb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
    command += ["--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, f"--notebook-dir={folder / 'files'}"], env=os.environ | own, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def opened(chromium, lab):
    """opened(name) -> the notebook of that name in a window of its own; no kernel is left behind."""
    contexts = []

    def open_notebook(name):
        contexts.append(chromium.new_context(viewport={"width": 1300, "height": 1300}, reduced_motion="reduce"))
        return Notebook(contexts[-1].new_page(), f"{lab}/lab/tree/{name}.ipynb")

    yield open_notebook
    for context in contexts:
        context.pages[0].evaluate(END)
        context.close()


class Notebook:
    """A notebook as somebody who uses it meets it."""

    def __init__(self, page, address):
        self.page, self.address = page, address
        self.open(address)

    def open(self, address):
        self.page.goto(f"{address}?reset")
        self.ready()

    def ready(self):
        self.panel = self.page.locator(".jp-NotebookPanel:visible")
        self.cells = self.panel.locator(".jp-CodeCell")
        self.cells.first.wait_for(timeout=60_000)
        self.page.get_by_text("| Idle").wait_for(timeout=60_000)

    def press(self, number, keys):
        self.cells.nth(number).locator(".jp-InputArea-editor").click()
        self.page.keyboard.press(keys)

    def run(self, number):
        """Run a cell to its end; what it printed."""
        before = self.prompt(number)
        self.press(number, "Control+Enter")
        while self.prompt(number) in (before, "[*]:"):
            self.page.wait_for_timeout(100)
        self.page.wait_for_timeout(500)
        return self.cells.nth(number).locator(".jp-OutputArea-output").all_inner_texts()

    def run_all(self):
        self.menu("Run", "Run All Cells")

    def menu(self, name, item):
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()

    def prompt(self, number):
        return self.cells.nth(number).locator(".jp-InputPrompt").inner_text()

    def root(self, kind):
        return self.panel.locator(f'[data-crnn-widget="{kind}"]')

    def part(self, name, kind="pad"):
        return self.root(kind).locator(f'[data-crnn="{name}"]').inner_text()

    def wait(self, kind):
        self.root(kind).locator('[data-crnn="text"]:not(:empty)').wait_for(timeout=30_000)


# In milliseconds: JupyterLab has not yet seen that its kernel is gone, and has.
@pytest.mark.parametrize("wait", [0, 20_000])
def test_the_pad_in_jupyterlab(opened, wait):
    notebook = opened("pad")
    page, part = notebook.page, notebook.part
    notebook.run(0)
    notebook.wait("pad")
    assert part("text") == "2b7xy"

    canvas = notebook.root("pad").locator("canvas")
    draw(page, canvas, skeletons.place("7x"))
    page.wait_for_timeout(1500)
    drawn = part("text")
    (printed,) = notebook.run(1)
    text, confidence, count, _ = printed.split()
    assert text == drawn and f"{100 * float(confidence):.0f}" == f"{float(part('confidence').split()[0]):.0f}"
    assert int(count) == len(skeletons.place("7x"))

    (printed,) = notebook.run(2)
    assert printed.strip() == part("text")
    assert np.array_equal(picture_of(notebook.root("pad")), pen.image(skeletons.place("n7x")))

    page.evaluate(END)
    page.wait_for_timeout(wait)
    notebook.root("pad").get_by_role("button", name="Clear").click()
    notebook.root("pad").get_by_role("button", name="Undo").click()
    page.wait_for_timeout(500)
    assert part("text") == printed.strip() and part("message") == "Undone."


def test_widgets_live_while_the_kernel_is_busy_and_leave_a_picture_without_it(opened):
    notebook = opened("busy")
    notebook.run_all()
    notebook.wait("pad")
    assert notebook.prompt(3) == "[*]:" and notebook.part("text") == "2b7xy"
    pictures = notebook.panel.locator("crnn-widget, .jp-RenderedImage img")
    notebook.panel.locator(".crnn-pictured").wait_for()
    assert pictures.count() == 2 and not any(picture.is_visible() for picture in pictures.all())

    notebook.press(0, "Control+s")
    notebook.page.wait_for_timeout(2000)
    notebook.page.evaluate(END)
    notebook.open(notebook.address)
    notebook.page.wait_for_timeout(6000)  # JupyterLab looks for the view's model for some seconds
    assert notebook.root("pad").count() == 0
    assert all(picture.is_visible() for picture in pictures.all()) and pictures.count() == 2
    assert pictures.first.locator("img").bounding_box()["width"] > 600
    assert "Error" not in notebook.cells.nth(1).inner_text()


def test_keys_stay_in_the_widget(opened):
    notebook = opened("keys")
    notebook.run(0)
    notebook.wait("microscope")
    root, page = notebook.root("microscope"), notebook.page
    focused = "document.activeElement.closest('[data-crnn-widget]') !== null"
    slider = root.get_by_role("slider", name="Time step")
    slider.focus()
    for key in ("ArrowDown", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    assert slider.input_value() == "13" and page.evaluate(focused)
    places = [root.get_by_role("button").first, root.locator("summary").first, root.get_by_role("application")]
    root.get_by_text("Draw a text of your own").click()
    for place in [slider, *places, root.get_by_role("combobox", name="Sample")]:
        place.focus()
        for key in ("b", "d", "d", "ArrowDown", "x"):
            page.keyboard.press(key)
        page.wait_for_timeout(200)
        assert notebook.cells.count() == 2 and page.evaluate(focused), place


def test_what_is_marked_reaches_python_and_the_microscope_opens_it(opened):
    notebook = opened("line")
    notebook.run(0)
    notebook.wait("line")
    root = notebook.root("line")
    (whole,) = notebook.run(1)
    assert (
        whole.startswith("[0, 0, ") and whole.strip().endswith(" True") and repr(notebook.part("text", "line")) in whole
    )
    root.get_by_role("button", name="Clear").click()
    notebook.page.wait_for_timeout(1000)
    assert notebook.run(1) == ["[] '' False\n"]
    root.get_by_role("button", name="Whole image").click()
    root.get_by_role("button", name="Open in the microscope").click()
    inner = root.locator('[data-crnn-widget="microscope"] [data-crnn="text"]')
    inner.wait_for()
    assert repr(inner.inner_text()) in notebook.run(1)[0] and notebook.run(1) == [whole]


def test_a_picture_stays_in_its_notebook(opened):
    """Two notebooks in one window, each with a kernel of its own: what one draws, the other does not read."""
    notebook = opened("leak")
    page = notebook.page
    for name in ("leak", "other"):
        if name == "other":
            page.get_by_role("listitem", name="other.ipynb").dblclick()
            page.get_by_role("tab", name="other.ipynb", selected=True).wait_for()
            notebook.ready()
        notebook.run_all()
        notebook.wait("microscope")
    notebook.root("pad").get_by_label("Type").fill("n7x")
    notebook.root("microscope").locator("strong").get_by_text("n7x").wait_for()
    read = page.locator('[data-crnn-widget="microscope"] [data-crnn="text"]').all_text_contents()
    assert sorted(read) == ["2b7xy", "n7x"]


# --- every widget ---

# What JupyterLab itself complains about: its kernel restarts; a view changes its model, whose kernel is gone.
RESTARTED, UNSENT = (
    "Connection lost, reconnecting in 0 seconds.",
    "Could not send widget sync message Error: Cannot send",
)
WORDS = """root => root.textContent + [...root.querySelectorAll("input, select")].map((field) => field.value) +
    [...root.querySelectorAll("img")].map((image) => image.src)"""


def press(name):
    return lambda root, round: root.get_by_role("button", name=name).click()


def slide(root, round):
    """By the keyboard: the first slider, of the page's kind or of ipywidgets'; back from its end.

    Of a short drawing the last time step is shown.
    """
    slider = root.get_by_role("slider").first
    at_end = "slider => (slider.value ?? slider.ariaValueNow) === (slider.max ?? slider.ariaValueMax)"
    slider.press("ArrowLeft" if slider.evaluate(at_end) else "ArrowRight")


def write(root, round):
    """A text of its own each time."""
    root.get_by_label("Type").fill(["n7x", "c3f8n", "w4"][round])


def choose(root, round):
    """Another printed line each time."""
    root.get_by_label("Sample").select_option(["code", "invoice", "address"][round])


ACTS = dict.fromkeys(WIDGETS, slide) | {
    "Pad": write,
    "Line": choose,
    "ProbeConvolution": press("Step"),
    "ProbePooling": press("Step"),
    "Lab": press("Next cell"),
    "Trainer": press("One step"),
    "Replay": press("Forward"),
    "Quiz": press("Another one"),
    "TrainingMonitor": press("Start"),
    "Replay.follow": press("Start training"),
}
NEED_KERNEL = ["GeneratorKnobs", "TrainingMonitor", "Replay.follow"]


def test_every_widget_answers_also_after_a_restart_and_after_a_shutdown(opened):
    """A page computes without its kernel; what answers through Python alone says that the kernel is gone."""
    notebook, problems = opened("all"), []
    page = notebook.page
    page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))

    def root(name):
        cell = notebook.cells.nth(1 + list(ACTS).index(name))
        cell.scroll_into_view_if_needed()
        return cell.locator("[data-crnn-widget], .crnn-pictured")

    def settled(there):
        """What a widget says once it says the same for a while: its view may just be taking another's place."""
        said = [there.evaluate(WORDS)]
        while len(said) < 50 and said[-1:] != said[-2:-1]:
            page.wait_for_timeout(200)
            said.append(there.evaluate(WORDS))
        return said[-1]

    def answers(name, round):
        there = root(name)
        there.wait_for(timeout=60_000)
        there.scroll_into_view_if_needed()
        before = settled(there)
        ACTS[name](there, round)
        for _ in range(600):
            if there.evaluate(WORDS) != before:
                return
            page.wait_for_timeout(100)
        raise AssertionError(f"{name} does not answer")

    def trains(name, words):
        root(name).get_by_text(words).wait_for(timeout=60_000)

    notebook.run_all()
    for round in (0, 1):
        for name in ACTS:
            answers(name, round)
        trains("TrainingMonitor", "Finished after 2 epochs")
        trains("Replay.follow", "Finished after 2 epochs")
        assert problems == [RESTARTED] * len(problems[:round])
        if round == 0:
            root(list(ACTS)[-1]).evaluate("root => root.closest('.jp-OutputArea').classList.add('before')")
            notebook.menu("Kernel", "Restart Kernel and Run All Cells…")
            page.locator(".jp-Dialog .jp-mod-accept").click()
            page.locator(".before [data-crnn-widget]").wait_for(state="detached", timeout=60_000)

    notebook.menu("Kernel", "Shut Down Kernel")
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="unknown"]').wait_for(state="attached")
    for name in ACTS:
        if name in NEED_KERNEL:
            said = "root => getComputedStyle(root.closest('.crnn-needs-kernel'), '::after').content"
            assert root(name).evaluate(said).startswith('"The kernel is gone'), name
        else:
            answers(name, 2)
    assert [problem for problem in problems if not problem.startswith((RESTARTED, UNSENT))] == []
