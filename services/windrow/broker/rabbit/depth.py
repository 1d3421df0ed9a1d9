"""How many messages wait, and taking them away: for beat, exporter, scaler and API."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from typing import Any

from windrow.broker.depth import Depth
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.keys import list_name
from windrow.broker.message import is_compact
from windrow.broker.rabbit.client import RabbitClient
from windrow.broker.rabbit.queues import FALLING, body, counts, declare, take


class RabbitGauge:
    """Counts; every method raises BrokerUnavailable. For several threads."""

    def __init__(self, amqp_url: str, timeout: float) -> None:
        self._client: RabbitClient[Any] = RabbitClient(amqp_url, lambda channel: channel, timeout=timeout)

    def ping(self) -> None:
        """Whether RabbitMQ answers."""
        self._client.run(lambda channel: channel.basic_qos(0, 0, False))

    def depths(self, queues: Sequence[str]) -> dict[str, dict[int, int]]:
        """Waiting messages: queue -> step (0, 3, 6, 9) -> number."""
        if not queues:
            return {}
        return self._client.run(lambda channel: {queue: counts(channel, queue) for queue in queues})

    def in_flight(self, pools: Sequence[str]) -> dict[str, int] | None:
        """None: AMQP tells nobody what others hold. The ledger knows what each pool has claimed."""
        return None

    def withdraw(self, queue: str) -> list[str]:
        """Remove what waits in `queue` and return the ids; full Celery messages stay."""
        return self._client.run(lambda channel: _withdraw(channel, queue))

    def close(self) -> None:
        """Close the connection; the next call opens one again."""
        self._client.close()


class RabbitDepth(Depth):
    """`Depth` of a release on RabbitMQ. What nobody can tell raises."""

    shows_ids = False

    def __init__(self, redis_url: str, amqp_url: str, *, timeout: float = 2.0) -> None:
        super().__init__(redis_url, timeout=timeout)
        self._gauge = RabbitGauge(amqp_url, timeout)

    def ping(self) -> None:
        """Whether RabbitMQ answers; raises BrokerUnavailable."""
        self._gauge.ping()

    def depths(self, queues: Sequence[str]) -> dict[str, dict[int, int]]:
        """Waiting messages: queue -> step (0, 3, 6, 9) -> number."""
        return self._gauge.depths(queues)

    def in_flight(self, pool: str) -> int:
        """AMQP tells nobody what others hold: the ledger knows what a pool has claimed."""
        raise BrokerUnavailable("RabbitMQ does not tell what a pool holds; the ledger does")

    def ids(self, queue: str, pools: Sequence[str]) -> set[str]:
        """A queue's messages cannot be read without taking them."""
        raise BrokerUnavailable("RabbitMQ does not show the messages that wait")

    def withdraw(self, queue: str) -> list[str]:
        """Remove what waits in `queue` and return the ids; full Celery messages stay."""
        return self._gauge.withdraw(queue)

    def forget_worker(self, pool: str, worker: str) -> int:
        """0: what a dead worker held went back to its queue when its connection ended."""
        return 0

    def forget_stale(self, pool: str, seconds: float, living: Container[str] = ()) -> int:
        """0, for the same reason."""
        return 0

    def close(self) -> None:
        """Close every connection; the next call opens one again."""
        self._gauge.close()
        super().close()


def _withdraw(channel: Any, queue: str) -> list[str]:
    found: list[str] = []
    for name in (list_name(queue, step) for step in FALLING):
        kept = []
        for message in take(channel, name, declare(channel, name)):
            payload = body(message)
            if is_compact(payload):
                found.append(json.loads(payload)["id"])
                channel.basic_ack(message.delivery_tag)
            else:
                kept.append(message.delivery_tag)
        for tag in kept:
            channel.basic_reject(tag, requeue=True)
    return found
