"""The promises of the set-up: exact pins with reasons, one resolved set, and a Makefile that says what is wrong."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def make(*arguments):
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


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_a_wrong_python_is_refused_clearly(tmp_path, version):
    fake = tmp_path / "python"
    lie = f"import sys; sys.version_info = {version}; exec(sys.argv[1])"
    fake.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{lie}' \"$2\"\n")
    fake.chmod(0o755)
    done = make(f"PYTHON={fake}", f"VENV={tmp_path}/venv", f"{tmp_path}/venv/.made")
    assert done.returncode != 0
    assert f"Python 3.11, 3.12 or 3.13 is needed, and {fake} is {version[0]}.{version[1]}" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_an_interrupted_environment_is_made_again(tmp_path):
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/nowhere/python3")
    (venv / ".made").touch()
    plan = make("-n", f"PYTHON={sys.executable}", f"VENV={venv}", "install").stdout
    assert f"-m venv --clear {venv}" in plan
    assert "-m pip install -r requirements.txt -c constraints.txt" in plan
    assert (
        "--extra-index-url https://example.org/cpu"
        in make("-n", f"VENV={venv}", "TORCH_INDEX=https://example.org/cpu", "install").stdout
    )
