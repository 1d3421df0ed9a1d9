"""Keeps the worker's lease: one row, renewed by a thread of its own over a connection of its own.

A task that starves Python's threads for longer than the lease in a threads or solo pool starves this one
too; in prefork tasks run in other processes and cannot.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from celery.utils.log import get_logger

from windrow.broker.signals import Signals
from windrow.core.errors import LedgerUnavailable
from windrow.core.task import Task
from windrow.store.catalog import declare
from windrow.store.ledger import Ledger
from windrow.store.op import Op
from windrow.store.workers import Renewal, WorkerRow, end, register, renew

logger = get_logger(__name__)

RENEWALS_PER_LEASE = 3
#: Longest pause between two attempts to be introduced.
MAX_PAUSE_SECONDS = 3.0
#: Seconds between looks at what runs too long, and at the stop.
LOOK_SECONDS = 0.25


class Holder(Protocol):
    """What the lease is about; called from the lease's thread."""

    def introduced(self) -> None:
        """The ledger knows this worker: should it die now, somebody frees what it took."""

    def state(self) -> tuple[int, bool, Sequence[tuple[str, int]]]:
        """Busy children, draining, and the (id, token) pairs held."""

    def for_nothing(self) -> tuple[int, int]:
        """Messages dropped and outcomes that came too late, ever."""

    def answered(self, answer: Renewal) -> None:
        """The ledger's answer to a renewal."""

    def watch(self) -> None:
        """Several times a second: end what ran too long."""


class LeaseThread(threading.Thread):
    """Renews every third of a lease, and at once when somebody signals that there is something to hear."""

    def __init__(
        self,
        ledger: Ledger,
        signals: Signals,
        row: WorkerRow,
        tasks: Sequence[Task],
        lease: float,
        holder: Holder,
    ) -> None:
        super().__init__(name="windrow-lease", daemon=True)
        self._ledger = ledger
        self._signals = signals
        self._row = row
        self._tasks = tasks
        self._lease = lease
        self._holder = holder
        self._stopping = threading.Event()

    def stop(self, timeout: float) -> None:
        """End; the lease runs out unless `store.workers.end` says goodbye."""
        self._stopping.set()
        self.join(timeout)

    def run(self) -> None:
        """Until stopped; the last word is a goodbye."""
        tries = 0
        while not self._stopping.is_set():
            if self._introduce():
                self._holder.introduced()
                break
            tries += 1
            ceiling = min(MAX_PAUSE_SECONDS, 0.25 * 2 ** min(tries, 10))
            self._stopping.wait(random.uniform(ceiling / 2, ceiling))
        while not self._stopping.is_set():
            try:
                self._renew()
                wait = self._lease / RENEWALS_PER_LEASE * random.uniform(0.9, 1.0)
            except LedgerUnavailable as exc:
                logger.warning("The lease could not be renewed: %s", exc)
                wait = min(1.0, self._lease / 10) * random.uniform(0.5, 1.0)
            except Exception:
                logger.exception("The lease could not be renewed")
                wait = min(1.0, self._lease / 10)
            try:
                self._listen(wait)
            except Exception:
                # Without this thread the lease ends, and every job that this worker starts is taken from it.
                logger.exception("The lease's thread could not listen")
                self._stopping.wait(min(1.0, self._lease / 10))
        self._say(end, self._row.id)
        self._signals.close()
        self._ledger.close()

    def _listen(self, seconds: float) -> None:
        """Wait, but no longer than until a signal or the stop."""
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            self._holder.watch()
            if self._signals.wait(min(left, LOOK_SECONDS)) is not None:
                return

    def _introduce(self) -> bool:
        if not self._say(register, self._row, self._lease):
            return False
        try:
            self._ledger.run(declare, self._tasks, self._row.pool, self._row.release, False)
        except LedgerUnavailable:
            return False
        except Exception:
            # What is wrong with a task's words is no reason to let the lease lapse.
            logger.exception("The catalog did not take this worker's tasks")
        return True

    def _renew(self) -> None:
        busy, draining, held = self._holder.state()
        counts = self._holder.for_nothing()
        answer = self._ledger.run(renew, self._row.id, self._lease, busy, draining, held, *counts)
        if not answer.alive:
            logger.warning(
                "This worker was taken for dead and its jobs were given to others; it registers again."
            )
            self._ledger.run(register, self._row, self._lease)
        self._holder.answered(answer)

    def _say(self, op: Callable[..., Op[None]], *args: object) -> bool:
        try:
            self._ledger.run(op, *args)
        except LedgerUnavailable as exc:
            logger.warning("The ledger does not answer: %s", exc)
            return False
        except Exception:
            logger.exception("The ledger refuses this worker's %s", op.__name__)
            return False
        return True
