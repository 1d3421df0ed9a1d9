"""Claim jobs for a worker, save that they started, and give them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from windrow.core.job import Held, NewJob
from windrow.core.states import State
from windrow.store.arrays import array, text_array
from windrow.store.deltas import count_ends
from windrow.store.op import Op, Query, single
from windrow.store.settle import Ended, settle

#: A job that lost its worker this often, beside others, runs with nobody beside it.
ALONE_LOSSES = 2
ALONE_CLAIMS = 3

# The state is compared as text: a plan through a partial index would wade through the dead entries of a busy queue.
# Not every sender knows of a pause: the message of a paused queue's job is dropped here, and the relay, which unsends
# the queue's jobs, sends a new one once it is resumed.
# A claim may be forgotten by a crash of Postgres (the token fences it), so its commit waits for no disk:
# set_config(..., true) holds for this one statement's transaction and saves the BEGIN and the COMMIT.
_CLAIM = f"""
WITH lazily AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
hit AS MATERIALIZED (
    SELECT j.id FROM windrow.jobs j, lazily
    WHERE j.id = ANY(%(ids)s::text[])
      AND ((j.state::text = 'queued' OR (j.state::text = 'retrying' AND j.run_at <= clock_timestamp()))
           AND NOT j.cancel_requested
           AND (j.expires_at IS NULL OR j.expires_at > clock_timestamp())
           AND NOT j.queue = ANY(ARRAY(SELECT q.name FROM windrow.queues q WHERE q.paused_at IS NOT NULL))
           OR j.state::text = 'claimed' AND j.token = %(token)s AND j.worker = %(worker)s)
    ORDER BY j.id FOR UPDATE OF j
)
UPDATE windrow.jobs j
SET state = 'claimed', worker = %(worker)s, token = %(token)s,
    claims = claims + CASE WHEN j.token = %(token)s THEN 0 ELSE 1 END
FROM hit, windrow.payloads p
WHERE j.id = hit.id AND p.job_id = hit.id
RETURNING j.id, j.task, j.queue, j.token, p.input, p.options, j.attempt, j.failures, j.max_attempts,
          j.retry_errors, j.retries, j.priority, j.hard_limit, j.soft_limit, j.parent_id, j.root_id,
          j.expires_at, j.losses >= {ALONE_LOSSES} OR j.claims > {ALONE_CLAIMS}
"""


@single
def claim(ids: Sequence[str], worker: str, token: int) -> Op[list[Held]]:
    """queued (or retrying and due) -> claimed, for `worker`; those that are not claimable are left out.

    Commits asynchronously. The fence `token` is a random number of the caller's, new for every call; a call that
    is repeated with the same token, because its answer was lost, finds its jobs again.
    """
    rows = yield Query(_CLAIM, {"ids": text_array(ids), "worker": worker, "token": token})
    return [Held(*row) for row in rows]


class Start(NamedTuple):
    """A child began a job `age` seconds ago."""

    job_id: str
    token: int
    age: float


_START = """
WITH lazily AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
hit AS MATERIALIZED (
    SELECT j.id, s.age
    FROM unnest(%(ids)s::text[], %(tokens)s::bigint[], %(ages)s::float8[]) AS s(id, token, age), lazily, windrow.jobs j
    WHERE j.id = s.id AND j.token = s.token AND j.state::text = 'claimed'
    ORDER BY j.id FOR UPDATE OF j
)
UPDATE windrow.jobs j
SET state = 'running', attempt = attempt + 1, started_at = clock_timestamp() - hit.age * interval '1 second'
FROM hit WHERE j.id = hit.id
RETURNING j.id
"""


@single
def start(starts: Sequence[Start]) -> Op[list[str]]:
    """claimed -> running and attempt + 1; returns the ids that were still ours."""
    rows = yield Query(
        _START,
        {
            "ids": text_array([s.job_id for s in starts]),
            "tokens": array([s.token for s in starts]),
            "ages": array([s.age for s in starts]),
        },
    )
    return [row[0] for row in rows]


_GIVE_BACK = """
WITH hit AS MATERIALIZED (
    SELECT j.id FROM windrow.jobs j
    WHERE j.id = ANY(%(ids)s) AND j.worker = %(worker)s AND j.state::text = 'claimed' ORDER BY j.id FOR UPDATE
)
UPDATE windrow.jobs j
SET state = (CASE WHEN j.cancel_requested THEN 'cancelled' ELSE 'queued' END)::windrow.job_state,
    finished_at = CASE WHEN j.cancel_requested THEN clock_timestamp() END,
    worker = NULL, token = NULL, claims = greatest(claims - 1, 0),
    published_at = CASE WHEN %(published)s AND NOT j.cancel_requested THEN clock_timestamp() END
FROM hit WHERE j.id = hit.id
RETURNING j.id, j.state, j.task, j.queue
"""


class GivenBack(NamedTuple):
    """What a give-back changed."""

    #: Jobs that somebody else may run now.
    queued: list[str]
    #: Jobs that reached a final state, for a cancel was asked, and what hung on them.
    ended: list[str]
    #: Jobs that this set free: their messages are to be sent.
    freed: list[NewJob]


def give_back(ids: Sequence[str], worker: str, published: bool = False) -> Op[GivenBack]:
    """claimed -> queued at no cost, or cancelled when that was asked.

    `published` says that the caller puts their messages back itself; without it the relay sends new ones.
    """
    rows = yield Query(_GIVE_BACK, {"ids": list(ids), "worker": worker, "published": published})
    cancelled = [row[0] for row in rows if row[1] == State.CANCELLED]
    yield from count_ends(State.CANCELLED, [row[2:] for row in rows if row[1] == State.CANCELLED])
    settled = yield from settle([Ended(job_id, State.CANCELLED) for job_id in cancelled])
    queued = [row[0] for row in rows if row[1] != State.CANCELLED]
    return GivenBack(queued, cancelled + settled.ended, settled.queued)
