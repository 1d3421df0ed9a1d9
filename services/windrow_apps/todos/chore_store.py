"""Every SQL statement of the tasks that nobody waits for: reminders, what is overdue, statistics, cleaning up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from psycopg.types.json import Jsonb

from windrow_apps.shared.ops import Op, Sql
from windrow_apps.todos.rows import TodoRow
from windrow_apps.todos.store import COLUMNS, begin, notify, row_of

_HOLD = f"SELECT {COLUMNS} FROM todos.tasks WHERE id = %(id)s FOR UPDATE"
_NOW = "SELECT clock_timestamp() AS now"

_UNKEPT = f"""
SELECT {COLUMNS} FROM todos.tasks
WHERE reminder_job IS NOT NULL AND NOT reminder_kept AND id > %(after)s AND updated_at < %(before)s
ORDER BY id LIMIT %(limit)s
"""

_DUE_OWNERS = """
SELECT DISTINCT owner FROM todos.tasks
WHERE NOT completed AND NOT overdue AND deadline <= %(now)s AND owner > %(after)s ORDER BY owner LIMIT %(limit)s
"""
_MARK_OVERDUE = f"""
UPDATE todos.tasks SET overdue = true WHERE id IN (
    SELECT id FROM todos.tasks
    WHERE owner = %(owner)s AND NOT completed AND NOT overdue AND deadline <= %(now)s
    ORDER BY id LIMIT %(limit)s FOR UPDATE
) RETURNING {COLUMNS}
"""

_OWNERS = """
SELECT owner FROM todos.owners
WHERE owner > %(after)s AND (%(only)s::text IS NULL OR owner = %(only)s) ORDER BY owner LIMIT %(limit)s FOR UPDATE
"""
# Where nothing is new the row stays, and with it what is cached.
_COUNT_DAY = """
INSERT INTO todos.days AS d (owner, day, total, completed, overdue)
SELECT o.owner, %(day)s::date, count(t.id), count(t.id) FILTER (WHERE t.completed),
       count(t.id) FILTER (WHERE t.overdue)
FROM unnest(%(owners)s::text[]) AS o (owner) LEFT JOIN todos.tasks t ON t.owner = o.owner
GROUP BY o.owner ORDER BY o.owner
ON CONFLICT (owner, day) DO UPDATE SET
    total = excluded.total, completed = excluded.completed, overdue = excluded.overdue
WHERE (d.total, d.completed, d.overdue) IS DISTINCT FROM (excluded.total, excluded.completed, excluded.overdue)
RETURNING d.owner
"""
_RENEW = "UPDATE todos.owners SET generation = gen_random_uuid() WHERE owner = ANY(%(owners)s::text[])"

_DONE_OWNERS = """
SELECT DISTINCT owner FROM todos.tasks
WHERE completed AND completed_at < %(before)s AND owner > %(after)s ORDER BY owner LIMIT %(limit)s
"""
_DELETE_DONE = """
DELETE FROM todos.tasks WHERE id IN (
    SELECT id FROM todos.tasks WHERE owner = %(owner)s AND completed AND completed_at < %(before)s
    ORDER BY id LIMIT %(limit)s FOR UPDATE
) RETURNING id
"""
# Of tables that no caller sees through the cache: by age alone.
_DELETE_OLD = {
    "exports": """
DELETE FROM todos.exports WHERE export_id IN (
    SELECT export_id FROM todos.exports WHERE created_at < %(before)s ORDER BY export_id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) RETURNING 1 AS gone
""",
    "notices": """
DELETE FROM todos.notices WHERE id IN (
    SELECT id FROM todos.notices WHERE created_at < %(before)s ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) RETURNING 1 AS gone
""",
    "bulk_runs": """
DELETE FROM todos.bulk_runs WHERE run_id IN (
    SELECT run_id FROM todos.bulk_runs WHERE started_at < %(before)s ORDER BY run_id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) RETURNING 1 AS gone
""",
    "days": """
DELETE FROM todos.days WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM todos.days WHERE day < %(before)s::date ORDER BY owner, day LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)) RETURNING 1 AS gone
""",
}

_ORDER_RUN = """
INSERT INTO todos.bulk_runs (run_id, owner, task_ids, update_data, done, changed, started_at)
VALUES (%(run_id)s, %(owner)s, %(task_ids)s::bigint[], %(update_data)s, 0, 0, clock_timestamp())
"""
_DROP_RUN = "DELETE FROM todos.bulk_runs WHERE run_id = %(run_id)s AND done = 0"
_HOLD_RUN = """
SELECT owner, task_ids, update_data, done, changed FROM todos.bulk_runs WHERE run_id = %(run_id)s FOR UPDATE
"""
_SAVE_RUN = "UPDATE todos.bulk_runs SET done = %(done)s, changed = %(changed)s WHERE run_id = %(run_id)s"


class Reminded(NamedTuple):
    """What became of a reminder, and the to-do; None: there is none any more."""

    outcome: Literal["sent", "sent before", "too early", "stale"]
    row: TodoRow | None


class Progress(NamedTuple):
    """How far a bulk update is: ids that were looked at, and those of them that were changed."""

    done: int
    changed: int


class NoRun(LookupError):
    """Nobody ordered a bulk update with that id, or it was cleaned up."""


class Run(NamedTuple):
    """A bulk update as it was ordered, and how far it is."""

    owner: str
    task_ids: list[int]
    #: The fields of TodoChange that are set, as JSON has them.
    update_data: dict[str, Any]
    progress: Progress


def now() -> Op[datetime]:
    """The database's time."""
    rows = yield Sql(_NOW, {})
    moment: datetime = rows[0]["now"]
    return moment


