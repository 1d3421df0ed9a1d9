"""The worker's one writer of the ledger: whatever comes in while a commit is under way is the next batch.

Nothing is dropped when Postgres is away: claims, starts and finishes wait and are tried again; only a
submission of a task's body fails after its own time-out, and its task hears of it.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any

from celery.utils.log import get_logger

from windrow.core.errors import LedgerUnavailable
from windrow.core.job import Held, Outcome
from windrow.store.claim import Start, claim, start
from windrow.store.finish import Finished, finish, finish_plain, is_plain
from windrow.store.ledger import Ledger
from windrow.store.op import Op
from windrow.worker.batch import run_split

logger = get_logger(__name__)

MAX_BATCH = 500
MAX_RETRY_SECONDS = 2.0
#: Seconds that a start waits for its finish to come along; most short jobs then cost one write less.
START_SAVE_DELAY = 0.02

OnClaimed = Callable[[Sequence[str], list[Held]], None]
#: Ids whose start is saved; a job that ended before that was worth it is not among them.
OnStarted = Callable[[Sequence[str]], None]
OnFinished = Callable[[Sequence[Outcome], Finished], None]
OnRefused = Callable[[Outcome, Exception], None]


class LedgerThread(threading.Thread):
    """Batches claims, starts, finishes and calls; reports from its own thread by the four callbacks."""

    def __init__(
        self,
        ledger: Ledger,
        worker: str,
        on_claimed: OnClaimed,
        on_started: OnStarted,
        on_finished: OnFinished,
        on_refused: OnRefused,
    ) -> None:
        super().__init__(name="windrow-ledger", daemon=True)
        self._ledger = ledger
        self._worker = worker
        self._on_claimed = on_claimed
        self._on_started = on_started
        self._on_finished = on_finished
        self._on_refused = on_refused
        self._change = threading.Condition()
        self._claims: deque[str] = deque()
        #: (job id, token) -> when, in order; a finish that comes first takes its start away.
        self._starts: dict[tuple[str, int], float] = {}
        self._outcomes: deque[Outcome] = deque()
        self._calls: deque[tuple[Future[Any], float, Callable[[Ledger], Any]]] = deque()
        self._token = 0
        self._stopping = False
        self._busy = False

    def claim(self, job_id: str) -> None:
        """Claim with the next batch."""
        self._put(self._claims, job_id)

    def started(self, job_id: str, token: int, moment: float) -> None:
        """Save a start with the next batch; `moment` is time.monotonic()."""
        with self._change:
            self._starts[job_id, token] = moment
            if not self._busy:
                self._change.notify()

    def finished(self, outcome: Outcome) -> None:
        """Save an outcome with the next batch."""
        self._put(self._outcomes, outcome)

    def call(self, op: Callable[..., Op[Any]], *args: Any, timeout: float = 10.0) -> Future[Any]:
        """Run any operation in turn; LedgerUnavailable when it could not begin within `timeout` seconds."""
        future: Future[Any] = Future()
        self._put(self._calls, (future, time.monotonic() + timeout, lambda ledger: ledger.run(op, *args)))
        return future

    def stop(self, timeout: float) -> bool:
        """Save what waits, then end; False when `timeout` seconds were not enough."""
        with self._change:
            self._stopping = True
            self._change.notify()
        self.join(timeout)
        return not self.is_alive()

    def is_idle(self) -> bool:
        """Nothing waits and nothing is under way."""
        with self._change:
            return not (self._busy or self._starts or self._due())

    def run(self) -> None:
        """Batch after batch until stopped and empty."""
        tries = 0
        while self._wait():
            try:
                self._flush()
                tries = 0
            except LedgerUnavailable as exc:
                tries += 1
                logger.warning("The ledger does not answer, everything waits: %s", exc)
                self._rest(tries)
            except Exception:
                # Without this thread the worker would hold its jobs for ever, and renew its lease.
                tries += 1
                logger.exception("The ledger could not be written, everything waits")
                self._rest(tries)
        self._ledger.close()

    def _rest(self, tries: int) -> None:
        self._expire_calls()
        time.sleep(random.uniform(0.05, min(MAX_RETRY_SECONDS, 0.1 * 2 ** min(tries, 6))))

    def _wait(self) -> bool:
        """Until there is something to do; False when stopped and empty."""
        with self._change:
            self._busy = False
            while not self._due():
                if self._stopping and not self._starts:
                    return False
                self._change.wait(timeout=START_SAVE_DELAY if self._starts else 1.0)
            self._busy = True
            return True

    def _put(self, queue: deque[Any], item: Any) -> None:
        with self._change:
            queue.append(item)
            if not self._busy:
                self._change.notify()

    def _due(self) -> bool:
        return bool(self._claims or self._outcomes or self._calls or self._due_starts())

    def _due_starts(self) -> bool:
        with self._change:
            oldest = next(iter(self._starts.values()), None)
        return oldest is not None and time.monotonic() - oldest >= START_SAVE_DELAY

    def _flush(self) -> None:
        self._flush_outcomes()
        self._flush_calls()
        self._flush_claims()
        self._flush_starts()

    def _flush_outcomes(self) -> None:
        batch = _peek(self._outcomes)
        if not batch:
            return
        with self._change:
            for outcome in batch:
                self._starts.pop((outcome.job_id, outcome.token), None)
        op = finish_plain if all(map(is_plain, batch)) else finish

        def save(part: Sequence[Outcome]) -> None:
            self._on_finished(part, self._ledger.run(op, part, self._worker))
            _drop(self._outcomes, len(part))

        def refuse(outcome: Outcome, exc: Exception) -> None:
            logger.error("The ledger refuses the outcome of job %s: %s", outcome.job_id, exc)
            _drop(self._outcomes, 1)
            self._on_refused(outcome, exc)

        run_split(save, batch, refuse)

    def _flush_calls(self) -> None:
        while self._calls:
            future, _, call = self._calls[0]
            try:
                result = None if future.cancelled() else call(self._ledger)
            except LedgerUnavailable:
                raise
            except Exception as exc:
                future.set_exception(exc)
            else:
                if not future.cancelled():
                    future.set_result(result)
            self._calls.popleft()

    def _flush_claims(self) -> None:
        batch = _peek(self._claims)
        if not batch:
            return
        # The same token until an answer came: a claim whose answer was lost finds its jobs again.
        self._token = self._token or random.SystemRandom().getrandbits(62)

        def save(part: Sequence[str]) -> None:
            held = self._ledger.run(claim, part, self._worker, self._token)
            _drop(self._claims, len(part))
            self._on_claimed(part, held)

        def refuse(job_id: str, exc: Exception) -> None:
            logger.error("A message named an impossible job: %s", exc)
            _drop(self._claims, 1)
            self._on_claimed([job_id], [])

        run_split(save, batch, refuse)
        self._token = 0

    def _flush_starts(self) -> None:
        if not (self._stopping or self._due_starts()):
            return
        with self._change:
            batch = list(islice(self._starts.items(), MAX_BATCH))
        if batch:
            now = time.monotonic()
            saved = self._ledger.run(start, [Start(job_id, token, now - at) for (job_id, token), at in batch])
            self._on_started(saved)
            with self._change:
                for key, _ in batch:
                    self._starts.pop(key, None)

    def _expire_calls(self) -> None:
        now = time.monotonic()
        for _ in range(len(self._calls)):
            future, deadline, call = self._calls.popleft()
            if deadline > now:
                self._calls.append((future, deadline, call))
            elif not future.cancelled():
                future.set_exception(
                    LedgerUnavailable("The ledger did not answer in time; nothing was saved.")
                )


def _peek(queue: deque[Any]) -> list[Any]:
    """Up to MAX_BATCH items, left in place until they are saved."""
    return [queue[i] for i in range(min(len(queue), MAX_BATCH))]


def _drop(queue: deque[Any], count: int) -> None:
    for _ in range(count):
        queue.popleft()
