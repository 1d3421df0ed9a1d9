"""The worker's one writer of the ledger: whatever comes in while a commit is under way is the next batch.

Nothing is dropped when Postgres is away: claims, starts and finishes wait and are tried again; only a
submission of a task's body fails after its own time-out, and its task hears of it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from celery.utils.log import get_logger

from windrow.core.errors import LedgerUnavailable
from windrow.core.job import Held, Outcome
from windrow.store.claim import Start, claim, start
from windrow.store.finish import Finished, finish, finish_plain, is_plain
from windrow.store.ledger import Ledger
from windrow.store.op import Op
from windrow.worker.batch import run_split
from windrow.worker.pending import Pending, Queued, drop

logger = get_logger(__name__)

MAX_RETRY_SECONDS = 2.0
#: Seconds for an answer to what the event loop asks itself; and how long it leaves that to the thread after a failure.
NOW_SECONDS = 0.25
NOT_NOW_SECONDS = 5.0

OnClaimed = Callable[[Sequence[str], list[Held]], None]
#: Ids whose start is saved; a job that ended before that was worth it is not among them.
OnStarted = Callable[[Sequence[str]], None]
OnFinished = Callable[[Sequence[Outcome], Finished], None]
OnRefused = Callable[[Outcome, Exception], None]


class LedgerThread(threading.Thread):
    """Batches claims, starts, finishes and calls; reports by the four callbacks from the thread that wrote."""

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
        self._pending = Pending()
        self._token = 0
        #: Held by whoever writes: this thread, or another one in `promptly`.
        self._writing = threading.Lock()
        self._not_now_until = 0.0

    def claim(self, job_id: str) -> None:
        """Claim with the next batch."""
        self._pending.add_claim(job_id)

    def started(self, job_id: str, token: int, moment: float) -> None:
        """Save a start with the next batch; `moment` is time.monotonic()."""
        self._pending.add_start(job_id, token, moment)

    def finished(self, outcome: Outcome, soon: bool = True) -> None:
        """Save an outcome: with the next batch, or, when not `soon`, together with those that follow shortly."""
        self._pending.add_outcome(outcome, soon)

    def call(self, op: Callable[..., Op[Any]], *args: Any, timeout: float = 10.0) -> Future[Any]:
        """Run any operation in turn; LedgerUnavailable when it could not begin within `timeout` seconds."""
        future: Future[Any] = Future()
        deadline = time.monotonic() + timeout
        self._pending.add_call(Queued(future, deadline, lambda ledger: ledger.run(op, *args)))
        return future

    @contextmanager
    def promptly(self, is_free: Callable[[], bool]) -> Iterator[None]:
        """Around what asks for claims and finishes: if the caller `is_free` after it and this thread rests, the
        caller's thread writes them itself.

        For an event loop with nothing else to do: two changes of thread cost as much as the statement. What fails,
        or takes longer than NOW_SECONDS, is this thread's to repeat.
        """
        self._pending.hushed = True
        try:
            yield
        finally:
            self._pending.hushed = False
            if is_free() and time.monotonic() >= self._not_now_until:
                self._write_now()
            self._pending.wake()

    def stop(self, timeout: float) -> bool:
        """Save what waits, then end; False when `timeout` seconds were not enough."""
        self._pending.stop()
        self.join(timeout)
        return not self.is_alive()

    def is_idle(self) -> bool:
        """Nothing waits and nothing is under way."""
        return self._pending.is_idle()

    def run(self) -> None:
        """Batch after batch until stopped and empty."""
        tries = 0
        while self._pending.wait():
            try:
                with self._writing:
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
        self._pending.expire_calls()
        self._pending.repeat()
        time.sleep(random.uniform(0.05, min(MAX_RETRY_SECONDS, 0.1 * 2 ** min(tries, 6))))

    def _write_now(self) -> None:
        if not self._writing.acquire(blocking=False):
            return
        try:
            if all(map(is_plain, list(self._pending.outcomes))):
                self._flush_outcomes(self._run_now)
            self._flush_claims(self._run_now)
        except Exception as exc:
            self._not_now_until = time.monotonic() + NOT_NOW_SECONDS
            self._pending.repeat()
            logger.debug("Left to the ledger's thread: %s", exc)
        finally:
            self._writing.release()

    def _run_now(self, op: Callable[..., Op[Any]], *args: Any) -> Any:
        return self._ledger.run_within(NOW_SECONDS, op, *args)

    def _flush(self) -> None:
        self._flush_outcomes(self._ledger.run)
        self._flush_calls()
        self._flush_claims(self._ledger.run)
        self._flush_starts()

    def _flush_outcomes(self, run: Callable[..., Any]) -> None:
        batch = self._pending.peek_outcomes()
        if not batch:
            return
        op = finish_plain if all(map(is_plain, batch)) else finish

        def save(part: Sequence[Outcome]) -> None:
            self._on_finished(part, run(op, part, self._worker))
            drop(self._pending.outcomes, len(part))

        def refuse(outcome: Outcome, exc: Exception) -> None:
            about = {"job_id": outcome.job_id}
            logger.error("The ledger refuses the outcome of job %s: %s", outcome.job_id, exc, extra=about)
            drop(self._pending.outcomes, 1)
            self._on_refused(outcome, exc)

        run_split(save, batch, refuse)

    def _flush_calls(self) -> None:
        calls = self._pending.calls
        while calls:
            future = calls[0].future
            try:
                result = None if future.cancelled() else calls[0].run(self._ledger)
            except LedgerUnavailable:
                raise
            except Exception as exc:
                future.set_exception(exc)
            else:
                if not future.cancelled():
                    future.set_result(result)
            calls.popleft()

    def _flush_claims(self, run: Callable[..., Any]) -> None:
        batch = self._pending.peek_claims()
        if not batch:
            return
        # The same token until an answer came: a claim whose answer was lost finds its jobs again.
        self._token = self._token or random.SystemRandom().getrandbits(62)

        def save(part: Sequence[str]) -> None:
            held = run(claim, part, self._worker, self._token)
            drop(self._pending.claims, len(part))
            self._on_claimed(part, held)

        def refuse(job_id: str, exc: Exception) -> None:
            logger.error("A message named an impossible job: %s", exc, extra={"job_id": job_id})
            drop(self._pending.claims, 1)
            self._on_claimed([job_id], [])

        run_split(save, batch, refuse)
        self._token = 0

    def _flush_starts(self) -> None:
        batch = self._pending.due_starts()
        if not batch:
            return

        def refuse(one: Start, exc: Exception) -> None:
            # Its finish saves it as well; the others' starts must not wait for it.
            logger.error("The ledger refuses a start: %s", exc, extra={"job_id": one.job_id})

        run_split(lambda part: self._on_started(self._ledger.run(start, part)), batch, refuse)
        self._pending.drop_starts(batch)
