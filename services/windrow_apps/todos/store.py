"""Every SQL statement about to-dos themselves, as operations; each change gives its owner a new generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import uuid_utils

from windrow_apps.shared.ops import Op, Rows, Sql
from windrow_apps.todos.models import TodoQuery
from windrow_apps.todos.rows import TodoRow, blank, changed

#: Those of TodoRow: a later release may have added more.
COLUMNS = (
    "id, owner, title, description, completed, deadline, timezone, overdue, created_at, updated_at, completed_at,"
    " remind_at, reminder_job, reminder_kept"
)

_GENERATION = "SELECT generation FROM todos.owners WHERE owner = %(owner)s"

# Locks the owner first, in every change: two changes of one owner follow each other and cannot deadlock.
_BEGIN = """
INSERT INTO todos.owners (owner, generation) VALUES (%(owner)s, gen_random_uuid())
ON CONFLICT (owner) DO UPDATE SET generation = excluded.generation
RETURNING clock_timestamp() AS now
"""

_INSERT = """
INSERT INTO todos.tasks (
    owner, title, description, completed, deadline, timezone, overdue, created_at, updated_at, completed_at,
    remind_at, reminder_job, reminder_kept
) VALUES (
    %(owner)s, %(title)s, %(description)s, %(completed)s, %(deadline)s, %(timezone)s, %(overdue)s, %(created_at)s,
    %(updated_at)s, %(completed_at)s, %(remind_at)s, %(reminder_job)s, %(reminder_kept)s
) RETURNING id
"""

_READ = f"SELECT {COLUMNS} FROM todos.tasks WHERE owner = %(owner)s AND id = %(id)s"

_HOLD = f"""
SELECT {COLUMNS} FROM todos.tasks WHERE owner = %(owner)s AND id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE
"""

_UPDATE = """
UPDATE todos.tasks AS t SET
    title = n.title, description = n.description, completed = n.completed, deadline = n.deadline,
    timezone = n.timezone, overdue = n.overdue, updated_at = n.updated_at, completed_at = n.completed_at,
    remind_at = n.remind_at, reminder_job = n.reminder_job, reminder_kept = n.reminder_kept
FROM unnest(
    %(id)s::bigint[], %(title)s::text[], %(description)s::text[], %(completed)s::boolean[],
    %(deadline)s::timestamptz[], %(timezone)s::text[], %(overdue)s::boolean[], %(updated_at)s::timestamptz[],
    %(completed_at)s::timestamptz[], %(remind_at)s::timestamptz[], %(reminder_job)s::text[],
    %(reminder_kept)s::boolean[]
) AS n (
    id, title, description, completed, deadline, timezone, overdue, updated_at, completed_at, remind_at,
    reminder_job, reminder_kept
)
WHERE t.id = n.id
"""

_NOTICE = """
INSERT INTO todos.notices (owner, task_id, kind, moment, title, created_at)
VALUES (%(owner)s, %(task_id)s, %(kind)s, %(moment)s, %(title)s, %(now)s)
ON CONFLICT (task_id, kind, moment) DO NOTHING RETURNING id
"""

_DELETE = f"DELETE FROM todos.tasks WHERE owner = %(owner)s AND id = %(id)s RETURNING {COLUMNS}"

_FOUND = """
FROM todos.tasks
WHERE owner = %(owner)s
  AND (%(completed)s::boolean IS NULL OR completed = %(completed)s)
  AND (%(overdue)s::boolean IS NULL OR overdue = %(overdue)s)
  AND (%(deadline_before)s::timestamptz IS NULL OR deadline < %(deadline_before)s)
  AND (%(deadline_after)s::timestamptz IS NULL OR deadline >= %(deadline_after)s)
  AND (%(search)s::text IS NULL OR title ILIKE %(search)s OR description ILIKE %(search)s)
"""

_ORDERS = {
    "id": "id",
    "-id": "id DESC",
    "deadline": "deadline NULLS LAST, id",
    "-deadline": "deadline DESC NULLS LAST, id DESC",
}

_COUNTS = """
SELECT clock_timestamp() AS computed_at, count(*)::int AS total,
       count(*) FILTER (WHERE completed)::int AS completed,
       count(*) FILTER (WHERE overdue)::int AS overdue,
       count(*) FILTER (
           WHERE NOT completed AND deadline > now() AND deadline <= now() + interval '1 day'
       )::int AS due_within_a_day
FROM todos.tasks WHERE owner = %(owner)s
"""

_DAYS = """
SELECT day, total, completed, overdue FROM todos.days WHERE owner = %(owner)s ORDER BY day DESC LIMIT %(limit)s
"""

_MISSING = """
SELECT wanted.id FROM unnest(%(ids)s::bigint[]) AS wanted (id)
WHERE NOT EXISTS (SELECT FROM todos.tasks t WHERE t.id = wanted.id AND t.owner = %(owner)s)
ORDER BY wanted.id
"""

_KEPT = """
UPDATE todos.tasks AS t SET reminder_kept = true
FROM (SELECT id FROM todos.tasks WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE) AS held
WHERE t.id = held.id AND t.reminder_job = ANY(%(jobs)s::text[])
"""


class NoTodo(LookupError):
    """The owner has no to-do with that id."""


class Change(NamedTuple):
    """A to-do before and after a change; None: it was not, or is no more."""

    before: TodoRow | None
    after: TodoRow | None


class Found(NamedTuple):
    """A page of to-dos, and how many the filters leave in all."""

    rows: list[TodoRow]
    total: int


def generation(owner: str) -> Op[UUID | None]:
    """What names the present state of all that `owner` has; None before the first change."""
    rows = yield Sql(_GENERATION, {"owner": owner})
    return rows[0]["generation"] if rows else None


def begin(owner: str) -> Op[datetime]:
    """Begin a change: the owner is locked and has a new generation; the answer is the database's time."""
    rows = yield Sql(_BEGIN, {"owner": owner})
    now: datetime = rows[0]["now"]
    return now


