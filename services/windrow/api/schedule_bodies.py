"""The bodies of /v1/schedules."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from windrow.core.errors import InvalidJob
from windrow.core.input import Moment, Name, Priority, QueueName, Strict
from windrow.core.schedule import MAX_INTERVAL_SECONDS, parse_spec
from windrow.store.schedules import ScheduleRow

ID_PATTERN = r"^[A-Za-z0-9._~@-]+$"
MAX_ID_CHARS = 200
#: What callers may make; the code's own may be quicker.
MIN_EVERY_SECONDS = 1.0
ScheduleName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_CHARS, pattern=ID_PATTERN)]


class Timing(NamedTuple):
    """How the ledger keeps it."""

    kind: str
    spec: str


class ScheduleBody(Strict):
    """Run a task again and again, or once. Give exactly one of cron, every and at."""

    task: Name
    input: Any = Field(None, description="As of POST /v1/jobs.")
    queue: QueueName | None = None
    priority: Priority | None = None
    cron: str | None = Field(None, max_length=200, description="Five fields, e.g. `0 6 * * 1-5`.")
    every: float | None = Field(None, ge=MIN_EVERY_SECONDS, le=MAX_INTERVAL_SECONDS, description="Seconds.")
    at: Moment | None = Field(None, description="Once, at this moment.")
    timezone: str = Field("UTC", max_length=100, description="IANA zone in which cron is read.")
    enabled: bool = True

    @model_validator(mode="after")
    def _one_timing(self) -> ScheduleBody:
        if sum(value is not None for value in (self.cron, self.every, self.at)) != 1:
            raise PydanticCustomError("one_timing", "Give exactly one of cron, every and at")
        return self

    def timing(self) -> Timing:
        """The one that was given. Raises InvalidJob when cron is none."""
        if self.cron is not None:
            try:
                parse_spec("cron", self.cron)
            except InvalidJob as exc:
                raise InvalidJob(str(exc), "/cron", exc.fix) from exc
            return Timing("cron", self.cron)
        if self.every is not None:
            return Timing("interval", repr(self.every))
        assert self.at is not None
        return Timing("once", self.at.isoformat())


class ScheduleCreate(ScheduleBody):
    """A new schedule."""

    id: ScheduleName


class ScheduleView(BaseModel):
    """A schedule."""

    id: str
    task: str
    input: Any = Field(description="As of POST /v1/jobs; `[args, kwargs]` where it has both.")
    queue: str | None
    priority: int
    kind: str = Field(description="cron, crontab (Celery's), interval or once.")
    spec: str
    timezone: str
    enabled: bool
    paused_at: datetime | None
    origin: str = Field(description="api, or code.")
    release: str | None
    edited: bool
    created_at: datetime | None
    next_at: datetime | None
    last_at: datetime | None
    error: str | None = Field(description="Why it could not fire last time.")


class ScheduleList(BaseModel):
    """Schedules by id."""

    schedules: list[ScheduleView]


def schedule_view(row: ScheduleRow) -> ScheduleView:
    """`row` as callers see it."""
    shown = {name: value for name, value in row._asdict().items() if name in ScheduleView.model_fields}
    args, kwargs = json.loads(row.input)
    given = [args, kwargs] if args and kwargs else args or kwargs
    return ScheduleView(**{**shown, "input": given})
