"""Schedules: what the ledger keeps of each, and which are due."""

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


def as_row(row: Row) -> ScheduleRow:
    """A row of COLUMNS."""
    return ScheduleRow(*row)


def first_moment(kind: str, text: str, timezone: str) -> Op[datetime | None]:
    """When a new schedule first fires; a one-off in the past at once; None: never. Raises InvalidJob."""
    spec, tz = parse_spec(kind, text), zone(timezone)
    if isinstance(spec, Once):
        return spec.at
    rows = yield Query("SELECT clock_timestamp()")
    return next_after(spec, tz, rows[0][0])


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
