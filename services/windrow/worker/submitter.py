"""What a task's body asks of the ledger, wherever the body runs.

In prefork a child holds no database connection: `line.py` carries the calls over a Unix socket to its main
process, which batches them. In threads and solo pools the same process answers (`direct.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from windrow.core.job import NewChord, NewJob


class Submitter(Protocol):
    """The ledger as a task's body sees it. Every call is bounded in time and raises LedgerUnavailable after it."""

    def submit(self, jobs: Sequence[NewJob], chords: Sequence[NewChord] = ()) -> None:
        """Save chords, then jobs; durable when it returns, their messages follow."""

    def metas(self, job_ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """What `store.jobs.metas` knows of each id: Celery's task meta before exceptions are re-created."""

    def cancel(self, job_ids: Sequence[str]) -> None:
        """Ask for their end, as the API's cancel does."""

    def progress(self, job_id: str, state: str, meta: str) -> None:
        """Report a running job's own state with JSON meta; shown at once, saved at most once a second."""
