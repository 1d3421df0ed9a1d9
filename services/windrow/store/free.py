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
WITH hit AS MATERIALIZED (
    SELECT n.*, j.state::text = 'failed' AS had_ended, j.task AS old_task, j.queue AS old_queue,
           CASE WHEN n.delay IS NOT NULL THEN clock_timestamp() + n.delay * interval '1 second'
                ELSE n.run_at END AS due
    FROM unnest(%(id)s::text[], %(task)s::text[], %(queue)s::text[], %(input)s::text[], %(options)s::text[],
                %(delay)s::float8[], %(run_at)s::timestamptz[], %(priority)s::smallint[], %(retries)s::integer[])
         AS n(id, task, queue, input, options, delay, run_at, priority, retries), windrow.jobs j
    WHERE j.id = n.id AND (j.state::text = 'blocked' OR j.state::text = 'failed' AND j.attempt = 0)
    ORDER BY j.id FOR UPDATE OF j
), payload AS (
    UPDATE windrow.payloads p SET input = hit.input, options = hit.options FROM hit WHERE p.job_id = hit.id
)
UPDATE windrow.jobs j
SET task = hit.task, queue = hit.queue, run_at = hit.due, published_at = clock_timestamp(),
    priority = hit.priority, retries = hit.retries, finished_at = NULL,
    state = (CASE WHEN hit.due > clock_timestamp() THEN 'scheduled' ELSE 'queued' END)::windrow.job_state
FROM hit WHERE j.id = hit.id
RETURNING j.id, j.state, hit.had_ended, hit.old_task, hit.old_queue
"""


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
