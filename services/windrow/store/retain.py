"""Retain: what ended long ago is deleted, a bounded batch at a time."""

from __future__ import annotations

from collections.abc import Callable

from windrow.store.op import Op, Query, single

#: Any constant of our own. It saves a second beat the work; SKIP LOCKED is what makes two safe.
_LOCK = 0x52455441494E

_OLD = "(SELECT clock_timestamp()) - %(keep)s * interval '1 second'"
_ALONE = f"(SELECT pg_try_advisory_xact_lock({_LOCK}))"

# What is not in the statistics yet is not history.
_COUNTED = """NOT EXISTS (SELECT FROM windrow.attempts a WHERE a.job_id = j.id
                              AND a.xid >= (SELECT next_xid FROM windrow.stats_cursor))"""

_JOBS = f"""
WITH hit AS MATERIALIZED (
    SELECT j.id FROM windrow.jobs j
    WHERE {_ALONE} AND j.finished_at < {_OLD} AND j.state IN ('succeeded', 'failed', 'cancelled', 'expired')
      AND NOT j.id = ANY(%(skip)s) AND (%(only)s::text IS NULL OR j.id = %(only)s) AND {_COUNTED}
    ORDER BY j.finished_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), payload AS (
    DELETE FROM windrow.payloads WHERE job_id = ANY(ARRAY(SELECT id FROM hit))
), attempt AS (
    DELETE FROM windrow.attempts WHERE job_id = ANY(ARRAY(SELECT id FROM hit))
), progress AS (
    DELETE FROM windrow.progress WHERE job_id = ANY(ARRAY(SELECT id FROM hit))
)
DELETE FROM windrow.jobs WHERE id = ANY(ARRAY(SELECT id FROM hit)) RETURNING id
"""


@single
def delete_jobs(limit: int, keep: float, skip: list[str], only: str | None = None) -> Op[int]:
    """succeeded, failed, cancelled, expired -> nothing, `keep` seconds after the end; returns how many."""
    rows = yield Query(_JOBS, {"limit": limit, "keep": keep, "skip": skip, "only": only})
    return len(rows)


@single
def old_jobs(limit: int, keep: float, skip: list[str]) -> Op[list[str]]:
    """The ids that `delete_jobs` would take."""
    rows = yield Query(
        f"""
        SELECT j.id FROM windrow.jobs j
        WHERE j.finished_at < {_OLD} AND j.state IN ('succeeded', 'failed', 'cancelled', 'expired')
          AND NOT j.id = ANY(%(skip)s) AND {_COUNTED} ORDER BY j.finished_at LIMIT %(limit)s
        """,
        {"limit": limit, "keep": keep, "skip": skip},
    )
    return [row[0] for row in rows]


def _deletes(sql: str) -> Callable[[int, float], Op[int]]:
    @single
    def delete(limit: int, keep: float) -> Op[int]:
        rows = yield Query(sql, {"limit": limit, "keep": keep})
        return len(rows)

    return delete


#: Each deletes at most `limit` rows that are older than `keep` seconds, and returns how many.
#: In the order of an index: it is not told how few are old, and would read the table from its beginning.
#: A chord that was never freed stays: one of its parts may be scheduled for next year.
OTHERS: dict[str, Callable[[int, float], Op[int]]] = {
    "chords": _deletes(f"""
        WITH hit AS MATERIALIZED (
            SELECT id FROM windrow.chords WHERE {_ALONE} AND freed_at < {_OLD}
            ORDER BY freed_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        ), parts AS (
            DELETE FROM windrow.chord_parts WHERE chord_id = ANY(ARRAY(SELECT id FROM hit))
        )
        DELETE FROM windrow.chords WHERE id = ANY(ARRAY(SELECT id FROM hit)) RETURNING id
    """),
    "groups": _deletes(f"""
        DELETE FROM windrow.groups WHERE id = ANY(ARRAY(
            SELECT id FROM windrow.groups WHERE {_ALONE} AND created_at < {_OLD}
            ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)) RETURNING id
    """),
    "guards": _deletes(f"""
        DELETE FROM windrow.guards WHERE name = ANY(ARRAY(
            SELECT name FROM windrow.guards WHERE {_ALONE} AND expires_at < (SELECT clock_timestamp())
              AND %(keep)s::float8 IS NOT NULL
            ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)) RETURNING name
    """),
    "ticks": _deletes(f"""
        DELETE FROM windrow.ticks WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM windrow.ticks WHERE {_ALONE} AND created_at < {_OLD}
            ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)) RETURNING fire_at
    """),
    "workers": _deletes(f"""
        WITH gone AS (
            DELETE FROM windrow.workers WHERE id = ANY(ARRAY(
                SELECT w.id FROM windrow.workers w
                WHERE {_ALONE} AND w.ended_at < {_OLD} AND w.forgotten_at >= w.ended_at AND NOT EXISTS (
                    SELECT FROM windrow.jobs j WHERE j.worker = w.id AND j.state IN ('claimed', 'running'))
                LIMIT %(limit)s FOR UPDATE SKIP LOCKED)) RETURNING id, pool, dropped, late
        ), counted AS (
            INSERT INTO windrow.stats AS s (task, queue, name, label, n)
            SELECT '', '', v.name, g.pool, sum(v.n) FROM gone g,
                LATERAL (VALUES ('dropped', dropped), ('late', late)) AS v(name, n)
            GROUP BY v.name, g.pool ORDER BY 3, 4
            ON CONFLICT (task, queue, name, label) DO UPDATE SET n = s.n + excluded.n
        )
        SELECT id FROM gone
    """),
}
