"""Arrays for a statement, written at the speed of `str.replace`."""

from __future__ import annotations

from collections.abc import Iterable


def text_array(items: Iterable[str | None]) -> str:
    """The PostgreSQL literal of a text[] with these items; the statement casts it: `%(ids)s::text[]`.

    psycopg escapes each item by a regular expression, which was the dearest part of keeping a job.
    """
    return "{" + ",".join(["NULL" if item is None else _quoted(item) for item in items]) + "}"


def array(items: Iterable[str | float | None]) -> str:
    """The same of numbers, truth values and bare words (a state, an outcome)."""
    return "{" + ",".join(["NULL" if item is None else str(item) for item in items]) + "}"


def _quoted(item: str) -> str:
    if "\\" in item:
        item = item.replace("\\", "\\\\")
    if '"' in item:
        item = item.replace('"', '\\"')
    return f'"{item}"'
