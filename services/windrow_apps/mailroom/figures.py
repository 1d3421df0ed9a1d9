"""What reports say, read from the ledger, the mailroom and the to-dos; every SQL statement on tables of others.

An app's tasks have no `Jobs`, so this reads `windrow.jobs` and `windrow.attempts` itself: columns and states that the
ledger's first revision has and its later ones only add to. It writes nothing there.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from windrow_apps.mailroom.settings import MailroomSettings
from windrow_apps.mailroom.store import MailroomStore

#: Days back that a count of the ledger covers; what is older was counted while it was there.
RECOUNTED_DAYS = 3

# The ledger's own ids (UUIDv7) are in the order of their time, and no index is: a caller's own id may be anything.
# Those of ours that are newest say how far back it goes; of the others what has ended since then, or has not ended.
# Ids and inputs stay out: whoever may ask for statistics may not be the one who may see the jobs.
_LATEST = """
WITH bound AS MATERIALIZED (
    -- The first eight digits of a UUIDv7 of tomorrow: a step is 65 seconds.
    SELECT left(lpad(to_hex((extract(epoch FROM now() + interval '1 day') * 1000)::bigint), 12, '0'), 8) AS id
), ours AS MATERIALIZED (
    SELECT j.id, j.created_at FROM windrow.jobs j
    WHERE j.id < (SELECT id FROM bound) ORDER BY j.id DESC LIMIT %(limit)s
), since AS MATERIALIZED (
    SELECT CASE WHEN count(*) = %(limit)s THEN min(created_at) ELSE '-infinity' END AS moment, min(id) AS id FROM ours
), latest AS (
    SELECT id FROM ours
    UNION ALL (
        SELECT j.id FROM windrow.jobs j
        WHERE j.finished_at >= (SELECT moment FROM since)
          AND NOT (j.id >= (SELECT id FROM since) AND j.id < (SELECT id FROM bound))
        ORDER BY j.finished_at DESC LIMIT %(limit)s
    ) UNION ALL (
        SELECT j.id FROM windrow.jobs j
        WHERE (j.state = 'queued' OR j.state = 'scheduled' OR j.state = 'retrying' OR j.state = 'claimed'
               OR j.state = 'running' OR j.state = 'blocked')
          AND NOT (j.id >= (SELECT id FROM since) AND j.id < (SELECT id FROM bound))
        ORDER BY j.created_at DESC LIMIT %(limit)s
    )
)
SELECT j.task, j.queue, j.state::text AS state, j.priority, j.attempt AS attempts, j.failures,
       to_char(j.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS created_at,
       round(extract(epoch FROM j.started_at - j.created_at), 3)::float AS seconds_to_start,
       round(extract(epoch FROM j.finished_at - j.started_at), 3)::float AS seconds_of_run
FROM latest JOIN windrow.jobs j USING (id) ORDER BY j.created_at DESC, j.id DESC LIMIT %(limit)s
"""

# A day that retention has begun to delete must not shrink.
_COUNT_DAY = """
INSERT INTO mailroom.days AS known (day, task, succeeded, failed, stopped, seconds, longest)
SELECT %(day)s::date, j.task,
       count(*) FILTER (WHERE j.state = 'succeeded'),
       count(*) FILTER (WHERE j.state = 'failed'),
       count(*) FILTER (WHERE j.state IN ('cancelled', 'expired')),
       coalesce(sum(extract(epoch FROM j.finished_at - j.started_at)) FILTER (WHERE j.state = 'succeeded'), 0),
       coalesce(max(extract(epoch FROM j.finished_at - j.started_at)) FILTER (WHERE j.state = 'succeeded'), 0)
FROM windrow.jobs j
WHERE j.finished_at >= %(start)s AND j.finished_at < %(end)s
  AND j.state IN ('succeeded', 'failed', 'cancelled', 'expired')
GROUP BY j.task
ORDER BY j.task
ON CONFLICT (day, task) DO UPDATE SET
    succeeded = greatest(known.succeeded, excluded.succeeded),
    failed = greatest(known.failed, excluded.failed),
    stopped = greatest(known.stopped, excluded.stopped),
    seconds = greatest(known.seconds, excluded.seconds),
    longest = greatest(known.longest, excluded.longest)
"""

_DAYS = """
SELECT day, sum(succeeded)::bigint AS succeeded, sum(failed)::bigint AS failed, sum(stopped)::bigint AS stopped
FROM mailroom.days WHERE day BETWEEN %(first)s AND %(last)s GROUP BY day ORDER BY day
"""
_HOURS = """
SELECT extract(hour FROM j.finished_at AT TIME ZONE %(zone)s)::integer AS hour,
       count(*) FILTER (WHERE j.state = 'succeeded') AS succeeded,
       count(*) FILTER (WHERE j.state = 'failed') AS failed
FROM windrow.jobs j WHERE j.finished_at >= %(start)s AND j.finished_at < %(end)s GROUP BY 1 ORDER BY 1
"""
_TASKS = """
SELECT task, sum(succeeded)::bigint AS succeeded, sum(failed)::bigint AS failed, sum(stopped)::bigint AS stopped,
       CASE WHEN sum(succeeded) > 0 THEN sum(seconds) / sum(succeeded) END AS mean, max(longest) AS longest
FROM mailroom.days WHERE day BETWEEN %(first)s AND %(last)s
GROUP BY task ORDER BY sum(succeeded) + sum(failed) + sum(stopped) DESC, task LIMIT %(limit)s
"""
_WAITING = """
SELECT state::text AS state, count(*) AS jobs FROM windrow.jobs
WHERE state IN ('scheduled', 'blocked', 'queued', 'claimed', 'running', 'retrying') GROUP BY 1 ORDER BY 1
"""
# The error's class, not its message: that may quote somebody's input. By its text: legal JSON may be no jsonb.
_FAILURES = """
SELECT j.task, coalesce(substring(a.error FROM '"cls": ?"([^"]{1,200})"'), 'unknown') AS cls, count(*) AS jobs,
       max(j.finished_at) AS latest
FROM windrow.jobs j
LEFT JOIN LATERAL (
    SELECT a.error FROM windrow.attempts a WHERE a.job_id = j.id ORDER BY a.attempt DESC LIMIT 1
) a ON true
WHERE j.finished_at >= %(start)s AND j.finished_at < %(end)s AND j.state = 'failed'
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %(limit)s
"""
_MAILS = """
SELECT count(*) FILTER (WHERE sent_at IS NOT NULL) AS sent, count(*) FILTER (WHERE sent_at IS NULL) AS unsent,
       count(*) FILTER (WHERE sent_at IS NOT NULL AND tries > 1) AS again
FROM mailroom.mails WHERE claimed_at >= %(start)s AND claimed_at < %(end)s
"""
_HAS_TODOS = "SELECT to_regclass('todos.tasks') IS NOT NULL AS there"
_TODOS = """
SELECT count(*) FILTER (WHERE created_at >= %(start)s AND created_at < %(end)s) AS created,
       count(*) FILTER (WHERE completed_at >= %(start)s AND completed_at < %(end)s) AS completed,
       count(*) FILTER (WHERE NOT completed) AS open,
       count(*) FILTER (WHERE NOT completed AND deadline < clock_timestamp()) AS overdue,
       count(*) FILTER (WHERE NOT completed AND deadline >= clock_timestamp()) AS due_later,
       count(*) FILTER (WHERE NOT completed AND deadline IS NULL) AS without_deadline
FROM todos.tasks
"""

Rows = list[dict[str, Any]]


class Figures:
    """Numbers of a period of days. Raises psycopg's OperationalError when nobody answers."""

    def __init__(self, settings: MailroomSettings) -> None:
        self._store = MailroomStore(settings)
        self._zone = settings.zone
        self._zone_name = settings.timezone

    def latest_jobs(self, limit: int) -> Rows:
        """The ledger's latest jobs as records, the newest first."""
        return self._store.rows(_LATEST, {"limit": limit})

    def count_days(self, today: date) -> None:
        """Bring the daily totals up to now, a day at a time: each statement has its seconds."""
        for ago in range(RECOUNTED_DAYS, -1, -1):
            day = today - timedelta(days=ago)
            with self._store.transaction() as connection:
                connection.execute(_COUNT_DAY, {"day": day, **self._bounds(day, day)})

    def days(self, first: date, last: date) -> Rows:
        """Ended jobs by day; a day without any has no row."""
        return self._store.rows(_DAYS, {"first": first, "last": last})

    def hours(self, day: date) -> Rows:
        """Ended jobs by hour of one day that the ledger still has."""
        return self._store.rows(_HOURS, {**self._bounds(day, day), "zone": self._zone_name})

    def tasks(self, first: date, last: date, limit: int) -> Rows:
        """Ended jobs by task, the busiest first."""
        return self._store.rows(_TASKS, {"first": first, "last": last, "limit": limit})

    def waiting(self) -> Rows:
        """Jobs that have not ended, by state, now."""
        return self._store.rows(_WAITING, {})

    def failures(self, first: date, last: date, limit: int) -> Rows:
        """Failed jobs that the ledger still has, by task and class of error."""
        return self._store.rows(_FAILURES, {**self._bounds(first, last), "limit": limit})

    def mails(self, first: date, last: date) -> dict[str, Any]:
        """Mails of the part of the period that is kept: two days."""
        return self._store.rows(_MAILS, self._bounds(first, last))[0]

    def todos(self, first: date, last: date) -> dict[str, Any] | None:
        """To-dos of everybody together; None where the app todos has no tables."""
        if not self._store.rows(_HAS_TODOS, {})[0]["there"]:
            return None
        return self._store.rows(_TODOS, self._bounds(first, last))[0]

    def _bounds(self, first: date, last: date) -> dict[str, datetime]:
        return {"start": self._start(first), "end": self._start(last + timedelta(days=1))}

    def _start(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone)
