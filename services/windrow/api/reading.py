"""Look one job up, and tell "never was" from "would be gone by now"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from windrow.api.problems import Problem, gone, unknown_job
from windrow.api.services import Services
from windrow.core.ids import is_valid_id, made_at
from windrow.core.record import JobRecord
from windrow.store import jobs


async def find_job(services: Services, job_id: str) -> JobRecord:
    """The job. Raises the 404 and 410 problems, and LedgerUnavailable."""
    check_id(job_id)
    record = await services.ledger.run(jobs.get, job_id)
    if record is None:
        raise missing(services, job_id)
    return record


def check_id(job_id: str) -> None:
    """Raises the 404 problem for an id that no job can have; Postgres is not even asked."""
    if not is_valid_id(job_id):
        raise unknown_job(job_id[:200])


def missing(services: Services, job_id: str) -> Problem:
    """The problem of an id that the ledger does not have."""
    made = made_at(job_id)
    retention = timedelta(seconds=services.settings.retention_seconds)
    if made is not None and made < datetime.now(UTC) - retention:
        return gone(job_id)
    return unknown_job(job_id)
