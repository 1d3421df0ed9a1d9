"""Jobs for the routes of apps: the same way as /v1/jobs, without HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from windrow.api.broker_check import broker_answers
from windrow.api.cancelling import cancel_job
from windrow.api.flaws import flaws_of
from windrow.api.problems import Problem
from windrow.api.services import Services
from windrow.apps import Cancelled, QueueInfo, WorkerInfo
from windrow.core.errors import InvalidJob
from windrow.core.ids import is_valid_id
from windrow.core.input import JobRequest, RetryWish
from windrow.core.job import NewJob
from windrow.core.record import JobRecord
from windrow.core.states import State
from windrow.store import jobs, queues, worker_list
from windrow.store.accept import Accepted


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
        expires_at: datetime | None = None,
        time_limit: float | None = None,
        max_attempts: int | None = None,
        tags: Sequence[str] = (),
        job_id: str | None = None,
    ) -> JobRecord:
        """As `windrow.apps.Jobs.submit`."""
        wish = _wish(
            task=task,
            queue=queue,
            priority=priority,
            run_at=None if delay is not None else run_at,
            delay=None if delay is None else float(delay),
            expires_at=expires_at,
            timeout=None if time_limit is None else float(time_limit),
            retry=None if max_attempts is None else RetryWish(max_attempts=max_attempts),
            tags=tuple(tags),
        )
        job = await self._job(wish, args, kwargs or {}, job_id)
        return await self._kept(job, await self._services.acceptor.accept(job))

    async def submit_many(
        self,
        task: str,
        inputs: Sequence[Mapping[str, Any]],
        *,
        queue: str | None = None,
        priority: int | None = None,
        tags: Sequence[str] = (),
        job_ids: Sequence[str] | None = None,
    ) -> list[JobRecord]:
        """As `windrow.apps.Jobs.submit_many`."""
        wish = _wish(task=task, queue=queue, priority=priority, tags=tuple(tags))
        ids = [None] * len(inputs) if job_ids is None else job_ids
        made = [await self._job(wish, (), each, job_id) for each, job_id in zip(inputs, ids, strict=True)]
        done = await self._services.acceptor.accept_many(made)
        for outcome in done:
            if isinstance(outcome, Exception):
                raise outcome
        accepted = [outcome for outcome in done if isinstance(outcome, Accepted)]
        return [await self._kept(job, outcome) for job, outcome in zip(made, accepted, strict=True)]

    async def get(self, job_id: str) -> JobRecord | None:
        """As `windrow.apps.Jobs.get`."""
        return await self._services.ledger.run(jobs.get, job_id) if is_valid_id(job_id) else None

    async def get_many(self, job_ids: Sequence[str]) -> dict[str, JobRecord]:
        """As `windrow.apps.Jobs.get_many`."""
        valid = [job_id for job_id in job_ids if is_valid_id(job_id)]
        found = await self._services.ledger.run(jobs.get_many, valid) if valid else []
        return {job.id: job for job in found}

    async def wait(self, job_id: str, seconds: float) -> JobRecord | None:
        """As `windrow.apps.Jobs.wait`."""
        return await self._services.waiting.finished(job_id, seconds) if is_valid_id(job_id) else None

    async def cancel(self, job_id: str, *, running: bool = True) -> Cancelled | None:
        """As `windrow.apps.Jobs.cancel`."""
        if not is_valid_id(job_id):
            return None
        change = await cancel_job(self._services, job_id, running)
        return None if change is None else Cancelled(change.before, change.after)

    async def find(
        self,
        *,
        task: str | None = None,
        tag: str | None = None,
        states: Sequence[State] | None = None,
        limit: int = 50,
    ) -> list[JobRecord]:
        """As `windrow.apps.Jobs.find`."""
        which = jobs.Filter(states=states, task=task, tag=tag)
        return await self._services.ledger.run(jobs.page, which, limit)

    async def workers(self) -> list[WorkerInfo]:
        """As `windrow.apps.Jobs.workers`."""
        rows = await self._services.ledger.run(worker_list.read)
        return [
            WorkerInfo(w.name, w.pool, w.queues, w.concurrency, w.busy, w.draining)
            for w in rows
            if w.ended_at is None and not w.lost
        ]

    async def broker(self) -> bool:
        """As `windrow.apps.Jobs.broker`."""
        return await broker_answers(self._services)

    async def queues(self) -> list[QueueInfo]:
        """As `windrow.apps.Jobs.queues`."""
        rows = await self._services.ledger.run(queues.read)
        return [
            QueueInfo(q.name, q.paused_at is not None, q.queued, q.running, q.scheduled, q.retrying)
            for q in rows
        ]

    async def _job(
        self, wish: JobRequest, args: Sequence[Any], kwargs: Mapping[str, Any], job_id: str | None
    ) -> NewJob:
        if job_id is not None and not is_valid_id(job_id):
            raise InvalidJob("A job id has 1 to 155 letters, digits or ._~:@-", "/job_id", "Leave it out")
        try:
            job = await self._services.intake.job_of(wish, args, kwargs)
        except Problem as problem:
            first = problem.flaws[0]
            raise InvalidJob(problem.detail, first.pointer, first.fix) from problem
        return job if job_id is None else replace(job, id=job_id)

    async def _kept(self, job: NewJob, accepted: Accepted) -> JobRecord:
        if not accepted.inserted:
            record = await self._services.ledger.run(jobs.get, job.id)
            if record is not None:
                return record
        return fresh(job, accepted.state)


def fresh(job: NewJob, state: State) -> JobRecord:
    """The record of a job that was committed just now: no second round trip for what is known."""
    return JobRecord(
        id=job.id,
        task=job.task,
        queue=job.queue,
        state=state,
        priority=job.priority,
        attempt=0,
        failures=0,
        max_attempts=job.max_attempts,
        cancel_requested=False,
        created_at=datetime.now(UTC),
        run_at=job.run_at,
        expires_at=job.expires_at,
        started_at=None,
        finished_at=None,
        hard_limit=job.hard_limit,
        worker=None,
        parent_id=job.parent_id,
        root_id=job.root_id,
        replay_of=job.replay_of,
        tags=job.tags,
        progress_state=None,
        progress_text=None,
        progress_at=None,
        result_text=None,
        error_text=None,
    )


def _wish(**fields: Any) -> JobRequest:
    try:
        return JobRequest(**fields)
    except ValidationError as exc:
        flaw = flaws_of(exc.errors(include_url=False, include_input=False))[0]
        raise InvalidJob(flaw.message, flaw.pointer, flaw.fix) from exc
