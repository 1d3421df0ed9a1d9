"""Chords: count the parts down inside the finish transaction, and free the body with the last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from windrow.core.chord_end import Part, dump_chord, end_chord
from windrow.core.job import DEFAULT_MAX_ATTEMPTS, ChordPart, NewChord, NewJob
from windrow.store.op import Op, Query


class Freed(NamedTuple):
    """What the last parts of some chords set free."""

    #: To be inserted by `free`.
    jobs: list[NewJob]
    #: Bodies that can never run, because a part failed: saved as failed.
    ended: list[str]


_OPEN = """
INSERT INTO windrow.chords (id, size, remaining, body)
SELECT id, size, size, body
FROM unnest(%(id)s::text[], %(size)s::int[], %(body)s::text[]) AS c(id, size, body) ORDER BY id
ON CONFLICT (id) DO NOTHING
"""

_GROW = """
WITH hit AS MATERIALIZED (
    SELECT c.id, n.size FROM unnest(%(id)s::text[], %(size)s::int[]) AS n(id, size)
    JOIN windrow.chords c ON c.id = n.id WHERE c.freed_at IS NULL ORDER BY c.id FOR UPDATE OF c
)
UPDATE windrow.chords c SET size = c.size + hit.size, remaining = c.remaining + hit.size
FROM hit WHERE c.id = hit.id
"""


def open_chords(chords: Sequence[NewChord]) -> Op[None]:
    """Save chords before any of their parts can end; a chord that exists is left alone, or grows."""
    new = [c for c in chords if not c.grows]
    if new:
        yield Query(
            _OPEN,
            {
                "id": [c.id for c in new],
                "size": [c.size for c in new],
                "body": [dump_chord(c) for c in new],
            },
        )
    more = Counter[str]()
    for chord in chords:
        if chord.grows:
            more[chord.id] += chord.size
    if more:
        yield Query(_GROW, {"id": list(more), "size": list(more.values())})


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
RETURNING c.id, c.remaining, c.body
"""

_FOUND = """
SELECT job_id, result, error FROM windrow.chord_parts WHERE chord_id = %(id)s ORDER BY index, job_id
"""


def count_down(parts: Sequence[tuple[str, ChordPart]]) -> Op[Freed]:
    """Save (job id, part) pairs; a part that is already there counts once.

    A body that fails is saved as failed, and its own part goes to the chord around it, in the same call.
    """
    freed = Freed([], [])
    pending = list(parts)
    while pending:
        pending = yield from _round(pending, freed)
    return freed


def _round(parts: Sequence[tuple[str, ChordPart]], freed: Freed) -> Op[list[tuple[str, ChordPart]]]:
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
        return []
    last = {part.chord_id: job_id for job_id, part in parts}
    rows = yield Query(_COUNT, {"id": list(counts), "n": list(counts.values())})
    outer: list[tuple[str, ChordPart]] = []
    for chord_id, remaining, body in rows:
        if remaining > 0:
            continue
        found = yield Query(_FOUND, {"id": chord_id})
        end = end_chord(body, [Part(*row) for row in found], last[chord_id])
        yield from open_chords(end.chords)
        freed.jobs.extend(end.jobs)
        freed.ended.extend((yield from save_failed(end.failed)))
        outer += end.parts
    return outer


_SAVE_FAILED = """
WITH b AS MATERIALIZED (
    SELECT * FROM unnest(%(id)s::text[], %(task)s::text[], %(queue)s::text[], %(input)s::text[],
        %(options)s::text[], %(parent)s::text[], %(root)s::text[], %(error)s::text[])
        AS b(id, task, queue, input, options, parent_id, root_id, error)
), job AS (
    INSERT INTO windrow.jobs (id, task, queue, state, max_attempts, finished_at, parent_id, root_id)
    SELECT id, task, queue, 'failed', %(max_attempts)s, clock_timestamp(), parent_id, root_id FROM b ORDER BY id
    ON CONFLICT (id) DO UPDATE
    SET state = 'failed', attempt = windrow.jobs.attempt + 1, finished_at = clock_timestamp()
    WHERE windrow.jobs.state = 'blocked'
    RETURNING id, attempt, task, queue
), payload AS (
    INSERT INTO windrow.payloads (job_id, input, options)
    SELECT b.id, b.input, b.options FROM b, job WHERE job.id = b.id ORDER BY b.id
    ON CONFLICT (job_id) DO NOTHING
), attempt AS (
    INSERT INTO windrow.attempts (job_id, attempt, outcome, task, queue, error, job_state)
    SELECT b.id, job.attempt, 'failed', b.task, b.queue, b.error, 'failed' FROM b, job WHERE job.id = b.id ORDER BY b.id
    ON CONFLICT (job_id, attempt) DO NOTHING
), counted AS (
    -- One that stood blocked was submitted before; its attempt is no longer 0.
    INSERT INTO windrow.stats_deltas (task, queue, name, n)
    SELECT task, queue, 'submitted', count(*) FROM job WHERE attempt = 0 GROUP BY task, queue
)
SELECT id FROM job
"""


def save_failed(pairs: Sequence[tuple[NewJob, str]]) -> Op[list[str]]:
    """nothing or blocked -> failed, with the error's JSON text as an attempt that nobody started; returns those ids."""
    unique = {job.id: (job, error) for job, error in pairs}
    if not unique:
        return []
    jobs = [job for job, _ in unique.values()]
    rows = yield Query(
        _SAVE_FAILED,
        {
            "id": [job.id for job in jobs],
            "task": [job.task for job in jobs],
            "queue": [job.queue for job in jobs],
            "input": [job.input for job in jobs],
            "options": [job.options for job in jobs],
            "parent": [job.parent_id for job in jobs],
            "root": [job.root_id for job in jobs],
            "error": [error for _, error in unique.values()],
            "max_attempts": DEFAULT_MAX_ATTEMPTS,
        },
    )
    return [row[0] for row in rows]
