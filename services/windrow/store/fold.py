"""Fold: count ended attempts and deltas into the statistics, each of them once.

An attempt carries the id of the transaction that wrote it. Whatever a snapshot's xmin is above has ended: its rows
are seen or will never be. So the attempts from the cursor up to that xmin are complete, however late one of their
transactions committed; they are counted and the cursor moves, in one transaction. A delta is taken away by the
transaction that counts it.
"""

from __future__ import annotations

from typing import NamedTuple

from windrow.core.buckets import BOUNDS, LABELS
from windrow.core.failure import CLASS_CHARS
from windrow.store.op import Op, Query
from windrow.store.sent import bound_transaction

#: Exception classes that a task may have of its own in the statistics; the rest share one without a name.
MAX_CLASSES = 50


class Folded(NamedTuple):
    """What one step did."""

    #: Attempts and deltas counted.
    done: int
    #: More waits than a step takes.
    more: bool


_CURSOR = "SELECT next_xid FROM windrow.stats_cursor FOR UPDATE SKIP LOCKED"

# One step ends with a whole transaction: its attempts share their xid.
_BOUND = """
WITH horizon AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xid), last AS (
    SELECT (a.xid::text::bigint + 1)::text::xid8 AS xid FROM windrow.attempts a
    WHERE a.xid >= %(low)s::xid8 AND a.xid < (SELECT xid FROM horizon)
    ORDER BY a.xid OFFSET %(limit)s::bigint - 1 LIMIT 1
)
SELECT coalesce((SELECT xid FROM last), h.xid), EXISTS (SELECT FROM last), h.xid < %(low)s::xid8 FROM horizon h
"""

# `failure_json` writes the class first. Not read as JSON: what a task's own error may hold, Postgres may refuse.
_CLASS = f"""coalesce(substring(left(error, {CLASS_CHARS}) from '^[{{]"cls": "([^"\\\\]+)"'), '')"""

_COUNT = f"""
WITH new AS MATERIALIZED (
    SELECT task, queue, outcome, job_state,
           CASE WHEN error IS NOT NULL AND outcome NOT IN ('cancelled', 'released', 'ignored') THEN {_CLASS} END AS cls
    FROM windrow.attempts WHERE xid >= %(low)s::xid8 AND xid < %(high)s::xid8
), told AS (
    DELETE FROM windrow.stats_deltas
    WHERE ctid = ANY(ARRAY(SELECT ctid FROM windrow.stats_deltas LIMIT %(limit)s))
    RETURNING task, queue, name, label, n
), classes AS (
    SELECT task, queue, cls, count(*) AS n FROM new WHERE cls IS NOT NULL GROUP BY task, queue, cls
), counts AS (
    SELECT task, queue, 'attempts' AS name, outcome AS label, count(*) AS n FROM new GROUP BY task, queue, outcome
    UNION ALL
    SELECT task, queue, 'finished', job_state::text, count(*) FROM new
    WHERE job_state IN ('succeeded', 'failed', 'cancelled', 'expired') GROUP BY task, queue, job_state
    UNION ALL
    SELECT task, queue, 'retries', '', count(*) FROM new WHERE job_state = 'retrying' GROUP BY task, queue
    UNION ALL
    SELECT c.task, c.queue, 'failures',
           CASE WHEN (SELECT count(*) < {MAX_CLASSES} OR bool_or(s.label = c.cls) FROM windrow.stats s
                      WHERE s.task = c.task AND s.queue = c.queue AND s.name = 'failures') THEN c.cls ELSE '' END, c.n
    FROM classes c
    UNION ALL
    SELECT task, queue, name, label, n FROM told
), saved AS (
    INSERT INTO windrow.stats AS s (task, queue, name, label, n)
    SELECT task, queue, name, label, sum(n) FROM counts GROUP BY task, queue, name, label ORDER BY 1, 2, 3, 4
    ON CONFLICT (task, queue, name, label) DO UPDATE SET n = s.n + excluded.n
)
SELECT (SELECT count(*) FROM new), (SELECT count(*) FROM told)
"""

# width_bucket puts a bound into the bucket above it, Prometheus into the one below: so it is asked upside down.
_TIME = """
INSERT INTO windrow.stats AS s (task, queue, name, label, n, seconds)
SELECT a.task, a.queue, v.name, (%(labels)s::text[])[v.place], count(*), sum(v.seconds)
FROM windrow.attempts a, LATERAL (
    SELECT t.name, greatest(t.seconds, 0) AS seconds,
           cardinality(%(labels)s::text[]) - width_bucket(-greatest(t.seconds, 0), %(downwards)s::float8[]) AS place
    FROM (VALUES
        ('wait', extract(epoch FROM a.started_at - a.due_at)::float8),
        ('run', CASE WHEN a.outcome NOT IN ('lost', 'released')
                     THEN extract(epoch FROM a.finished_at - a.started_at)::float8 END),
        ('total', CASE WHEN a.job_state IN ('succeeded', 'failed', 'cancelled', 'expired') THEN a.job_seconds END)
    ) AS t(name, seconds) WHERE t.seconds IS NOT NULL
) v
WHERE a.xid >= %(low)s::xid8 AND a.xid < %(high)s::xid8
GROUP BY a.task, a.queue, v.name, v.place ORDER BY 1, 2, 3, 4
ON CONFLICT (task, queue, name, label) DO UPDATE SET n = s.n + excluded.n, seconds = s.seconds + excluded.seconds
"""

# Attempts of forgotten jobs have waited for nothing but this.
_FORGOTTEN = "DELETE FROM windrow.attempts WHERE attempt < 0 AND xid < %(high)s::xid8"

_MOVE = "UPDATE windrow.stats_cursor SET next_xid = %(high)s::xid8, folded_at = clock_timestamp()"

# The ledger was restored into another cluster, where xids are lower: what was counted gets the lowest one, what was
# not gets this transaction's, and the cursor starts again.
_RENUMBER = """
UPDATE windrow.attempts SET xid = CASE
    WHEN xid >= %(low)s::xid8 OR finished_at > (SELECT folded_at FROM windrow.stats_cursor)
    THEN pg_current_xact_id() ELSE '0' END
"""


def fold(limit: int) -> Op[Folded]:
    """Count about `limit` attempts, and as many deltas; nothing when another beat does."""
    yield from bound_transaction()
    rows = yield Query(_CURSOR)
    if not rows:
        return Folded(0, False)
    low = rows[0][0]
    rows = yield Query(_BOUND, {"low": low, "limit": limit})
    high, more, moved = rows[0]
    if moved:
        yield Query(_RENUMBER, {"low": low})
        yield Query(_MOVE, {"high": "1"})
        return Folded(0, True)
    step = {"low": low, "high": high}
    rows = yield Query(_COUNT, {**step, "limit": limit})
    attempts, deltas = rows[0]
    if attempts:
        yield Query(_TIME, {**step, "labels": list(LABELS), "downwards": [-bound for bound in BOUNDS[::-1]]})
    yield Query(_FORGOTTEN, {"high": high})
    yield Query(_MOVE, {"high": high})
    return Folded(attempts + deltas, more or deltas == limit)
