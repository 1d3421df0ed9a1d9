"""Queues: paused or not, and what waits in them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from windrow.store.op import Op, Query, single
from windrow.store.relay import unsend


class QueueRow(NamedTuple):
    """One queue and its live jobs, counted by the ledger."""

    name: str
    paused_at: datetime | None
    queued: int
    running: int
    scheduled: int
    retrying: int
    blocked: int
    #: When the job that waits longest became due; None when none waits.
    oldest_at: datetime | None


# An arm a partial index: of one list of all live states Postgres makes no scan of indexes, and reads history instead.
_READ = """
WITH live AS (
    SELECT queue, state, count(*) AS n, min(coalesce(run_at, created_at)) AS oldest FROM windrow.jobs
    WHERE (state = 'queued' OR state IN ('claimed', 'running') OR state IN ('scheduled', 'retrying')
           OR state = 'blocked')
      AND (%(name)s::text IS NULL OR queue = %(name)s)
    GROUP BY queue, state
), names AS (
    SELECT name FROM windrow.queues UNION SELECT queue FROM live UNION SELECT queue FROM windrow.tasks
)
SELECT n.name, q.paused_at,
       coalesce(sum(l.n) FILTER (WHERE l.state IN ('queued', 'claimed')), 0)::bigint,
       coalesce(sum(l.n) FILTER (WHERE l.state = 'running'), 0)::bigint,
       coalesce(sum(l.n) FILTER (WHERE l.state = 'scheduled'), 0)::bigint,
       coalesce(sum(l.n) FILTER (WHERE l.state = 'retrying'), 0)::bigint,
       coalesce(sum(l.n) FILTER (WHERE l.state = 'blocked'), 0)::bigint,
       min(l.oldest) FILTER (WHERE l.state = 'queued')
FROM names n LEFT JOIN windrow.queues q ON q.name = n.name LEFT JOIN live l ON l.queue = n.name
WHERE %(name)s::text IS NULL OR n.name = %(name)s
GROUP BY n.name, q.paused_at ORDER BY n.name
"""


@single
def read(name: str | None = None) -> Op[list[QueueRow]]:
    """Every queue that has a row, a task or a live job; or the one called `name`."""
    rows = yield Query(_READ, {"name": name})
    return [QueueRow(*row) for row in rows]


@single
def paused() -> Op[list[str]]:
    """The queues that nobody may take from."""
    rows = yield Query("SELECT name FROM windrow.queues WHERE paused_at IS NOT NULL")
    return [row[0] for row in rows]


@single
def pause(name: str) -> Op[None]:
    """Let nothing more of the queue start; the caller withdraws its messages."""
    yield Query(
        "INSERT INTO windrow.queues AS q (name, paused_at) VALUES (%(name)s, clock_timestamp()) "
        "ON CONFLICT (name) DO UPDATE SET paused_at = coalesce(q.paused_at, excluded.paused_at)",
        {"name": name},
    )


def resume(name: str) -> Op[None]:
    """Let the queue's jobs start again; the caller wakes the relay."""
    yield Query("UPDATE windrow.queues SET paused_at = NULL WHERE name = %(name)s", {"name": name})
    # Workers may have dropped messages since the relay last looked.
    yield from unsend(name)


@single
def unpublish(job_ids: list[str]) -> Op[None]:
    """queued -> queued, with the message left to the relay: it could not be sent, or was withdrawn."""
    yield Query(
        """
        WITH hit AS MATERIALIZED (
            SELECT j.id FROM windrow.jobs j WHERE j.id = ANY(%(ids)s) AND j.state::text = 'queued'
            ORDER BY j.id FOR UPDATE
        )
        UPDATE windrow.jobs j SET published_at = NULL WHERE j.id = ANY(ARRAY(SELECT id FROM hit))
        """,
        {"ids": list(job_ids)},
    )
