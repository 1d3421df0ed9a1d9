"""The main process's own `Submitter`: through the ledger thread, whose batches it joins."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from typing import Any

from windrow.core.errors import LedgerUnavailable
from windrow.core.job import NewChord, NewJob
from windrow.store.control import cancel
from windrow.store.metas import metas
from windrow.store.progress import Report, save_progress
from windrow.store.submit import submit
from windrow.worker.ledger_thread import LedgerThread
from windrow.worker.outbox import Outbox

CALL_TIMEOUT_SECONDS = 10.0
SAVE_PROGRESS_SECONDS = 1.0


class DirectSubmitter:
    """See `Submitter`; for several threads."""

    def __init__(self, ledger: LedgerThread, outbox: Outbox) -> None:
        self._ledger = ledger
        self._outbox = outbox
        self._lock = threading.Lock()
        self._reports: dict[str, Report] = {}
        self._saved_at = 0.0

    def submit(self, jobs: Sequence[NewJob], chords: Sequence[NewChord] = ()) -> None:
        """See Submitter."""
        done = self._wait(submit, jobs, chords)
        self._outbox.send(jobs=done.queued, beat="promote" if done.scheduled else None)

    def metas(self, job_ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """See Submitter."""
        found: list[dict[str, Any] | None] = self._wait(metas, job_ids)
        return found

    def cancel(self, job_ids: Sequence[str]) -> None:
        """See Submitter."""
        done = self._wait(cancel, job_ids)
        self._outbox.send(
            jobs=done.queued,
            finished=[*(c.id for c in done.changes if c.after.is_final), *done.ended],
            renew=[c.worker for c in done.changes if c.worker and not c.after.is_final],
        )

    def progress(self, job_id: str, state: str, meta: str) -> None:
        """See Submitter."""
        self._outbox.send(events=[{"id": job_id, "state": state, "progress": json.loads(meta)}])
        with self._lock:
            self._reports[job_id] = Report(job_id, state, meta)
        self.flush()

    def flush(self) -> None:
        """Save what was reported, at most once a second; called again by whoever ticks."""
        now = time.monotonic()
        with self._lock:
            if not self._reports or now - self._saved_at < SAVE_PROGRESS_SECONDS:
                return
            self._saved_at = now
            reports, self._reports = list(self._reports.values()), {}
        self._ledger.call(save_progress, reports)

    def _wait(self, op: Any, *args: Any) -> Any:
        future = self._ledger.call(op, *args, timeout=CALL_TIMEOUT_SECONDS)
        try:
            return future.result(timeout=CALL_TIMEOUT_SECONDS + 5)
        except TimeoutError:
            future.cancel()
            raise LedgerUnavailable("The ledger did not answer in time.") from None
