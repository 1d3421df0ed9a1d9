"""Celery's softer cancels: a revoke that leaves running jobs alone, and a purge of queues."""

from __future__ import annotations

from collections.abc import Sequence

from windrow.core.states import State
from windrow.store.control import Cancelled, cancel
from windrow.store.op import Op, Query


def cancel_waiting(job_ids: Sequence[str]) -> Op[Cancelled]:
    """scheduled, blocked, queued, retrying -> cancelled; others unchanged.

    A claimed job may run already, its start is saved a little later: only its worker knows (see worker/panel.py).
    """
    rows = yield Query(
        """
        SELECT id FROM windrow.jobs WHERE id = ANY(%(ids)s) AND state IN ('scheduled', 'blocked', 'queued', 'retrying')
        ORDER BY id FOR UPDATE
        """,
        {"ids": list(job_ids)},
    )
    return (yield from cancel([row[0] for row in rows]))


def cancel_queued(queues: Sequence[str], limit: int = 1000) -> Op[int]:
    """queued -> cancelled, at most `limit` of these queues' jobs; returns how many: call again until it is 0."""
    # In no order: it would sort a whole backlog for each thousand. Who skips what is locked waits for nobody.
    rows = yield Query(
        """
        SELECT id FROM windrow.jobs WHERE queue = ANY(%(queues)s) AND state = 'queued'
        LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        """,
        {"queues": list(queues), "limit": limit},
    )
    done = yield from cancel([row[0] for row in rows])
    return sum(1 for change in done.changes if change.after is State.CANCELLED)
