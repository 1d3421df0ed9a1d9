"""Save jobs: the commit after which, and only after which, a caller is told that its job is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from windrow.core.job import NewJob
from windrow.core.states import State
from windrow.store.arrays import text_array
from windrow.store.op import Op, Query, single


class Accepted(NamedTuple):
    """What became of one job of a call, in the call's order."""

    id: str
    state: State
    #: False: a job with that id was there before, and nothing was changed.
    inserted: bool


# What few jobs have travels as one JSON text a job, so that the many cost no array each.
_ACCEPT = """
WITH lazily AS MATERIALIZED (
    SELECT CASE WHEN %(lazily)s THEN set_config('synchronous_commit', 'off', true) END
), new AS MATERIALIZED (
    SELECT n.*, n.rare::json AS r
    FROM unnest(%(id)s::text[], %(task)s::text[], %(queue)s::text[], %(priority)s::smallint[],
                %(input)s::text[], %(options)s::text[], %(rare)s::text[])
         AS n(id, task, queue, priority, input, options, rare), lazily
), timed AS MATERIALIZED (
    SELECT n.*,
           CASE WHEN r IS NULL THEN NULL
                WHEN r->>'delay' IS NOT NULL
                THEN clock_timestamp() + (r->>'delay')::float8 * interval '1 second'
                ELSE (r->>'run_at')::timestamptz END AS due,
           CASE WHEN r IS NULL THEN NULL
                WHEN r->>'expires_in' IS NOT NULL
                THEN clock_timestamp() + (r->>'expires_in')::float8 * interval '1 second'
                ELSE (r->>'expires_at')::timestamptz END AS expiry
    FROM new n
), payload AS (
    INSERT INTO windrow.payloads (job_id, input, options, tags)
    SELECT id, input, options,
           CASE WHEN r->'tags' IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(r->'tags')) END
    FROM timed ORDER BY id
    ON CONFLICT (job_id) DO NOTHING
), job AS (
    INSERT INTO windrow.jobs (id, task, queue, priority, state, published_at, run_at, expires_at, max_attempts,
                              retry_errors, retries, has_tags, hard_limit, soft_limit, parent_id, root_id, replay_of)
    SELECT id, task, queue, priority,
           (CASE WHEN r->>'blocked' IS NOT NULL THEN 'blocked'
                 WHEN due > clock_timestamp() THEN 'scheduled' ELSE 'queued' END)::windrow.job_state,
           CASE WHEN %(published)s AND r->>'blocked' IS NULL AND (due IS NULL OR due <= clock_timestamp())
                THEN clock_timestamp() END,
           due, expiry,
           coalesce((r->>'max_attempts')::smallint, 3), coalesce((r->>'retry_errors')::boolean, false),
           coalesce((r->>'retries')::integer, 0), coalesce(r->'tags' IS NOT NULL, false),
           (r->>'hard_limit')::real, (r->>'soft_limit')::real,
           r->>'parent_id', r->>'root_id', r->>'replay_of'
    FROM timed ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING id, state, task, queue
), counted AS (
    INSERT INTO windrow.stats_deltas (task, queue, name, n)
    SELECT task, queue, 'submitted', count(*) FROM job GROUP BY task, queue
)
SELECT id, state FROM job
"""

# The same for one job that has nothing rare: most come alone, and the lists cost as much as the inserts.
_ACCEPT_ONE = """
WITH lazily AS MATERIALIZED (
    SELECT CASE WHEN %(lazily)s THEN set_config('synchronous_commit', 'off', true) END
), payload AS (
    INSERT INTO windrow.payloads (job_id, input, options) SELECT %(id)s, %(input)s, %(options)s FROM lazily
    ON CONFLICT (job_id) DO NOTHING
), job AS (
    INSERT INTO windrow.jobs (id, task, queue, priority, state, published_at, max_attempts)
    VALUES (%(id)s, %(task)s, %(queue)s, %(priority)s, 'queued',
            CASE WHEN %(published)s THEN clock_timestamp() END, %(max_attempts)s)
    ON CONFLICT (id) DO NOTHING
    RETURNING id, state, task, queue
), counted AS (
    INSERT INTO windrow.stats_deltas (task, queue, name, n) SELECT task, queue, 'submitted', 1 FROM job
)
SELECT id, state FROM job
"""

