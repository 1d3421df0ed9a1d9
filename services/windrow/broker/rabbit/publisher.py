"""Publishing from blocking code: messages to RabbitMQ, and after them the signals to Redis."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from windrow.broker.errors import BrokerUnavailable
from windrow.broker.keys import SEP, list_name
from windrow.broker.message import Message
from windrow.broker.publish import MAX_PER_CALL, WINDOW, Published
from windrow.broker.publisher import Publisher
from windrow.broker.rabbit.client import RabbitClient
from windrow.broker.rabbit.confirmed import Confirmed

logger = logging.getLogger(__name__)


class RabbitSender:
    """The messages' half of a publisher; for several threads, and again after a fork."""

    def __init__(self, amqp_url: str, window: int, timeout: float) -> None:
        self._window = window
        self._timeout = timeout
        self._client = RabbitClient(amqp_url, Confirmed, timeout=timeout)

    def send(self, messages: Sequence[Message]) -> Published:
        """All of them, each confirmed. Raises BrokerUnavailable: then some may have been sent, which does no harm."""
        refused: list[str] = []
        depths: dict[str, int] = {}
        for start in range(0, len(messages), MAX_PER_CALL):
            batches: dict[str, list[Message]] = {}
            for message in messages[start : start + MAX_PER_CALL]:
                name = list_name(message.queue, message.priority)
                batches.setdefault(name, []).append(message)
            left, found = self._client.run(self._op(batches))
            refused += left
            depths.update(found)
        total: dict[str, int] = {}
        for name, depth in depths.items():
            queue = name.partition(SEP)[0]
            total[queue] = total.get(queue, 0) + depth
        return Published(tuple(refused), total)

    def _op(self, batches: Mapping[str, Sequence[Message]]) -> Any:
        return lambda session: session.send(batches, self._window, self._timeout)

    def close(self) -> None:
        """Close the connection; the next call opens one again."""
        self._client.close()


class RabbitPublisher(Publisher):
    """`Publisher` with its messages on RabbitMQ; the same promises."""

    def __init__(self, redis_url: str, amqp_url: str, window: int = WINDOW, *, timeout: float = 2.0) -> None:
        super().__init__(redis_url, window, timeout=timeout)
        self._sender = RabbitSender(amqp_url, window, timeout)

    def publish(
        self,
        messages: Sequence[Message] = (),
        finished: Sequence[str] = (),
        events: Sequence[Mapping[str, Any]] = (),
        signals: Sequence[tuple[str, str]] = (),
    ) -> Published:
        """As `Publisher.publish`; `Published.depth` counts the steps that were sent to.

        A signal that Redis did not take fails nothing that RabbitMQ has: whoever waits for one looks again by himself.
        """
        if not messages:
            return super().publish((), finished, events, signals)
        try:
            return self._sender.send(messages)
        finally:
            if finished or events or signals:
                try:
                    super().publish((), finished, events, signals)
                except BrokerUnavailable as exc:
                    logger.debug("Redis did not take the signals: %s", exc)

    def close(self) -> None:
        """Close every connection; the next publish opens one again."""
        self._sender.close()
        super().close()
