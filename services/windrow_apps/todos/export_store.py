"""Every SQL statement about exports: an order, and its file in parts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from windrow_apps.shared.ops import Op, Sql
from windrow_apps.todos.rows import TodoRow
from windrow_apps.todos.store import COLUMNS, row_of

_ORDER = """
INSERT INTO todos.exports (export_id, owner, format, created_at)
VALUES (%(export_id)s, %(owner)s, %(format)s, clock_timestamp())
"""
_DROP = "DELETE FROM todos.exports WHERE export_id = %(export_id)s AND finished_at IS NULL"

_EXPORT = "SELECT export_id, owner, format, finished_at, rows, bytes FROM todos.exports WHERE export_id = %(export_id)s"
_OF_OWNER = f"{_EXPORT} AND owner = %(owner)s"
_HOLD = f"{_EXPORT} FOR UPDATE"

_COUNT = "SELECT count(*)::bigint AS total FROM todos.tasks WHERE owner = %(owner)s"
_NEXT = f"""
SELECT {COLUMNS} FROM todos.tasks WHERE owner = %(owner)s AND id > %(after)s ORDER BY id LIMIT %(limit)s
"""
_CLEAR = "DELETE FROM todos.export_parts WHERE export_id = %(export_id)s"
_ADD_PART = (
    "INSERT INTO todos.export_parts (export_id, part, data) VALUES (%(export_id)s, %(part)s, %(data)s)"
)
_PART = "SELECT data FROM todos.export_parts WHERE export_id = %(export_id)s AND part = %(part)s"
_FINISH = """
UPDATE todos.exports SET finished_at = clock_timestamp(), rows = %(rows)s, bytes = %(bytes)s
WHERE export_id = %(export_id)s
"""


@dataclass(frozen=True, slots=True)
class Export:
    """A row of todos.exports."""

    export_id: str
    owner: str
    format: str
    #: None until the file is whole.
    finished_at: datetime | None
    rows: int
    bytes: int


def order(export_id: str, owner: str, export_format: str) -> Op[None]:
    """An export that its job, of the same id, will make."""
    yield Sql(_ORDER, {"export_id": export_id, "owner": owner, "format": export_format})


def drop(export_id: str) -> Op[None]:
    """Forget an order that got no job."""
    yield Sql(_DROP, {"export_id": export_id})


def of_owner(export_id: str, owner: str) -> Op[Export | None]:
    """The owner's export with that id."""
    rows = yield Sql(_OF_OWNER, {"export_id": export_id, "owner": owner})
    return Export(**rows[0]) if rows else None


def hold(export_id: str) -> Op[Export | None]:
    """The export, which nobody else writes until the transaction ends."""
    rows = yield Sql(_HOLD, {"export_id": export_id})
    return Export(**rows[0]) if rows else None


def begin_file(export_id: str, owner: str) -> Op[int]:
    """Begin the file anew; the answer is how many rows it will have."""
    yield Sql(_CLEAR, {"export_id": export_id})
    rows = yield Sql(_COUNT, {"owner": owner})
    total: int = rows[0]["total"]
    return total


def next_rows(owner: str, after: int, limit: int) -> Op[list[TodoRow]]:
    """The owner's next to-dos by id."""
    rows = yield Sql(_NEXT, {"owner": owner, "after": after, "limit": limit})
    return [row_of(row) for row in rows]


def add_part(export_id: str, part: int, data: bytes) -> Op[None]:
    """One part of the file."""
    yield Sql(_ADD_PART, {"export_id": export_id, "part": part, "data": data})


def part(export_id: str, number: int) -> Op[bytes | None]:
    """The part with that number, from 0; None after the last."""
    rows = yield Sql(_PART, {"export_id": export_id, "part": number})
    return bytes(rows[0]["data"]) if rows else None


def finish(export_id: str, rows: int, size: int) -> Op[None]:
    """The file is whole."""
    yield Sql(_FINISH, {"export_id": export_id, "rows": rows, "bytes": size})
