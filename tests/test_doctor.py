"""The environment check says [ok] where all is well, and names problem and cure where it is not."""

import importlib
import shutil
from collections import namedtuple

import pytest
from places import ROOT

from crnn_lib.tools import doctor


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The pins of a small project in which everything is in place."""
    path = tmp_path / "requirements.txt"
    path.write_text("# a comment\nnumpy==2.4.6   # numbers\nPillow==13.0.0\ntorch==2.13.0\n")
    monkeypatch.setattr(doctor, "PINS", path)
    return path


def report(capsys):
    code = doctor.run()
    lines = capsys.readouterr().out.splitlines()
    return code, [line for line in lines if line.startswith("[problem]")], lines


def test_healthy(project, capsys):
    code, problems, lines = report(capsys)
    assert (code, problems) == (0, [])
    assert lines[-1] == "Everything is in place."
    assert all(line.startswith("[ok] ") for line in lines[:-1])
    assert "[ok] numpy 2.4.6" in lines


def test_every_pin_of_the_project_is_met():
    assert doctor.PINS == ROOT / "requirements.txt"
    checks = list(doctor.packages(doctor.PINS))
    assert len(checks) > 20
    assert [c for c in checks if c.cure] == []


@pytest.mark.parametrize(("platform", "found"), [("linux", 1), ("darwin", 0)])
def test_a_package_for_linux_is_asked_for_on_linux_alone(project, monkeypatch, platform, found):
    project.write_text("no-such-package==1.0 ; sys_platform == 'linux'  # why\n")
    monkeypatch.setattr(doctor.sys, "platform", platform)
    assert len(list(doctor.packages(project))) == found


@pytest.mark.parametrize("version", [(3, 10, 14), (3, 15, 0), (2, 7)])
def test_wrong_python(version):
    assert doctor.python(version).cure == "install one of 3.11 to 3.14"


def test_packages_missing_stale_or_broken(project, capsys, monkeypatch):
    project.write_text("no-such-package==1.0\nnumpy==1.0\nscipy==1.17.1\nPillow==13.0.0\n")
    real = importlib.import_module

    def broken(name):
        if name == "scipy":
            raise OSError("libgfortran.so: cannot open")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", broken)
    code, problems, lines = report(capsys)
    assert code == 1
    assert problems == [
        f"[problem] no-such-package is not installed: {doctor.INSTALL}",
        f"[problem] numpy 2.4.6: 1.0 is pinned, {doctor.INSTALL}",
        f"[problem] scipy 1.17.1 cannot be imported (OSError: libgfortran.so: cannot open): {doctor.INSTALL}",
    ]
    assert lines[-1] == "3 problems found."


def test_without_a_checkout_the_declared_packages_are_looked_for(tmp_path, monkeypatch):
    declared = ["torch<3,>=2.6", "no-such-package>=1", "seaborn>=99 ; extra == 'notebooks'"]
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: declared)
    torch, missing = doctor.packages(tmp_path / "requirements.txt")
    assert torch.found.startswith("torch 2.") and not torch.cure
    assert missing == doctor.Check("no-such-package is not installed", doctor.INSTALL)


def test_missing_models():
    assert not doctor.models().cure
    assert doctor.models(["captcha"]) == ("trained models pen, plates, text are missing", "install the library again")


def test_wrong_or_absent_ctc(monkeypatch):
    import torch

    monkeypatch.setattr(torch.nn.functional, "ctc_loss", lambda *_: torch.tensor(1.0))
    assert "it is 1.0000, not 0.2877" in doctor.ctc().cure

    def absent(*_):
        raise NotImplementedError("not on this device")

    monkeypatch.setattr(torch.nn.functional, "ctc_loss", absent)
    assert "not on this device" in doctor.ctc().found
    assert doctor.ctc().cure == doctor.INSTALL


def test_unwritable_folder(tmp_path):
    file = tmp_path / "file"
    file.write_text("not a folder")
    check = doctor.writable(file)
    assert "cannot be written" in check.found
    assert check.cure


def test_full_disk(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1_000_000))
    assert "make room" in doctor.disk(tmp_path).cure


def test_no_browser_is_no_problem(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert doctor.chromium() == doctor.Check("Chromium (optional): not found, so the browser tests will be skipped", "")
