"""Two runs that write the same output at once, as real processes: the second is told, or the last one wins whole."""

import os
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest
from fuzzing import files_in

from crnn_lib import files, model, reader
from crnn_lib.tools.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not files.fcntl, reason="needs locks")]
FOR_EVER = {
    "train": ("train", "--data", "data", "--epochs", "1000000", "--out", "x"),
    "crossval": ("crossval", "--data", "data", "--epochs", "1000000", "--out", "x"),
    "generate": ("data", "generate", "--count", "1000000", "--out", "x"),
    "fetch": ("data", "fetch", "--from", "pipe", "--out", "x"),  # nobody ever writes into it
}
LEFT = {"train": "x.checkpoint", "crossval": "x.state.json.fold0.checkpoint"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "generate", "--out", "data", "--count", "20"]) == 0
    os.mkfifo("pipe")
    return tmp_path


@pytest.fixture
def start():
    running = []

    def run(*arguments):
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "crnn_lib", *arguments],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)


@pytest.mark.parametrize("verb", FOR_EVER)
def test_the_second_run_is_told_of_the_first_and_a_kill_frees_the_place(verb, folder, start, capsys):
    target = Path("x/labels.csv" if verb == "generate" else "x")
    lock = target.with_name(f".{target.name}.lock")
    first = start(*FOR_EVER[verb])
    wait_for(Path(LEFT.get(verb, lock)), first)
    capsys.readouterr()
    assert main(list(FOR_EVER[verb])) == 2
    err = capsys.readouterr().err
    assert f"another run (process {first.pid}) is writing" in err and len(err.splitlines()) == 1
    assert first.poll() is None, "the first continues"
    first.kill()
    first.wait()
    assert lock.exists()
    with files.alone(target):
        pass
    assert not lock.exists()


def test_two_exports_at_once_leave_one_whole_file(folder, start):
    reader.save(model.CRNN(), "reader", {})
    before = files_in(folder)
    both = [start("export", "--weights", "reader", "--out", "x.onnx") for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    found = files_in(folder)
    onnx.checker.check_model(onnx.load_from_string(found.pop("x.onnx")))
    assert found == before
