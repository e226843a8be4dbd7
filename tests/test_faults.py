"""Faults of the disk under every verb that writes: one line names file and reason, and earlier files stay intact."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

import execute
import nbformat
import pytest
from fuzzing import as_csv, files_in, largest_file, zipped

from crnn_lib.tools import cli, fetch

pytest.importorskip("resource", reason="POSIX alone has such limits and users")
NOBODY = 65534
pytestmark = pytest.mark.slow  # its reader takes seconds, the faults themselves take none
PROGRESS = re.compile("checking|training|fold")
SMALL = ["--width", "40", "--epochs", "1"]


@pytest.fixture(scope="module")
def made():
    """Images, a reader, a zip with its manifest and a notebook, in a folder that every user may read."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        os.chmod(folder, 0o755)
        patch.chdir(folder)
        assert cli.main(["data", "generate", "--out", "images", "--count", "20"]) == 0
        assert cli.main(["train", "--data", "images", "--out", "reader", *SMALL]) == 0
        assert cli.main(["export", "--weights", "reader", "--out", "x.onnx"]) == 0  # and all its imports are done
        names = sorted(path.name for path in Path("images").glob("*.png"))
        contents = {name: Path("images", name).read_bytes() for name in names}
        Path("set.zip").write_bytes(zipped(contents))
        rows = [[name, name, "", fetch.digest(name, content)] for name, content in contents.items()]
        Path("manifest.csv").write_bytes(as_csv([["file", "label", "kind", "sha256"], *rows]))
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
        nbformat.write(notebook, "short.ipynb")
        yield Path(folder)


@pytest.fixture
def place(made, monkeypatch):
    """A folder with an earlier output of each verb, the current one; notebooks are executed at once."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("reader.old", "table.old", "graph.old"):
            Path(folder, name).write_text("an earlier output")
        Path(folder, "set").mkdir()
        for path in list((made / "images").glob("*.png"))[:5]:
            shutil.copy(path, Path(folder, "set"))
        shutil.copy(made / "short.ipynb", folder)
        os.chmod(folder, 0o755)
        monkeypatch.chdir(folder)
        monkeypatch.setitem(fetch.SETS, "captcha", ("", made / "manifest.csv", Path("none")))
        monkeypatch.setattr(execute, "run", lambda notebook, *_: nbformat.v4.new_notebook(metadata={"ran": "x" * 999}))
        yield Path(folder)
        os.chmod(folder, 0o755)


def verbs(made, **out):
    """Each verb's call, its output the earlier one or another that is given."""
    data, library = ["--data", str(made / "images")], cli.main
    source = str(made / "set.zip")
    calls = {
        "generate": (library, ["data", "generate", "--count", "3", "--out", out.get("generate", "new")]),
        "fetch": (library, ["data", "fetch", "--from", source, "--out", out.get("fetch", "set")]),
        "train": (library, ["train", *data, *SMALL, "--fresh", "--out", out.get("train", "reader.old")]),
        "crossval": (library, ["crossval", *data, "--folds", "2", "--epochs", "1", "--fresh", "--out",
                               out.get("crossval", "table.old")]),
        "export": (library, ["export", "--weights", str(made / "reader"), "--out", out.get("export", "graph.old")]),
        "execute": (execute.main, [out.get("execute", "short.ipynb")]),
    }  # fmt: skip
    return {name: partial(call, arguments) for name, (call, arguments) in calls.items()}


VERBS = list(verbs(Path()))


@pytest.fixture
def refused(place, capsys):
    """Run a call that must end with one line and code 2 and leave every file as it was; that line."""

    def run(call, *said, under=None):
        before = files_in(place)
        capsys.readouterr()
        with under or nullcontext():
            code = call()
        out, err = capsys.readouterr()
        lines = [line for line in re.split(r"[\r\n]+", err) if line and not PROGRESS.match(line)]
        assert (code, out, len(lines)) == (2, "", 1), err
        assert all(word in lines[0] for word in said), lines[0]
        assert files_in(place) == before
        return lines[0]

    return run


@contextmanager
def nobody():
    """As a user to whom permissions apply; root is given back afterwards."""
    if os.getuid():
        yield
        return
    os.setresgid(NOBODY, NOBODY, 0)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_that_can_grow_no_further(verb, made, refused):
    refused(verbs(made)[verb], "cannot write", "too large", under=largest_file(100))


def test_a_full_disk_after_the_first_files(made, refused):
    size = (made / "images" / "labels.csv").stat().st_size  # images are larger
    refused(verbs(made)["generate"], "cannot write new", "too large", under=largest_file(size))
    refused(verbs(made)["train"], "reader.old.checkpoint", "too large", under=largest_file(size))


