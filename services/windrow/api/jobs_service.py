"""Jobs for the routes of apps: the same way as POST /v1/jobs, without HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from windrow.api.flaws import flaws_of
from windrow.api.problems import Problem
from windrow.api.services import Services
from windrow.core.errors import InvalidJob
from windrow.core.ids import is_valid_id
from windrow.core.input import JobRequest
from windrow.core.record import JobRecord
from windrow.store import jobs


class JobsService:
    """`windrow.apps.Jobs` inside the API's process."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def submit(
        self,
        task: str,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        queue: str | None = None,
        priority: int | None = None,
        run_at: datetime | None = None,
        delay: float | None = None,
        tags: Sequence[str] = (),
    ) -> JobRecord:
        """As `windrow.apps.Jobs.submit`."""
        try:
            wish = JobRequest(
                task=task,
                queue=queue,
                priority=priority,
                run_at=None if delay is not None else run_at,
                delay=None if delay is None else float(delay),
                tags=tuple(tags),
            )
        except ValidationError as exc:
            flaw = flaws_of(exc.errors(include_url=False, include_input=False))[0]
            raise InvalidJob(flaw.message, flaw.pointer, flaw.fix) from exc
        try:
            job = await self._services.intake.job_of(wish, args, kwargs or {})
        except Problem as problem:
            first = problem.flaws[0]
            raise InvalidJob(problem.detail, first.pointer, first.fix) from problem
        await self._services.acceptor.accept(job)
        record = await self._services.ledger.run(jobs.get, job.id)
        if record is None:
            raise RuntimeError(f"the job {job.id} was committed and is not there")
        return record

    async def get(self, job_id: str) -> JobRecord | None:
        """As `windrow.apps.Jobs.get`."""
        return await self._services.ledger.run(jobs.get, job_id) if is_valid_id(job_id) else None
