"""The workers as readers see them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from windrow.store.op import Op, Query, single


class WorkerShown(NamedTuple):
    """One worker's row."""

    id: str
    name: str
    pool: str
    pool_type: str
    queues: list[str]
    concurrency: int
    busy: int
    release: str
    host: str
    started_at: datetime
    renewed_at: datetime
    draining: bool
    ended_at: datetime | None
    lost: bool


@single
def read(limit: int = 1_000) -> Op[list[WorkerShown]]:
    """Workers that serve, and those that ended within the last hour; the newest first."""
    rows = yield Query(
        f"SELECT {', '.join(WorkerShown._fields)} FROM windrow.workers "
        "WHERE ended_at IS NULL OR ended_at > clock_timestamp() - interval '1 hour' "
        "ORDER BY started_at DESC, id LIMIT %(limit)s",
        {"limit": limit},
    )
    return [WorkerShown(*row) for row in rows]
