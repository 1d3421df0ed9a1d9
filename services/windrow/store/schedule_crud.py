"""Schedules as callers make and change them; the code's own are declared elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from windrow.core.schedule import next_after, parse_spec, zone
from windrow.store.op import Op, Query, Row, single


class NewSchedule(NamedTuple):
    """What a caller says of a schedule."""

    id: str
    task: str
    #: None: the task's.
    queue: str | None
    #: JSON text of `[args, kwargs]`.
    input: str
    priority: int
    #: cron, crontab, interval or once, and what it means there.
    kind: str
    spec: str
    timezone: str
    enabled: bool


class ScheduleRow(NamedTuple):
    """A schedule as the ledger has it."""

    id: str
    task: str
    queue: str | None
    input: str
    priority: int
    kind: str
    spec: str
    timezone: str
    enabled: bool
    paused_at: datetime | None
    #: api, or code.
    origin: str
    release: str | None
    edited: bool
    created_at: datetime
    next_at: datetime | None
    last_at: datetime | None


_COLUMNS = ", ".join(ScheduleRow._fields)


def create(new: NewSchedule) -> Op[ScheduleRow | None]:
    """nothing -> enabled or not; None when there is one with that id. Raises InvalidJob for a bad spec."""
    next_at = yield from _next(new)
    rows = yield Query(
        "INSERT INTO windrow.schedules (id, task, queue, input, priority, kind, spec, timezone, enabled, next_at) "
        "VALUES (%(id)s, %(task)s, %(queue)s, %(input)s, %(priority)s, %(kind)s, %(spec)s, %(timezone)s, %(enabled)s, "
        f"%(next_at)s) ON CONFLICT (id) DO NOTHING RETURNING {_COLUMNS}",
        {**new._asdict(), "next_at": next_at},
    )
    return _one(rows)


def replace(new: NewSchedule) -> Op[ScheduleRow | None]:
    """Change everything but the id; a code-declared one is the caller's from now on. None when there is none."""
    next_at = yield from _next(new)
    rows = yield Query(
        "UPDATE windrow.schedules SET task = %(task)s, queue = %(queue)s, input = %(input)s, "
        "priority = %(priority)s, kind = %(kind)s, spec = %(spec)s, timezone = %(timezone)s, "
        f"enabled = %(enabled)s, next_at = %(next_at)s, edited = true WHERE id = %(id)s RETURNING {_COLUMNS}",
        {**new._asdict(), "next_at": next_at},
    )
    return _one(rows)


@single
def find(schedule_id: str) -> Op[ScheduleRow | None]:
    """The schedule."""
    rows = yield Query(f"SELECT {_COLUMNS} FROM windrow.schedules WHERE id = %(id)s", {"id": schedule_id})
    return _one(rows)


@single
def page(after: str | None, limit: int) -> Op[list[ScheduleRow]]:
    """At most `limit` schedules by id, those behind `after`."""
    rows = yield Query(
        f"SELECT {_COLUMNS} FROM windrow.schedules WHERE id > %(after)s ORDER BY id LIMIT %(limit)s",
        {"after": after or "", "limit": limit},
    )
    return [ScheduleRow(*row) for row in rows]


@single
def delete(schedule_id: str) -> Op[bool]:
    """Remove a caller's schedule and leave its jobs; False when there is none, or the code declares it."""
    rows = yield Query(
        "DELETE FROM windrow.schedules WHERE id = %(id)s AND origin = 'api' RETURNING id", {"id": schedule_id}
    )
    return bool(rows)


@single
def pause(schedule_id: str) -> Op[ScheduleRow | None]:
    """Let it fire no more until it is resumed."""
    rows = yield Query(
        "UPDATE windrow.schedules SET paused_at = coalesce(paused_at, clock_timestamp()) "
        f"WHERE id = %(id)s RETURNING {_COLUMNS}",
        {"id": schedule_id},
    )
    return _one(rows)


def resume(schedule_id: str) -> Op[ScheduleRow | None]:
    """Let it fire again, from now on: what it missed while it was paused stays missed."""
    row = yield from find(schedule_id)
    if row is None or row.paused_at is None:
        return row
    next_at = yield from _next(row)
    rows = yield Query(
        f"UPDATE windrow.schedules SET paused_at = NULL, next_at = %(next_at)s WHERE id = %(id)s RETURNING {_COLUMNS}",
        {"id": schedule_id, "next_at": next_at},
    )
    return _one(rows)


def _next(schedule: NewSchedule | ScheduleRow) -> Op[datetime | None]:
    """When it fires next, by the database's clock; None: never again."""
    spec, tz = parse_spec(schedule.kind, schedule.spec), zone(schedule.timezone)
    rows = yield Query("SELECT clock_timestamp()")
    now: Any = rows[0][0]
    return next_after(spec, tz, now)


def _one(rows: list[Row] | tuple[Row, ...] | Any) -> ScheduleRow | None:
    return ScheduleRow(*rows[0]) if rows else None