def create(owner: str, fields: Mapping[str, Any], now: datetime | None = None) -> Op[Change]:
    """A new to-do with these fields of NewTodo."""
    moment = yield from begin(owner)
    now = now or moment
    new = changed(blank(owner, now), fields, now, _new_job_id)
    rows = yield Sql(_INSERT, asdict(new))
    after = row_of({**asdict(new), "id": rows[0]["id"]})
    yield from _tell_overdue([Change(None, after)], now)
    return Change(None, after)


def read(owner: str, todo_id: int) -> Op[TodoRow]:
    """One to-do. Raises NoTodo."""
    rows = yield Sql(_READ, {"owner": owner, "id": todo_id})
    return _one(rows)


def change_many(
    owner: str, ids: Sequence[int], fields: Mapping[str, Any], now: datetime | None = None
) -> Op[list[Change]]:
    """Change those of the to-dos that `owner` has, in the order of their ids."""
    moment = yield from begin(owner)
    now = now or moment
    rows = yield Sql(_HOLD, {"owner": owner, "ids": list(ids)})
    before = [row_of(row) for row in rows]
    done = [Change(row, changed(row, fields, now, _new_job_id)) for row in before]
    after = [asdict(each.after) for each in done if each.after is not None]
    if after:
        yield Sql(_UPDATE, {name: [row[name] for row in after] for name in after[0]})
    yield from _tell_overdue(done, now)
    return done


def change(owner: str, todo_id: int, fields: Mapping[str, Any], now: datetime | None = None) -> Op[Change]:
    """Change one to-do. Raises NoTodo."""
    done = yield from change_many(owner, [todo_id], fields, now)
    if not done:
        raise NoTodo(todo_id)
    return done[0]


def remove(owner: str, todo_id: int) -> Op[Change]:
    """Delete one to-do. Raises NoTodo."""
    yield from begin(owner)
    rows = yield Sql(_DELETE, {"owner": owner, "id": todo_id})
    return Change(_one(rows), None)


def page(owner: str, query: TodoQuery) -> Op[Found]:
    """A page of what `query` leaves of the owner's to-dos."""
    given = query.model_dump(exclude={"page", "limit", "sort"}) | {"owner": owner}
    if query.search is not None:
        given["search"] = f"%{_literally(query.search)}%"
    counted = yield Sql(f"SELECT count(*)::int AS total {_FOUND}", given)
    offset = (query.page - 1) * query.limit
    text = f"SELECT {COLUMNS} {_FOUND} ORDER BY {_ORDERS[query.sort]} LIMIT %(limit)s OFFSET %(offset)s"
    rows = yield Sql(text, given | {"limit": query.limit, "offset": offset})
    return Found([row_of(row) for row in rows], counted[0]["total"])


def counts(owner: str, days: int) -> Op[dict[str, Any]]:
    """The fields of replies.Statistics that are counted, with at most `days` days."""
    counted = yield Sql(_COUNTS, {"owner": owner})
    found = yield Sql(_DAYS, {"owner": owner, "limit": days})
    return {**counted[0], "days": found}


def missing(owner: str, ids: Sequence[int]) -> Op[list[int]]:
    """Those of the ids that are no to-do of `owner`."""
    rows = yield Sql(_MISSING, {"owner": owner, "ids": list(ids)})
    return [row["id"] for row in rows]


def keep_reminders(rows: Sequence[TodoRow]) -> Op[None]:
    """The platform has the jobs of these; nothing that callers see changes."""
    yield Sql(_KEPT, {"ids": [row.id for row in rows], "jobs": [row.reminder_job for row in rows]})


def notify(row: TodoRow, kind: str, moment: datetime, now: datetime) -> Op[bool]:
    """Tell the owner, once for each kind and moment; False: that was done before."""
    told = {"owner": row.owner, "task_id": row.id, "kind": kind, "moment": moment, "title": row.title}
    rows = yield Sql(_NOTICE, {**told, "now": now})
    return bool(rows)


def row_of(row: Mapping[str, Any]) -> TodoRow:
    """A row with moments in UTC: the session's zone is nobody's business."""
    found: dict[str, Any] = {n: v.astimezone(UTC) if isinstance(v, datetime) else v for n, v in row.items()}
    return TodoRow(**found)


def _one(rows: Rows) -> TodoRow:
    if not rows:
        raise NoTodo
    return row_of(rows[0])


def _tell_overdue(done: Sequence[Change], now: datetime) -> Op[None]:
    # Who sets a deadline in the past is told as by the hourly check, which will not find it any more.
    for before, after in done:
        newly = after is not None and after.overdue and not (before is not None and before.overdue)
        if newly and after is not None and after.deadline is not None:
            yield from notify(after, "overdue", after.deadline, now)


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _new_job_id() -> str:
    return str(uuid_utils.uuid7())
