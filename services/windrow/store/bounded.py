"""Connections whose every wait for an answer ends: a server that is frozen keeps its sockets open and says nothing.

The server ends a statement after `statement_timeout`; a little later the client gives up by itself. Behind a pooler in
transaction mode (PgBouncer) there is the second only: a session is everybody's there, and a SET would bind whoever
gets it next. ADR 6 says what takes the first one's place.
"""

from __future__ import annotations

from typing import Any

import psycopg

#: Seconds beyond the server's own statement_timeout: its verdict, when there is one, comes first.
GRACE_SECONDS = 2.0
#: Sets nothing behind a pooler: the process id that it shows its client is none of the server's.
_OWN_TIMEOUT = "SELECT set_config('statement_timeout', %s, false) WHERE pg_backend_pid() = %s"


class BoundedConnection(psycopg.Connection[Any]):
    """Closes itself and raises OperationalError after `answer_timeout` seconds without an answer."""

    answer_timeout: float | None = None

    def wait(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("timeout", self.answer_timeout)
        try:
            return super().wait(*args, **kwargs)
        except psycopg.errors._WaitTimeout:
            raise _given_up(self, self.answer_timeout) from None

    def bound(self, seconds: float) -> None:
        """End every statement after `seconds`; one round trip."""
        self.answer_timeout = seconds + GRACE_SECONDS
        self.execute(_OWN_TIMEOUT, _milliseconds(self, seconds))


class AsyncBoundedConnection(psycopg.AsyncConnection[Any]):
    """The same on asyncio."""

    answer_timeout: float | None = None

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("timeout", self.answer_timeout)
        try:
            return await super().wait(*args, **kwargs)
        except psycopg.errors._WaitTimeout:
            raise _given_up(self, self.answer_timeout) from None

    async def bound(self, seconds: float) -> None:
        """The same."""
        self.answer_timeout = seconds + GRACE_SECONDS
        await self.execute(_OWN_TIMEOUT, _milliseconds(self, seconds))


def _milliseconds(connection: BoundedConnection | AsyncBoundedConnection, seconds: float) -> tuple[str, int]:
    return str(int(seconds * 1000)), connection.info.backend_pid


def _given_up(
    connection: BoundedConnection | AsyncBoundedConnection, seconds: float | None
) -> psycopg.OperationalError:
    # Nothing more may be sent on it, not even a ROLLBACK: its answer would be waited for as well.
    connection.pgconn.finish()
    return psycopg.OperationalError(f"no answer from Postgres within {seconds:g} s")
