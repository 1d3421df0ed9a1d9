"""Lets go of jobs that the ledger believes here and that are not: a failover took back how they ended."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from celery.utils.log import get_logger

from windrow.core.job import NewJob
from windrow.store.claim import GivenBack
from windrow.store.strays import free_strays

logger = get_logger(__name__)


class Ledger(Protocol):
    """The part of the ledger thread that is used."""

    def call(self, op: Callable[..., Any], *args: Any) -> Future[Any]: ...


class Outbox(Protocol):
    """Whoever sends what became free."""

    def send(self, *, jobs: Sequence[NewJob] = (), finished: Sequence[str] = ()) -> None: ...


class Strays:
    """Lives on the event loop. A job is a stray when two answers in a row name it and no entry is here.

    One alone proves nothing: its finish, or its way back, may have passed the renewal on the way.
    """

    def __init__(self, worker: str, entries: Container[str], ledger: Ledger, outbox: Outbox) -> None:
        self._worker = worker
        self._entries = entries
        self._ledger = ledger
        self._outbox = outbox
        self._seen: set[tuple[str, int]] = set()

    def heard(self, strays: Sequence[tuple[str, int]]) -> None:
        """What the ledger holds this worker for, beyond what the worker said that it holds."""
        unknown = {stray for stray in strays if stray[0] not in self._entries}
        twice, self._seen = sorted(unknown & self._seen), unknown - self._seen
        if not twice:
            return
        logger.error(
            "The ledger holds this worker for %d jobs that are not here; they go back: %s",
            len(twice),
            twice[:5],
        )
        why = f"worker {self._worker}: it has this job no longer; the ledger has lost how it ended"
        self._ledger.call(free_strays, twice, why).add_done_callback(self._freed)

    def _freed(self, done: Future[GivenBack]) -> None:
        if not done.cancelled() and not done.exception():
            self._outbox.send(jobs=done.result().freed, finished=done.result().ended)
