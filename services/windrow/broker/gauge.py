"""Depth and in-flight of a Redis on one connection, for whoever only counts."""

from __future__ import annotations

from collections.abc import Sequence

from windrow.broker.client import BrokerClient
from windrow.broker.depth import depths, in_flight


class RedisGauge:
    """Every method raises BrokerUnavailable."""

    def __init__(self, redis_url: str, timeout: float, *, rest: float = 0.5) -> None:
        self._client = BrokerClient(redis_url, timeout=timeout, size=1, rest=rest)

    def depths(self, queues: Sequence[str]) -> dict[str, dict[int, int]]:
        """Waiting messages: queue -> step (0, 3, 6, 9) -> number."""
        return self._client.run(depths(queues)) if queues else {}

    def in_flight(self, pools: Sequence[str]) -> dict[str, int] | None:
        """Held messages: pool -> number."""
        return self._client.run(in_flight(pools)) if pools else {}

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
