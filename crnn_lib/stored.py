"""Images that stay in their files: where each one is, and decoding it when it is asked for, or ahead of that."""

import hashlib
import os
import signal
import threading
import time
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crnn_lib import images
from crnn_lib.errors import UserError

EXTENSIONS = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"}
MOST_WORKERS = 4  # processes that decode: each some thousand lines a second, where a step of 16 takes milliseconds


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """An image, its label, and the label before it was trimmed.

    A file `name` (with /) in the folder `place`, or, where it has a `size`, so many bytes from `offset` in the shard
    `place`.
    """

    place: Path
    name: str
    label: str
    written: str
    offset: int = 0
    size: int | None = None

    @property
    def path(self) -> Path:
        """What names the image in a message: its path, or what that would be if its shard were a folder."""
        return self.place / self.name

    def decode(self) -> tuple[np.ndarray, str]:
        """Grey levels (h, w) and a hash of the pixels that every machine finds. Raises UserError as `load_grey`.

        Decoders of lossy formats differ from machine to machine, so there the hash is of the file.
        """
        source = self.path if self.size is None else self._member()
        grey = images.load_grey(source, str(self.path))
        if self.name.lower().endswith(".png"):
            return grey, images.digest(grey)
        content = source if isinstance(source, bytes) else source.read_bytes()
        return grey, hashlib.sha256(content).hexdigest()

    def _member(self) -> bytes:
        try:
            with open(self.place, "rb") as shard:
                shard.seek(self.offset)
                content = shard.read(self.size)
        except OSError as error:
            raise UserError(f"cannot read {str(self.place)!r}: {error.strerror or error}") from error
        if len(content) != self.size:
            raise UserError(f"{str(self.place)!r} has become shorter since it was opened: {self.name!r} is cut off")
        return content


def labelled(place: Path, name: str, written: str, fold_spaces: bool, *at: int) -> LabelledFile:
    """A LabelledFile whose label is `written`, made tidy."""
    label = tidy(written, fold_spaces)
    return LabelledFile(place, name, label, label if fold_spaces else written, *at)


def tidy(label: str, fold_spaces: bool = True) -> str:
    """A label without white space at its ends, in composed characters; each run of it within folded to one space."""
    label = " ".join(label.split()) if fold_spaces else label.strip()
    return unicodedata.normalize("NFC", label)  # macOS writes file names decomposed


