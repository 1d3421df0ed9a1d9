"""Read jobs: one, a page of them, their attempts. Nothing here changes a state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from windrow.core.record import JobRecord
from windrow.core.states import State
from windrow.store.op import Op, Query, Row, single

_COLUMNS = """
    j.id, j.task, j.queue, j.state, j.priority, j.attempt, j.failures, j.max_attempts, j.cancel_requested,
    j.created_at, j.run_at, j.expires_at, j.started_at, j.finished_at, j.hard_limit, j.worker,
    j.parent_id, j.root_id, j.replay_of,
    CASE WHEN j.has_tags THEN (SELECT p.tags FROM windrow.payloads p WHERE p.job_id = j.id) END
"""

_READ = f"""
SELECT {_COLUMNS}, g.state, g.meta, g.updated_at, a.result, a.error
FROM windrow.jobs j
LEFT JOIN windrow.progress g ON g.job_id = j.id AND j.state = 'running'
LEFT JOIN LATERAL (
    SELECT a.result, a.error FROM windrow.attempts a WHERE a.job_id = j.id ORDER BY a.attempt DESC LIMIT 1
) a ON j.state NOT IN ('scheduled', 'blocked')
WHERE j.id = """
_GET = _READ + "%(id)s"
_GET_MANY = _READ + "ANY(%(ids)s)"


@single
def get(job_id: str) -> Op[JobRecord | None]:
    """The job with its progress and the last ended attempt's result or error."""
    rows = yield Query(_GET, {"id": job_id})
    return _record(rows[0]) if rows else None


@single
def get_many(job_ids: Sequence[str]) -> Op[list[JobRecord]]:
    """Those of the jobs that exist, as `get` shows them, in no order."""
    rows = yield Query(_GET_MANY, {"ids": list(job_ids)})
    return [_record(row) for row in rows]


class Filter(NamedTuple):
    """Which jobs a page shows; everything that is not None must hold."""

    states: Sequence[State] | None = None
    task: str | None = None
    queue: str | None = None
    tag: str | None = None
    #: Ids are compared as text: a UUIDv7 made of a moment is a bound on creation.
    from_id: str | None = None
    before_id: str | None = None


_CONDITIONS = {
    "task": "j.task = %(task)s",
    "queue": "j.queue = %(queue)s",
    "tag": "j.id IN (SELECT p.job_id FROM windrow.payloads p WHERE p.tags @> ARRAY[%(tag)s])",
    "from_id": "j.id >= %(from_id)s",
    "before_id": "j.id < %(before_id)s",
}


@single
def page(which: Filter, limit: int) -> Op[list[JobRecord]]:
    """At most `limit` jobs, the newest id first; without progress, results and errors."""
    params = {
        name: value for name, value in which._replace(states=None)._asdict().items() if value is not None
    }
    conditions = [_CONDITIONS[name] for name in params]
    if which.states is not None:
        conditions.append(_is_one_of(which.states))
    where = " AND ".join(conditions) or "true"
    rows = yield Query(
        f"SELECT {_COLUMNS}, NULL, NULL, NULL, NULL, NULL FROM windrow.jobs j WHERE {where} "
        "ORDER BY j.id DESC LIMIT %(limit)s",
        {**params, "limit": limit},
    )
    return [_record(row) for row in rows]


def _is_one_of(states: Sequence[State]) -> str:
    """As text and one by one: only so does Postgres see which partial indexes hold them all."""
    arms = [f"j.state = '{state.value}'" for state in states]
    return f"({' OR '.join(arms) or 'false'})"


class Attempt(NamedTuple):
    """One start of a job by a child."""

    attempt: int
    #: succeeded, failed, retried, lost, timed_out, cancelled, released, rejected or ignored; running while it lasts.
    outcome: str
    worker: str | None
    due_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    #: JSON texts.
    result: str | None
    error: str | None


_ATTEMPTS = """
SELECT attempt, outcome, worker, due_at, started_at, finished_at, result, error
FROM windrow.attempts WHERE job_id = %(id)s
UNION ALL
SELECT attempt, 'running', worker, NULL, started_at, NULL, NULL, NULL
FROM windrow.jobs WHERE id = %(id)s AND state = 'running'
ORDER BY attempt
"""


@single
def attempts(job_id: str) -> Op[list[Attempt]]:
    """Every attempt of the job in order, the running one last; none for an unknown id."""
    rows = yield Query(_ATTEMPTS, {"id": job_id})
    return [Attempt(*row) for row in rows]


@single
def states(job_ids: Sequence[str]) -> Op[dict[str, State]]:
    """The state of each of these jobs that exists."""
    rows = yield Query("SELECT id, state FROM windrow.jobs WHERE id = ANY(%(ids)s)", {"ids": list(job_ids)})
    return {row[0]: State(row[1]) for row in rows}


def _record(row: Row) -> JobRecord:
    values = list(row)
    values[3] = State(row[3])
    values[19] = tuple(row[19] or ())
    return JobRecord(*values)
