"""The states of a job, which of them are final, and Celery's names for them."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a job is; the value is what SQL and HTTP show."""

    SCHEDULED = "scheduled"
    BLOCKED = "blocked"
    QUEUED = "queued"
    CLAIMED = "claimed"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """True when nothing but an explicit retry can change the job any more."""
        return self in FINAL

    @property
    def shown(self) -> State:
        """The state as callers see it: a claim is not a start."""
        return State.QUEUED if self is State.CLAIMED else self


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED})

_CELERY = {
    State.SCHEDULED: "PENDING",
    State.BLOCKED: "PENDING",
    State.QUEUED: "PENDING",
    State.CLAIMED: "PENDING",
    State.RUNNING: "STARTED",
    State.RETRYING: "RETRY",
    State.SUCCEEDED: "SUCCESS",
    State.FAILED: "FAILURE",
    State.CANCELLED: "REVOKED",
    State.EXPIRED: "REVOKED",
}


def celery_state(state: State, progress_state: str | None = None) -> str:
    """Celery's name for `state`; a running job that reported shows its own state (PROGRESS)."""
    if state is State.RUNNING and progress_state:
        return progress_state
    return _CELERY[state]
