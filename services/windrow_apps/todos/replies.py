"""The bodies that the todos routes answer with."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from windrow.apps import Job
from windrow_apps.todos.rows import TodoRow


class Todo(BaseModel):
    """A to-do. `overdue` is set when it is changed, and by a check every hour."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    description: str
    completed: bool
    deadline: datetime | None
    timezone: str
    overdue: bool
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    #: When its owner is or was reminded.
    remind_at: datetime | None


class TodoPage(BaseModel):
    """A page of to-dos; `total` and `pages` count all that the filters leave."""

    tasks: list[Todo]
    total: int
    page: int
    limit: int
    pages: int


class Day(BaseModel):
    """How many to-dos there were at the end of a day (UTC); today's, so far."""

    day: date
    total: int
    completed: int
    overdue: int


class Statistics(BaseModel):
    """An owner's to-dos, counted at `computed_at`."""

    total: int
    completed: int
    open: int
    overdue: int
    #: Open ones whose deadline is within a day of `computed_at`.
    due_within_a_day: int
    #: completed / total, 0 without to-dos.
    completion_rate: float
    computed_at: datetime
    #: The last days that `process_task_statistics` has counted, at most 30, the newest first.
    days: list[Day]


class Queued(BaseModel):
    """A job was accepted."""

    task_id: str
    status: str = "queued"
    message: str


class ExportStatus(BaseModel):
    """Where an export is; a field that does not apply is left out."""

    task_id: str
    #: Celery's: PENDING, STARTED, PROGRESS, RETRY, SUCCESS, FAILURE, REVOKED.
    status: str
    export_format: str
    #: Rows that are written so far, and in all.
    current: int | None = None
    total: int | None = None
    #: Where the file is, once it is done, and what it holds.
    download_url: str | None = None
    rows: int | None = None
    bytes: int | None = None
    error: str | None = None


class CacheStatus(BaseModel):
    """The cache of all owners; numbers are null where Redis does not answer."""

    connected: bool
    #: Seconds that lists and single to-dos are cached, and statistics.
    cache_ttl: int
    statistics_ttl: int
    hits: int | None = Field(None, description="Answers from the cache, since Redis began.")
    misses: int | None = None
    invalidations: int | None = Field(None, description="Changes that made an owner's answers void.")
    keys: int | None = Field(None, description="Answers that are cached now.")


def todo(row: TodoRow) -> Todo:
    """What a caller may see of a row."""
    return Todo.model_validate(row)


def export_status(export: Any, job: Job | None, link: str) -> ExportStatus:
    """Where the export of this row (`Export`) is, by its job; the row alone tells once the job is forgotten."""
    found = ExportStatus(
        task_id=export.export_id,
        status="PENDING" if job is None else job.celery_state,
        export_format=export.format,
    )
    if export.finished_at is not None:
        # The file is there: whether the worker lived to say so as well does not matter.
        done = {"status": "SUCCESS", "download_url": link, "rows": export.rows, "bytes": export.bytes}
        return found.model_copy(update=done)
    if job is None:
        return found
    progress = job.progress or {}
    return found.model_copy(
        update={"current": progress.get("current"), "total": progress.get("total"), "error": job.error}
    )
