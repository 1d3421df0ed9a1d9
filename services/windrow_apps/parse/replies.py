"""The bodies that the parse routes answer with."""

from typing import Any

from pydantic import BaseModel

from windrow.apps import Cancelled, Job, State

_WORDS = {
    "PENDING": "Task is waiting to be executed",
    "STARTED": "Task has started",
    "PROGRESS": "Task is in progress",
    "RETRY": "Task failed for now and will be tried again",
    "SUCCESS": "Task completed",
    "FAILURE": "Task failed",
    "REVOKED": "Task was cancelled or expired before it was done",
}

_ENDS = {
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "been cancelled",
    State.EXPIRED: "expired",
}


class Started(BaseModel):
    """A run was accepted."""

    task_id: str
    status: str = "Task started"
    message: str = "Parsing task has been queued"


class Stopped(BaseModel):
    """What a cancel did."""

    task_id: str
    status: str
    message: str


class Status(BaseModel):
    """Where a run is; a field that does not apply to the state is left out."""

    state: str
    status: str
    #: Pages done and pages in all, once the run has reported.
    current: int | None = None
    total: int | None = None
    #: The summary of a finished run.
    result: Any = None
    #: Why a run failed, or what its next attempt is for.
    error: str | None = None


def stopped(task_id: str, done: Cancelled) -> Stopped:
    """The answer to a cancel."""
    if done.before.is_final:
        message = f"Nothing to cancel: it has {_ENDS[done.before]}"
        return Stopped(task_id=task_id, status="Task has ended", message=message)
    if done.after.is_final:
        return Stopped(
            task_id=task_id, status="Task cancelled", message="It had not started; no page was read"
        )
    message = "It stops within seconds; the pages that it has recorded stay"
    return Stopped(task_id=task_id, status="Task is being cancelled", message=message)


def unknown(task_id: str) -> Status:
    """The answer for an id that no parse job has."""
    return Status(state="UNKNOWN", status=f"No parse task has the id {task_id!r}")


def describe(job: Job) -> Status:
    """The answer for a job of this app."""
    # Only this app's task reports here, and what it reports is an object.
    progress = job.progress or {}
    state = job.celery_state
    return Status(
        state=state,
        status=_WORDS.get(state, state),
        current=progress.get("current"),
        total=progress.get("total"),
        result=job.result if state == "SUCCESS" else None,
        error=job.error,
    )
