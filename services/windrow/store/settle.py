"""What the ledger does itself when jobs end without a child: lost for good, cancelled while waiting, expired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from windrow.core.aftermath import Ended as EndedJob
from windrow.core.aftermath import aftermath, revoked
from windrow.core.failure import failure_json
from windrow.core.job import NewJob
from windrow.core.states import State
from windrow.store.chords import count_down, save_failed
from windrow.store.free import free
from windrow.store.op import Op, Query


class Ended(NamedTuple):
    """A job that this transaction just moved to a final state."""

    id: str
    #: failed, cancelled or expired.
    state: State
    #: JSON text of the failure; None for cancelled and expired.
    error: str | None = None


class Settled(NamedTuple):
    """What that set free."""

    #: Jobs that became queued: their messages are to be sent.
    queued: list[NewJob]
    #: Other jobs that reached a final state with it.
    ended: list[str]


_READ = """
SELECT j.id, j.task, j.queue, p.input, p.options, j.parent_id, j.root_id, j.priority
FROM windrow.jobs j, windrow.payloads p
WHERE j.id = ANY(%(ids)s) AND p.job_id = j.id AND p.job_id = ANY(%(ids)s) AND p.options IS NOT NULL
"""


def settle(ended: Sequence[Ended]) -> Op[Settled]:
    """Error callbacks queued, later steps of chains failed, chords counted down, for each of `ended`.

    Call it in the transaction that ended them.
    """
    if not ended:
        return Settled([], [])
    by_id = {one.id: one for one in ended}
    rows = yield Query(_READ, {"ids": list(by_id)})
    jobs: list[NewJob] = []
    failed: list[tuple[NewJob, str]] = []
    parts = []
    for job_id, task, queue, text, options, parent, root, priority in rows:
        one = by_id[job_id]
        error = one.error or failure_json(revoked(one.state))
        job = EndedJob(job_id, task, queue, text, options, one.state, parent, root, priority)
        after = aftermath(job, error)
        jobs += after.jobs
        failed += [(later, error) for later in after.failed]
        parts += [(job_id, part) for part in after.parts]
    saved = yield from save_failed(failed)
    freed = yield from count_down(parts)
    queued, _ = yield from free([*jobs, *freed.jobs])
    return Settled(queued, [*saved, *freed.ended])
