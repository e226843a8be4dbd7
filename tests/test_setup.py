"""The promises of the set-up: exact pins with reasons, one resolved set, and a Makefile that says what is wrong."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from places import ROOT, text_of

REQUIREMENTS = text_of("requirements.txt").splitlines()
CONSTRAINTS = text_of("constraints.txt").splitlines()


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def make(*arguments):
    if os.name != "posix":
        pytest.skip("the Makefile's commands are those of a POSIX shell")
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_direct_dependencies_are_pinned_with_a_reason():
    lines = [line for line in REQUIREMENTS if line and not line.startswith("#")]
    assert [
        line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+( ; sys_platform == 'linux')? +# .{5,}", line)
    ] == []
    assert any(line.startswith("torch==2.13.0 ") for line in lines)
    assert any(line.startswith("jupyter-book==1.0.4.post1 ") for line in lines)


def test_constraints_hold_every_requirement():
    pins = {canonical(m[1]): m[2] for line in CONSTRAINTS if (m := re.match(r"([\w.-]+)==([\w.]+)", line))}
    for line in REQUIREMENTS:
        if m := re.match(r"([\w.-]+)==([\w.]+)", line):
            assert pins[canonical(m[1])] == m[2], line
    assert [line for line in CONSTRAINTS if line and line[0] != "#" and "==" not in line] == []
    assert "+" not in "".join(CONSTRAINTS), "a local version such as +cpu fits one index only"


def test_help_is_the_default_and_lists_the_targets():
    listed = re.findall(r"^  make (\w+)", make().stdout, re.MULTILINE)
    assert {"book", "test", "lab", "serve", "data", "train", "bench", "clean", "help"} <= set(listed)
    assert make("help").stdout == make().stdout


@pytest.mark.parametrize("version", [(3, 10), (3, 15)])
def test_a_wrong_python_is_refused_clearly(tmp_path, version):
    fake = tmp_path / "python"
    lie = f"import sys; sys.version_info = {version}; exec(sys.argv[1])"
    fake.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{lie}' \"$2\"\n")
    fake.chmod(0o755)
    done = make(f"PYTHON={fake}", f"VENV={tmp_path}/venv", f"{tmp_path}/venv/.made")
    assert done.returncode != 0
    assert f"Python 3.11 to 3.14 is needed, and {fake} is {version[0]}.{version[1]}" in done.stderr
    assert re.search(r"as in make PYTHON=python3\.1[1-4] book", done.stderr)
    assert not (tmp_path / "venv").exists()


def test_an_interrupted_environment_is_made_again(tmp_path):
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/nowhere/python3")
    (venv / ".made").touch()
    plan = make("-n", f"PYTHON={sys.executable}", f"VENV={venv}", "install").stdout
    assert f"-m venv --clear {venv}" in plan
    assert "-m pip install -r requirements.txt -c constraints.txt" in plan
    assert "-m pip install --no-deps --no-build-isolation -e ." in plan


@pytest.fixture
def pretended(tmp_path):
    """Run `make install` with a Python that installs nothing, and where PyTorch's index answers or not."""

    def run(answers, *arguments, card=False, system="Linux"):
        venv, log, tools = tmp_path / "venv", tmp_path / "log", tmp_path / "tools"
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        tools.mkdir(exist_ok=True)
        log.unlink(missing_ok=True)
        for path, text in {
            venv / "bin" / "python": f"case $1 in -c) exit {int(not answers)};; esac; echo \"$@\" >> '{log}'",
            tools / "uname": f"echo {system}",
            tools / "nvidia-smi": "exit 0",
        }.items():
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)
        if not card:
            (tools / "nvidia-smi").unlink()
        for stamp in (".made", ".installed"):
            (venv / stamp).unlink(missing_ok=True)
        (venv / ".made").touch()
        path = f"PATH={tools}{os.pathsep}{os.environ['PATH']}"
        done = make(
            f"VENV={venv}", f"PYTHON={sys.executable}", f"SHELL=/usr/bin/env {path} /bin/sh", *arguments, "install"
        )
        assert done.returncode == 0, done.stderr
        return log.read_text().splitlines()[0]

    return run


CPU = "--extra-index-url https://download.pytorch.org/whl/cpu"


def test_linux_without_a_card_takes_the_small_torch(pretended):
    assert pretended(answers=True).endswith(f"constraints.txt {CPU}")
    assert pretended(answers=False).endswith("constraints.txt")
    assert pretended(answers=True, card=True).endswith("constraints.txt")
    assert pretended(answers=True, system="Darwin").endswith("constraints.txt")
    chosen = pretended(True, "TORCH_INDEX=https://example.org/cu")
    assert chosen.endswith("constraints.txt --extra-index-url https://example.org/cu")


@pytest.fixture
def copy(tmp_path):
    """A copy of the Makefile with a Python that only notes what it is asked to do; its folder."""
    for name in ("Makefile", "_config.yml", "_toc.yml", "requirements.txt", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("book", "crnn_lib", "data/results", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "data" / "label_audit.csv").touch()
    (tmp_path / "book" / "1 a.ipynb").touch()
    for name in ("python", "jupyter-book"):
        path = tmp_path / ".venv" / "bin" / name
        path.write_text(
            f'#!/bin/sh\nmkdir -p _build/html; printf \'%s|\' {name} "$CRNN_CAPTCHA_DIR" "$@" >> log; echo >> log\n'
        )
        path.chmod(0o755)
    (tmp_path / ".venv" / ".made").touch()
    (tmp_path / ".venv" / ".installed").touch()
    return tmp_path


def calls(copy, *arguments):
    (copy / "log").unlink(missing_ok=True)
    done = make("-C", str(copy), *arguments)
    assert done.returncode == 0, done.stderr
    return (copy / "log").read_text() if (copy / "log").exists() else ""


def test_names_with_spaces_and_colons_stop_no_target(copy):
    for folder in ("data", "data/results", "book", "crnn_lib"):
        (copy / folder / "a file: with spaces.txt").touch()
    assert "build|--all" in calls(copy, "book")
    assert "build|--all" not in calls(copy, "book"), "nothing has changed"
    (copy / "book" / "a new: one.md").touch()
    os.utime(copy / "_build" / "html" / ".built", (0, 0))
    assert "build|--all" in calls(copy, "book")


def test_a_book_of_your_own_from_a_folder_with_a_space(copy):
    images = copy / "my images, $HOME's"
    images.mkdir()
    log = calls(copy, "book", f"DATA={images.name}".replace("$", "$$"))
    assert f"data|verify|{images.name}|" in log
    assert f"python|{images}|bench/tools/execute.py|_build/own/book/1 a.ipynb|" in log


@pytest.mark.parametrize("target", ["book", "pages"])
def test_building_leaves_the_checkpoints_of_a_bench(copy, target):
    kept = copy / "_build" / "stroke_reader" / "fold0.checkpoint"
    kept.parent.mkdir(parents=True)
    kept.write_text("an hour's work")
    stale = copy / "_build" / "html" / "book" / "removed chapter.html"
    stale.parent.mkdir(parents=True)
    stale.touch()
    assert "build|--all" in calls(copy, target, "BOOK_URL=https://x.org", "BOOK_REPOSITORY=https://github.com/a/b")
    assert kept.read_text() == "an hour's work"
    assert not stale.exists()
