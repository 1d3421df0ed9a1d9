"""Schedules as callers make and change them; the code's own are declared elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from windrow.core.errors import RetiredTask
from windrow.core.job import NewJob
from windrow.core.schedule import next_after, parse_spec, zone
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.fire import RETIRED_FIX, job_of
from windrow.store.op import Op, Query, Row, single
from windrow.store.schedules import COLUMNS, ScheduleRow, as_row, first_moment

__all__ = [
    "NewSchedule",
    "ScheduleRow",
    "Triggered",
    "create",
    "delete",
    "find",
    "page",
    "pause",
    "replace",
    "resume",
    "trigger",
]


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


def create(new: NewSchedule) -> Op[ScheduleRow | None]:
    """nothing -> enabled or not; None when there is one with that id. Raises InvalidJob for a bad spec."""
    next_at = yield from first_moment(new.kind, new.spec, new.timezone)
    rows = yield Query(
        "INSERT INTO windrow.schedules (id, task, queue, input, priority, kind, spec, timezone, enabled, next_at) "
        "VALUES (%(id)s, %(task)s, %(queue)s, %(input)s, %(priority)s, %(kind)s, %(spec)s, %(timezone)s, %(enabled)s, "
        f"%(next_at)s) ON CONFLICT (id) DO NOTHING RETURNING {COLUMNS}",
        {**new._asdict(), "next_at": next_at},
    )
    return _one(rows)


def replace(new: NewSchedule) -> Op[ScheduleRow | None]:
    """Change everything but the id; the time stays unless its spec changes. None when there is none.

    A code-declared one is the caller's from now on. Raises InvalidJob for a bad spec.
    """
    next_at = yield from first_moment(new.kind, new.spec, new.timezone)
    rows = yield Query(
        "UPDATE windrow.schedules SET task = %(task)s, queue = %(queue)s, input = %(input)s, "
        "priority = %(priority)s, kind = %(kind)s, spec = %(spec)s, timezone = %(timezone)s, "
        "enabled = %(enabled)s, edited = true, error = NULL, failed_at = NULL, "
        "next_at = CASE WHEN enabled AND next_at IS NOT NULL AND (kind, spec, timezone) "
        "= (%(kind)s, %(spec)s, %(timezone)s) THEN next_at ELSE %(next_at)s END "
        f"WHERE id = %(id)s RETURNING {COLUMNS}",
        {**new._asdict(), "next_at": next_at},
    )
    return _one(rows)


@single
def find(schedule_id: str) -> Op[ScheduleRow | None]:
    """The schedule."""
    rows = yield Query(f"SELECT {COLUMNS} FROM windrow.schedules WHERE id = %(id)s", {"id": schedule_id})
    return _one(rows)


@single
def page(after: str | None, limit: int) -> Op[list[ScheduleRow]]:
    """At most `limit` schedules by id, those behind `after`."""
    rows = yield Query(
        f"SELECT {COLUMNS} FROM windrow.schedules WHERE id > %(after)s ORDER BY id LIMIT %(limit)s",
        {"after": after or "", "limit": limit},
    )
    return [as_row(row) for row in rows]


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
        f"WHERE id = %(id)s RETURNING {COLUMNS}",
        {"id": schedule_id},
    )
    return _one(rows)


def resume(schedule_id: str) -> Op[ScheduleRow | None]:
    """Let it fire again, from now on: what it missed while it was paused stays missed, but not a one-off."""
    rows = yield Query(
        f"SELECT {COLUMNS}, clock_timestamp() FROM windrow.schedules WHERE id = %(id)s FOR UPDATE",
        {"id": schedule_id},
    )
    if not rows:
        return None
    row, now = as_row(rows[0][:-1]), rows[0][-1]
    next_at = row.next_at
    if row.paused_at is not None and next_at is not None and next_at <= now and row.kind != "once":
        next_at = next_after(parse_spec(row.kind, row.spec), zone(row.timezone), now, next_at)
    rows = yield Query(
        f"UPDATE windrow.schedules SET paused_at = NULL, next_at = %(next_at)s WHERE id = %(id)s RETURNING {COLUMNS}",
        {"id": schedule_id, "next_at": next_at},
    )
    return _one(rows)


class Triggered(NamedTuple):
    """A schedule's job, made out of turn."""

    job: NewJob
    state: State


_READ = f"""
SELECT {", ".join(f"s.{field}" for field in ScheduleRow._fields)},
       t.queue, t.max_attempts, t.retry, t.hard_limit, t.soft_limit, t.retired_at IS NOT NULL
FROM windrow.schedules s LEFT JOIN windrow.tasks t ON t.name = s.task WHERE s.id = %(id)s
"""


def trigger(schedule_id: str, job_id: str) -> Op[Triggered | None]:
    """nothing -> queued: the schedule's job, now; its message is the relay's. None when there is no such schedule.

    Raises RetiredTask for a task that no release declares any more.
    """
    rows = yield Query(_READ, {"id": schedule_id})
    if not rows:
        return None
    split = len(ScheduleRow._fields)
    row, (*task, retired) = as_row(rows[0][:split]), rows[0][split:]
    if retired:
        raise RetiredTask(f"No current release declares the task {row.task!r} any more", "/task", RETIRED_FIX)
    job = job_of(row, job_id, None, *task)
    accepted = yield from accept([job], False)
    return Triggered(job, accepted[0].state)


def _one(rows: Sequence[Row]) -> ScheduleRow | None:
    return as_row(rows[0]) if rows else None
