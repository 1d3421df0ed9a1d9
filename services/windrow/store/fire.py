"""Fire a schedule: its ticks and their jobs are one transaction, so a tick has one job however many beats there are."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, NamedTuple

from windrow.core.errors import RetiredTask
from windrow.core.ids import new_id
from windrow.core.job import DEFAULT_QUEUE, NewJob
from windrow.core.job_json import from_dict
from windrow.core.schedule import missed, parse_spec, zone
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.op import Op, Query
from windrow.store.schedules import ScheduleRow, as_row
from windrow.store.sent import Sent, bound_transaction

RETIRED_FIX = "Have a release declare the task again, or delete the schedule"


class Fired(NamedTuple):
    """What a fire made."""

    job_ids: list[str]
    #: Those whose message is to be sent after the commit.
    queued: list[Sent]
    #: Some wait for their time: promote wants to know.
    scheduled: bool


_COLUMNS = ", ".join(f"s.{field}" for field in ScheduleRow._fields)
_DUE = f"""
SELECT {_COLUMNS}, clock_timestamp(), t.queue, t.max_attempts, t.retry, t.hard_limit, t.soft_limit,
       t.retired_at IS NOT NULL,
       EXISTS (SELECT FROM windrow.queues q WHERE q.name = coalesce(s.queue, t.queue) AND q.paused_at IS NOT NULL)
FROM windrow.schedules s LEFT JOIN windrow.tasks t ON t.name = s.task
WHERE s.id = %(id)s AND s.enabled AND s.paused_at IS NULL AND s.next_at <= clock_timestamp()
FOR UPDATE OF s SKIP LOCKED
"""

_TICK = """
INSERT INTO windrow.ticks (schedule_id, fire_at, job_id)
SELECT %(id)s, * FROM unnest(%(at)s::timestamptz[], %(job)s::text[]) ORDER BY 2
ON CONFLICT (schedule_id, fire_at) DO NOTHING RETURNING job_id
"""

_ADVANCE = """
UPDATE windrow.schedules SET next_at = %(next)s, last_at = %(last)s, error = NULL, failed_at = NULL WHERE id = %(id)s
"""


def fire(
    schedule_id: str, catch_up: int = 1, max_late: float | None = None, input: str | None = None
) -> Op[Fired]:
    """nothing -> queued, for the last `catch_up` moments of a due schedule that have passed, and on to the next.

    Moments older than `max_late` seconds are passed over. `input` stands in for the row's. Nothing happens when
    another beat fires it. Raises InvalidJob for a row that cannot be read, RetiredTask for a task that no release
    declares any more; then the schedule stays due.
    """
    yield from bound_transaction()
    rows = yield Query(_DUE, {"id": schedule_id})
    if not rows:
        return Fired([], [], False)
    row, now = as_row(rows[0][: len(ScheduleRow._fields)]), rows[0][len(ScheduleRow._fields)]
    assert row.next_at is not None
    moments, following = missed(
        parse_spec(row.kind, row.spec), zone(row.timezone), row.next_at, now, max(catch_up, 1)
    )
    wanted = [at for at in moments if max_late is None or now - at <= timedelta(seconds=max_late)]
    jobs = {new_id(): at for at in wanted}
    if jobs:
        ticks = yield Query(_TICK, {"id": schedule_id, "at": list(jobs.values()), "job": list(jobs)})
        jobs = {job_id: jobs[job_id] for (job_id,) in ticks}
    fired = yield from _accept(row, rows[0], list(jobs), input)
    yield Query(_ADVANCE, {"id": schedule_id, "next": following, "last": moments[-1]})
    return fired


def _accept(row: ScheduleRow, read: Any, job_ids: list[str], text: str | None) -> Op[Fired]:
    *task, retired, paused = read[len(ScheduleRow._fields) + 1 :]
    if retired:
        raise RetiredTask(f"no current release declares the task {row.task}", "/task", RETIRED_FIX)
    jobs = [job_of(row, job_id, text, *task) for job_id in sorted(job_ids)]
    if not jobs:
        return Fired([], [], False)
    accepted = yield from accept(jobs, not paused)
    states = [one.state for one in accepted]
    queued = [
        Sent(job.id, job.task, job.queue, job.priority, False)
        for job, state in zip(jobs, states, strict=True)
        if state is State.QUEUED and not paused
    ]
    return Fired([job.id for job in jobs], queued, State.SCHEDULED in states)


def job_of(
    row: ScheduleRow,
    job_id: str,
    text: str | None,
    queue: str | None,
    max_attempts: int | None,
    retry: str | None,
    hard_limit: float | None,
    soft_limit: float | None,
) -> NewJob:
    """The schedule's own words first, then the catalog's, then the defaults."""
    fields: dict[str, Any] = {
        "max_attempts": max_attempts,
        "hard_limit": hard_limit,
        "soft_limit": soft_limit,
        "retry_errors": True if retry else None,
        "options": '{"retry": ' + retry + "}" if retry else None,
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    fields |= json.loads(row.options) if row.options else {}
    fields |= {
        "id": job_id,
        "task": row.task,
        "queue": row.queue or queue or DEFAULT_QUEUE,
        "input": row.input if text is None else text,
        "priority": row.priority,
    }
    return from_dict(fields)
