"""What waits to be written to the ledger, and when it is due: some of it gains by waiting a moment for more."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from itertools import islice
from typing import Any, NamedTuple

from windrow.core.errors import LedgerUnavailable
from windrow.core.job import Outcome
from windrow.store.claim import Start
from windrow.store.ledger import Ledger

MAX_BATCH = 500
#: Seconds that a start waits for its finish to come along; most short jobs then cost one write less.
START_SAVE_DELAY = 0.02
#: Seconds that outcomes gather while more jobs wait in this worker: a commit for each would cost more than the job.
GATHER_SECONDS = 0.01
#: Outcomes that wait for no more.
GATHER_MAX = 64
#: Longest sleep of the writer.
IDLE_SECONDS = 1.0


class Queued(NamedTuple):
    """An operation in turn; not begun after `deadline`, by time.monotonic()."""

    future: Future[Any]
    deadline: float
    run: Callable[[Ledger], Any]


class Pending:
    """For several threads; one writer at a time takes from it, and drops what is saved.

    `wait` is the writer's sleep. Whoever adds something wakes it when that is due before the sleep ends.
    """

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._busy = False
        self._wakes_at = 0.0
        self._stopping = False
        self._outcomes_due: float | None = None
        #: (job id, token) -> when, in order; a finish that comes first takes its start away.
        self._starts: dict[tuple[str, int], float] = {}
        self.claims: deque[str] = deque()
        self.outcomes: deque[Outcome] = deque()
        self.calls: deque[Queued] = deque()
        #: While True nobody is woken: the caller goes on to write by itself, or to `wake`.
        self.hushed = False

    def add_claim(self, job_id: str) -> None:
        """Due now."""
        with self._change:
            self.claims.append(job_id)
            self._notify()

    def add_call(self, call: Queued) -> None:
        """Due now."""
        with self._change:
            self.calls.append(call)
            self._notify()

    def add_start(self, job_id: str, token: int, moment: float) -> None:
        """Due in START_SAVE_DELAY."""
        with self._change:
            self._starts[job_id, token] = moment
            self._notify()

    def add_outcome(self, outcome: Outcome, soon: bool) -> None:
        """Due now, or when not `soon` GATHER_SECONDS after the first one that waits."""
        with self._change:
            self.outcomes.append(outcome)
            if soon or len(self.outcomes) >= GATHER_MAX:
                self._outcomes_due = 0.0
            elif self._outcomes_due is None:
                self._outcomes_due = time.monotonic() + GATHER_SECONDS
            self._notify()

    def wake(self) -> None:
        """Wake the writer if something is due before it would wake by itself."""
        with self._change:
            self._notify()

    def stop(self) -> None:
        """Let `wait` return False once nothing waits."""
        with self._change:
            self._stopping = True
            self._change.notify()

    def wait(self) -> bool:
        """Until something is due; False when stopped and empty."""
        with self._change:
            self._busy = False
            while (seconds := self._due_in()) > 0:
                if self._stopping and not (self._starts or self.outcomes):
                    return False
                self._wakes_at = time.monotonic() + seconds
                self._change.wait(timeout=seconds)
            self._busy = True
            return True

    def is_idle(self) -> bool:
        """Nothing waits and nothing is under way."""
        with self._change:
            return not (self._busy or self._starts or self.outcomes or self.claims or self.calls)

    def peek_outcomes(self) -> list[Outcome]:
        """The next batch, left in place until `drop`ped; their starts are saved with them."""
        with self._change:
            batch = list(islice(self.outcomes, MAX_BATCH))
            self._outcomes_due = 0.0 if len(self.outcomes) > len(batch) else None
            for outcome in batch:
                self._starts.pop((outcome.job_id, outcome.token), None)
        return batch

    def peek_claims(self) -> list[str]:
        """The next batch, left in place."""
        with self._change:
            return list(islice(self.claims, MAX_BATCH))

    def due_starts(self) -> list[Start]:
        """The next batch if the oldest is due, left in place until `drop_starts`."""
        with self._change:
            now = time.monotonic()
            if not self._starts or (self._starts_due() > now and not self._stopping):
                return []
            return [Start(*key, now - at) for key, at in islice(self._starts.items(), MAX_BATCH)]

    def drop_starts(self, starts: list[Start]) -> None:
        """They are saved."""
        with self._change:
            for start in starts:
                self._starts.pop((start.job_id, start.token), None)

    def repeat(self) -> None:
        """The last batch of outcomes was not saved: it is due again."""
        with self._change:
            self._outcomes_due = 0.0 if self.outcomes else None

    def expire_calls(self) -> None:
        """Give up the calls whose deadline passed."""
        now = time.monotonic()
        for _ in range(len(self.calls)):
            call = self.calls.popleft()
            if call.deadline > now:
                self.calls.append(call)
            elif not call.future.cancelled():
                call.future.set_exception(
                    LedgerUnavailable("The ledger did not answer in time; nothing was saved.")
                )

    def _notify(self) -> None:
        if not (self._busy or self.hushed) and time.monotonic() + self._due_in() < self._wakes_at:
            self._wakes_at = 0.0
            self._change.notify()

    def _due_in(self) -> float:
        """Seconds until there is something to do; 0 or less: now."""
        if self.claims or self.calls or self._outcomes_due == 0.0:
            return 0.0
        now = time.monotonic()
        seconds = IDLE_SECONDS if self._outcomes_due is None else self._outcomes_due - now
        return min(seconds, self._starts_due() - now) if self._starts else seconds

    def _starts_due(self) -> float:
        return next(iter(self._starts.values())) + START_SAVE_DELAY


def drop(queue: deque[Any], count: int) -> None:
    """Forget the first `count` of `queue`: they are saved."""
    for _ in range(count):
        queue.popleft()
