import os
import stat
import threading

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


# --- what killed processes leave, and what living ones hold ---


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    path = tmp_path / "x[1].txt"  # a name that a pattern would read otherwise
    for name in (".x[1].txt.0123abcd.part", ".x[1].txt.zip.part", ".x1.txt.0123abcd.part"):
        (tmp_path / name).write_text("half")
    files.write_text(path, "new")
    assert names(tmp_path) == [".x1.txt.0123abcd.part", ".x[1].txt.zip.part", "x[1].txt"]


@pytest.mark.skipif(not files.fcntl, reason="needs locks")
def test_of_two_writers_at_once_both_are_whole_and_the_last_one_wins(tmp_path):
    path = tmp_path / "x.txt"
    with files.atomic_path(path) as slow:
        slow.write_text("slow")
        with files.atomic_path(path) as quick:
            assert slow.exists(), "a part that is held is not swept"
            quick.write_text("quick")
        assert path.read_text() == "quick"
    assert path.read_text() == "slow" and names(tmp_path) == ["x.txt"]


@pytest.mark.skipif(not files.fcntl, reason="needs locks")
def test_a_new_part_that_another_took_for_a_left_one_is_replaced(tmp_path, monkeypatch):
    lock, locked = files._lock, []

    def sweep(file):
        locked.append(file.name)
        if len(locked) == 1:
            os.unlink(file.name)  # as another process does that was quicker with its lock
        return lock(file)

    monkeypatch.setattr(files, "_lock", sweep)
    files.write_text(tmp_path / "x.txt", "new")
    assert len(set(locked)) == 2 and names(tmp_path) == ["x.txt"] and (tmp_path / "x.txt").read_text() == "new"


def test_a_link_stays_and_the_file_that_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far/x")
    for text in ("first", "second"):  # the link leads to nothing at first
        files.write_text(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink() and (tmp_path / "far" / "x").read_text() == text
    assert names(tmp_path) == ["far", "link"] and names(tmp_path / "far") == ["x"]


@pytest.mark.skipif(not files.fcntl, reason="needs locks")
def test_a_second_run_is_refused_and_a_third_is_not(tmp_path):
    with files.alone(tmp_path / "new" / "x"):
        refused = pytest.raises(UserError, match=rf"another run \(process {os.getpid()}\) is writing .*x: wait")
        with refused, files.alone(tmp_path / "new" / "x"):
            raise AssertionError("not alone")
        with files.alone(tmp_path / "new" / "y"):
            pass
        assert names(tmp_path / "new") == [".x.lock"]
    with pytest.raises(KeyError), files.alone(tmp_path / "new" / "x"):
        raise KeyError
    assert names(tmp_path / "new") == []


@pytest.mark.skipif(not files.fcntl, reason="needs locks")
def test_a_lock_that_is_let_go_in_a_moment_is_waited_for(tmp_path):
    left = open(tmp_path / ".x.lock", "ab+")  # noqa: SIM115 as a process has it that the holder was just starting
    files._lock(left)
    timer = threading.Timer(0.3, left.close)
    timer.start()
    with files.alone(tmp_path / "x"):
        assert left.closed and names(tmp_path) == [".x.lock"]


@pytest.mark.skipif(not files.fcntl, reason="needs locks")
def test_a_lock_that_its_holder_has_just_removed_is_not_taken(tmp_path):
    with open(tmp_path / "lock", "w") as file:
        os.unlink(tmp_path / "lock")
        with pytest.raises(BlockingIOError):
            files._lock(file)


@pytest.mark.parametrize("how", ["no fcntl", "no locks on this drive"])
def test_where_files_cannot_be_locked_they_are_written_all_the_same(how, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no locks available")

    (tmp_path / ".x.0123abcd.part").write_text("perhaps somebody is at it")
    if how == "no fcntl":
        monkeypatch.setattr(files, "fcntl", None)
    else:
        monkeypatch.setattr(files.fcntl, "flock", refuse)
    with files.alone(tmp_path / "x"), files.alone(tmp_path / "x"):
        files.write_text(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "new" and names(tmp_path) == [".x.0123abcd.part", "x"]


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_a_file_that_is_replaced_keeps_its_permissions(mode, tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(mode)
    with files.atomic_path(path) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == mode, "nor is what will replace a private file readable"
        temporary.write_text("new")
    assert path.read_text() == "new" and stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_behind_a_link_the_permissions_of_the_file_itself_count(tmp_path):
    (tmp_path / "far").write_text("old")
    (tmp_path / "far").chmod(0o600)
    (tmp_path / "link").symlink_to("far")
    files.write_text(tmp_path / "link", "new")
    assert stat.S_IMODE((tmp_path / "far").stat().st_mode) == 0o600


@pytest.mark.parametrize(("system", "unit"), [("linux", 2**10), ("darwin", 2**20)])
def test_the_peak_of_memory_is_in_megabytes_on_every_system(system, unit, monkeypatch):
    resource, common = pytest.importorskip("resource"), pytest.importorskip("bench.common")
    monkeypatch.setattr(common.sys, "platform", system)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert common.peak_megabytes() == pytest.approx(peak / unit, abs=peak / unit / 50 + 1)
