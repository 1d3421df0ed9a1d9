"""Publishing from asyncio: the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from windrow.broker.async_client import AsyncBrokerClient
from windrow.broker.message import Message
from windrow.broker.publish import WINDOW, Published, merge, publishes, signal


class AsyncPublisher:
    """Sends messages and signals from one event loop; `Publisher`'s twin, with the same promises."""

    def __init__(self, redis_url: str, window: int = WINDOW, *, timeout: float = 2.0) -> None:
        self._window = window
        self._client = AsyncBrokerClient(redis_url, timeout=timeout)

    async def publish(
        self,
        messages: Sequence[Message] = (),
        finished: Sequence[str] = (),
        events: Sequence[Mapping[str, Any]] = (),
        signals: Sequence[tuple[str, str]] = (),
    ) -> Published:
        """As `Publisher.publish`."""
        calls = publishes(messages, finished, events, signals, self._window)
        return merge([await self._client.run(call) for call in calls] or [Published()])

    async def signal(self, channel: str, payload: str) -> None:
        """Send one pub/sub payload; raises BrokerUnavailable."""
        await self._client.run(signal(channel, payload))

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()
