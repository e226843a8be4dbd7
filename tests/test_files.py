import os
import stat

import pytest

from crnn_lib import files
from crnn_lib.errors import UserError


def test_text_is_written_with_plain_newlines_in_new_folders(tmp_path):
    path = tmp_path / "a" / "b" / "x.txt"
    files.write_text(path, "grün\nblau\n")
    assert path.read_bytes() == "grün\nblau\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["x.txt"]


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    old = os.umask(0o027)
    try:
        files.write_text(tmp_path / "x", "")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_a_fault_leaves_the_old_file_and_nothing_else(fault, tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(fault), files.atomic_path(path) as temporary:
        temporary.write_text("half of the n")
        assert path.read_text() == "old"
        raise fault
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["x.txt"]


def test_success_replaces_the_old_file(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    files.write_text(path, "new")
    assert path.read_text() == "new" and [p.name for p in tmp_path.iterdir()] == ["x.txt"]


def test_a_folder_that_cannot_be_written_is_a_user_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        files.write_text(tmp_path / "file" / "x", "")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot write"):
        files.write_text(tmp_path / "folder", "")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_environment_says_where_a_result_was_made(monkeypatch):
    told = files.environment()
    assert {"python", "torch", "numpy", "system", "processor"} <= told.keys() and all(told.values())

    def refuse(*_, **__):
        raise OSError

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    assert files.environment()["processor"]
