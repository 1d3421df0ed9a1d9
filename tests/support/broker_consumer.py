"""A consumer on our transport without Celery: collects kombu messages of an intake's queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import kombu as _kombu

from windrow.broker.intake import Budget, Intake
from windrow.broker.transport import Transport

#: Room for everything that a test publishes.
PLENTY = Budget(100)
kombu: Any = _kombu


class BrokerConsumer:
    """Takes what `budget` allows each time it drains; `got` holds the messages."""

    def __init__(
        self, url: str, queues: Sequence[str] = ("q",), budget: Budget = PLENTY, worker: str = "w1"
    ) -> None:
        self.budget = budget
        self.intake = Intake(worker, "pool", set(queues), lambda: self.budget)
        self.got: list[Any] = []
        self.connection = kombu.Connection(
            url, transport=Transport, transport_options={"windrow_intake": self.intake}
        )
        self.consumer = kombu.Consumer(
            self.connection.default_channel,
            [kombu.Queue(queue) for queue in queues],
            on_message=self.got.append,
            accept=["json"],
        )
        self.consumer.consume()

    def drain(self, seconds: float = 0.2) -> list[Any]:
        """The messages of one turn after the other until nothing came for `seconds`."""
        before = len(self.got)
        try:
            while True:
                self.connection.drain_events(timeout=seconds)
        except TimeoutError:
            return self.got[before:]

    def turn(self, seconds: float = 2.0) -> list[Any]:
        """The messages of one take."""
        before = len(self.got)
        self.connection.drain_events(timeout=seconds)
        return self.got[before:]

    def close(self) -> None:
        """As a worker that ends."""
        self.connection.close()


def ids(messages: Sequence[Any]) -> list[str]:
    """Their jobs, in order."""
    return [message.headers["id"] for message in messages]
