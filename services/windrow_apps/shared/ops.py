"""Operations without I/O: SQL that routes run on asyncio and tasks on a blocking connection, written once.

An operation is a generator that yields statements, is sent their rows and returns its answer; `yield from` puts one
into another.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

import psycopg

T = TypeVar("T")


class Sql(NamedTuple):
    """A statement with `%(name)s` for its parameters."""

    text: str
    params: Mapping[str, Any]


Rows: TypeAlias = list[dict[str, Any]]
Op: TypeAlias = Generator[Sql, Rows, T]


def run_on(connection: psycopg.Connection[Any], op: Op[T]) -> T:
    """Run an operation inside the connection's transaction."""
    try:
        statement = next(op)
        while True:
            cursor = connection.execute(statement.text.encode(), statement.params)
            statement = op.send(cursor.fetchall() if cursor.description else [])
    except StopIteration as stop:
        result: T = stop.value
        return result


async def run_on_async(connection: psycopg.AsyncConnection[Any], op: Op[T]) -> T:
    """The same on asyncio."""
    try:
        statement = next(op)
        while True:
            cursor = await connection.execute(statement.text.encode(), statement.params)
            statement = op.send(await cursor.fetchall() if cursor.description else [])
    except StopIteration as stop:
        result: T = stop.value
        return result
