"""A few ledger connections for several threads."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from windrow.core.errors import LedgerUnavailable
from windrow.store.ledger import Ledger
from windrow.store.op import Op

T = TypeVar("T")
P = ParamSpec("P")


class Ledgers:
    """At most `size` connections; a thread has one for the length of one operation."""

    def __init__(self, database_url: str, size: int, *, prepare: bool = False, wait: float = 30.0) -> None:
        self._wait = wait
        self._all = [
            Ledger(database_url, application_name="windrow-beat", prepare=prepare) for _ in range(size)
        ]
        # Last in, first out: a quiet beat uses one connection.
        self._idle: queue.LifoQueue[Ledger] = queue.LifoQueue()
        for ledger in self._all:
            self._idle.put(ledger)

    def run(self, op: Callable[P, Op[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `Ledger.run`; raises LedgerUnavailable too when no connection came free in time."""
        try:
            ledger = self._idle.get(timeout=self._wait)
        except queue.Empty:
            raise LedgerUnavailable("every connection is busy") from None
        try:
            return ledger.run(op, *args, **kwargs)
        finally:
            self._idle.put(ledger)

    def close(self) -> None:
        """Close all; the threads that used them have ended."""
        for ledger in self._all:
            ledger.close()
