"""Relay: queued jobs whose message was never sent, was withdrawn, or was lost."""

from __future__ import annotations

from collections.abc import Sequence

from windrow.store.op import Op, Query, single
from windrow.store.sent import SENT, Sent, as_sent

# Jumps from queue to queue in the index instead of reading every job.
_UNSENT_QUEUES = """
WITH RECURSIVE names AS (
    (SELECT queue FROM windrow.jobs WHERE state = 'queued' AND published_at IS NULL ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT j.queue FROM windrow.jobs j
            WHERE j.state = 'queued' AND j.published_at IS NULL AND j.queue > names.queue ORDER BY j.queue LIMIT 1)
    FROM names WHERE names.queue IS NOT NULL
)
SELECT queue FROM names LEFT JOIN windrow.queues q ON q.name = names.queue
WHERE queue IS NOT NULL AND q.paused_at IS NULL
"""


@single
def unsent_queues() -> Op[list[str]]:
    """Queues, not paused, with queued jobs that have no message."""
    rows = yield Query(_UNSENT_QUEUES)
    return [row[0] for row in rows]


_UNSENT = """
    j.queue = %(queue)s AND j.state = 'queued' AND j.published_at IS NULL
    AND j.priority BETWEEN %(low)s AND %(high)s AND NOT j.id = ANY(%(skip)s)
"""

# By an array of the primary key: without statistics a join is planned as a loop over all pairs.
# By the moment of their acceptance, not by id: Celery's random ids would wait behind every UUIDv7.
_SEND = f"""
WITH hit AS MATERIALIZED (
    SELECT j.id FROM windrow.jobs j WHERE {_UNSENT} AND (%(only)s::text IS NULL OR j.id = %(only)s)
    ORDER BY j.priority DESC, j.created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), done AS (
    UPDATE windrow.jobs j SET published_at = clock_timestamp()
    WHERE j.id = ANY(ARRAY(SELECT id FROM hit))
    RETURNING {SENT} AS alone, j.created_at
)
SELECT id, task, queue, priority, alone FROM done ORDER BY priority DESC, created_at
"""


@single
def send(
    queue: str, low: int, high: int, limit: int, skip: Sequence[str] = (), only: str | None = None
) -> Op[list[Sent]]:
    """queued -> queued with a message to be sent: the first `limit` of priorities `low` to `high`, in order."""
    rows = yield Query(
        _SEND,
        {"queue": queue, "low": low, "high": high, "limit": limit, "skip": list(skip), "only": only},
    )
    return as_sent(rows)


@single
def unsent(queue: str, low: int, high: int, limit: int, skip: Sequence[str] = ()) -> Op[list[str]]:
    """The ids that `send` would take."""
    rows = yield Query(
        f"SELECT j.id FROM windrow.jobs j WHERE {_UNSENT} ORDER BY j.priority DESC, j.created_at LIMIT %(limit)s",
        {"queue": queue, "low": low, "high": high, "limit": limit, "skip": list(skip)},
    )
    return [row[0] for row in rows]


@single
def unsend(queue: str) -> Op[int]:
    """queued -> queued without a message, for all of a paused queue; returns how many."""
    rows = yield Query(
        """
        WITH hit AS MATERIALIZED (
            SELECT j.id FROM windrow.jobs j
            WHERE j.queue = %(queue)s AND j.state = 'queued' AND (j.published_at IS NULL) IS FALSE
            LIMIT 20000 FOR UPDATE SKIP LOCKED
        )
        UPDATE windrow.jobs j SET published_at = NULL
        WHERE j.id = ANY(ARRAY(SELECT id FROM hit))
        RETURNING j.id
        """,
        {"queue": queue},
    )
    return len(rows)
