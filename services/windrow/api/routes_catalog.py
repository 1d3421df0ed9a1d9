"""What the cluster has: /v1/tasks, /v1/queues and /v1/workers."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from windrow.api import problems
from windrow.api.auth import needs
from windrow.api.callers import JOBS_READ, QUEUES_WRITE
from windrow.api.documented import refusals
from windrow.api.outbox import RELAY
from windrow.api.services import Services, services_of
from windrow.api.views import answer
from windrow.broker.errors import BrokerUnavailable
from windrow.core.input import QUEUE_NAME
from windrow.store import catalog, queues
from windrow.store import worker_list as workers

router = APIRouter(prefix="/v1")
Parts = Annotated[Services, Depends(services_of)]
READ, WRITE = [Depends(needs(JOBS_READ))], [Depends(needs(QUEUES_WRITE))]
QueueName = Annotated[str, Path(max_length=100, pattern=QUEUE_NAME)]


class TaskView(BaseModel):
    """A task of the catalog."""

    name: str
    queue: str
    summary: str | None
    input_schema: Any = Field(description="JSON Schema of the keyword arguments; null: any JSON.")
    priority: int
    max_attempts: int
    retry: Any
    timeout: float | None
    pool: str
    release: str
    declared_at: datetime
    retired_at: datetime | None


class TaskList(BaseModel):
    """Every task that a release declared."""

    tasks: list[TaskView]


class QueueView(BaseModel):
    """A queue and its live jobs."""

    name: str
    paused_at: datetime | None
    queued: int
    running: int
    scheduled: int
    retrying: int
    blocked: int
    oldest_at: datetime | None = Field(description="Since when the job waits that waits longest.")


class QueueList(BaseModel):
    """Every queue that has a pool, a task or a job."""

    queues: list[QueueView]


class WorkerView(BaseModel):
    """A worker that serves, or ended lately."""

    id: str
    name: str
    pool: str
    pool_type: str
    queues: list[str]
    concurrency: int
    busy: int
    release: str
    host: str
    started_at: datetime
    renewed_at: datetime
    draining: bool
    ended_at: datetime | None
    lost: bool


class WorkerList(BaseModel):
    """Workers, the newest first."""

    workers: list[WorkerView]


@router.get("/tasks", tags=["catalog"], dependencies=READ, response_model=TaskList, responses=refusals())
async def list_tasks(services: Parts) -> Response:
    """The catalog: every task that a release declared, retired ones too."""
    rows = await services.ledger.run(catalog.read)
    return answer(TaskList(tasks=[_task(row) for row in rows]))


@router.get("/queues", tags=["queues"], dependencies=READ, response_model=QueueList, responses=refusals())
async def list_queues(services: Parts) -> Response:
    """Queues with the number of their live jobs, by state."""
    rows = await services.ledger.run(queues.read)
    return answer(QueueList(queues=[QueueView(**row._asdict()) for row in rows]))


_CHANGE: dict[str, Any] = {
    "tags": ["queues"],
    "dependencies": WRITE,
    "response_model": QueueView,
    "responses": refusals(problems.NOT_FOUND, problems.INVALID),
}


@router.post("/queues/{name}:pause", **_CHANGE)
async def pause(name: QueueName, services: Parts) -> Response:
    """Let no further job of the queue start; new ones are kept and wait."""
    await _find(services, name)
    await services.ledger.run(queues.pause, name)
    await services.catalog.refresh()
    try:
        withdrawn = await services.depth.withdraw(name)
    except BrokerUnavailable:
        # A worker that takes one of its messages meanwhile runs that job; the relay sends no more of them.
        withdrawn = []
    if withdrawn:
        await services.ledger.run(queues.unpublish, withdrawn)
    # Another process may have sent one more meanwhile: the relay withdraws again.
    services.outbox.send(signals=[RELAY])
    return answer(await _find(services, name))


@router.post("/queues/{name}:resume", **_CHANGE)
async def resume(name: QueueName, services: Parts) -> Response:
    """Let the queue's jobs start again."""
    await _find(services, name)
    await services.ledger.run(queues.resume, name)
    await services.catalog.refresh()
    services.outbox.send(signals=[RELAY])
    return answer(await _find(services, name))


@router.get("/workers", tags=["workers"], dependencies=READ, response_model=WorkerList, responses=refusals())
async def list_workers(services: Parts) -> Response:
    """Workers that serve, and those that ended within the last hour."""
    rows = await services.ledger.run(workers.read)
    return answer(WorkerList(workers=[WorkerView(**row._asdict()) for row in rows]))


async def _find(services: Services, name: str) -> QueueView:
    rows = await services.ledger.run(queues.read, name)
    if not rows:
        raise problems.not_found(f"There is no queue {name!r}")
    return QueueView(**rows[0]._asdict())


def _task(row: catalog.CatalogRow) -> TaskView:
    task = row.task
    return TaskView(
        name=task.name,
        queue=task.queue,
        summary=task.summary,
        input_schema=None if task.input_schema is None else json.loads(task.input_schema),
        priority=task.priority,
        max_attempts=task.max_attempts,
        retry=None if task.retry is None else json.loads(task.retry),
        timeout=task.hard_limit,
        pool=row.pool,
        release=row.release,
        declared_at=row.declared_at,
        retired_at=row.retired_at,
    )
