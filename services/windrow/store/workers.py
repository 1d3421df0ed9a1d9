"""Worker rows: the lease that each renews, and what the renewal tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from windrow.store.op import Op, Query, single


class WorkerRow(NamedTuple):
    """What a worker says of itself at boot."""

    id: str
    name: str
    pool: str
    pool_type: str
    queues: list[str]
    concurrency: int
    release: str
    host: str
    pid: int


class Renewal(NamedTuple):
    """The ledger's answer to a renewal."""

    #: False: somebody rescued this worker; every job that it held was given to others.
    alive: bool
    drain_asked: bool
    #: Jobs to stop, by reason: a cancel was asked, or the claim is somebody else's now.
    cancelled: list[str]
    lost: list[str]
    #: (id, token) of jobs that it holds by the ledger's word alone: on the way here or from here, or forgotten by
    #: one of the two. At most 100.
    strays: list[tuple[str, int]] = []  # noqa: RUF012 - nobody changes it


_REGISTER = """
INSERT INTO windrow.workers (id, name, pool, pool_type, queues, concurrency, release, host, pid, lease_until)
VALUES (%(id)s, %(name)s, %(pool)s, %(pool_type)s, %(queues)s, %(concurrency)s, %(release)s, %(host)s, %(pid)s,
        clock_timestamp() + %(lease)s * interval '1 second')
ON CONFLICT (id) DO UPDATE
SET renewed_at = clock_timestamp(), ended_at = NULL, lost = false,
    lease_until = clock_timestamp() + %(lease)s * interval '1 second'
"""

_QUEUES = """
INSERT INTO windrow.queues (name) SELECT unnest(%(queues)s::text[]) ORDER BY 1 ON CONFLICT (name) DO NOTHING
"""


def register(row: WorkerRow, lease: float) -> Op[None]:
    """Write the worker's row with a lease of `lease` seconds, and its queues' rows."""
    yield Query(_REGISTER, {**row._asdict(), "lease": lease})
    yield Query(_QUEUES, {"queues": row.queues})


_RENEW = """
WITH me AS (
    UPDATE windrow.workers
    SET renewed_at = clock_timestamp(), busy = %(busy)s, draining = %(draining)s, dropped = %(dropped)s,
        late = %(late)s,
        lease_until = clock_timestamp() + %(lease)s * interval '1 second'
    WHERE id = %(id)s AND ended_at IS NULL
    RETURNING drain_asked
)
SELECT 'me', NULL::text, NULL::bigint, (SELECT drain_asked FROM me)
UNION ALL
SELECT CASE WHEN j.id IS NULL THEN 'lost' ELSE 'cancelled' END, h.id, h.token, NULL
FROM unnest(%(ids)s::text[], %(tokens)s::bigint[]) AS h(id, token)
LEFT JOIN windrow.jobs j ON j.id = h.id AND j.token = h.token AND j.state IN ('claimed', 'running')
WHERE j.id IS NULL OR j.cancel_requested
UNION ALL
(SELECT 'stray', j.id, j.token, NULL FROM windrow.jobs j
 WHERE j.worker = %(id)s AND j.state IN ('claimed', 'running') AND j.token IS NOT NULL
   AND NOT j.id = ANY(%(ids)s::text[]) LIMIT 100)
"""


@single
def renew(
    worker: str,
    lease: float,
    busy: int,
    draining: bool,
    held: Sequence[tuple[str, int]],
    dropped: int = 0,
    late: int = 0,
) -> Op[Renewal]:
    """Extend the lease; `held` are the (id, token) pairs that the worker still works on.

    `dropped` and `late` are totals of its life: messages and outcomes that came for nothing.
    """
    rows = yield Query(
        _RENEW,
        {
            "id": worker,
            "lease": lease,
            "busy": busy,
            "draining": draining,
            "dropped": dropped,
            "late": late,
            "ids": [job_id for job_id, _ in held],
            "tokens": [token for _, token in held],
        },
    )
    asked = next(row[3] for row in rows if row[0] == "me")
    return Renewal(
        alive=asked is not None,
        drain_asked=bool(asked),
        cancelled=[row[1] for row in rows if row[0] == "cancelled"],
        lost=[row[1] for row in rows if row[0] == "lost"],
        strays=[(row[1], row[2]) for row in rows if row[0] == "stray"],
    )


@single
def living() -> Op[list[str]]:
    """Ids of the workers that neither said goodbye nor were found dead."""
    rows = yield Query("SELECT id FROM windrow.workers WHERE ended_at IS NULL")
    return [row[0] for row in rows]


@single
def end(worker: str) -> Op[None]:
    """Say goodbye: a worker that ended in peace is nobody's to rescue once it holds no job."""
    yield Query(
        "UPDATE windrow.workers SET ended_at = clock_timestamp(), busy = 0 WHERE id = %(id)s",
        {"id": worker},
    )
