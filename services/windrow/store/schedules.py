"""Schedules: read them, write them, and fire those that are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from windrow.core.schedule import Once, next_after, parse_spec, zone
from windrow.store.op import Op, Query, Row, single


class ScheduleRow(NamedTuple):
    """A schedule as the ledger keeps it."""

    id: str
    task: str
    #: None: the task's.
    queue: str | None
    #: JSON text of `[args, kwargs]`.
    input: str
    #: JSON object of further fields of NewJob, as `core.job_json` has them: `{"max_attempts": 5, "expires_in": 60}`.
    options: str | None
    priority: int
    #: cron, crontab, interval, once; see `core.schedule.parse_spec`.
    kind: str
    spec: str
    #: IANA name.
    timezone: str = "UTC"
    enabled: bool = True
    paused_at: datetime | None = None
    #: api, or code: declared by a release.
    origin: str = "api"
    release: str | None = None
    #: Changed by API: the code's word no longer counts.
    edited: bool = False
    created_at: datetime | None = None
    next_at: datetime | None = None
    last_at: datetime | None = None
    #: Why it could not fire, or was refused.
    error: str | None = None
    failed_at: datetime | None = None


COLUMNS = ", ".join(ScheduleRow._fields)


@single
def read(schedule_id: str | None = None) -> Op[list[ScheduleRow]]:
    """Every schedule by id, or the one with that id."""
    rows = yield Query(
        f"SELECT {COLUMNS} FROM windrow.schedules WHERE %(id)s::text IS NULL OR id = %(id)s ORDER BY id",
        {"id": schedule_id},
    )
    return [as_row(row) for row in rows]


def as_row(row: Row) -> ScheduleRow:
    """A row of COLUMNS."""
    return ScheduleRow(*row)


_PUT = f"""
INSERT INTO windrow.schedules AS s (id, task, queue, input, options, priority, kind, spec, timezone, enabled, next_at)
VALUES (%(id)s, %(task)s, %(queue)s, %(input)s, %(options)s, %(priority)s, %(kind)s, %(spec)s, %(timezone)s,
        %(enabled)s, %(next_at)s)
ON CONFLICT (id) DO UPDATE
SET task = excluded.task, queue = excluded.queue, input = excluded.input, options = excluded.options,
    priority = excluded.priority, enabled = excluded.enabled, edited = true, error = NULL, failed_at = NULL,
    next_at = CASE WHEN s.enabled AND s.next_at IS NOT NULL
                    AND (s.kind, s.spec, s.timezone) = (excluded.kind, excluded.spec, excluded.timezone)
                   THEN s.next_at ELSE excluded.next_at END,
    kind = excluded.kind, spec = excluded.spec, timezone = excluded.timezone
RETURNING {COLUMNS}, xmax = 0
"""


def put(row: ScheduleRow) -> Op[tuple[ScheduleRow, bool]]:
    """Create or replace; returns the row, and whether it is new. The time of a schedule that keeps its spec stays.

    A schedule that code declared becomes the caller's. Raises InvalidJob for a spec or zone that cannot be read.
    """
    next_at = yield from first_moment(row)
    rows = yield Query(_PUT, {**row._asdict(), "next_at": next_at})
    return as_row(rows[0][:-1]), rows[0][-1]


def first_moment(row: ScheduleRow) -> Op[datetime | None]:
    """The first moment of a new schedule: of a one-off its own, however late; None when there is none."""
    spec, tz = parse_spec(row.kind, row.spec), zone(row.timezone)
    if isinstance(spec, Once):
        return spec.at
    rows = yield Query("SELECT clock_timestamp()")
    return next_after(spec, tz, rows[0][0])


@single
def delete(schedule_id: str) -> Op[bool]:
    """Whether there was one. One that code declares is disabled instead: its release would bring it back."""
    rows = yield Query(
        """
        WITH gone AS (DELETE FROM windrow.schedules WHERE id = %(id)s AND origin = 'api' RETURNING id),
        off AS (UPDATE windrow.schedules SET enabled = false, edited = true
                WHERE id = %(id)s AND origin = 'code' RETURNING id)
        SELECT id FROM gone UNION ALL SELECT id FROM off
        """,
        {"id": schedule_id},
    )
    return bool(rows)


@single
def pause(schedule_id: str) -> Op[ScheduleRow | None]:
    """Let it fire no more until `resume`; None for an unknown id."""
    rows = yield Query(
        "UPDATE windrow.schedules SET paused_at = coalesce(paused_at, clock_timestamp()) "
        f"WHERE id = %(id)s RETURNING {COLUMNS}",
        {"id": schedule_id},
    )
    return as_row(rows[0]) if rows else None


def resume(schedule_id: str) -> Op[ScheduleRow | None]:
    """Let it fire again, from now on: what the pause swallowed is not made up for. None for an unknown id."""
    rows = yield Query(
        f"SELECT {COLUMNS}, clock_timestamp() FROM windrow.schedules WHERE id = %(id)s FOR UPDATE",
        {"id": schedule_id},
    )
    if not rows:
        return None
    row, now = as_row(rows[0][:-1]), rows[0][-1]
    if row.paused_at is None:
        return row
    next_at = row.next_at
    if next_at is not None and next_at <= now and row.kind != "once":
        next_at = next_after(parse_spec(row.kind, row.spec), zone(row.timezone), now, next_at)
    rows = yield Query(
        f"UPDATE windrow.schedules SET paused_at = NULL, next_at = %(next_at)s WHERE id = %(id)s RETURNING {COLUMNS}",
        {"id": schedule_id, "next_at": next_at},
    )
    return as_row(rows[0])


@single
def due(limit: int, retry: float) -> Op[tuple[list[str], float | None]]:
    """Ids of schedules that are due, longest first, and the seconds until the next one after them.

    One that failed less than `retry` seconds ago is left out.
    """
    rows = yield Query(
        """
        SELECT id, extract(epoch FROM greatest(next_at, failed_at + %(retry)s * interval '1 second')
                                      - clock_timestamp())::float8 AS seconds
        FROM windrow.schedules WHERE enabled AND paused_at IS NULL AND next_at IS NOT NULL
        ORDER BY seconds LIMIT %(limit)s
        """,
        {"limit": limit, "retry": retry},
    )
    ids = [row[0] for row in rows if row[1] <= 0]
    return ids, next((max(row[1], 0.0) for row in rows if row[1] > 0), None)


@single
def note_failure(schedule_id: str, error: str) -> Op[None]:
    """Show why a schedule could not fire; it stays due."""
    yield Query(
        "UPDATE windrow.schedules SET error = %(error)s, failed_at = clock_timestamp() WHERE id = %(id)s",
        {"id": schedule_id, "error": error.replace("\x00", "")[:2000]},
    )


def as_columns(rows: Sequence[ScheduleRow]) -> Mapping[str, list[object]]:
    """One array a column."""
    return {field: [getattr(row, field) for row in rows] for field in ScheduleRow._fields}
