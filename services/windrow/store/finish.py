"""Save how attempts ended, and in the same transaction what their end sets free."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from windrow.core.failure import failure_json
from windrow.core.job import NewJob, Outcome
from windrow.core.states import State
from windrow.store.arrays import array, text_array
from windrow.store.chords import count_down, open_chords, save_failed
from windrow.store.free import free
from windrow.store.op import Op, Query, single
from windrow.store.settle import Ended, settle


class Finished(NamedTuple):
    """What a finish saved."""

    #: Jobs whose outcome was saved; the others had been taken over, their outcome is dropped.
    ids: set[str]
    #: Jobs that became queued by it: their messages are to be sent.
    queued: list[NewJob]
    #: Some became scheduled: promote wants to know.
    scheduled: bool
    #: Other jobs that reached a final state with it (a chord's body that can never run).
    ended: list[str]
    #: Final jobs whose outcome has an answer_key -> JSON text of their record, field by field.
    records: dict[str, str]


# Every join is from a list of ours to a table's primary key, never list to list: without statistics Postgres
# plans that as a nested loop over all pairs.
_FINISH = """
WITH hit AS MATERIALIZED (
    SELECT o.*, j.state::text = 'claimed' AND o.started AS unsaved, greatest(j.run_at, j.created_at) AS due_at,
           j.created_at
    FROM unnest(
        %(id)s::text[], %(token)s::bigint[], %(state)s::text[], %(outcome)s::text[], %(started)s::boolean[],
        %(began)s::float8[], %(ended)s::float8[], %(result)s::text[], %(error)s::text[], %(delay)s::float8[],
        %(counts)s::boolean[], %(retries)s::integer[], %(children)s::text[])
      AS o(id, token, state, outcome, started, began, ended, result, error, delay, counts, retries, children),
      windrow.jobs j
    WHERE j.id = o.id AND j.token = o.token AND j.state::text IN ('claimed', 'running')
    ORDER BY j.id FOR UPDATE OF j
), done AS (
    UPDATE windrow.jobs j
    SET state = (CASE WHEN j.cancel_requested AND hit.state IN ('retrying', 'queued', 'blocked') THEN 'cancelled'
                      ELSE hit.state END)::windrow.job_state,
        attempt = j.attempt + hit.unsaved::int,
        failures = j.failures + hit.counts::int,
        retries = coalesce(hit.retries, j.retries),
        claims = 0, losses = 0, token = NULL, worker = NULL,
        started_at = CASE WHEN hit.unsaved THEN clock_timestamp() - hit.began * interval '1 second'
                          ELSE j.started_at END,
        run_at = CASE WHEN hit.state = 'retrying'
                      THEN clock_timestamp() + coalesce(hit.delay, 0) * interval '1 second' ELSE j.run_at END,
        published_at = CASE WHEN hit.state = 'queued' THEN NULL ELSE j.published_at END,
        finished_at = CASE WHEN hit.state IN ('retrying', 'queued', 'blocked') AND NOT j.cancel_requested THEN NULL
                           ELSE clock_timestamp() - hit.ended * interval '1 second' END
    FROM hit WHERE j.id = hit.id
    RETURNING j.id, j.attempt, j.task, j.queue, j.state, j.finished_at, hit.due_at, hit.created_at,
              hit.started, hit.outcome, hit.began, hit.ended, hit.result, hit.error, hit.children,
              j.priority, j.failures, j.max_attempts, j.cancel_requested, j.run_at, j.expires_at, j.started_at,
              j.hard_limit, j.worker, j.parent_id, j.root_id, j.replay_of, j.has_tags
), attempt AS (
    INSERT INTO windrow.attempts (job_id, attempt, outcome, task, queue, worker, due_at, started_at,
                                  finished_at, result, error, children, job_state, job_seconds)
    SELECT id, attempt, outcome, task, queue, %(worker)s, due_at,
           clock_timestamp() - began * interval '1 second', clock_timestamp() - ended * interval '1 second',
           result, error, children, state, extract(epoch FROM finished_at - created_at)
    FROM done WHERE started
    ON CONFLICT (job_id, attempt) DO NOTHING
), counted AS (
    INSERT INTO windrow.stats_deltas (task, queue, name, label, n)
    SELECT task, queue, 'finished', state::text, count(*) FROM done
    WHERE NOT started AND state IN ('succeeded', 'failed', 'cancelled', 'expired') GROUP BY task, queue, state
)
SELECT id, state, CASE WHEN id = ANY(%(answered)s::text[])
                        AND state IN ('succeeded', 'failed', 'cancelled', 'expired') THEN json_build_array(
    id, task, queue, state, priority, attempt, failures, max_attempts, cancel_requested, created_at, run_at,
    expires_at, started_at, finished_at, hard_limit, worker, parent_id, root_id, replay_of,
    CASE WHEN has_tags THEN (SELECT p.tags FROM windrow.payloads p WHERE p.job_id = id) END,
    NULL, NULL, NULL, result, error)::text END
