"""A training run beside the notebook, in a thread of its own: started, stopped and started again at any moment."""

import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from crnn_lib.data import LabelledImages
from crnn_lib.errors import UserError, plain
from crnn_lib.model import Config
from crnn_lib.training import Fit, Recipe, Run, begin


class Background:
    """Start, stop and run for a widget that trains; the last request counts, whenever it comes.

    The widget calls `_prepare` first, and has `_show` (whether a run is under way), `_tell` (a line for the
    reader), and what else it wants to do when a run `_began`, `_before_step`, `_after_epoch` and when it `_ended`.
    `fit` is the last result, None before the first.
    """

    fit: Fit | None

    def _prepare(
        self, config: Config, data: LabelledImages, recipe: Recipe, checkpoint: str | Path | None = None
    ) -> None:
        """Keep what to train and where. Raises UserError for values of a different type."""
        for value, kind in ((config, Config), (data, LabelledImages), (recipe, Recipe)):
            if not isinstance(value, kind):
                raise UserError(f"to train, give a Config, LabelledImages and a Recipe, not a {type(value).__name__}")
        if checkpoint is not None and not isinstance(checkpoint, str | os.PathLike):
            raise UserError(f"the checkpoint is a path to a file, not a {type(checkpoint).__name__}")
        self._what, self.fit = (config, data, recipe), None
        self._folder = None if checkpoint else tempfile.TemporaryDirectory()  # goes when the widget goes
        self.checkpoint = Path(checkpoint or Path(self._folder.name) / "run")
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None  # the one that trains
        self._wanted: list[bool] = []  # at most one training to come, and whether it starts afresh

    def start(self, fresh: bool = False) -> None:
        """Train in the background, unless that is under way; after a stop, on from the last whole epoch.

        `fresh` deletes the checkpoint first, to begin again; a run that is finished begins again only so.
        """
        with self._lock:
            if self._thread and not self._stopping.is_set():
                return
            self._wanted = [fresh]
            if not self._thread:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def stop(self, wait: bool = True) -> None:
        """Let the run end before its next step, and wait for that."""
        with self._lock:
            self._wanted = []
            self._stopping.set()
            thread = self._thread
        if wait and thread and thread is not threading.current_thread():
            thread.join()

    def run(self, fresh: bool = False) -> Fit | None:
        """Train in this cell until done, or interrupted by the kernel's own stop button; the result so far."""
        with self._lock:
            if self._thread:
                return self.fit
            self._thread, self._wanted = threading.current_thread(), [fresh]
        self._work()
        return self.fit

    def _work(self) -> None:
        while wanted := self._begin():
            with suppress(KeyboardInterrupt):  # of `run`: what there is is kept
                self._guarded(self._afresh if wanted[0] else self._train)

    def _afresh(self) -> None:
        self.checkpoint.unlink(missing_ok=True)
        self._train()

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # of whatever kind: in a thread, nobody else would tell
            self._tell(plain(f"{type(error).__name__}: {error}"))

    def _begin(self) -> list[bool]:
        """Take up what is wanted, or end. No request gets lost, for none can come meanwhile."""
        with self._lock:
            wanted, self._wanted = self._wanted, []
            self._stopping.clear()
            self._show(bool(wanted))
            if not wanted:
                self._thread = None
            return wanted

    def _train(self) -> None:
        """One training run, on from its checkpoint, until it is at its end or stopped."""
        self._tell("Training.")
        run = begin(*self._what, checkpoint=self.checkpoint, on_step=self._before_step)
        self._began(run)
        with suppress(KeyboardInterrupt):
            for _ in run:
                self._after_epoch(run)
        self._ended(run)
        self.fit = run.result()
        self._tell(self._standing(len(run.history)))

    def _began(self, run: Run) -> None:
        pass

    def _before_step(self, run: Run) -> None:
        if self._stopping.is_set():
            run.stop()

    def _after_epoch(self, run: Run) -> None:
        pass

    def _ended(self, run: Run) -> None:
        pass

    def _show(self, running: bool) -> None:
        raise NotImplementedError

    def _tell(self, text: str) -> None:
        raise NotImplementedError

    def _standing(self, epochs: int) -> str:
        """What there is to say of a run that rests after so many epochs."""
        total = self._what[2].epochs
        if epochs == total:
            return f"Finished after {total} epochs. Start afresh begins again from nothing, in place of this run."
        return f"Stopped after {epochs} of {total} epochs; Start continues from there."
