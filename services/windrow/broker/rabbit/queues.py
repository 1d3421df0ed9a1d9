"""The queues of a queue: one a priority step; making them, counting them, taking from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windrow.broker.keys import STEPS, list_name

#: Highest first: the order to take in.
FALLING = tuple(reversed(STEPS))
#: A message's fate is the ledger's to decide: RabbitMQ 4 drops one that came back 20 times.
ARGUMENTS = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
#: From so many on a subscription is cheaper than asking for each.
BURST = 4
#: Without a message for so long, others took what was there.
SILENCE_SECONDS = 0.1


def declare(channel: Any, name: str) -> int:
    """Make the queue unless it is there; returns how many messages wait in it."""
    return int(
        channel.queue_declare(
            name, durable=True, auto_delete=False, exclusive=False, arguments=ARGUMENTS
        ).message_count
    )


def counts(channel: Any, queue: str) -> dict[int, int]:
    """Waiting messages of `queue`: step -> number. What is missing is made, for whoever counts by HTTP."""
    return {step: declare(channel, list_name(queue, step)) for step in STEPS}


def take(channel: Any, name: str, count: int) -> list[Any]:
    """Up to `count` messages, oldest first; call it with no more than waits there."""
    if count < BURST:
        # Each is a round of the queue's replicas: fine for a few.
        messages = [channel.basic_get(name) for _ in range(count)]
        return [message for message in messages if message is not None]
    return _burst(channel, name, count)


def _burst(channel: Any, name: str, count: int) -> list[Any]:
    """By a subscription that ends when all are here, or when others were faster and nothing more comes."""
    found: list[Any] = []
    channel.basic_qos(0, count, False)
    tag = channel.basic_consume(name, callback=found.append)
    try:
        while len(found) < count:
            channel.connection.drain_events(timeout=SILENCE_SECONDS)
    except TimeoutError:
        pass
    # What is still on its way arrives before the answer.
    channel.basic_cancel(tag)
    return found


def body(message: Any) -> bytes:
    """The payload as it was sent."""
    raw = message.body
    return raw.encode() if isinstance(raw, str) else bytes(raw)


def steps(queues: Sequence[str], turn: int) -> list[tuple[str, int]]:
    """(queue, step) in the order to take in: highest step first; within one each queue comes first in turn."""
    start = turn % len(queues) if queues else 0
    rotated = [*queues[start:], *queues[:start]]
    return [(queue, step) for step in FALLING for queue in rotated]
