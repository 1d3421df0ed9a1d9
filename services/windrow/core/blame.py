"""Who pays when a worker dies: the rules by which its jobs run again, wait, or end."""

from __future__ import annotations

from typing import NamedTuple

from windrow.core.states import State

#: A job that lost this many workers is ended: a poison may kill before its start is saved.
MAX_CLAIMS = 10


class LostJob(NamedTuple):
    """A job that a dead worker held."""

    id: str
    #: Whether a child is known to have begun it.
    started: bool
    failures: int
    max_attempts: int
    #: Claims that ended with a lost worker, this one included.
    claims: int
    losses: int
    cancel_requested: bool
    options: str | None = None


class Verdict(NamedTuple):
    """What becomes of it: queued, retrying, failed or cancelled, and its counts."""

    state: State
    failures: int
    losses: int
    reason: str


def judge(job: LostJob, suspects: int) -> Verdict:
    """The verdict on `job` of a worker that died with `suspects` jobs in its hands.

    One that ran alone did it: it counts a failure. Of several nobody is blamed, each that is known to have
    begun counts a loss, and with enough losses a job runs alone next time. One that is not known to have
    begun costs nothing but its claim; but it is a suspect: the fastest poison kills before its start is saved.
    """
    blamed = job.started and suspects == 1
    failures = job.failures + blamed
    losses = job.losses + (job.started and not blamed)
    reason = "lost while it ran this job"
    if job.started and not blamed:
        reason = f"lost while it ran this job and held {suspects - 1} more"
    if job.cancel_requested:
        return Verdict(State.CANCELLED, failures, losses, reason)
    if job.claims >= MAX_CLAIMS:
        return Verdict(
            State.FAILED, failures, losses, f"lost, as {job.claims - 1} before it that held this job"
        )
    if blamed and failures >= job.max_attempts:
        return Verdict(State.FAILED, failures, losses, reason)
    return Verdict(State.RETRYING if blamed else State.QUEUED, failures, losses, reason)
