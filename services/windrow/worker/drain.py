"""The end of a worker: TERM stops claiming and lets running jobs end; QUIT, or the time, gives them back."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

from celery.utils.log import get_logger
from celery.worker import state as worker_state

from windrow.worker.hold import Hold
from windrow.worker.stopper import Stopper

logger = get_logger(__name__)

#: Seconds that a pool gets to end once nothing runs; billiard was seen to take 30 for nothing.
POOL_END_SECONDS = 5.0
#: Seconds that a blocked event loop (solo) gets beyond the drain before the process ends itself.
BLOCKED_SECONDS = 10.0
#: Seconds without a turn of the loop after which a worker that holds nothing ends at once: it waits for a broker.
IDLE_SECONDS = 5.0


class Drain:
    """One worker's end. The event loop stays alive until nothing is held, so that every result is saved."""

    def __init__(self, hold: Hold, seconds: float) -> None:
        self._hold = hold
        self._seconds = seconds
        self._deadline: float | None = None
        self._ticked = 0.0
        self._released = False
        self._finished = False

    def catch_signals(self) -> None:
        """TERM and INT drain, QUIT gives everything back now."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_term)
        signal.signal(signal.SIGQUIT, self._on_quit)

    def tick(self) -> None:
        """Called ten times a second by the event loop."""
        self._ticked = time.monotonic()
        if self._deadline is None:
            return
        hold = self._hold
        if not hold.desk.draining:
            hold.desk.draining = True
            logger.warning("Draining: %d jobs run, for at most %s s more.", hold.desk.busy, self._seconds)
        hold.give_back(hold.desk.withdraw())
        if time.monotonic() >= self._deadline and not self._released:
            self._released = True
            self._release()
        if not hold.desk.entries and hold.ledger.is_idle():
            worker_state.should_stop = os.EX_OK

    def finish(self) -> None:
        """Save and send the last things, say goodbye, and see to it that the process ends."""
        if self._finished:
            return
        self._finished = True
        _end_after(POOL_END_SECONDS, "the pool did not end")
        self._hold.stop()

    def _on_term(self, *_: Any) -> None:
        if self._deadline is None:
            self._deadline = time.monotonic() + self._seconds
            _end_after(self._seconds + BLOCKED_SECONDS, "the event loop is blocked")
            threading.Thread(target=self._watch, name="windrow-drain", daemon=True).start()
            self._hold.mailbox.wake()

    def _on_quit(self, *_: Any) -> None:
        self._deadline = time.monotonic()
        self._hold.mailbox.wake()

    def _watch(self) -> None:
        """End a worker that holds nothing and whose loop does not turn: Celery still looks for its broker."""
        began = time.monotonic()
        while not self._finished:
            time.sleep(IDLE_SECONDS / 5)
            silent = time.monotonic() - max(self._ticked, began)
            if silent >= IDLE_SECONDS and not self._hold.desk.entries and self._hold.ledger.is_idle():
                _end_after(POOL_END_SECONDS, "there is no broker to say goodbye to")
                self._hold.stop()
                os._exit(os.EX_OK)

    def _release(self) -> None:
        """Nobody may run a job that was given back: its child is dead before the ledger hears of it."""
        running = self._hold.desk.running()
        logger.warning("The drain is over: %d jobs are given back.", len(running))
        stopper = Stopper(self._hold.slots)
        for entry in running:
            if self._hold.is_prefork and entry.pid is not None:
                stopper.kill(entry.pid, entry.run)
            entry.request.release()
        if running and not self._hold.is_prefork:
            # Their threads cannot be killed, so the process goes as soon as the ledger knows.
            _end_after(1.0, "threads still run jobs that were given back")


def _end_after(seconds: float, why: str) -> None:
    def end() -> None:
        logger.warning("Ending the process: %s.", why)
        os._exit(os.EX_OK)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
