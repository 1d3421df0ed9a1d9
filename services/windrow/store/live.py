"""What is going on in the ledger right now, as numbers: live jobs, workers, schedules, and the server itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from windrow.store.op import Op, Query, single

#: Schedules that are shown one by one, those that lag most first.
MAX_SCHEDULES = 500


class QueueNow(NamedTuple):
    """One queue."""

    name: str
    paused: bool
    #: State -> live jobs.
    jobs: Mapping[str, int]
    #: Seconds that the job which waits longest has been due; 0 when none waits.
    oldest: float


# A statement a partial index: history costs nothing here.
_QUEUES = """
WITH live AS (
    SELECT queue, 'queued' AS state, count(*) AS n, min(greatest(run_at, created_at)) AS due
    FROM windrow.jobs WHERE state = 'queued' GROUP BY queue
    UNION ALL
    SELECT queue, state::text, count(*), NULL FROM windrow.jobs WHERE state IN ('scheduled', 'retrying') GROUP BY 1, 2
    UNION ALL
    SELECT queue, state::text, count(*), NULL FROM windrow.jobs WHERE state IN ('claimed', 'running') GROUP BY 1, 2
    UNION ALL
    SELECT queue, 'blocked', count(*), NULL FROM windrow.jobs WHERE state = 'blocked' GROUP BY queue
), names AS (
    SELECT name FROM windrow.queues UNION SELECT queue FROM live
    UNION SELECT queue FROM windrow.tasks WHERE retired_at IS NULL
)
SELECT n.name, q.paused_at IS NOT NULL,
       array_agg(l.state) FILTER (WHERE l.state IS NOT NULL), array_agg(l.n) FILTER (WHERE l.state IS NOT NULL),
       coalesce(greatest(extract(epoch FROM clock_timestamp() - min(l.due)), 0), 0)::float8
FROM names n LEFT JOIN windrow.queues q ON q.name = n.name LEFT JOIN live l ON l.queue = n.name
GROUP BY n.name, q.paused_at ORDER BY n.name
"""


@single
def queues() -> Op[list[QueueNow]]:
    """Every queue that has a row, a task or a live job."""
    rows = yield Query(_QUEUES)
    return [
        QueueNow(name, paused, dict(zip(states or (), numbers or (), strict=True)), oldest)
        for name, paused, states, numbers, oldest in rows
    ]


@single
def running() -> Op[int]:
    """How many jobs a child has."""
    # The first condition is the index's.
    rows = yield Query(
        "SELECT count(*) FROM windrow.jobs WHERE state IN ('claimed', 'running') AND state = 'running'"
    )
    count: int = rows[0][0]
    return count


class PoolNow(NamedTuple):
    """The living workers of one pool."""

    name: str
    serving: int
    draining: int
    #: Jobs that they can run at once, and do; what a worker claimed ahead runs only later.
    slots: int
    busy: int
    #: Seconds since the one that is behind most renewed its lease.
    lease_age: float


@single
def pools() -> Op[list[PoolNow]]:
    """Every pool that has a task or a worker: one without workers too."""
    rows = yield Query(
        """
        SELECT p.pool, count(w.id) FILTER (WHERE NOT w.draining), count(w.id) FILTER (WHERE w.draining),
               coalesce(sum(w.concurrency), 0), coalesce(sum(least(w.busy, w.concurrency)), 0),
               coalesce(max(extract(epoch FROM clock_timestamp() - w.renewed_at)), 0)::float8
        FROM (SELECT pool FROM windrow.tasks WHERE retired_at IS NULL
              UNION SELECT pool FROM windrow.workers WHERE ended_at IS NULL) p
        LEFT JOIN windrow.workers w ON w.pool = p.pool AND w.ended_at IS NULL
        WHERE p.pool <> '' GROUP BY p.pool ORDER BY p.pool
        """
    )
    return [PoolNow(*row) for row in rows]


class ScheduleNow(NamedTuple):
    """One schedule that may fire."""

    id: str
    #: Seconds since it should have fired; 0 when its time has not come.
    lag: float
    #: The moment that it last fired for, in seconds since 1970; None: never.
    last: float | None
    #: It could not fire, or was refused.
    failing: bool


@single
def schedules() -> Op[list[ScheduleNow]]:
    """At most MAX_SCHEDULES that are enabled and not paused, those that lag most first."""
    rows = yield Query(
        """
        SELECT id, greatest(coalesce(extract(epoch FROM clock_timestamp() - next_at), 0), 0)::float8 AS lag,
               extract(epoch FROM last_at)::float8, error IS NOT NULL
        FROM windrow.schedules WHERE enabled AND paused_at IS NULL ORDER BY lag DESC, id LIMIT %(limit)s
        """,
        {"limit": MAX_SCHEDULES},
    )
    return [ScheduleNow(*row) for row in rows]


class ServerNow(NamedTuple):
    """The Postgres server, as far as our role may look."""

    connections: int
    #: Those that are left to ordinary roles included.
    max_connections: int
    #: Seconds that the oldest transaction of this database has been open.
    oldest_transaction: float


@single
def server() -> Op[ServerNow]:
    """Connections and open transactions."""
    rows = yield Query(
        """
        SELECT count(*) FILTER (WHERE backend_type = 'client backend'),
               current_setting('max_connections')::int,
               coalesce(max(extract(epoch FROM clock_timestamp() - xact_start))
                        FILTER (WHERE datname = current_database() AND pid <> pg_backend_pid()), 0)::float8
        FROM pg_stat_activity
        """
    )
    return ServerNow(*rows[0])
