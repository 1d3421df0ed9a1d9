"""Connections whose every wait for an answer ends: a server that is frozen keeps its sockets open and says nothing."""

from __future__ import annotations

from typing import Any

import psycopg

#: Seconds beyond the server's own statement_timeout: its verdict, when there is one, comes first.
GRACE_SECONDS = 2.0


class BoundedConnection(psycopg.Connection[Any]):
    """Closes itself and raises OperationalError after `answer_timeout` seconds without an answer."""

    answer_timeout: float | None = None

    def wait(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("timeout", self.answer_timeout)
        try:
            return super().wait(*args, **kwargs)
        except psycopg.errors._WaitTimeout:
            raise _given_up(self, self.answer_timeout) from None


class AsyncBoundedConnection(psycopg.AsyncConnection[Any]):
    """The same on asyncio."""

    answer_timeout: float | None = None

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("timeout", self.answer_timeout)
        try:
            return await super().wait(*args, **kwargs)
        except psycopg.errors._WaitTimeout:
            raise _given_up(self, self.answer_timeout) from None


def _given_up(
    connection: BoundedConnection | AsyncBoundedConnection, seconds: float | None
) -> psycopg.OperationalError:
    # Nothing more may be sent on it, not even a ROLLBACK: its answer would be waited for as well.
    connection.pgconn.finish()
    return psycopg.OperationalError(f"no answer from Postgres within {seconds:g} s")
