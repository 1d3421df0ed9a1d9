"""What a reader of a job's event stream is told, and what it has been told before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from windrow.api.views import error_view, render
from windrow.core.record import JobRecord
from windrow.core.states import State


class Teller:
    """Turns looks at a job into server-sent events, each thing once.

    An event's id is `attempt.state.digest of the progress`: it says all that its reader knows, so that a
    reader who comes back with it is told only what has changed since.
    """

    def __init__(self, last_event_id: str | None) -> None:
        attempt, _, rest = (last_event_id or "").partition(".")
        state, _, digest = rest.partition(".")
        self._state = (attempt, state)
        self._digest = digest

    def look(self, job: JobRecord, with_progress: bool) -> list[str]:
        """Events for the job as the ledger has it; `with_progress` unless signals brought a newer one."""
        told = []
        state = (str(job.attempt), str(job.state.shown))
        if state != self._state:
            self._state, self._digest = state, ""
            error = None if job.state is State.SUCCEEDED else error_view(job.error_text, with_traceback=False)
            body = {
                "id": job.id,
                "state": job.state.shown,
                "celery_state": job.celery_state,
                "attempt": job.attempt,
                "failures": job.failures,
                "finished_at": job.finished_at,
                "error": error.model_dump() if error else None,
            }
            told.append(self._event("state", body))
        if with_progress and job.progress_state is not None and job.state is State.RUNNING:
            told += self.progress({"state": job.progress_state, "progress": job.progress})
        return told

    def progress(self, event: Mapping[str, Any]) -> list[str]:
        """An event for a report of the task, unless it is the last one again."""
        body = {"state": event.get("state"), "value": event["progress"]}
        digest = hashlib.sha256(render(body).encode()).hexdigest()[:12]
        if digest == self._digest:
            return []
        self._digest = digest
        return [self._event("progress", body)]

    def _event(self, kind: str, body: Mapping[str, Any]) -> str:
        # JSON has no line breaks of its own, so one `data:` line holds it.
        return f"event: {kind}\nid: {'.'.join(self._state)}.{self._digest}\ndata: {render(body)}\n\n"


def has_seen_all(job: JobRecord, last_event_id: str | None) -> bool:
    """Whether the reader knows the job's final state: there is nothing more to tell."""
    return job.state.is_final and not Teller(last_event_id).look(job, with_progress=False)
