"""A job as the ledger shows it to readers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from windrow.core.failure import load_failure
from windrow.core.job import Failure
from windrow.core.states import State, celery_state


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job at the moment of the read; texts are JSON as they were stored."""

    id: str
    task: str
    queue: str
    state: State
    priority: int
    #: Starts so far.
    attempt: int
    #: Ended attempts that count against `max_attempts`.
    failures: int
    max_attempts: int
    cancel_requested: bool
    created_at: datetime
    run_at: datetime | None
    expires_at: datetime | None
    #: Of the last attempt.
    started_at: datetime | None
    finished_at: datetime | None
    #: Seconds; None: the pool's.
    hard_limit: float | None
    worker: str | None
    parent_id: str | None
    root_id: str | None
    replay_of: str | None
    tags: tuple[str, ...]
    #: The state name and the JSON text that a running job last reported.
    progress_state: str | None
    progress_text: str | None
    progress_at: datetime | None
    #: JSON texts of the last ended attempt.
    result_text: str | None
    error_text: str | None

    @property
    def celery_state(self) -> str:
        """Celery's name for the state, e.g. `PENDING` or `PROGRESS`."""
        return celery_state(self.state, self.progress_state)

    @property
    def progress(self) -> Any:
        """What a running job last reported, usually an object; None when nothing."""
        return None if self.progress_text is None else json.loads(self.progress_text)

    @property
    def result(self) -> Any:
        """What a succeeded job returned; None otherwise."""
        if self.state is not State.SUCCEEDED or self.result_text is None:
            return None
        return json.loads(self.result_text)

    @property
    def failure(self) -> Failure | None:
        """The last error: why a job failed, or what its next attempt is for."""
        if self.error_text is None or self.state is State.SUCCEEDED:
            return None
        return load_failure(self.error_text)

    @property
    def error(self) -> str | None:
        """The last error in one line, e.g. `ValueError: no such page`."""
        failure = self.failure
        if failure is None:
            return None
        return f"{failure.cls}: {failure.message}" if failure.message else failure.cls