FROM done
"""


@single
def finish_plain(outcomes: Sequence[Outcome], worker: str) -> Op[Finished]:
    """claimed or running -> the outcome's state, for outcomes that set nothing else free: one statement."""
    done, records = yield from _finish(outcomes, worker)
    return Finished(set(done), [], any(o.state is State.RETRYING for o in outcomes), [], records)


def finish(outcomes: Sequence[Outcome], worker: str) -> Op[Finished]:
    """claimed or running -> the outcome's state, together with all that it sets free.

    Continuations of an outcome that is dropped are dropped with it. Raises psycopg.DataError when a value
    cannot be stored: split the batch until the bad one stands alone.
    """
    done, records = yield from _finish(outcomes, worker)
    # A cancel met a job that was to run again.
    stopped = {o.job_id for o in outcomes if done.get(o.job_id) is State.CANCELLED is not o.state}
    saved = [_ended(o) if o.job_id in stopped else o for o in outcomes if o.job_id in done]
    yield from _change_payloads(saved)
    yield from open_chords([chord for o in saved for chord in o.chords])
    jobs = [job for o in saved for job in o.jobs]
    jobs += [o.replaced_by for o in saved if o.replaced_by is not None]
    queued, scheduled = yield from free(jobs)
    failed = yield from save_failed(
        [(job, failure_json(o.failure)) for o in saved if o.failure for job in o.failed]
    )
    freed = yield from count_down([(o.job_id, part) for o in saved for part in o.parts])
    more, later = yield from free(freed.jobs)
    # Nobody has told their chords.
    settled = yield from settle([Ended(job_id, State.CANCELLED) for job_id in sorted(stopped)])
    return Finished(
        set(done),
        queued + more + settled.queued,
        scheduled or later or any(s is State.RETRYING for s in done.values()),
        failed + freed.ended + settled.ended,
        records,
    )


def _ended(outcome: Outcome) -> Outcome:
    """Without what was to take the job's place: `Task.replace`, or a retry on another queue."""
    if outcome.state is State.BLOCKED:
        return replace(outcome, replaced_by=None, jobs=(), chords=())
    return replace(outcome, replaced_by=None)


def _finish(outcomes: Sequence[Outcome], worker: str) -> Op[tuple[dict[str, State], dict[str, str]]]:
    now = time.monotonic()
    answered = text_array([o.job_id for o in outcomes if o.answer_key])
    rows = yield Query(_FINISH, {**_columns(outcomes, now), "worker": worker, "answered": answered})
    return {row[0]: State(row[1]) for row in rows}, {row[0]: row[2] for row in rows if row[2] is not None}


def _columns(outcomes: Sequence[Outcome], now: float) -> dict[str, Any]:
    """One array a column; moments become ages, so that the database's clock is the only one."""
    return {
        "id": text_array([o.job_id for o in outcomes]),
        "token": array([o.token for o in outcomes]),
        "state": array(["blocked" if o.replaced_by is not None else o.state.value for o in outcomes]),
        "outcome": array([o.outcome for o in outcomes]),
        "started": array([o.started for o in outcomes]),
        "began": array([now - o.started_at if o.started_at is not None else None for o in outcomes]),
        "ended": array([now - o.finished_at if o.finished_at is not None else 0.0 for o in outcomes]),
        "result": text_array([o.result for o in outcomes]),
        "error": text_array([failure_json(o.failure) if o.failure else None for o in outcomes]),
        "delay": array([o.delay for o in outcomes]),
        "counts": array([o.counts for o in outcomes]),
        "retries": array([o.retries for o in outcomes]),
        "children": text_array([o.children for o in outcomes]),
    }


def _change_payloads(outcomes: Sequence[Outcome]) -> Op[None]:
    """A retry with other arguments, or with Celery's next options."""
    changed = [o for o in outcomes if o.input is not None or o.options is not None]
    if changed:
        yield Query(
            """
            UPDATE windrow.payloads p SET input = coalesce(c.input, p.input), options = coalesce(c.options, p.options)
            FROM unnest(%(id)s::text[], %(input)s::text[], %(options)s::text[]) AS c(id, input, options)
            WHERE p.job_id = c.id AND p.job_id = ANY(%(id)s)
            """,
            {
                "id": [o.job_id for o in changed],
                "input": [o.input for o in changed],
                "options": [o.options for o in changed],
            },
        )


def is_plain(outcome: Outcome) -> bool:
    """Whether `finish_plain` can save it."""
    return not (
        outcome.jobs
        or outcome.failed
        or outcome.chords
        or outcome.parts
        # One that is given back ends instead when a cancel was asked, and its chord must hear of it.
        or outcome.state in (State.RETRYING, State.BLOCKED, State.QUEUED)
        or outcome.replaced_by
        or outcome.input is not None
        or outcome.options is not None
    )
