"""Runs each chore in a thread of its own: sleeps, is woken, backs off, and notes how it fares."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence

from windrow.beat.chores.chore import Chore, Pass
from windrow.beat.settings import BeatSettings
from windrow.core.errors import WindrowError

logger = logging.getLogger(__name__)

#: `record(name, succeeded, error, done)`.
Record = Callable[[str, bool, str | None, int], None]


class ChoreThread(threading.Thread):
    """One chore, until stopped or until the program's main thread is gone."""

    def __init__(self, chore: Chore, record: Record, settings: BeatSettings) -> None:
        super().__init__(name=f"windrow-{chore.name}", daemon=False)
        self._chore = chore
        self._settings = settings
        self._note = Note(chore.name, record, settings.record_seconds)
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._failures = 0

    @property
    def failing(self) -> bool:
        """Whether its last pass failed."""
        return self._failures > 0

    def wake(self) -> None:
        """Run now."""
        self._woken.set()

    def stop(self) -> None:
        """End after the pass under way; does not wait."""
        self._stopping.set()
        self._woken.set()

    def run(self) -> None:
        main = threading.main_thread()
        while not self._stopping.is_set() and main.is_alive():
            self._woken.clear()
            wait = self._pass()
            if wait > 0:
                self._woken.wait(wait)

    def _pass(self) -> float:
        """One run of the chore; returns the seconds to sleep."""
        try:
            result = self._chore.run()
        except Exception as exc:
            self._failures += 1
            if self._failures == 1:
                # A store that is away needs no traceback.
                trace = None if isinstance(exc, WindrowError) else exc
                logger.warning("%s failed, it will be tried again: %s", self._chore.name, exc, exc_info=trace)
            self._note.failed(f"{type(exc).__name__}: {str(exc).strip()}")
            ceiling = min(self._settings.failure_seconds, 0.1 * 2 ** min(self._failures, 10))
            return random.uniform(ceiling / 2, ceiling)
        if self._failures:
            logger.warning("%s works again after %d failures", self._chore.name, self._failures)
            self._failures = 0
        self._note.went(result)
        # Two beats that started together need not look together.
        return result.wait * random.uniform(0.95, 1.0)


class Note:
    """Writes a chore's row, at most every few seconds unless something failed."""

    def __init__(self, name: str, record: Record, every: float) -> None:
        self._name = name
        self._record = record
        self._every = every
        self._at = -every
        self._done = 0
        self._error: str | None = None

    def went(self, result: Pass) -> None:
        """It succeeded, perhaps not for every row."""
        self._done += result.done
        if result.errors:
            self._error = "; ".join(result.errors)
        if result.errors or time.monotonic() - self._at >= self._every:
            self._write(True)

    def failed(self, error: str) -> None:
        """It failed; when the ledger is away, the next note tells."""
        self._error = error
        self._write(False)

    def _write(self, succeeded: bool) -> None:
        try:
            self._record(self._name, succeeded, self._error, self._done)
        except Exception as exc:
            logger.debug("no note of %s: %s", self._name, exc)
            return
        self._at, self._done, self._error = time.monotonic(), 0, None


class Runner:
    """All chores of one beat."""

    def __init__(self, chores: Sequence[Chore], record: Record, settings: BeatSettings) -> None:
        self._threads = {chore.name: ChoreThread(chore, record, settings) for chore in chores}

    def start(self) -> None:
        """Start every chore."""
        for thread in self._threads.values():
            thread.start()

    def wake(self, name: str) -> None:
        """Wake the chore of that name, if there is one."""
        thread = self._threads.get(name)
        if thread is not None:
            thread.wake()

    def failing(self) -> int:
        """How many failed at their last pass."""
        return sum(thread.failing for thread in self._threads.values())

    def stop(self, timeout: float) -> bool:
        """Whether all ended within `timeout` seconds. May be called again."""
        for thread in self._threads.values():
            thread.stop()
        deadline = time.monotonic() + timeout
        for thread in self._threads.values():
            if thread.ident is not None:
                thread.join(max(deadline - time.monotonic(), 0.0))
        late = [name for name, thread in self._threads.items() if thread.is_alive()]
        if late:
            logger.warning("still at work after %g s: %s", timeout, ", ".join(late))
        return not late
