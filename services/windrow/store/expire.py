"""Expire: what nobody started in time never will be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from windrow.core.job import NewJob
from windrow.core.states import State
from windrow.store.deltas import count_ends
from windrow.store.op import Op, Query, single
from windrow.store.sent import bound_transaction
from windrow.store.settle import Ended, settle


class Expired(NamedTuple):
    """Who expired, and what that set free."""

    ids: list[str]
    queued: list[NewJob]
    #: Other jobs that reached a final state with it.
    ended: list[str]


_LATE = """
    j.expires_at IS NOT NULL AND j.state IN ('scheduled', 'blocked', 'queued', 'retrying')
    AND j.expires_at <= (SELECT clock_timestamp()) AND NOT j.id = ANY(%(skip)s)
"""


def expire(limit: int, skip: Sequence[str] = (), only: str | None = None) -> Op[Expired]:
    """scheduled, blocked, queued, retrying -> expired, for at most `limit` whose expiry has passed."""
    yield from bound_transaction()
    rows = yield Query(
        f"""
        WITH hit AS MATERIALIZED (
            SELECT j.id FROM windrow.jobs j WHERE {_LATE} AND (%(only)s::text IS NULL OR j.id = %(only)s)
            ORDER BY j.expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        )
        UPDATE windrow.jobs j SET state = 'expired', finished_at = clock_timestamp()
        WHERE j.id = ANY(ARRAY(SELECT id FROM hit))
        RETURNING j.id, j.task, j.queue
        """,
        {"limit": limit, "skip": list(skip), "only": only},
    )
    ids = [row[0] for row in rows]
    yield from count_ends(State.EXPIRED, [row[1:] for row in rows])
    settled = yield from settle([Ended(job_id, State.EXPIRED) for job_id in ids])
    return Expired(ids, settled.queued, settled.ended)


@single
def late(limit: int, skip: Sequence[str] = ()) -> Op[list[str]]:
    """The ids that `expire` would take."""
    rows = yield Query(
        f"SELECT j.id FROM windrow.jobs j WHERE {_LATE} ORDER BY j.expires_at LIMIT %(limit)s",
        {"limit": limit, "skip": list(skip)},
    )
    return [row[0] for row in rows]
