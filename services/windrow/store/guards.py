"""Idempotency keys and unique keys: accept a job unless a name that it carries belongs to another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from windrow.core.job import NewJob
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.op import Op, Query, Row


class Guard(NamedTuple):
    """A name that belongs to one job for a while."""

    name: str
    #: Seconds from the moment that the job is kept.
    ttl: float


class Guarded(NamedTuple):
    """A job to accept unless one of its names is taken."""

    job: NewJob
    idempotency: Guard | None = None
    #: Digest of the request: the same key with another body is a mistake.
    hash: str | None = None
    unique: Guard | None = None
    #: Whether a taken unique name is answered with the job that has it, rather than refused.
    existing: bool = False


class Verdict(NamedTuple):
    """What became of one guarded job, in the call's order."""

    #: inserted; repeated: the key's job, same body; mismatch: the key's job, other body;
    #: existing or conflict: the job that has the unique name.
    outcome: str
    #: The job that was kept, or the one that has the name.
    id: str
    state: State
    queue: str


# A name that lapsed changes hands; one that is taken stays, and its row stays locked until the commit,
# so that two requests with the same key go one after the other. Sorted: two batches cannot deadlock.
_TAKE = """
INSERT INTO windrow.guards AS g (name, job_id, hash, expires_at)
SELECT n.name, n.job_id, n.hash, clock_timestamp() + n.ttl * interval '1 second'
FROM unnest(%(name)s::text[], %(job_id)s::text[], %(hash)s::text[], %(ttl)s::float8[]) AS n(name, job_id, hash, ttl)
ORDER BY n.name
ON CONFLICT (name) DO UPDATE
SET job_id = excluded.job_id, hash = excluded.hash, expires_at = excluded.expires_at
WHERE g.expires_at <= clock_timestamp()
RETURNING name
"""

_TAKEN = """
SELECT g.name, g.job_id, g.hash, j.state, j.queue FROM windrow.guards g
LEFT JOIN windrow.jobs j ON j.id = g.job_id WHERE g.name = ANY(%(name)s)
"""

_POINT = """
UPDATE windrow.guards g SET job_id = n.job_id, hash = n.hash
FROM unnest(%(name)s::text[], %(job_id)s::text[], %(hash)s::text[]) AS n(name, job_id, hash) WHERE g.name = n.name
"""


class _Owner(NamedTuple):
    job_id: str
    hash: str | None
    state: State
    queue: str


def accept_guarded(jobs: Sequence[Guarded], published: bool = True) -> Op[list[Verdict]]:
    """nothing -> scheduled or queued, for each job whose names are free; all in one transaction.

    Of several jobs with one name in a call the first one wins. A name is kept only with a job: what is
    refused holds nothing.
    """
    wanted = _first_wishes(jobs)
    won = yield from _take(wanted)
    owners = yield from _taken([name for name in wanted if name not in won])
    verdicts: list[Verdict] = []
    new: list[NewJob] = []
    final: dict[str, tuple[str, str | None]] = {}
    for item in jobs:
        verdict = _judge(item, owners)
        if verdict.outcome == "inserted":
            new.append(item.job)
        if verdict.outcome in ("inserted", "existing"):
            # A repeat of a request that was answered with an existing job gets that job again.
            owner = _Owner(verdict.id, None, verdict.state, verdict.queue)
            if item.idempotency:
                owners[item.idempotency.name] = owner._replace(hash=item.hash)
                final[item.idempotency.name] = (verdict.id, item.hash)
            if item.unique and verdict.outcome == "inserted":
                owners[item.unique.name] = owner
                final[item.unique.name] = (verdict.id, None)
        verdicts.append(verdict)
    yield from _settle(won, wanted, final)
    if not new:
        return verdicts
    states = {a.id: a.state for a in (yield from accept(new, published))}
    return [v._replace(state=states.get(v.id, v.state)) for v in verdicts]


def _first_wishes(jobs: Sequence[Guarded]) -> dict[str, tuple[str, str | None, float]]:
    wanted: dict[str, tuple[str, str | None, float]] = {}
    for item in jobs:
        if item.idempotency:
            wanted.setdefault(item.idempotency.name, (item.job.id, item.hash, item.idempotency.ttl))
        if item.unique:
            wanted.setdefault(item.unique.name, (item.job.id, None, item.unique.ttl))
    return wanted


def _take(wanted: dict[str, tuple[str, str | None, float]]) -> Op[set[str]]:
    rows: Sequence[Row] = yield Query(
        _TAKE,
        {
            "name": list(wanted),
            "job_id": [w[0] for w in wanted.values()],
            "hash": [w[1] for w in wanted.values()],
            "ttl": [w[2] for w in wanted.values()],
        },
    )
    return {row[0] for row in rows}


def _taken(names: Sequence[str]) -> Op[dict[str, _Owner]]:
    if not names:
        return {}
    rows = yield Query(_TAKEN, {"name": list(names)})
    # Retention may have removed a job before its name lapsed: it had ended.
    return {row[0]: _Owner(row[1], row[2], State(row[3] or State.EXPIRED), row[4] or "") for row in rows}


def _judge(item: Guarded, owners: dict[str, _Owner]) -> Verdict:
    """What becomes of one job, given who has which name so far."""
    owner = owners.get(item.idempotency.name) if item.idempotency else None
    if owner is not None:
        outcome = "repeated" if owner.hash == item.hash else "mismatch"
        return Verdict(outcome, owner.job_id, owner.state, owner.queue)
    owner = owners.get(item.unique.name) if item.unique else None
    if owner is not None:
        outcome = "existing" if item.existing else "conflict"
        return Verdict(outcome, owner.job_id, owner.state, owner.queue)
    return Verdict("inserted", item.job.id, State.QUEUED, item.job.queue)


def _settle(
    won: set[str],
    wanted: dict[str, tuple[str, str | None, float]],
    final: dict[str, tuple[str, str | None]],
) -> Op[None]:
    """Let go of the names whose job was refused, and point the others at their job."""
    idle = sorted(won - final.keys())
    if idle:
        yield Query("DELETE FROM windrow.guards WHERE name = ANY(%(name)s)", {"name": idle})
    moved = {name: to for name, to in final.items() if name in won and to != wanted[name][:2]}
    if moved:
        yield Query(
            _POINT,
            {
                "name": list(moved),
                "job_id": [to[0] for to in moved.values()],
                "hash": [to[1] for to in moved.values()],
            },
        )
