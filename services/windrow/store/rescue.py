"""Rescue: the jobs of workers whose lease lapsed go back to the queue, and whoever killed one pays for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from windrow.core.blame import LostJob, Verdict, judge
from windrow.core.failure import failure_json
from windrow.core.job import Failure, NewJob
from windrow.core.states import State
from windrow.store.deltas import count_ends
from windrow.store.op import Op, Query, single
from windrow.store.sent import PUBLISHED, SENT, Sent, as_sent, bound_transaction
from windrow.store.settle import Ended, settle


class Glance(NamedTuple):
    """That Postgres answered, when by its clock, and since when this server runs."""

    at: datetime
    started_at: datetime
    is_standby: bool


@single
def glance() -> Op[Glance]:
    """Look at the clock that leases are measured by."""
    rows = yield Query("SELECT clock_timestamp(), pg_postmaster_start_time(), pg_is_in_recovery()")
    return Glance(*rows[0])


# A doomed job (token NULL) is nobody's to rescue again: `end` finishes it.
_HOLDS = "j.state IN ('claimed', 'running') AND j.token IS NOT NULL"
_LAPSED = (
    "w.lease_until < clock_timestamp() AND extract(epoch FROM w.lease_until - w.renewed_at) <= %(watched)s"
)


def lapsed(watched: float, orphan_lease: float) -> Op[list[str]]:
    """Ids of workers to rescue: lapsed, with a lease no longer than the `watched` seconds, and not done with yet.

    Jobs whose worker has no row (it was lost with a failover) get one, with `orphan_lease` seconds to live.
    """
    yield Query(
        """
        INSERT INTO windrow.workers (id, name, pool, pool_type, queues, concurrency, release, host, pid, lease_until)
        SELECT DISTINCT j.worker, j.worker, '', '', ARRAY[]::text[], 0, '', '', 0,
               clock_timestamp() + %(lease)s * interval '1 second'
        FROM windrow.jobs j LEFT JOIN windrow.workers w ON w.id = j.worker
        WHERE j.state IN ('claimed', 'running') AND j.worker IS NOT NULL AND w.id IS NULL ORDER BY 1
        ON CONFLICT (id) DO NOTHING
        """,
        {"lease": orphan_lease},
    )
    rows = yield Query(
        f"""
        SELECT w.id FROM windrow.workers w
        WHERE {_LAPSED} AND (w.ended_at IS NULL OR w.id IN (SELECT j.worker FROM windrow.jobs j WHERE {_HOLDS}))
        ORDER BY w.lease_until LIMIT 100
        """,
        {"watched": watched},
    )
    return [row[0] for row in rows]


class Rescued(NamedTuple):
    """What became of a dead worker's jobs."""

    #: Back in the queue: their messages are to be sent.
    queued: list[Sent]
    #: Jobs that wait for their next attempt.
    retrying: int
    #: Jobs that `end` must now bring to their final state.
    doomed: int


_HELD = f"""
SELECT j.id, j.state = 'running', j.failures, j.max_attempts, j.claims, j.losses, j.cancel_requested, p.options
FROM windrow.jobs j LEFT JOIN windrow.payloads p ON p.job_id = j.id
WHERE j.worker = %(worker)s AND {_HOLDS} ORDER BY j.id FOR UPDATE OF j
"""

_FREE = f"""
WITH v AS MATERIALIZED (
    SELECT * FROM unnest(%(id)s::text[], %(state)s::text[], %(failures)s::smallint[], %(losses)s::smallint[],
                         %(delay)s::float8[], %(error)s::text[]) AS v(id, state, failures, losses, delay, error)
), attempt AS (
    INSERT INTO windrow.attempts (job_id, attempt, outcome, task, queue, worker, due_at, started_at, error,
                                  job_state)
    SELECT j.id, j.attempt + (j.state = 'claimed')::int, 'lost', j.task, j.queue, j.worker,
           greatest(j.run_at, j.created_at), CASE WHEN j.state = 'running' THEN j.started_at END, v.error,
           CASE WHEN v.state IN ('queued', 'retrying') THEN v.state::windrow.job_state END
    FROM v, windrow.jobs j WHERE j.id = v.id AND j.id = ANY(%(id)s) AND v.error IS NOT NULL
    ON CONFLICT (job_id, attempt) DO NOTHING
)
UPDATE windrow.jobs j
SET token = NULL, failures = v.failures, losses = v.losses,
    attempt = j.attempt + (j.state = 'claimed' AND v.error IS NOT NULL)::int,
    state = CASE WHEN v.state IN ('queued', 'retrying') THEN v.state::windrow.job_state ELSE j.state END,
    worker = CASE WHEN v.state IN ('queued', 'retrying') THEN NULL ELSE j.worker END,
    run_at = CASE WHEN v.state = 'retrying' THEN clock_timestamp() + v.delay * interval '1 second' ELSE j.run_at END,
    published_at = CASE WHEN v.state = 'queued' THEN {PUBLISHED} ELSE j.published_at END
FROM v WHERE j.id = v.id AND j.id = ANY(%(id)s)
RETURNING {SENT}, v.state = 'queued' AND j.published_at IS NOT NULL
"""

_LOST = f"""
WITH gone AS (
    UPDATE windrow.workers w SET ended_at = clock_timestamp(), lost = true, busy = 0, forgotten_at = NULL
    WHERE w.id = %(worker)s AND NOT EXISTS (SELECT FROM windrow.jobs j WHERE j.worker = %(worker)s AND {_HOLDS})
    RETURNING w.pool
)
INSERT INTO windrow.stats_deltas (task, queue, name, label, n) SELECT '', '', 'lost', pool, 1 FROM gone
"""


