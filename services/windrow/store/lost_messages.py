"""Settle: sent jobs that nobody took for a while are compared with the broker, and sent again if it has lost them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from windrow.store.op import Op, Query, single
from windrow.store.sent import SENT, Sent, as_sent

#: A sent job, in the form that the index on queued jobs serves.
_SENT = "j.state = 'queued' AND (j.published_at IS NULL) IS FALSE"
_STALE = "j.published_at < (SELECT clock_timestamp()) - %(older)s * interval '1 second'"

_UNEXPLAINED = f"""
WITH RECURSIVE names AS (
    (SELECT j.queue FROM windrow.jobs j WHERE {_SENT} ORDER BY j.queue LIMIT 1)
    UNION ALL
    SELECT (SELECT j.queue FROM windrow.jobs j WHERE {_SENT} AND j.queue > names.queue ORDER BY j.queue LIMIT 1)
    FROM names WHERE names.queue IS NOT NULL
)
INSERT INTO windrow.queues AS q (name, settled_at)
SELECT n.queue, clock_timestamp() FROM names n
WHERE n.queue IS NOT NULL AND EXISTS (SELECT FROM windrow.jobs j WHERE j.queue = n.queue AND {_SENT} AND {_STALE})
ORDER BY n.queue
ON CONFLICT (name) DO UPDATE SET settled_at = excluded.settled_at
WHERE q.paused_at IS NULL AND coalesce(q.settled_at, '-infinity')
      <= (SELECT clock_timestamp()) - %(every)s * interval '1 second'
RETURNING q.name
"""


@single
def begin_settle(older: float, every: float) -> Op[list[str]]:
    """Queues with jobs sent more than `older` seconds ago and still queued, which nobody settled for `every` seconds.

    They are the caller's: another beat gets them only after `every` seconds.
    """
    rows = yield Query(_UNEXPLAINED, {"older": older, "every": every})
    return [row[0] for row in rows]


@single
def stale(queue: str, older: float, limit: int = 20_000) -> Op[list[str]]:
    """Ids of the queue's jobs that were sent more than `older` seconds ago and are still queued."""
    rows = yield Query(
        f"SELECT j.id FROM windrow.jobs j WHERE j.queue = %(queue)s AND {_SENT} AND {_STALE} LIMIT %(limit)s",
        {"queue": queue, "older": older, "limit": limit},
    )
    return [row[0] for row in rows]


class SentNow(NamedTuple):
    """The sent and still queued jobs of one priority."""

    priority: int
    number: int
    #: (when its message was sent, id) of those whose message is old, the oldest first; at most `limit`.
    stale: list[tuple[datetime, str]]


def sent_by_priority(queue: str, older: float, limit: int = 5_000) -> Op[list[SentNow]]:
    """The queue's sent and still queued jobs, by priority; stale are those sent more than `older` seconds ago."""
    values = {"queue": queue, "older": older, "limit": limit}
    counted = yield Query(
        f"SELECT j.priority, count(*) FROM windrow.jobs j WHERE j.queue = %(queue)s AND {_SENT} GROUP BY 1",
        values,
    )
    found = {int(priority): SentNow(int(priority), int(count), []) for priority, count in counted}
    rows = yield Query(
        f"SELECT j.priority, j.published_at, j.id FROM windrow.jobs j "
        f"WHERE j.queue = %(queue)s AND {_SENT} AND {_STALE} ORDER BY j.published_at LIMIT %(limit)s",
        values,
    )
    for priority, when, job_id in rows:
        if priority in found:
            found[priority].stale.append((when, job_id))
    return list(found.values())


# The cast keeps the planner to the primary key: without statistics it takes the index on queued jobs for short.
@single
def resend(ids: Sequence[str], older: float) -> Op[list[Sent]]:
    """queued -> queued with a message to be sent again, unless it was taken or sent again meanwhile."""
    rows = yield Query(
        f"""
        WITH hit AS MATERIALIZED (
            SELECT j.id FROM windrow.jobs j WHERE j.id = ANY(%(ids)s) AND j.state::text = 'queued' AND {_STALE}
            ORDER BY j.id FOR UPDATE
        )
        UPDATE windrow.jobs j SET published_at = clock_timestamp()
        WHERE j.id = ANY(ARRAY(SELECT id FROM hit))
        RETURNING {SENT}
        """,
        {"ids": list(ids), "older": older},
    )
    return as_sent(rows)


@single
def pools() -> Op[list[str]]:
    """Every pool whose workers may hold a message."""
    rows = yield Query("SELECT pool FROM windrow.workers UNION SELECT pool FROM windrow.tasks ORDER BY 1")
    return [row[0] for row in rows]
