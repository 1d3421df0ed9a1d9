"""How each of beat's chores fares: its last success, its last failure, and what it has done."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from windrow.store.op import Op, Query, single

MAX_ERROR_CHARS = 2000


class ChoreRow(NamedTuple):
    """One chore, over all beats."""

    name: str
    succeeded_at: datetime | None
    failed_at: datetime | None
    error: str | None
    #: Rows it acted on, ever.
    done: int


@single
def record(name: str, succeeded: bool, error: str | None, done: int) -> Op[None]:
    """Note a pass: it may have succeeded as a whole and still met a row that failed."""
    yield Query(
        """
        INSERT INTO windrow.chores AS c (name, succeeded_at, failed_at, error, done)
        VALUES (%(name)s, CASE WHEN %(ok)s THEN clock_timestamp() END,
                CASE WHEN %(error)s::text IS NOT NULL THEN clock_timestamp() END, %(error)s, %(done)s)
        ON CONFLICT (name) DO UPDATE
        SET succeeded_at = coalesce(excluded.succeeded_at, c.succeeded_at),
            failed_at = coalesce(excluded.failed_at, c.failed_at),
            error = coalesce(excluded.error, c.error), done = c.done + excluded.done
        """,
        {
            "name": name,
            "ok": succeeded,
            "error": None if error is None else error.replace("\x00", "")[:MAX_ERROR_CHARS],
            "done": done,
        },
    )


@single
def read() -> Op[list[ChoreRow]]:
    """Every chore that ever ran, by name."""
    rows = yield Query("SELECT name, succeeded_at, failed_at, error, done FROM windrow.chores ORDER BY name")
    return [ChoreRow(*row) for row in rows]