def remind(todo_id: int, deadline: datetime, remind_at: datetime, moment: datetime | None) -> Op[Reminded]:
    """Remind the owner, unless the to-do has another deadline or moment by now, or is done or gone."""
    moment = moment or (yield from now())
    rows = yield Sql(_HOLD, {"id": todo_id})
    row = row_of(rows[0]) if rows else None
    if row is None or row.completed or (row.deadline, row.remind_at) != (deadline, remind_at):
        return Reminded("stale", row)
    if moment < remind_at:
        return Reminded("too early", row)
    new = yield from notify(row, "reminder", remind_at, moment)
    return Reminded("sent" if new else "sent before", row)


def unkept(after: int, before: datetime, limit: int) -> Op[list[TodoRow]]:
    """To-dos whose reminder's job the platform has not, as far as is known, by id."""
    rows = yield Sql(_UNKEPT, {"after": after, "before": before, "limit": limit})
    return [row_of(row) for row in rows]


def due_owners(moment: datetime, after: str, limit: int) -> Op[list[str]]:
    """Who has to-dos that became overdue."""
    rows = yield Sql(_DUE_OWNERS, {"now": moment, "after": after, "limit": limit})
    return [row["owner"] for row in rows]


def mark_overdue(owner: str, moment: datetime, limit: int) -> Op[int]:
    """Mark what is past its deadline and tell the owner; returns how many."""
    yield from begin(owner)
    rows = yield Sql(_MARK_OVERDUE, {"owner": owner, "now": moment, "limit": limit})
    for row in sorted(map(row_of, rows), key=lambda row: row.id):
        assert row.deadline is not None  # what has none is not past it
        yield from notify(row, "overdue", row.deadline, moment)
    return len(rows)


def count_day(moment: datetime, only: str | None, after: str, limit: int) -> Op[tuple[list[str], list[str]]]:
    """Count the day of some owners anew; returns those that were counted, and those for whom something was new."""
    rows = yield Sql(_OWNERS, {"only": only, "after": after, "limit": limit})
    owners = [row["owner"] for row in rows]
    if not owners:
        return [], []
    rows = yield Sql(_COUNT_DAY, {"owners": owners, "day": moment.date()})
    new = [row["owner"] for row in rows]
    yield Sql(_RENEW, {"owners": new})
    return owners, new


def done_owners(before: datetime, after: str, limit: int) -> Op[list[str]]:
    """Who has to-dos that were completed before that moment."""
    rows = yield Sql(_DONE_OWNERS, {"before": before, "after": after, "limit": limit})
    return [row["owner"] for row in rows]


def delete_done(owner: str, before: datetime, limit: int) -> Op[int]:
    """Delete the owner's to-dos that were completed before that moment; returns how many."""
    yield from begin(owner)
    rows = yield Sql(_DELETE_DONE, {"owner": owner, "before": before, "limit": limit})
    return len(rows)


def delete_old(table: str, moment: datetime, days: int, limit: int) -> Op[int]:
    """Delete rows of that table that are older; returns how many."""
    params: dict[str, Any] = {"before": moment - timedelta(days=days), "limit": limit}
    rows = yield Sql(_DELETE_OLD[table], params)
    return len(rows)


def order_run(run_id: str, owner: str, task_ids: Sequence[int], update_data: Mapping[str, Any]) -> Op[None]:
    """A bulk update that its job, of the same id, will make."""
    order = {"run_id": run_id, "owner": owner, "task_ids": list(task_ids), "update_data": Jsonb(update_data)}
    yield Sql(_ORDER_RUN, order)


def drop_run(run_id: str) -> Op[None]:
    """Forget an order that got no job."""
    yield Sql(_DROP_RUN, {"run_id": run_id})


def hold_run(run_id: str) -> Op[Run]:
    """That bulk update; until the transaction ends nobody else goes on with it. Raises NoRun."""
    rows = yield Sql(_HOLD_RUN, {"run_id": run_id})
    if not rows:
        raise NoRun(f"there is no bulk update {run_id!r}")
    row = rows[0]
    progress = Progress(row["done"], row["changed"])
    return Run(row["owner"], row["task_ids"], row["update_data"], progress)


def save_run(run_id: str, progress: Progress) -> Op[None]:
    """Note how far it is, in the transaction that went so far."""
    yield Sql(_SAVE_RUN, {"run_id": run_id, **progress._asdict()})
