"""After the ledger was restored from an earlier backup: hold everything, and name what may have run since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from windrow.store.op import Op, Query
from windrow.store.strays import free_strays


class Suspect(NamedTuple):
    """A job that had not ended in the backup: what the lost time made of it nobody knows."""

    id: str
    task: str
    queue: str
    #: Of the backup.
    state: str
    #: Starts until then.
    attempt: int
    created_at: datetime


class Held(NamedTuple):
    """What a hold did and found."""

    #: Queues that it paused, and those that were paused in the backup.
    paused: list[str]
    already: list[str]
    #: Jobs that were taken from workers of the backup.
    freed: int
    #: The oldest first; `total` counts those that a limit left out, too.
    suspects: list[Suspect]
    total: int


# An unended job of the backup may have run in the time that is lost, unless its time had not come or its turn not been.
_MAY_HAVE_RUN = """
    (j.state IN ('queued', 'claimed', 'running')
     OR j.state IN ('scheduled', 'retrying') AND j.run_at <= clock_timestamp())
"""

_PAUSE = """
WITH names AS (
    SELECT unnest(%(queues)s::text[]) AS name UNION SELECT name FROM windrow.queues
    UNION SELECT queue FROM windrow.tasks UNION SELECT queue FROM windrow.schedules WHERE queue IS NOT NULL
    UNION SELECT queue FROM windrow.jobs
          WHERE state IN ('scheduled', 'blocked', 'queued', 'claimed', 'running', 'retrying')
)
INSERT INTO windrow.queues AS q (name, paused_at) SELECT name, clock_timestamp() FROM names ORDER BY name
ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at WHERE q.paused_at IS NULL
RETURNING q.name
"""


def hold(queues: Sequence[str], limit: int) -> Op[Held]:
    """Pause every queue, of the ledger and of `queues` (what the broker knows); claimed, running -> queued.

    Names at most `limit` suspects. Run it before any worker or beat is started; again is as good as once.
    """
    already = yield Query("SELECT name FROM windrow.queues WHERE paused_at IS NOT NULL ORDER BY name")
    paused = yield Query(_PAUSE, {"queues": list(queues)})
    suspects = yield Query(
        f"""
        SELECT j.id, j.task, j.queue, j.state::text, j.attempt, j.created_at FROM windrow.jobs j
        WHERE {_MAY_HAVE_RUN} ORDER BY j.created_at, j.id LIMIT %(limit)s
        """,
        {"limit": limit},
    )
    total = yield Query(f"SELECT count(*) FROM windrow.jobs j WHERE {_MAY_HAVE_RUN}")
    held = yield Query(
        "SELECT j.id, j.token FROM windrow.jobs j "
        "WHERE j.state IN ('claimed', 'running') AND j.token IS NOT NULL ORDER BY j.id"
    )
    if held:
        yield from free_strays([(row[0], row[1]) for row in held], "the ledger was restored from a backup")
    yield Query(
        "UPDATE windrow.jobs SET published_at = NULL WHERE state = 'queued' AND published_at IS NOT NULL"
    )
    return Held(
        sorted(row[0] for row in paused),
        [row[0] for row in already],
        len(held),
        [Suspect(*row) for row in suspects],
        total[0][0],
    )
