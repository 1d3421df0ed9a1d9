"""Promote: what waited for its time becomes queued."""

from __future__ import annotations

from collections.abc import Sequence

from windrow.store.op import Op, Query, single
from windrow.store.sent import PUBLISHED, SENT, Sent, as_sent

# The sub-select makes the clock a constant of the statement, without which no index serves it.
_DUE = """
    j.state IN ('scheduled', 'retrying') AND j.run_at <= (SELECT clock_timestamp())
    AND (j.expires_at IS NULL OR j.expires_at > (SELECT clock_timestamp())) AND NOT j.id = ANY(%(skip)s)
"""

_PROMOTE = f"""
WITH hit AS MATERIALIZED (
    SELECT j.id FROM windrow.jobs j WHERE {_DUE} AND (%(only)s::text IS NULL OR j.id = %(only)s)
    ORDER BY j.run_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE windrow.jobs j SET state = 'queued', published_at = {PUBLISHED}
WHERE j.id = ANY(ARRAY(SELECT id FROM hit))
RETURNING {SENT}, j.published_at IS NOT NULL
"""


@single
def promote(limit: int, skip: Sequence[str] = (), only: str | None = None) -> Op[tuple[int, list[Sent]]]:
    """scheduled, retrying -> queued, for at most `limit` that are due; returns how many, and those to publish.

    `skip` are left out; `only` means none but that one.
    """
    rows = yield Query(_PROMOTE, {"limit": limit, "skip": list(skip), "only": only})
    return len(rows), as_sent([row[:-1] for row in rows if row[-1]])


@single
def due(limit: int, skip: Sequence[str] = ()) -> Op[list[str]]:
    """The ids that `promote` would take."""
    rows = yield Query(
        f"SELECT j.id FROM windrow.jobs j WHERE {_DUE} ORDER BY j.run_at LIMIT %(limit)s",
        {"limit": limit, "skip": list(skip)},
    )
    return [row[0] for row in rows]


@single
def next_due(skip: Sequence[str] = ()) -> Op[float | None]:
    """Seconds until the earliest run_at, at most 0 when it has passed; None when nothing waits."""
    rows = yield Query(
        """
        SELECT extract(epoch FROM j.run_at - clock_timestamp())::float8 FROM windrow.jobs j
        WHERE j.state IN ('scheduled', 'retrying') AND NOT j.id = ANY(%(skip)s)
          AND (j.expires_at IS NULL OR j.expires_at > j.run_at)
        ORDER BY j.run_at LIMIT 1
        """,
        {"skip": list(skip)},
    )
    return rows[0][0] if rows else None
