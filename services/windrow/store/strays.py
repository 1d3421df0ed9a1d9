"""Jobs that the ledger believes in hands that do not have them: a failover or a restore took back their end."""

from __future__ import annotations

from collections.abc import Sequence

from windrow.core.failure import failure_json
from windrow.core.job import Failure
from windrow.core.states import State
from windrow.store.claim import GivenBack
from windrow.store.deltas import count_ends
from windrow.store.op import Op, Query
from windrow.store.sent import bound_transaction
from windrow.store.settle import Ended, settle

_FREE = """
WITH hit AS MATERIALIZED (
    SELECT j.id, j.state::text = 'running' AS started
    FROM unnest(%(ids)s::text[], %(tokens)s::bigint[]) AS v(id, token), windrow.jobs j
    WHERE j.id = v.id AND j.id = ANY(%(ids)s) AND j.token = v.token AND j.state::text IN ('claimed', 'running')
    ORDER BY j.id FOR UPDATE OF j
), attempt AS (
    INSERT INTO windrow.attempts (job_id, attempt, outcome, task, queue, worker, due_at, started_at, error, job_state)
    SELECT j.id, j.attempt, 'lost', j.task, j.queue, j.worker, greatest(j.run_at, j.created_at), j.started_at,
           %(error)s, CASE WHEN NOT j.cancel_requested THEN 'queued'::windrow.job_state END
    FROM hit, windrow.jobs j WHERE j.id = hit.id AND j.id = ANY(%(ids)s) AND hit.started
    ON CONFLICT (job_id, attempt) DO NOTHING
)
UPDATE windrow.jobs j
SET state = (CASE WHEN j.cancel_requested THEN 'cancelled' ELSE 'queued' END)::windrow.job_state,
    finished_at = CASE WHEN j.cancel_requested THEN clock_timestamp() END,
    worker = NULL, token = NULL, claims = greatest(j.claims - 1, 0), published_at = NULL
FROM hit WHERE j.id = hit.id AND j.id = ANY(%(ids)s)
RETURNING j.id, j.state, j.task, j.queue
"""


def free_strays(strays: Sequence[tuple[str, int]], why: str) -> Op[GivenBack]:
    """claimed, running -> queued, or cancelled when that was asked, for (id, token) pairs that nobody works on.

    Nobody is blamed; a start that was saved ends as lost, for the reason `why`. The relay sends their messages.
    """
    yield from bound_transaction()
    error = failure_json(Failure(cls="WorkerLost", module="windrow.core.errors", message=why))
    rows = yield Query(
        _FREE,
        {"ids": [job_id for job_id, _ in strays], "tokens": [token for _, token in strays], "error": error},
    )
    cancelled = [row for row in rows if row[1] == State.CANCELLED]
    yield from count_ends(State.CANCELLED, [row[2:] for row in cancelled])
    settled = yield from settle([Ended(row[0], State.CANCELLED) for row in cancelled])
    queued = [row[0] for row in rows if row[1] != State.CANCELLED]
    return GivenBack(queued, [row[0] for row in cancelled] + settled.ended, settled.queued)
