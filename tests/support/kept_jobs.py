"""`windrow.apps.Jobs` in memory, for unit tests of an app's routes. The real one is tested with PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from windrow.apps import Cancelled, Job, QueueInfo, State, WorkerInfo
from windrow.core.ids import new_id

JOB = Job(
    id="0198d2c0-0000-7000-8000-000000000001",
    task="tests.task",
    queue="default",
    state=State.QUEUED,
    priority=0,
    attempt=0,
    failures=0,
    max_attempts=3,
    cancel_requested=False,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    run_at=None,
    expires_at=None,
    started_at=None,
    finished_at=None,
    hard_limit=None,
    worker=None,
    parent_id=None,
    root_id=None,
    replay_of=None,
    tags=(),
    progress_state=None,
    progress_text=None,
    progress_at=None,
    result_text=None,
    error_text=None,
)


class Submitted(NamedTuple):
    """What a route asked for."""

    id: str
    task: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    options: Mapping[str, Any]


@dataclass
class KeptJobs:
    """Keeps what is submitted; tests write states into `kept` by `put`."""

    kept: dict[str, Job] = field(default_factory=dict)
    submitted: list[Submitted] = field(default_factory=list)
    serving: list[WorkerInfo] = field(default_factory=list)
    named: list[QueueInfo] = field(default_factory=list)
    answering: bool = True

    def put(self, job_id: str, result: Any = None, **changes: Any) -> Job:
        """Keep a job like JOB with these changes; `result` is any JSON value."""
        if result is not None:
            changes["result_text"] = json.dumps(result)
        self.kept[job_id] = replace(self.kept.get(job_id, JOB), id=job_id, **changes)
        return self.kept[job_id]

    async def submit(
        self,
        task: str,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        job_id: str | None = None,
        **options: Any,
    ) -> Job:
        job = self.kept.get(job_id or "")
        if job is not None:
            return job
        given = {name: value for name, value in options.items() if value is not None}
        job = replace(JOB, id=job_id or new_id(), task=task, tags=tuple(given.get("tags", ())))
        self.submitted.append(Submitted(job.id, task, args, kwargs or {}, given))
        return self.kept.setdefault(job.id, job)

    async def submit_many(
        self,
        task: str,
        inputs: Sequence[Mapping[str, Any]],
        *,
        job_ids: Sequence[str] | None = None,
        **options: Any,
    ) -> list[Job]:
        ids: Sequence[str | None] = job_ids or [None] * len(inputs)
        pairs = zip(inputs, ids, strict=True)
        return [await self.submit(task, kwargs=each, job_id=own, **options) for each, own in pairs]

    async def get(self, job_id: str) -> Job | None:
        return self.kept.get(job_id)

    async def get_many(self, job_ids: Sequence[str]) -> dict[str, Job]:
        return {job_id: self.kept[job_id] for job_id in job_ids if job_id in self.kept}

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        return self.kept.get(job_id)

    async def cancel(self, job_id: str, *, running: bool = True) -> Cancelled | None:
        job = self.kept.get(job_id)
        if job is None:
            return None
        after = job.state
        if not (after.is_final or after in (State.RUNNING, State.CLAIMED)):
            after = self.put(job_id, state=State.CANCELLED).state
        return Cancelled(job.state, after)

    async def find(
        self,
        *,
        task: str | None = None,
        tag: str | None = None,
        states: Sequence[State] | None = None,
        limit: int = 50,
    ) -> list[Job]:
        found = [
            job
            for job in sorted(self.kept.values(), key=lambda job: job.id, reverse=True)
            if task in (None, job.task)
            and (tag is None or tag in job.tags)
            and (states is None or job.state in states)
        ]
        return found[:limit]

    async def workers(self) -> list[WorkerInfo]:
        return self.serving

    async def broker(self) -> bool:
        return self.answering

    async def queues(self) -> list[QueueInfo]:
        return self.named
