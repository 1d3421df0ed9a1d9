"""What running jobs last reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from windrow.store.op import Op, Query, single


class Report(NamedTuple):
    """One job's own word of how far it is."""

    job_id: str
    #: A state name of the task's own, usually PROGRESS.
    state: str
    #: JSON text.
    meta: str


@single
def save_progress(reports: Sequence[Report]) -> Op[None]:
    """Keep the last report of each job that exists; no state changes."""
    ordered = sorted({report.job_id: report for report in reports}.values())
    yield Query(
        """
        INSERT INTO windrow.progress AS p (job_id, state, meta)
        SELECT r.*
        FROM unnest(%(id)s::text[], %(state)s::text[], %(meta)s::text[]) AS r(id, state, meta), windrow.jobs j
        WHERE j.id = r.id ORDER BY r.id
        ON CONFLICT (job_id) DO UPDATE
        SET state = excluded.state, meta = excluded.meta, updated_at = clock_timestamp()
        """,
        {
            "id": [r.job_id for r in ordered],
            "state": [r.state for r in ordered],
            "meta": [r.meta for r in ordered],
        },
    )
