"""A request to run a task, as callers write it, and the job that it becomes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, LiteralString

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError, to_json

from windrow.core.job import NewJob
from windrow.core.task import Task

YEAR_SECONDS = 366 * 86_400.0
DAY_SECONDS = 86_400.0
#: Neither control characters nor NUL, which Postgres cannot keep.
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
QUEUE_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)

Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=PRINTABLE)]
#: Redis keys of stock Celery workers that may share the database.
RESERVED_QUEUES = frozenset({"unacked", "unacked_index", "unacked_mutex"})


def _unreserved(name: str) -> str:
    if name in RESERVED_QUEUES:
        raise PydanticCustomError(
            "queue_reserved", "Celery itself keeps messages under this name; take another"
        )
    return name


QueueName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=QUEUE_NAME),
    AfterValidator(_unreserved),
]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=PRINTABLE)]
Priority = Annotated[int, Field(ge=0, le=9)]


def _sensible(moment: datetime) -> datetime:
    # Every clock and calendar on the way can hold it, whatever its offset.
    if not _EARLIEST <= moment < _LATEST:
        raise PydanticCustomError("moment_range", "A moment must lie in the years 1970 to 2999")
    return moment


def _written_out(value: object) -> object:
    # pydantic would take 1.5 and "1.5" for seconds since 1970.
    if not isinstance(value, datetime) and not (isinstance(value, str) and re.match(r"\d{4}-", value)):
        raise PydanticCustomError("datetime_type", "A moment is written like 2026-01-31T09:00:00Z")
    return value


#: An ISO 8601 moment with its offset.
# Strict mode would refuse the text that a before-validator hands on as Python.
WrittenMoment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written_out)]
Moment = Annotated[WrittenMoment, AfterValidator(_sensible)]


class Strict(BaseModel):
    """A body that takes what its schema says and nothing else."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, ser_json_inf_nan="constants"
    )


class RetryWish(Strict):
    """Run again after an exception, too; without it only a lost worker is a reason to."""

    max_attempts: int | None = Field(
        None, ge=1, le=100, description="Attempts that may fail; the task's default."
    )
    base: float = Field(1.0, ge=0, le=DAY_SECONDS, description="Seconds: ceiling of the first delay.")
    factor: float = Field(2.0, ge=1, le=10, description="The ceiling grows by it with each failure.")
    cap: float = Field(600.0, ge=0, le=DAY_SECONDS, description="Seconds: no delay is longer.")


class UniqueWish(Strict):
    """One job of the task with this key in `ttl` seconds."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE)]
    ttl: float = Field(
        DAY_SECONDS, ge=1, le=30 * DAY_SECONDS, description="Seconds that the key stays taken."
    )
    on_conflict: Literal["reject", "existing"] = Field(
        "reject", description="Taken key: 409 with a link to its job, or an answer with that job."
    )


class JobRequest(Strict):
    """Run a task once."""

    task: Name = Field(description="Name of a task in the catalog, e.g. `reports.render`.")
    input: Any = Field(
        None,
        description="An object: keyword arguments; an array: positional ones; null: none; else the only one.",
    )
    queue: QueueName | None = Field(None, description="Default: the task's.")
    priority: Priority | None = Field(None, description="9 first. Default: the task's.")
    run_at: Moment | None = Field(None, description="Not before; a moment in the past means now.")
    delay: float | None = Field(
        None, ge=0, le=10 * YEAR_SECONDS, description="Seconds from now, instead of run_at."
    )
    expires_at: Moment | None = Field(None, description="A job that has not started by then never will.")
    timeout: float | None = Field(None, gt=0, le=7 * DAY_SECONDS, description="Seconds for one attempt.")
    retry: RetryWish | None = None
    unique: UniqueWish | None = None
    tags: tuple[Tag, ...] = Field((), max_length=20, description="Words to find the job by.")

    @model_validator(mode="after")
    def _times_make_sense(self) -> JobRequest:
        if self.run_at is None:
            return self
        if self.delay is not None:
            raise _flaw("run_at_and_delay", "Give run_at or delay, not both", "delay")
        if self.expires_at is not None and self.expires_at <= self.run_at:
            raise _flaw("expires_before_run", "expires_at must be later than run_at", "expires_at")
        return self


def _flaw(kind: str, message: LiteralString, field: str) -> PydanticCustomError:
    return PydanticCustomError(kind, message, {"field": field})


def arguments(given: Any) -> tuple[list[Any], dict[str, Any]]:
    """The args and kwargs that `input` stands for."""
    if isinstance(given, dict):
        return [], given
    if given is None:
        return [], {}
    return (given, {}) if isinstance(given, list) else ([given], {})


def encode(args: list[Any], kwargs: dict[str, Any]) -> str:
    """JSON text of `[args, kwargs]`. Raises pydantic_core.PydanticSerializationError for what is no JSON."""
    return to_json([args, kwargs], inf_nan_mode="constants").decode()


def new_job(request: JobRequest, task: Task, job_id: str, text: str) -> NewJob:
    """The job that `request` asks for, with the task's defaults where it says nothing; `text` is its encoded input."""
    retry, wish = task.retry, request.retry
    attempts = task.max_attempts
    if wish is not None:
        retry = json.dumps({"base": wish.base, "factor": wish.factor, "cap": wish.cap})
        attempts = wish.max_attempts or attempts
    hard, soft = task.hard_limit, task.soft_limit
    if request.timeout is not None:
        hard = request.timeout
        soft = None if soft is None or soft >= hard else soft
    return NewJob(
        id=job_id,
        task=task.name,
        queue=request.queue or task.queue,
        input=text,
        priority=task.priority if request.priority is None else request.priority,
        run_at=request.run_at,
        delay=request.delay,
        expires_at=request.expires_at,
        max_attempts=attempts,
        retry_errors=retry is not None,
        hard_limit=hard,
        soft_limit=soft,
        options=None if retry is None else '{"retry": ' + retry + "}",
        tags=request.tags,
    )
