"""Running calls on asyncio connections."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError

from windrow.broker.call import Call
from windrow.broker.connect import connect_async
from windrow.broker.rest import Rest

T = TypeVar("T")


class AsyncBrokerClient:
    """A pool of at most `size` connections, opened at first use, for one event loop.

    A call takes at most `timeout` seconds; after a failure, calls fail at once for `rest` seconds. A connection that
    was found dead is opened again once; a call that timed out is not sent again.
    """

    def __init__(self, redis_url: str, *, timeout: float = 2.0, size: int = 8, rest: float = 0.5) -> None:
        self._redis: Any = connect_async(redis_url, timeout, size, bounded=False)
        #: Open ones at rest: the pool's own checks at every call cost more than the call.
        self._free: list[Any] = []
        self._turns = asyncio.Semaphore(size)
        self._timeout = timeout
        self._rest = Rest(rest)

    async def run(self, call: Call[T]) -> T:
        """Run one call; raises BrokerUnavailable when Redis does not answer or refuses."""
        self._rest.check()
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                reply = await self._run(call)
        except (RedisError, OSError, TimeoutError) as exc:
            if isinstance(exc, ResponseError):
                # A demoted master keeps its connections: drop ours, to find the new one.
                await self._drop_free()
            raise self._rest.failed(exc) from exc
        self._rest.succeeded()
        return call.read(reply)

    async def close(self) -> None:
        """Close every connection, and wait until they are: a goodbye over TLS outlives no event loop."""
        with suppress(RedisError, TimeoutError):
            async with asyncio.timeout(self._timeout):
                await self._drop_free(nowait=False)
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    async def _run(self, call: Call[Any]) -> Any:
        pool = self._redis.connection_pool
        connection = self._free.pop() if self._free else await pool.get_connection()
        try:
            try:
                reply = await _ask(connection, call)
            except RedisConnectionError:
                await connection.disconnect()
                reply = await _ask(connection, call)
        except BaseException:
            # Whatever it was, the next call starts on a clean one, perhaps to another master.
            await connection.disconnect(nowait=True)
            await pool.release(connection)
            raise
        self._free.append(connection)
        return reply

    async def _drop_free(self, nowait: bool = True) -> None:
        free, self._free = self._free, []
        for connection in free:
            await connection.disconnect(nowait=nowait)
            await self._redis.connection_pool.release(connection)


async def _ask(connection: Any, call: Call[Any]) -> Any:
    await connection.send_command(*call.by_sha())
    try:
        return await connection.read_response()
    except NoScriptError:
        await connection.send_command(*call.by_text())
        return await connection.read_response()
