"""What a caller may do to a job that is kept: cancel it, run it again, or run a copy of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from windrow.core.answer import OPTION
from windrow.core.job import NewJob
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.deltas import count_ends, count_reopened
from windrow.store.op import Op, Query
from windrow.store.settle import Ended, settle


class Change(NamedTuple):
    """What a wish did to one job."""

    id: str
    before: State
    #: Equal to `before` when the job's state forbade it.
    after: State
    task: str
    queue: str
    priority: int
    #: Who holds it.
    worker: str | None
    #: A cancel was asked of that worker.
    asked: bool = False


_CANCEL = """
WITH hit AS MATERIALIZED (
    SELECT id, state, worker FROM windrow.jobs WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE
)
UPDATE windrow.jobs j
SET state = (CASE WHEN hit.state IN ('claimed', 'running', 'succeeded', 'failed', 'cancelled', 'expired')
                  THEN hit.state ELSE 'cancelled' END),
    cancel_requested = j.cancel_requested OR hit.state = 'claimed' OR (hit.state = 'running' AND %(running)s),
    finished_at = CASE WHEN hit.state IN ('scheduled', 'blocked', 'queued', 'retrying')
                       THEN clock_timestamp() ELSE j.finished_at END
FROM hit WHERE j.id = hit.id AND j.id = ANY(%(ids)s)
RETURNING j.id, hit.state, j.state, j.task, j.queue, j.priority, hit.worker, j.cancel_requested
"""


class Cancelled(NamedTuple):
    """What a cancel did, and what it set free."""

    changes: list[Change]
    #: Jobs that the end of the cancelled ones made queued (a chord's error callback): their messages are to be sent.
    queued: list[NewJob]
    #: Other jobs that reached a final state with them.
    ended: list[str]


def cancel(job_ids: Sequence[str], running: bool = True) -> Op[Cancelled]:
    """scheduled, blocked, queued, retrying -> cancelled; claimed, running: asked of the worker; final: unchanged.

    Without `running` those that run are left alone, too. Unknown ids are left out. The caller wakes the workers of
    the held ones.
    """
    rows = yield Query(_CANCEL, {"ids": list(job_ids), "running": running})
    changes = [Change(row[0], State(row[1]), State(row[2]), *row[3:]) for row in rows]
    ended = [c for c in changes if c.after is not c.before]
    yield from count_ends(State.CANCELLED, [(c.task, c.queue) for c in ended])
    settled = yield from settle([Ended(c.id, c.after) for c in ended])
    return Cancelled(changes, settled.queued, settled.ended)


_RETRY = """
WITH hit AS MATERIALIZED (
    SELECT id, state, state IN ('failed', 'cancelled', 'expired', 'retrying') AS may
    FROM windrow.jobs WHERE id = %(id)s FOR UPDATE
)
UPDATE windrow.jobs j
SET state = CASE WHEN may THEN 'queued' ELSE hit.state END,
    run_at = CASE WHEN may THEN clock_timestamp() ELSE run_at END,
    failures = CASE WHEN may AND hit.state <> 'retrying' THEN 0 ELSE failures END,
    claims = CASE WHEN may THEN 0 ELSE claims END,
    losses = CASE WHEN may THEN 0 ELSE losses END,
    cancel_requested = cancel_requested AND NOT may,
    finished_at = CASE WHEN may THEN NULL ELSE finished_at END,
    published_at = CASE WHEN may THEN CASE WHEN %(published)s THEN clock_timestamp() END ELSE published_at END,
    expires_at = CASE WHEN may AND expires_at <= clock_timestamp() THEN NULL ELSE expires_at END
FROM hit WHERE j.id = hit.id AND j.id = %(id)s
RETURNING j.id, hit.state, j.state, j.task, j.queue, j.priority, NULL
"""


def retry(job_id: str, published: bool = True) -> Op[Change | None]:
    """failed, cancelled, expired -> queued with no failures counted; retrying -> queued now; else unchanged.

    None for an unknown id. An expiry that has passed is dropped. `published` as for `accept`.
    """
    rows = yield Query(_RETRY, {"id": job_id, "published": published})
    if not rows:
        return None
    change = Change(rows[0][0], State(rows[0][1]), State(rows[0][2]), *rows[0][3:])
    if change.before.is_final and not change.after.is_final:
        yield from count_reopened([(change.task, change.queue)])
    return change


class Replay(NamedTuple):
    """A new job like an old one."""

    job: NewJob
    state: State


_COPY = """
SELECT j.state, j.task, j.queue, p.input, j.priority, j.max_attempts, j.retry_errors, j.hard_limit, j.soft_limit,
       p.options, p.tags
FROM windrow.jobs j JOIN windrow.payloads p ON p.job_id = j.id WHERE j.id = %(id)s
"""

#: A copy is nobody's part: it must not count a chord down a second time, nor answer who waited for the other.
_MEMBERSHIP = ("chord", "group", "group_id", "group_index", "retries", OPTION)


def replay(job_id: str, new_id: str, published: bool = True) -> Op[Replay | State | None]:
    """nothing -> queued: a new job `new_id` with the task, input, options and limits of a job that has ended.

    Returns the old job's state when it has not ended, None for an unknown id.
    """
    rows = yield Query(_COPY, {"id": job_id})
    if not rows:
        return None
    state, task, queue, text, priority, attempts, errors, hard, soft, options, tags = rows[0]
    if not State(state).is_final:
        return State(state)
    job = NewJob(
        id=new_id,
        task=task,
        queue=queue,
        input=text,
        priority=priority,
        max_attempts=attempts,
        retry_errors=errors,
        hard_limit=hard,
        soft_limit=soft,
        replay_of=job_id,
        options=_alone(options),
        tags=tuple(tags or ()),
    )
    accepted = yield from accept([job], published)
    return Replay(job, accepted[0].state)


def _alone(options: str | None) -> str | None:
    if options is None:
        return None
    kept = {name: value for name, value in json.loads(options).items() if name not in _MEMBERSHIP}
    return json.dumps(kept) if kept else None
