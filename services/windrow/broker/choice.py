"""The one place that picks Redis or RabbitMQ: by whether there is an AMQP address.

What is RabbitMQ's is imported only when it is chosen: a release on Redis pays nothing for the choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from windrow.broker.async_depth import AsyncDepth
from windrow.broker.async_publisher import AsyncPublisher
from windrow.broker.depth import Depth
from windrow.broker.gauge import RedisGauge
from windrow.broker.intake import Budget, Intake, low_water
from windrow.broker.publish import WINDOW
from windrow.broker.publisher import Publisher


class Gauge(Protocol):
    """What waits and what is held; every method raises BrokerUnavailable."""

    def depths(self, queues: Sequence[str]) -> dict[str, dict[int, int]]:
        """Waiting messages: queue -> step (0, 3, 6, 9) -> number."""
        ...

    def in_flight(self, pools: Sequence[str]) -> dict[str, int] | None:
        """Held messages: pool -> number; None when this broker cannot tell and the ledger has to."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


def publisher(redis_url: str, amqp_url: str, window: int = WINDOW) -> Publisher:
    """For blocking code."""
    if not amqp_url:
        return Publisher(redis_url, window)
    from windrow.broker.rabbit.publisher import RabbitPublisher

    return RabbitPublisher(redis_url, amqp_url, window)


def async_publisher(redis_url: str, amqp_url: str, window: int = WINDOW) -> AsyncPublisher:
    """For one event loop."""
    if not amqp_url:
        return AsyncPublisher(redis_url, window)
    from windrow.broker.rabbit.on_asyncio import AsyncRabbitPublisher

    return AsyncRabbitPublisher(redis_url, amqp_url, window)


def depth(redis_url: str, amqp_url: str) -> Depth:
    """For beat."""
    if not amqp_url:
        return Depth(redis_url)
    from windrow.broker.rabbit.depth import RabbitDepth

    return RabbitDepth(redis_url, amqp_url)


def async_depth(redis_url: str, amqp_url: str) -> AsyncDepth:
    """For the API."""
    if not amqp_url:
        return AsyncDepth(redis_url)
    from windrow.broker.rabbit.on_asyncio import AsyncRabbitDepth

    return AsyncRabbitDepth(redis_url, amqp_url)


def gauge(redis_url: str, amqp_url: str, timeout: float) -> Gauge:
    """For whoever only counts: exporter and scaler."""
    if not amqp_url:
        return RedisGauge(redis_url, timeout)
    from windrow.broker.rabbit.depth import RabbitGauge

    return RabbitGauge(amqp_url, timeout)


def intake(
    worker: str,
    pool: str,
    queues: Sequence[str],
    budget: Callable[[], Budget],
    amqp_url: str,
    window: int = WINDOW,
) -> Any:
    """What a worker takes its messages with: an Intake or a RabbitIntake, which is used as one."""
    if not amqp_url:
        return Intake(worker, pool, set(queues), budget, low_water(window))
    from windrow.broker.rabbit.intake import RabbitIntake

    return RabbitIntake(worker, pool, queues, budget, amqp_url, low_water(window))


def declare(amqp_url: str, queues: Sequence[str]) -> None:
    """Make the queues where they have to be made before anybody counts them. Raises BrokerUnavailable."""
    if amqp_url:
        from windrow.broker.rabbit.depth import RabbitGauge

        gauge = RabbitGauge(amqp_url, 10.0)
        try:
            gauge.depths(queues)
        finally:
            gauge.close()
