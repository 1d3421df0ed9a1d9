"""What must be true of jobs when all is over."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tests.e2e.platform import Job, Platform


def flaws(platform: Platform, jobs: Iterable[Job], ids: Collection[str]) -> list[str]:
    """Accepted jobs that did not run exactly once and succeed: lost, killed, given back after a start, doubled."""
    return _judge(platform, jobs, ids, attempts_may_be_lost=False)


def losses(platform: Platform, jobs: Iterable[Job], ids: Collection[str]) -> list[str]:
    """Accepted jobs that did not succeed exactly once, whatever was killed on the way."""
    return _judge(platform, jobs, ids, attempts_may_be_lost=True)


def _judge(
    platform: Platform, jobs: Iterable[Job], ids: Collection[str], *, attempts_may_be_lost: bool
) -> list[str]:
    found: list[str] = []
    by_id = {job["id"]: job for job in jobs}
    found += [f"{job_id} was accepted, and is not there" for job_id in ids if job_id not in by_id]
    found += [f"{job_id} is there, and nobody was told" for job_id in by_id if job_id not in set(ids)]
    for job in by_id.values():
        outcomes = [attempt["outcome"] for attempt in platform.attempts(job["id"])]
        allowed = outcomes[-1:] if attempts_may_be_lost else outcomes
        if job["state"] != "succeeded" or allowed != ["succeeded"] or outcomes.count("succeeded") != 1:
            found.append(f"{job['id']} {job['task']} {job['state']}, {job['attempt']} starts: {outcomes}")
    return found
