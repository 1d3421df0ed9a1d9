"""Insert jobs that something set free: a chain's next step, a callback, a chord's body, a replaced task."""

from __future__ import annotations

from collections.abc import Sequence

from windrow.core.job import NewJob
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.deltas import count_reopened
from windrow.store.op import Op, Query

# A job that stands blocked under the same id waited for just this: Task.replace by a chord. One that failed
# without ever having run did so because an earlier step of its chain had failed, which was run again and succeeded.
_UNBLOCK = """
WITH new AS MATERIALIZED (
    SELECT * FROM unnest(%(id)s::text[], %(task)s::text[], %(queue)s::text[], %(input)s::text[],
                         %(options)s::text[], %(delay)s::float8[], %(run_at)s::timestamptz[],
                         %(priority)s::smallint[], %(retries)s::smallint[])
        AS n(id, task, queue, input, options, delay, run_at, priority, retries)
), hit AS MATERIALIZED (
    SELECT j.id, j.state = 'failed' AS had_ended, j.task, j.queue
    FROM windrow.jobs j WHERE j.id = ANY(%(id)s) AND {waits} ORDER BY j.id FOR UPDATE
), payload AS (
    UPDATE windrow.payloads p SET input = new.input, options = new.options
    FROM new, hit WHERE p.job_id = new.id AND p.job_id = hit.id AND p.job_id = ANY(%(id)s)
), due AS (
    SELECT id, CASE WHEN delay IS NOT NULL THEN clock_timestamp() + delay * interval '1 second' ELSE run_at END AS at
    FROM new
)
UPDATE windrow.jobs j
SET task = new.task, queue = new.queue, run_at = due.at, published_at = clock_timestamp(),
    priority = new.priority, retries = new.retries, finished_at = NULL,
    state = (CASE WHEN due.at > clock_timestamp() THEN 'scheduled' ELSE 'queued' END)::windrow.job_state
FROM new, hit, due
WHERE j.id = new.id AND j.id = hit.id AND j.id = due.id AND j.id = ANY(%(id)s) AND {waits}
RETURNING j.id, j.state, hit.had_ended, hit.task, hit.queue
""".format(waits="(j.state = 'blocked' OR j.state = 'failed' AND j.attempt = 0)")


def free(jobs: Sequence[NewJob]) -> Op[tuple[list[NewJob], bool]]:
    """nothing, blocked, or failed without a run -> queued or scheduled.

    Returns the queued ones, and whether any became scheduled. An id that exists in any other state is left alone:
    its continuation was saved before.
    """
    if not jobs:
        return [], False
    accepted = yield from accept(jobs)
    states = {a.id: a.state for a in accepted if a.inserted}
    again = [job for job in jobs if job.id not in states and not job.blocked]
    if again:
        rows = yield Query(
            _UNBLOCK,
            {
                "id": [job.id for job in again],
                "task": [job.task for job in again],
                "queue": [job.queue for job in again],
                "input": [job.input for job in again],
                "options": [job.options for job in again],
                "delay": [job.delay for job in again],
                "run_at": [job.run_at for job in again],
                "priority": [job.priority for job in again],
                "retries": [job.retries for job in again],
            },
        )
        states.update((row[0], State(row[1])) for row in rows)
        yield from count_reopened([row[3:] for row in rows if row[2]])
    queued = [job for job in jobs if states.get(job.id) is State.QUEUED]
    return queued, State.SCHEDULED in states.values()
