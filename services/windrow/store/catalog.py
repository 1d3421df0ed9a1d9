"""The catalog: the tasks that releases declare."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from windrow.core.task import Task
from windrow.store.op import Op, Query, single


class CatalogRow(NamedTuple):
    """A task as the catalog holds it."""

    task: Task
    pool: str
    release: str
    declared_at: datetime
    retired_at: datetime | None


_DECLARE = """
INSERT INTO windrow.tasks AS t (name, queue, input_schema, summary, max_attempts, retry, hard_limit, soft_limit,
                                priority, pool, release)
SELECT n.*, %(pool)s, %(release)s
FROM unnest(%(name)s::text[], %(queue)s::text[], %(input_schema)s::text[], %(summary)s::text[],
            %(max_attempts)s::smallint[], %(retry)s::text[], %(hard_limit)s::real[], %(soft_limit)s::real[],
            %(priority)s::smallint[])
     AS n(name, queue, input_schema, summary, max_attempts, retry, hard_limit, soft_limit, priority)
ORDER BY n.name
ON CONFLICT (name) DO UPDATE
SET queue = excluded.queue, input_schema = excluded.input_schema, summary = excluded.summary,
    max_attempts = excluded.max_attempts, retry = excluded.retry, hard_limit = excluded.hard_limit,
    soft_limit = excluded.soft_limit, priority = excluded.priority, pool = excluded.pool,
    release = excluded.release, declared_at = clock_timestamp(), retired_at = NULL
WHERE %(newest)s OR t.release = excluded.release AND t.retired_at IS NULL
"""

_QUEUES = """
INSERT INTO windrow.queues (name) SELECT DISTINCT unnest(%(queue)s::text[]) ORDER BY 1 ON CONFLICT (name) DO NOTHING
"""

_RETIRE = """
UPDATE windrow.tasks SET retired_at = clock_timestamp()
WHERE pool = %(pool)s AND retired_at IS NULL AND NOT (name = ANY(%(name)s))
"""


def declare(tasks: Sequence[Task], pool: str, release: str, newest: bool) -> Op[None]:
    """Upsert the tasks of a pool's release, and their queues.

    `newest` (an install or upgrade says so, a worker's boot does not) lets them replace another release's
    words and retires the pool's tasks that are not among them. Without it another release's row is kept, and
    so is a retired one: an old worker that boots late must not undo an upgrade.
    """
    columns = {field: [getattr(task, field) for task in tasks] for field in Task._fields}
    for field in ("hard_limit", "soft_limit"):
        # psycopg takes no list of ints and floats: `time_limit=300` beside `time_limit=1.5`.
        columns[field] = [None if limit is None else float(limit) for limit in columns[field]]
    yield Query(_QUEUES, {"queue": columns["queue"]})
    yield Query(_DECLARE, {**columns, "pool": pool, "release": release, "newest": newest})
    if newest:
        yield Query(_RETIRE, {"pool": pool, "name": columns["name"]})


@single
def read() -> Op[list[CatalogRow]]:
    """Every task, retired ones too, by name."""
    rows = yield Query(
        "SELECT name, queue, input_schema, summary, max_attempts, retry, hard_limit, soft_limit, priority, "
        "pool, release, declared_at, retired_at FROM windrow.tasks ORDER BY name"
    )
    return [CatalogRow(Task(*row[:9]), *row[9:]) for row in rows]