@pytest.fixture
def full(place):
    """A small disk of its own with the earlier outputs and not a byte to spare."""
    disk = place / "disk"
    disk.mkdir()
    if os.getuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk]).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        for path in ("set", "reader.old", "table.old", "graph.old", "short.ipynb"):
            shutil.move(place / path, disk)
        with suppress(OSError), open(disk / "filler", "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
        os.chdir(disk)
        yield disk
    finally:
        os.chdir(place)
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("verb", VERBS)
def test_a_full_disk(verb, full, made, refused):
    refused(verbs(made)[verb], "cannot write", "No space left on device")


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_that_may_not_be_written(verb, made, place, refused):
    os.chmod(place, 0o555)
    assert refused(verbs(made)[verb], "cannot write", under=nobody())


@pytest.mark.parametrize("verb", ["train", "crossval", "export", "execute"])
def test_an_earlier_output_that_may_not_be_written(verb, made, place, refused):
    os.chmod(place, 0o777)
    for name in ("reader.old", "table.old", "graph.old", "short.ipynb"):
        os.chmod(name, 0o444)
    refused(verbs(made)[verb], "cannot write", under=nobody())


@pytest.mark.parametrize("verb", ["fetch", "train", "export", "execute"])
def test_an_input_that_may_not_be_read(verb, made, place, refused):
    source = {"fetch": "set.zip", "train": "images/labels.csv", "export": "reader", "execute": "short.ipynb"}[verb]
    for path in (place, *place.iterdir()):
        os.chmod(path, 0o777)
    call = verbs(made, execute=str(made / "short.ipynb"))[verb]
    mode = (made / source).stat().st_mode
    os.chmod(made / source, 0)
    try:
        assert "ermission denied" in refused(call, source, under=nobody())
    finally:
        os.chmod(made / source, mode)


@pytest.mark.parametrize("verb", VERBS)
def test_an_output_of_the_wrong_kind_or_below_a_file(verb, made, place, refused):
    wrong = "reader.old" if verb in ("generate", "fetch") else "set"  # a file for a folder, a folder for a file
    for out in (wrong, "reader.old/x"):
        refused(verbs(made, **{verb: out})[verb], out.split("/")[0])


def test_a_checkpoint_that_is_a_folder(made, place, refused):
    (place / "reader.old.checkpoint").mkdir()
    refused(verbs(made)["train"], "reader.old.checkpoint", "s a directory")


def test_a_notebook_that_is_none(made, place, refused):
    (place / "x.ipynb").write_text("{")
    refused(verbs(made, execute="x.ipynb")["execute"], "x.ipynb", "JSON")
    refused(verbs(made, execute="none.ipynb")["execute"], "none.ipynb", "No such file")


@pytest.mark.parametrize("verb", ["fetch", "train", "crossval", "export", "execute"])
def test_a_link_stays_and_what_it_leads_to_is_written(verb, made, place, capsys):
    (place / "far").mkdir()
    name = {"fetch": "set", "train": "reader.old", "crossval": "table.old", "export": "graph.old",
            "execute": "short.ipynb"}[verb]  # fmt: skip
    shutil.move(place / name, place / "far")
    (place / name).symlink_to(Path("far", name))
    before = files_in(place / "far")
    assert verbs(made)[verb]() == 0, capsys.readouterr().err
    assert (place / name).is_symlink() and os.listdir(place / "far") == [name]
    assert files_in(place / "far") != before


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("how", ["closed", "full"])
def test_a_standard_output_that_takes_nothing(how, verb, made, place, monkeypatch, capsys):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    with monkeypatch.context() as patch:
        stream = open("/dev/full", "w") if how == "full" else None  # noqa: SIM115
        patch.setattr(sys, "stdout", stream)
        before, code = files_in(place), verbs(made)[verb]()
        if stream:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            stream.close()
    lines = [line for line in re.split(r"[\r\n]+", capsys.readouterr().err) if line and not PROGRESS.match(line)]
    if (how, verb) == ("closed", "execute"):
        assert code == 0 and lines == []  # it has no result besides the notebook
    else:
        assert code == 2 and len(lines) == 1 and "standard output" in lines[0]
    if how == "closed" and verb != "execute":
        assert files_in(place) == before
    assert not [path for path in place.rglob(".*") if path.suffix in (".part", ".lock", ".old")]


def test_standard_output_closed_or_full_in_a_real_process(made, place):
    running = [
        subprocess.Popen(
            f"{sys.executable} -m crnn_lib data generate --count 1 --out new{i} {lead}", shell=True,
            stderr=subprocess.PIPE, text=True,
        )
        for i, lead in enumerate((">&-", "> /dev/full"))
    ]  # fmt: skip
    for process in running:
        err = process.communicate()[1]
        assert process.returncode == 2 and len(err.splitlines()) == 1 and "standard output" in err
