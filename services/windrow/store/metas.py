"""Jobs as Celery's result backend sees them, and the two things that only Celery keeps: groups and forgetting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windrow.core.failure import CLASS_CHARS
from windrow.core.states import FINAL
from windrow.store.op import Op, Query, single

_METAS = """
SELECT json_build_object(
    'id', j.id, 'state', j.state, 'task', j.task, 'queue', j.queue, 'retries', j.retries, 'parent_id', j.parent_id,
    'finished_at', j.finished_at, 'outcome', a.outcome, 'result', a.result, 'error', a.error,
    'children', a.children, 'worker', coalesce(w.name, a.worker), 'progress_state', g.state, 'progress_meta', g.meta,
    'input', CASE WHEN j.state = ANY(%(final)s::windrow.job_state[]) THEN p.input END,
    'options', CASE WHEN j.state = ANY(%(final)s::windrow.job_state[]) THEN p.options END)
FROM windrow.jobs j
LEFT JOIN windrow.payloads p ON p.job_id = j.id
LEFT JOIN windrow.progress g ON g.job_id = j.id AND j.state = 'running'
LEFT JOIN LATERAL (
    SELECT a.* FROM windrow.attempts a WHERE a.job_id = j.id ORDER BY a.attempt DESC LIMIT 1
) a ON j.state NOT IN ('scheduled', 'blocked')
LEFT JOIN windrow.workers w ON w.id = a.worker
WHERE j.id = ANY(%(ids)s)
"""


@single
def metas(job_ids: Sequence[str]) -> Op[list[dict[str, Any] | None]]:
    """What Celery may want to know of each job, JSON-ready, in the order asked; None for an unknown id.

    `result`, `error` and `children` are the last ended attempt's JSON texts; `input` and `options` come with final
    states only.
    """
    rows = yield Query(_METAS, {"ids": list(job_ids), "final": [state.value for state in FINAL]})
    found = {row[0]["id"]: row[0] for row in rows}
    return [found.get(job_id) for job_id in job_ids]


# An attempt that is not counted yet stays until it is, under a number that nobody finds: see store/fold.py.
_FORGET = f"""
WITH gone AS (
    DELETE FROM windrow.jobs WHERE id = %(id)s AND state IN ('succeeded', 'failed', 'cancelled', 'expired')
    RETURNING id
), payload AS (
    DELETE FROM windrow.payloads p USING gone WHERE p.job_id = gone.id
), progress AS (
    DELETE FROM windrow.progress g USING gone WHERE g.job_id = gone.id
), counted AS (
    DELETE FROM windrow.attempts a USING gone
    WHERE a.job_id = gone.id AND a.xid < (SELECT next_xid FROM windrow.stats_cursor)
)
UPDATE windrow.attempts a
SET attempt = -1 - a.attempt, result = NULL, children = NULL, error = left(a.error, {CLASS_CHARS})
FROM gone WHERE a.job_id = gone.id AND a.xid >= (SELECT next_xid FROM windrow.stats_cursor)
"""


@single
def forget(job_id: str) -> Op[None]:
    """final -> nothing: the job, what it was given and reported, and its attempts. Others stay."""
    yield Query(_FORGET, {"id": job_id})


@single
def save_group(group_id: str, result: str) -> Op[None]:
    """Keep a group's members, as JSON text."""
    yield Query(
        """
        INSERT INTO windrow.groups (id, result) VALUES (%(id)s, %(result)s)
        ON CONFLICT (id) DO UPDATE SET result = excluded.result
        """,
        {"id": group_id, "result": result},
    )


@single
def load_group(group_id: str) -> Op[str | None]:
    """The JSON text that `save_group` kept, or None."""
    rows = yield Query("SELECT result FROM windrow.groups WHERE id = %(id)s", {"id": group_id})
    return rows[0][0] if rows else None


@single
def delete_group(group_id: str) -> Op[None]:
    """Forget a group; its members stay."""
    yield Query("DELETE FROM windrow.groups WHERE id = %(id)s", {"id": group_id})