# A transaction that writes something, and so little: its commit waits for the disk, and what was committed before it
# is on the disk as well.
_ON_DISK = """
SELECT id, pg_logical_emit_message(true, 'windrow', '') FROM windrow.jobs WHERE id = ANY(%(ids)s::text[])
"""

_EXISTING = "SELECT id, state FROM windrow.jobs WHERE id = ANY(%(id)s)"

_RARE = (
    "delay",
    "expires_in",
    "hard_limit",
    "soft_limit",
    "parent_id",
    "root_id",
    "replay_of",
)


@single
def accept(jobs: Sequence[NewJob], published: bool = True, lazily: bool = False) -> Op[list[Accepted]]:
    """nothing -> scheduled, blocked or queued, for each job whose id is new.

    `published` says that the caller sends the messages of the queued ones right after the commit; without
    it they are the relay's. An id twice in one call is one job. `lazily`: everybody sees them, but a crash of
    Postgres may forget them until `on_disk` has named them: nobody may be told that they are kept.
    """
    rare = [_rare(job) for job in jobs]
    rows = (
        yield _one(jobs[0], published, lazily)
        if rare == [None]
        else Query(
            _ACCEPT,
            {
                "id": text_array([job.id for job in jobs]),
                "task": text_array([job.task for job in jobs]),
                "queue": text_array([job.queue for job in jobs]),
                "priority": [job.priority for job in jobs],
                "input": text_array([job.input for job in jobs]),
                "options": text_array([job.options for job in jobs]),
                "rare": text_array(rare),
                "published": published,
                "lazily": lazily,
            },
        )
    )
    inserted = {row[0]: State(row[1]) for row in rows}
    missing = [job.id for job in jobs if job.id not in inserted]
    existing: dict[str, State] = {}
    if missing:
        rows = yield Query(_EXISTING, {"id": missing})
        existing = {row[0]: State(row[1]) for row in rows}
    return [
        Accepted(job.id, inserted[job.id], True)
        if job.id in inserted
        else Accepted(job.id, existing.get(job.id, State.QUEUED), False)
        for job in jobs
    ]


def _one(job: NewJob, published: bool, lazily: bool) -> Query:
    return Query(
        _ACCEPT_ONE,
        {
            "id": job.id,
            "task": job.task,
            "queue": job.queue,
            "priority": job.priority,
            "input": job.input,
            "options": job.options,
            "max_attempts": job.max_attempts,
            "published": published,
            "lazily": lazily,
        },
    )


@single
def on_disk(ids: Sequence[str]) -> Op[set[str]]:
    """Changes no state: those of the jobs that exist, once no crash can make Postgres forget them."""
    rows = yield Query(_ON_DISK, {"ids": list(ids)})
    return {row[0] for row in rows}


def _rare(job: NewJob) -> str | None:
    """JSON of the fields that differ from what most jobs have; None when none does."""
    rare: dict[str, object] = {}
    for name in _RARE:
        value = getattr(job, name)
        if value is not None:
            rare[name] = value
    if job.run_at is not None:
        rare["run_at"] = job.run_at.isoformat()
    if job.expires_at is not None:
        rare["expires_at"] = job.expires_at.isoformat()
    if job.max_attempts != 3:
        rare["max_attempts"] = job.max_attempts
    if job.retry_errors:
        rare["retry_errors"] = True
    if job.tags:
        rare["tags"] = job.tags
    if job.blocked:
        rare["blocked"] = True
    if job.retries:
        rare["retries"] = job.retries
    return json.dumps(rare) if rare else None