class Texts(Sequence[str]):
    """Many strings as one block of bytes: a fraction of the memory of as many objects.

    Processes that share memory keep sharing it, too, since no count of references is written into the block.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._block, ends = bytearray(), array("q", [0])
        for text in texts:
            self._block += text.encode("utf-8", "surrogatepass")  # a file name may hold anything
            ends.append(len(self._block))
        self._starts, self._ends = np.array(ends)[:-1], np.array(ends)[1:]

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        return self._block[self._starts[index] : self._ends[index]].decode("utf-8", "surrogatepass")

    def take(self, indices: Sequence[int]) -> "Texts":
        """The strings at `indices`; the block is shared."""
        part, at = object.__new__(Texts), np.asarray(indices, dtype=np.int64)
        part._block, part._starts, part._ends = self._block, self._starts[at], self._ends[at]
        return part


class StoredImages(Sequence[torch.Tensor]):
    """Standardised images (1, H, W_i) float32, decoded anew each time that one is asked for.

    `frame` is what `images.standardise` takes beside the grey levels, `widths` the columns of each image, once they
    are known. An image costs some fifty bytes here and no object, so that a set may have millions.
    """

    def __init__(self, files: Sequence[LabelledFile], frame: tuple[int, int | None, float]) -> None:
        self.frame, self.widths = frame, array("i")
        number = {place: i for i, place in enumerate(dict.fromkeys(file.place for file in files))}
        self._places, self._names = list(number), Texts(file.name for file in files)
        where = (n for f in files for n in (number[f.place], f.offset, -1 if f.size is None else f.size))
        self._where = np.fromiter(where, dtype=np.int64).reshape(-1, 3)

    def __len__(self) -> int:
        return len(self._where)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        return self.look(index)[0]

    def look(self, index: int) -> tuple[torch.Tensor, str]:
        """An image (1, H, W_i), and the hash of its pixels before it was resized. Raises UserError, naming the file."""
        place, offset, size = self._where[index].tolist()
        file = LabelledFile(self._places[place], self._names[index], "", "", offset, None if size < 0 else size)
        grey, digest = file.decode()
        try:
            return images.standardise(grey, *self.frame), digest
        except UserError as error:
            raise UserError(f"cannot use {str(file.path)!r}: {error}") from error

    def measure(self, index: int) -> tuple[int, str]:
        """The columns of an image, and the hash of its pixels. Raises UserError as `look`."""
        image, digest = self.look(index)
        return image.shape[-1], digest

    def take(self, indices: Sequence[int], widths: array | None = None) -> "StoredImages":
        """The images at `indices`, of these `widths` if they were not known before."""
        part, at = object.__new__(StoredImages), np.asarray(indices, dtype=np.int64)
        part.frame, part._places = self.frame, self._places
        part.widths = array("i", (self.widths[i] for i in indices)) if widths is None else widths
        part._names, part._where = self._names.take(at), self._where[at]
        return part


def fetch(stored: Sequence[torch.Tensor], batches: Sequence[Sequence[int]]) -> Iterator[list[torch.Tensor]]:
    """The images of each batch; StoredImages are decoded ahead. Raises UserError where one can no longer be read."""
    if not isinstance(stored, StoredImages):
        yield from ([stored[i] for i in batch] for batch in batches)
        return
    for batch in ahead(stored.__getitem__, batches):
        for image in batch:
            if isinstance(image, UserError):
                raise image
        yield batch


# --- ahead of time ---
def workers() -> int:
    """How many processes decode: a core each, beside the one that trains; none on a machine with one core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores //= int(os.environ.get("LOCAL_WORLD_SIZE", 1))  # trainings that share this machine, as torchrun counts them
    return max(0, min(cores - 1, MOST_WORKERS))


def ahead(function: Callable[[int], Any], batches: Iterable[Sequence[int]], count: int | None = None) -> Iterator[list]:
    """[function(i) for i in batch] for each of `batches`, in order, made ahead by `count` processes (`workers()`).

    `function` can be pickled. What it refuses comes back as its UserError. The processes end with the iterator,
    and with this process, however it ends. Raises UserError when one of them is killed.
    """
    count = workers() if count is None else count
    loader = torch.utils.data.DataLoader(
        _Task(function),
        batch_sampler=batches,
        collate_fn=list,
        num_workers=count,
        worker_init_fn=partial(_follow_the_parent, os.getpid()),
        generator=torch.Generator(),  # draws nothing from the global one
    )
    try:
        with _signals_as_they_were():
            made = iter(loader)
        for batch in made:
            yield [torch.from_numpy(one) if isinstance(one, np.ndarray) else one for one in batch]
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise UserError("a process that decodes images was killed, perhaps for want of memory: begin again") from error


class _Task(torch.utils.data.Dataset):
    """`function` as torch's loader calls it."""

    def __init__(self, function: Callable[[int], Any]) -> None:
        self.function = function

    def __getitem__(self, index: int) -> Any:
        try:
            made = self.function(index)
        except UserError as error:  # as a value: the loader would wrap it in a traceback
            return error
        return made.numpy() if isinstance(made, torch.Tensor) else made  # a tensor would take a file descriptor each


@contextmanager
def _signals_as_they_were() -> Iterator[None]:
    """While processes start: keep Ctrl-C until the end, and take back torch's answer to the death of a child.

    Ctrl-C raised while a process forks would be lost there, and end the child with a word. Torch would raise wherever
    this process then is; without that answer its loader finds the death where the next batch is awaited. Signals reach
    the main thread alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    numbers = [number for name in ("SIGINT", "SIGCHLD") if (number := getattr(signal, name, None))]  # Windows has one
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: a handler that Python did not set
    if pressed:
        signal.raise_signal(signal.SIGINT)


def _follow_the_parent(parent: int, _: int) -> None:
    """Leave Ctrl-C to the process that trains, and end when it has ended, even before now or while nobody takes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