def rescue(
    worker: str,
    watched: float,
    delay: Callable[[LostJob], float],
    only: tuple[str, int] | None = None,
) -> Op[Rescued]:
    """claimed, running -> queued, retrying, or doomed (see `end`), for all that the dead `worker` held.

    Nothing happens when it renewed meanwhile, or somebody else rescues it. `delay` gives the seconds until a
    retry. `only` (a job's id, the number of jobs that it held) does one job of a worker whose others make the
    statement fail.
    """
    yield from bound_transaction()
    mine = yield Query(
        f"SELECT w.id FROM windrow.workers w WHERE w.id = %(worker)s AND {_LAPSED} FOR UPDATE OF w SKIP LOCKED",
        {"worker": worker, "watched": watched},
    )
    if not mine:
        return Rescued([], 0, 0)
    rows = yield Query(_HELD, {"worker": worker})
    jobs = [LostJob(*row) for row in rows]
    suspects = len(jobs)
    if only is not None:
        jobs, suspects = [job for job in jobs if job.id == only[0]], only[1]
    verdicts = [judge(job, suspects) for job in jobs]
    rows = (
        yield Query(_FREE, _columns(jobs, verdicts, worker, delay)) if jobs else Query("SELECT 1 WHERE false")
    )
    yield Query(_LOST, {"worker": worker})
    retrying = sum(verdict.state is State.RETRYING for verdict in verdicts)
    doomed = sum(verdict.state.is_final for verdict in verdicts)
    return Rescued(as_sent([row[:-1] for row in rows if row[-1]]), retrying, doomed)


def _columns(
    jobs: Sequence[LostJob], verdicts: Sequence[Verdict], worker: str, delay: Callable[[LostJob], float]
) -> dict[str, Any]:
    return {
        "id": [job.id for job in jobs],
        "state": [verdict.state.value for verdict in verdicts],
        "failures": [verdict.failures for verdict in verdicts],
        "losses": [verdict.losses for verdict in verdicts],
        "delay": [
            delay(j) if v.state is State.RETRYING else 0.0 for j, v in zip(jobs, verdicts, strict=True)
        ],
        "error": [
            failure_json(worker_lost(worker, v.reason)) if j.started or v.state is State.FAILED else None
            for j, v in zip(jobs, verdicts, strict=True)
        ],
    }


def worker_lost(worker: str, reason: str) -> Failure:
    """The error of an attempt whose worker vanished."""
    return Failure(cls="WorkerLost", module="windrow.core.errors", message=f"worker {worker}: {reason}")


@single
def held(worker: str) -> Op[list[str]]:
    """Ids of what a worker holds."""
    rows = yield Query(
        f"SELECT j.id FROM windrow.jobs j WHERE j.worker = %(worker)s AND {_HOLDS} ORDER BY j.id",
        {"worker": worker},
    )
    return [row[0] for row in rows]


@single
def doomed(limit: int) -> Op[list[str]]:
    """Jobs of dead workers that must be brought to their final state."""
    rows = yield Query(
        "SELECT j.id FROM windrow.jobs j WHERE j.state IN ('claimed', 'running') AND j.token IS NULL "
        "ORDER BY j.id LIMIT %(limit)s",
        {"limit": limit},
    )
    return [row[0] for row in rows]


class DoomedEnd(NamedTuple):
    """What the end of a doomed job set free."""

    #: False: somebody else ended it.
    done: bool
    queued: list[NewJob]
    ended: list[str]


def end(job_id: str, consequences: bool = True) -> Op[DoomedEnd]:
    """claimed, running (doomed) -> failed, or cancelled when that was asked, with all that follows from it."""
    yield from bound_transaction()
    rows = yield Query(
        """
        UPDATE windrow.jobs j
        SET state = (CASE WHEN cancel_requested THEN 'cancelled' ELSE 'failed' END)::windrow.job_state,
            worker = NULL, claims = 0, losses = 0, finished_at = clock_timestamp()
        WHERE id = %(id)s AND state IN ('claimed', 'running') AND token IS NULL
        RETURNING state, (SELECT a.error FROM windrow.attempts a
                          WHERE a.job_id = j.id AND a.attempt = j.attempt AND a.outcome = 'lost'),
                  task, queue
        """,
        {"id": job_id},
    )
    if not rows:
        return DoomedEnd(False, [], [])
    state = State(rows[0][0])
    yield from count_ends(state, [rows[0][2:]])
    if not consequences:
        return DoomedEnd(True, [], [])
    error = rows[0][1] if state is State.FAILED else None
    settled = yield from settle([Ended(job_id, state, error)])
    return DoomedEnd(True, settled.queued, settled.ended)


@single
def unforgotten() -> Op[list[tuple[str, str]]]:
    """(pool, id) of ended workers whose tags may still lie in the unacked hash."""
    rows = yield Query(
        "SELECT pool, id FROM windrow.workers WHERE ended_at IS NOT NULL "
        "AND (forgotten_at IS NULL OR forgotten_at < ended_at) ORDER BY ended_at LIMIT 100"
    )
    return [(row[0], row[1]) for row in rows]


@single
def forgotten(worker: str) -> Op[None]:
    """Note that a worker's tags are gone."""
    yield Query(
        "UPDATE windrow.workers SET forgotten_at = clock_timestamp() WHERE id = %(id)s AND ended_at IS NOT NULL",
        {"id": worker},
    )
