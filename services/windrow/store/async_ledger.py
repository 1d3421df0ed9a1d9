"""The ledger on asyncio: the same operations, on a small pool of connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import psycopg
from psycopg import errors
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from windrow.core.errors import LedgerUnavailable
from windrow.store.bounded import AsyncBoundedConnection
from windrow.store.ledger import MAX_TRIES, RETRYABLE, UNAVAILABLE, backoff, has_rows, one_line
from windrow.store.op import Op, is_single

T = TypeVar("T")
P = ParamSpec("P")


class AsyncLedger:
    """A pool of at most `size` connections, opened by `open` and closed by `close`.

    Every wait is bounded: `acquire_timeout` seconds for a connection, `statement_timeout` for a statement.
    """

    def __init__(
        self,
        database_url: str,
        *,
        size: int = 4,
        application_name: str = "windrow-api",
        prepare: bool = False,
        connect_timeout: int = 3,
        acquire_timeout: float = 3.0,
        statement_timeout: float = 10.0,
    ) -> None:
        self._statement_timeout = statement_timeout
        self._pool: AsyncConnectionPool[AsyncBoundedConnection] = AsyncConnectionPool(
            database_url,
            connection_class=AsyncBoundedConnection,
            min_size=1,
            max_size=size,
            open=False,
            timeout=acquire_timeout,
            reconnect_timeout=30.0,
            configure=self._configure,
            kwargs={
                "autocommit": True,
                "prepare_threshold": 5 if prepare else None,
                "connect_timeout": connect_timeout,
                "application_name": application_name,
                "keepalives": 1,
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": 15_000,
            },
        )

    async def _configure(self, conn: AsyncBoundedConnection) -> None:
        await conn.bound(self._statement_timeout)

    async def open(self) -> None:
        """Start connecting in the background; does not wait for Postgres."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close(timeout=2.0)

    async def run(self, op: Callable[P, Op[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one operation in one transaction; raises as `Ledger.run` does."""
        for tries in range(MAX_TRIES):
            try:
                conn = await self._pool.getconn()
                try:
                    if is_single(op):
                        return await _drive(conn, op(*args, **kwargs))
                    async with conn.transaction():
                        return await _drive(conn, op(*args, **kwargs))
                except errors.ReadOnlySqlTransaction:
                    # A standby, or a primary that was demoted: this connection leads there as long as it lives.
                    await conn.close()
                    raise
                finally:
                    await self._pool.putconn(conn)
            except RETRYABLE:
                if tries == MAX_TRIES - 1:
                    raise
                await asyncio.sleep(backoff(tries))
            except (*UNAVAILABLE, PoolTimeout) as exc:
                raise LedgerUnavailable(one_line(exc)) from exc
        raise AssertionError("unreachable")


async def _drive(conn: psycopg.AsyncConnection[Any], op: Op[T]) -> T:
    try:
        query = next(op)
        while True:
            cursor = await conn.execute(query.sql, query.params or None)
            query = op.send(await cursor.fetchall() if has_rows(cursor) else [])
    except StopIteration as stop:
        result: T = stop.value
        return result
