"""Chords: count the parts down inside the finish transaction, and free the body with the last one."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from windrow.core.job import ERROR_MARK, RESULTS_MARK, ChordPart, NewChord, NewJob
from windrow.core.job_json import dump_jobs, load_jobs
from windrow.store.op import Op, Query, Row


class Freed(NamedTuple):
    """What the last parts of some chords set free."""

    jobs: list[NewJob]
    #: Bodies that can never run, because a part failed: saved as failed.
    ended: list[str]


def open_chords(chords: Sequence[NewChord]) -> Op[None]:
    """Save chords before any of their parts can end; a chord that exists is left alone."""
    if chords:
        yield Query(
            """
            INSERT INTO windrow.chords (id, size, remaining, body, errbacks)
            SELECT id, size, size, body, errbacks
            FROM unnest(%(id)s::text[], %(size)s::int[], %(body)s::text[], %(errbacks)s::text[])
                 AS c(id, size, body, errbacks) ORDER BY id
            ON CONFLICT (id) DO NOTHING
            """,
            {
                "id": [c.id for c in chords],
                "size": [c.size for c in chords],
                "body": [dump_jobs(c.body) for c in chords],
                "errbacks": [dump_jobs(c.errbacks) if c.errbacks else None for c in chords],
            },
        )


_PARTS = """
INSERT INTO windrow.chord_parts (chord_id, index, job_id, result, error)
SELECT * FROM unnest(%(chord)s::text[], %(index)s::int[], %(job)s::text[], %(result)s::text[], %(error)s::text[])
    AS p(chord_id, index, job_id, result, error) ORDER BY chord_id, job_id
ON CONFLICT (chord_id, job_id) DO NOTHING
RETURNING chord_id
"""

_COUNT = """
WITH n AS MATERIALIZED (
    SELECT * FROM unnest(%(id)s::text[], %(n)s::int[]) AS n(id, n)
), hit AS MATERIALIZED (
    SELECT c.id FROM windrow.chords c WHERE c.id = ANY(%(id)s) ORDER BY c.id FOR UPDATE
)
UPDATE windrow.chords c
SET remaining = c.remaining - n.n, freed_at = CASE WHEN c.remaining - n.n <= 0 THEN clock_timestamp() END
FROM n, hit WHERE c.id = n.id AND c.id = hit.id AND c.id = ANY(%(id)s) AND c.freed_at IS NULL
RETURNING c.id, c.remaining, c.body, c.errbacks
"""


def count_down(parts: Sequence[tuple[str, ChordPart]]) -> Op[Freed]:
    """Save (job id, part) pairs; a part that is already there counts once."""
    if not parts:
        return Freed([], [])
    rows = yield Query(
        _PARTS,
        {
            "chord": [p.chord_id for _, p in parts],
            "index": [p.index for _, p in parts],
            "job": [job_id for job_id, _ in parts],
            "result": [p.result for _, p in parts],
            "error": [p.error for _, p in parts],
        },
    )
    counts = Counter(row[0] for row in rows)
    if not counts:
        return Freed([], [])
    rows = yield Query(_COUNT, {"id": list(counts), "n": list(counts.values())})
    jobs: list[NewJob] = []
    ended: list[str] = []
    for chord_id, remaining, body, errbacks in rows:
        if remaining > 0:
            continue
        found = yield Query(
            "SELECT job_id, result, error FROM windrow.chord_parts WHERE chord_id = %(id)s ORDER BY index, job_id",
            {"id": chord_id},
        )
        error = next(((row[0], row[2]) for row in found if row[2] is not None), None)
        if error is None:
            jobs += [_splice(job, RESULTS_MARK, _json_list(found)) for job in load_jobs(body)]
            continue
        failure = _chord_error(*error)
        bodies = load_jobs(body)
        yield from _fail_bodies(bodies, failure)
        ended += [job.id for job in bodies]
        jobs += [_splice(job, ERROR_MARK, failure) for job in load_jobs(errbacks or "[]")]
    return Freed(jobs, ended)


def _json_list(found: Sequence[Row]) -> str:
    return "[" + ", ".join(row[1] if row[1] is not None else "null" for row in found) + "]"


def _splice(job: NewJob, mark: str, text: str) -> NewJob:
    """Put `text` where the mark stands as a JSON string, in the input and in the options."""
    quoted = json.dumps(mark)
    return dataclasses.replace(
        job,
        input=job.input.replace(quoted, text),
        options=job.options.replace(quoted, text) if job.options else job.options,
    )


def _chord_error(job_id: str, error: str) -> str:
    """The body's error as Celery words it, e.g. `Dependency 4f… raised ValueError('no')`."""
    cause = json.loads(error)
    shown = f"{cause.get('cls')}({cause.get('message')!r})"
    return json.dumps(
        {
            "cls": "ChordError",
            "module": "celery.exceptions",
            "message": f"Dependency {job_id} raised {shown}",
            "args": json.dumps([f"Dependency {job_id} raised {shown}"]),
            "traceback": cause.get("traceback"),
        }
    )


def _fail_bodies(jobs: Sequence[NewJob], failure: str) -> Op[None]:
    """nothing or blocked -> failed, with the error as an attempt that nobody started."""
    if not jobs:
        return
    params = {
        "id": [job.id for job in jobs],
        "task": [job.task for job in jobs],
        "queue": [job.queue for job in jobs],
        "input": [job.input for job in jobs],
        "options": [job.options for job in jobs],
        "parent": [job.parent_id for job in jobs],
        "root": [job.root_id for job in jobs],
        "error": failure,
    }
    yield Query(
        """
        WITH b AS MATERIALIZED (
            SELECT * FROM unnest(%(id)s::text[], %(task)s::text[], %(queue)s::text[], %(input)s::text[],
                %(options)s::text[], %(parent)s::text[], %(root)s::text[])
                AS b(id, task, queue, input, options, parent_id, root_id)
        ), payload AS (
            INSERT INTO windrow.payloads (job_id, input, options) SELECT id, input, options FROM b ORDER BY id
            ON CONFLICT (job_id) DO NOTHING
        ), attempt AS (
            INSERT INTO windrow.attempts (job_id, attempt, outcome, task, queue, error)
            SELECT id, 0, 'failed', task, queue, %(error)s FROM b ORDER BY id
            ON CONFLICT (job_id, attempt) DO NOTHING
        )
        INSERT INTO windrow.jobs (id, task, queue, state, max_attempts, finished_at, parent_id, root_id)
        SELECT id, task, queue, 'failed', 1, clock_timestamp(), parent_id, root_id FROM b ORDER BY id
        ON CONFLICT (id) DO UPDATE SET state = 'failed', finished_at = clock_timestamp()
        WHERE windrow.jobs.state = 'blocked'
        """,
        params,
    )
