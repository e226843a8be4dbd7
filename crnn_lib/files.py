"""Files that are either the old one or the new one, never half of each, and one run at a time."""

import csv
import errno
import glob
import io
import os
import platform
import secrets
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from crnn_lib.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and nothing swept
    fcntl = None


_held: set[IO] = set()  # the locks of `alone`


def _let_go() -> None:
    for file in _held:
        file.close()


if fcntl:
    os.register_at_fork(after_in_child=_let_go)  # else a lock would last as long as the longest-lived child


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Tell any fault of the system within as a UserError that names `path`."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on error it vanishes.

    The replacement is synced to disk first, so that a crash leaves the old file or the new one. What a killed process
    left there is removed by the next that writes `path`. A link stays, and the file that it leads to is replaced. The
    new file has the permissions of the old one; where there was none, those of the umask.
    Raises UserError when the folder or the old file cannot be written.
    """
    target = Path(os.path.realpath(path))
    with writing(path):
        _make_folder(target.parent)
        if target.exists() and not os.access(target, os.W_OK):  # a rename would not ask
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        with closing(_new_part(target)) as part:
            temporary = Path(part.name)
            try:
                if mode is not None:
                    temporary.chmod(mode | stat.S_IRUSR | stat.S_IWUSR)  # a private file is never readable by others
                yield temporary
                with open(temporary, "rb+") as file:
                    os.fsync(file.fileno())
                if mode is not None:
                    temporary.chmod(mode)
                os.replace(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)


def _new_part(target: Path) -> IO[bytes]:
    """A new file beside `target`, locked while it is open; parts that nobody holds are removed first."""
    stem = f".{target.name[:40]}."
    for left in target.parent.glob(f"{glob.escape(stem)}{'[0-9a-f]' * 8}.part"):
        with suppress(OSError), open(left, "rb") as file:  # in use, somebody else's, or just gone
            if _lock(file):
                left.unlink()
    while True:
        part = open(target.with_name(f"{stem}{secrets.token_hex(4)}.part"), "xb")  # noqa: SIM115
        with suppress(BlockingIOError):  # just now another process took it for a left one: take a new one
            if not _lock(part):
                part.close()  # Windows renames no open file
            return part
        part.close()


@contextmanager
def alone(path: str | Path) -> Iterator[None]:
    """Keep other runs from writing `path` meanwhile. Raises UserError within a second when one is at it.

    The lock, on `.NAME.lock`, is the system's: it ends with its process, however that ends (a process that the other
    was just starting may outlive it by a moment, hence the second). The file goes with the run, or with the next if it
    was killed. Where files cannot be locked (Windows, some network drives) nobody is kept away.
    """
    if not fcntl:
        yield
        return
    lock = Path(os.path.abspath(path))
    lock = lock.with_name(f".{lock.name}.lock")
    with writing(path):
        _make_folder(lock.parent)
        file = _kept(lock, path)
    with file:
        _held.add(file)
        try:
            with suppress(OSError):  # a full disk: the number is only for the message
                file.truncate(0)
                file.write(str(os.getpid()).encode())
            yield
        finally:
            _held.discard(file)
            lock.unlink(missing_ok=True)  # while it is locked: later it may be another's


def _kept(lock: Path, path: str | Path, attempts: int = 10) -> IO[bytes]:
    """The file `lock`, from now on kept to this process."""
    file = open(lock, "ab+", buffering=0)  # noqa: SIM115
    try:
        _lock(file)
        return file
    except BlockingIOError:
        file.seek(0)
        who = file.read().decode() or "unknown"
        file.close()
    if attempts == 1:
        raise UserError(f"another run (process {who}) is writing {path}: wait for it, or write elsewhere")
    time.sleep(0.1)
    return _kept(lock, path, attempts - 1)


def _make_folder(path: Path) -> None:
    with suppress(FileExistsError):  # it is a file: the next call says so in better words
        path.mkdir(parents=True, exist_ok=True)


def _lock(file: IO) -> bool:
    """Keep `file` to this process while it is open; False where files cannot be locked.

    Raises BlockingIOError when another process keeps it, or has removed it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except (AttributeError, OSError):
        return False
    if not os.fstat(file.fileno()).st_nlink:
        raise BlockingIOError
    return True


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 `text` to `path` atomically, with plain newlines."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of the same keys as CSV under a header, with plain newlines."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def cpu_seconds() -> float:
    """CPU time that this process has used, and those that it started and that have ended."""
    return sum(os.times()[:4])


def environment() -> dict[str, str]:
    """What a recorded result says about where it was made: Python, torch, numpy, system and processor."""
    import numpy
    import torch

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"
