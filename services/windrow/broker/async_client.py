"""Running calls on asyncio connections."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from redis.exceptions import NoScriptError, RedisError, ResponseError

from windrow.broker.call import Call
from windrow.broker.connect import connect_async
from windrow.broker.rest import Rest

T = TypeVar("T")


class AsyncBrokerClient:
    """A pool of at most `size` connections, opened at first use, for one event loop.

    A call takes at most `timeout` seconds; after a failure, calls fail at once for `rest` seconds.
    """

    def __init__(self, redis_url: str, *, timeout: float = 2.0, size: int = 8, rest: float = 0.5) -> None:
        self._redis: Any = connect_async(redis_url, timeout, size)
        self._timeout = timeout
        self._rest = Rest(rest)

    async def run(self, call: Call[T]) -> T:
        """Run one call; raises BrokerUnavailable when Redis does not answer or refuses."""
        self._rest.check()
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    reply = await self._redis.execute_command(*call.by_sha())
                except NoScriptError:
                    reply = await self._redis.execute_command(*call.by_text())
        except (RedisError, OSError, TimeoutError) as exc:
            if isinstance(exc, ResponseError):
                # A demoted master keeps its connections: drop ours, to find the new one.
                await self._redis.connection_pool.disconnect()
            raise self._rest.failed(exc) from exc
        self._rest.succeeded()
        return call.read(reply)

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()
