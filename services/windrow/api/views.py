"""What the API shows: the bodies of its answers."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from fastapi import Response
from pydantic import BaseModel, Field

from windrow.api.problems import OK
from windrow.core.failure import load_failure
from windrow.core.record import JobRecord
from windrow.core.states import State


class ErrorView(BaseModel):
    """Why an attempt did not succeed."""

    type: str = Field(description="Class of the exception.")
    module: str
    message: str
    traceback: str | None = None


class ProgressView(BaseModel):
    """What a running job last reported."""

    state: str
    value: Any
    at: datetime | None


class JobView(BaseModel):
    """One job."""

    id: str
    task: str
    queue: str
    state: State
    celery_state: str = Field(description="Celery's name for the state.")
    priority: int
    attempt: int = Field(description="Starts so far.")
    failures: int
    max_attempts: int
    cancel_requested: bool
    created_at: datetime
    run_at: datetime | None
    expires_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    timeout: float | None = Field(description="Seconds for one attempt; null: the pool's.")
    worker: str | None
    parent_id: str | None
    root_id: str | None
    replay_of: str | None
    tags: list[str]
    progress: ProgressView | None = None
    error: ErrorView | None = Field(None, description="Why it failed, or what its next attempt is for.")
    result: Any = Field(None, description="What it returned; null unless succeeded. Lists leave it out.")


class JobPage(BaseModel):
    """Some jobs, the newest first."""

    jobs: list[JobView]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")


class Receipt(BaseModel):
    """A job is kept."""

    id: str
    state: State
    task: str
    queue: str


class AttemptView(BaseModel):
    """One start of a job."""

    attempt: int
    outcome: str
    worker: str | None
    due_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    error: ErrorView | None


class AttemptList(BaseModel):
    """Every attempt of a job, the first one first."""

    attempts: list[AttemptView]


def job_view(job: JobRecord) -> JobView:
    """`job` as callers see it."""
    return JobView(**job_fields(job))


def job_fields(job: JobRecord) -> dict[str, Any]:
    """The fields of its view, for `render`: the model would only take them in and give them out again."""
    progress = None
    if job.progress_state is not None:
        progress = {"state": job.progress_state, "value": job.progress, "at": job.progress_at}
    error = None if job.state is State.SUCCEEDED else error_view(job.error_text, with_traceback=False)
    return {
        "id": job.id,
        "task": job.task,
        "queue": job.queue,
        "state": job.state.shown,
        "celery_state": job.celery_state,
        "priority": job.priority,
        "attempt": job.attempt,
        "failures": job.failures,
        "max_attempts": job.max_attempts,
        "cancel_requested": job.cancel_requested,
        "created_at": job.created_at,
        "run_at": job.run_at,
        "expires_at": job.expires_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "timeout": job.hard_limit,
        "worker": job.worker,
        "parent_id": job.parent_id,
        "root_id": job.root_id,
        "replay_of": job.replay_of,
        "tags": list(job.tags),
        "progress": progress,
        "error": None if error is None else error.model_dump(),
        "result": job.result,
    }


def error_view(text: str | None, *, with_traceback: bool) -> ErrorView | None:
    """The stored failure `text` as callers see it."""
    if text is None:
        return None
    failure = load_failure(text)
    return ErrorView(
        type=failure.cls,
        module=failure.module,
        message=failure.message,
        traceback=failure.traceback if with_traceback else None,
    )


def render(value: Any) -> str:
    """JSON text of `value`. What JSON has no word for (NaN) is null; broken Unicode is escaped as it came."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    try:
        return json.dumps(value, allow_nan=False, default=_plain, separators=(",", ":"))
    except ValueError:
        lenient = json.dumps(value, default=_plain)
        return json.dumps(json.loads(lenient, parse_constant=lambda _: None), separators=(",", ":"))


def answer(value: Any, status: int = OK, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer with `value` as its body."""
    return Response(render(value), status, headers, "application/json")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")
