"""Publisher and depth for an event loop: AMQP in one thread beside it, Redis on the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from windrow.broker.async_depth import AsyncDepth
from windrow.broker.async_publisher import AsyncPublisher
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.message import Message
from windrow.broker.publish import WINDOW, Published
from windrow.broker.rabbit.depth import RabbitGauge
from windrow.broker.rabbit.publisher import RabbitSender

logger = logging.getLogger(__name__)
T = TypeVar("T")


class _Thread:
    """One thread that is asked and waited for; made at first use."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="windrow-rabbit")

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)

    async def close(self, call: Callable[[], None]) -> None:
        await self.run(call)
        self._pool.shutdown(wait=False)


class AsyncRabbitPublisher(AsyncPublisher):
    """`AsyncPublisher` with its messages on RabbitMQ; the same promises."""

    def __init__(self, redis_url: str, amqp_url: str, window: int = WINDOW, *, timeout: float = 2.0) -> None:
        super().__init__(redis_url, window, timeout=timeout)
        self._sender = RabbitSender(amqp_url, window, timeout)
        self._thread = _Thread()

    async def publish(
        self,
        messages: Sequence[Message] = (),
        finished: Sequence[str] = (),
        events: Sequence[Mapping[str, Any]] = (),
        signals: Sequence[tuple[str, str]] = (),
    ) -> Published:
        """As `RabbitPublisher.publish`."""
        if not messages:
            return await super().publish((), finished, events, signals)
        try:
            return await self._thread.run(self._sender.send, messages)
        finally:
            if finished or events or signals:
                try:
                    await super().publish((), finished, events, signals)
                except BrokerUnavailable as exc:
                    logger.debug("Redis did not take the signals: %s", exc)

    async def close(self) -> None:
        """Close every connection."""
        await self._thread.close(self._sender.close)
        await super().close()


class AsyncRabbitDepth(AsyncDepth):
    """`AsyncDepth` of a release on RabbitMQ."""

    def __init__(self, redis_url: str, amqp_url: str, *, timeout: float = 2.0) -> None:
        super().__init__(redis_url, timeout=timeout)
        self._gauge = RabbitGauge(amqp_url, timeout)
        self._thread = _Thread()

    async def depths(self, queues: Sequence[str]) -> dict[str, dict[int, int]]:
        """Waiting messages: queue -> step (0, 3, 6, 9) -> number."""
        return await self._thread.run(self._gauge.depths, queues)

    async def withdraw(self, queue: str) -> list[str]:
        """Remove what waits in `queue` and return the ids; full Celery messages stay."""
        return await self._thread.run(self._gauge.withdraw, queue)

    async def close(self) -> None:
        """Close every connection."""
        await self._thread.close(self._gauge.close)
        await super().close()
