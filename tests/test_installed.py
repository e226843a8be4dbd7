"""The built wheel in a fresh environment, outside the checkout: commands, models and a widget work there too."""

import json
import os
import subprocess
import sys
import venv

import nbformat
import pytest
from places import ROOT

SAMPLE = ROOT / "crnn_lib" / "assets" / "samples" / "2b7xy.png"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="uses the paths of a POSIX environment"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a program of the fresh environment in a folder of its own, without this checkout's settings."""
    place = tmp_path_factory.mktemp("elsewhere")
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "CRNN_", "VIRTUAL_ENV", "COV_", "COVERAGE"))
    }
    clean |= {name: str(place / name) for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}

    def run(program, *arguments):
        command = [place / "venv" / "bin" / program, *arguments]
        done = subprocess.run(command, cwd=place, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{program} {arguments}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done.stdout

    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = place.glob("*.whl")
    venv.create(place / "venv", with_pip=True)
    pins = ["-c", ROOT / "constraints.txt"]
    run("pip", "install", "-q", *pins, "torch")
    before = run("pip", "freeze")
    run("pip", "install", "-q", *pins, wheel, "nbclient", "ipykernel")
    assert set(before.splitlines()) <= set(run("pip", "freeze").splitlines()), "what was there is not replaced"
    run.place = place
    return run


def test_the_library_is_not_the_checkout_s(run):
    found = run("python", "-c", "import crnn_lib; print(crnn_lib.__file__)")
    assert found.startswith(str(run.place / "venv"))


def test_predict_reads_a_sample(run):
    told = json.loads(run("crnn", "predict", SAMPLE, "--json"))
    assert told["predictions"][0]["text"] == "2b7xy" and told["errors"] == []


def test_train_and_export(run):
    run("crnn", "data", "generate", "--out", "set", "--count", "24")
    run("crnn", "train", "--data", "set", "--epochs", "1", "--out", "own.safetensors")
    run("crnn", "export", "--weights", "own.safetensors", "--out", "own.onnx")
    assert (run.place / "own.onnx").stat().st_size > 500_000
    run("crnn", "export", "--weights", "pen", "--out", "pen.onnx")
    assert (run.place / "pen.onnx").stat().st_size > 500_000


def test_doctor_and_recorded_results(run):
    assert run("crnn", "doctor").endswith("Everything is in place.\n")
    names = run("python", "-c", "from crnn_lib import assets; print(*[p.name for p in assets.RESULTS.iterdir()])")
    assert set(names.split()) == {p.name for p in (ROOT / "data" / "results").iterdir()}


def test_a_pad_in_a_notebook(run):
    cells = ["from crnn_lib.widgets import Pad\npad = Pad(sample='c3f8n')\npad", "print(pad.text)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    nbformat.write(notebook, run.place / "pad.ipynb")
    run("jupyter-execute", "--inplace", "pad.ipynb")
    shown, told = (cell.outputs[0] for cell in nbformat.read(run.place / "pad.ipynb", as_version=4).cells)
    assert '<crnn-widget kind="pad"' in shown.data["text/html"]
    assert told.text == "c3f8n\n"
