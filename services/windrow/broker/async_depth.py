"""Depth, ids and withdrawal from asyncio: the API."""

from __future__ import annotations

from collections.abc import Sequence

from windrow.broker import depth
from windrow.broker.async_client import AsyncBrokerClient


class AsyncDepth:
    """`Depth`'s twin for one event loop; every method raises BrokerUnavailable."""

    def __init__(self, redis_url: str, *, timeout: float = 2.0) -> None:
        self._client = AsyncBrokerClient(redis_url, timeout=timeout, size=2)

    async def depths(self, queues: Sequence[str]) -> dict[str, dict[int, int]]:
        """Waiting messages: queue -> step (0, 3, 6, 9) -> number."""
        return await self._client.run(depth.depths(queues)) if queues else {}

    async def in_flight(self, pools: Sequence[str]) -> dict[str, int]:
        """Held messages: pool -> number."""
        return await self._client.run(depth.in_flight(pools)) if pools else {}

    async def withdraw(self, queue: str) -> list[str]:
        """Remove what waits in `queue` and return the ids; full Celery messages stay."""
        return await self._client.run(depth.withdraw(queue))

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()
