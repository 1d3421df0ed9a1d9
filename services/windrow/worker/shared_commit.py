"""One commit for all threads that call at the same time: who has the connection saves for those that wait for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from windrow.core.job import NewJob
from windrow.store.accept import Accepted

#: Jobs in one commit, unless a single call brings more.
MAX_JOBS = 500


class _Call:
    def __init__(self, jobs: Sequence[NewJob]) -> None:
        self.jobs = jobs
        self.accepted: list[Accepted] | None = None
        self.error: Exception | None = None


class SharedCommit:
    """`accept(jobs)` saves some jobs in a transaction; calls that meet share one."""

    def __init__(self, lock: threading.Lock, accept: Callable[[Sequence[NewJob]], list[Accepted]]) -> None:
        """`lock` guards what `accept` uses."""
        self._lock = lock
        self._accept = accept
        self._waiting: deque[_Call] = deque()

    def save(self, jobs: Sequence[NewJob]) -> list[Accepted]:
        """Save `jobs`, alone or with others'. An error that only another's jobs cause is not raised here."""
        call = _Call(jobs)
        self._waiting.append(call)
        with self._lock:
            while call.accepted is None and call.error is None:
                self._save(self._batch())
        if call.error is not None:
            raise call.error
        return call.accepted or []

    def _batch(self) -> list[_Call]:
        batch = [self._waiting.popleft()]
        count = len(batch[0].jobs)
        while self._waiting and count + len(self._waiting[0].jobs) <= MAX_JOBS:
            batch.append(self._waiting.popleft())
            count += len(batch[-1].jobs)
        return batch

    def _save(self, batch: Sequence[_Call]) -> None:
        try:
            accepted: list[Any] = self._accept([job for call in batch for job in call.jobs])
        except Exception as exc:
            if len(batch) == 1:
                batch[0].error = exc
            else:
                for call in batch:
                    self._save([call])
            return
        for call in batch:
            call.accepted, accepted = accepted[: len(call.jobs)], accepted[len(call.jobs) :]
