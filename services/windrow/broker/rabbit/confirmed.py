"""A channel in confirm mode: many messages out, then one wait until the server has them all on disk."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from amqp.basic_message import Message as AmqpMessage

from windrow.broker.message import Message, encode
from windrow.broker.rabbit.queues import declare

#: Seconds that a count of a queue is relied upon: bounds how far several publishers together pass the window.
ROOM_SECONDS = 0.5
PERSISTENT = 2


class Confirmed:
    """One channel's; by one thread at a time."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self._next = 1
        #: Sent and not confirmed: sequence number -> job id, in order.
        self._open: dict[int, str] = {}
        self._refused: list[str] = []
        self._gone = ""
        #: Queue -> (depth, until when it is believed).
        self._depths: dict[str, tuple[int, float]] = {}
        channel.confirm_select()
        channel.events["basic_ack"].add(self._acked)
        channel.events["basic_nack"].add(self._nacked)
        channel.events["basic_return"].add(self._returned)

    def depth(self, name: str) -> int:
        """Messages that wait in the queue, as of half a second ago; makes it when it is missing."""
        depth, until = self._depths.get(name, (0, 0.0))
        now = time.monotonic()
        if now >= until:
            depth = declare(self.channel, name)
            self._depths[name] = depth, now + ROOM_SECONDS
        return depth

    def send(
        self, batches: Mapping[str, Sequence[Message]], window: int, seconds: float
    ) -> tuple[list[str], dict[str, int]]:
        """Messages by the queue they go to; returns the ids that it did not take, and the depths.

        Raises TimeoutError when not all are confirmed within `seconds`; some may have been kept.
        """
        self._refused = refused = []
        for name, batch in batches.items():
            room = max(0, window - self.depth(name))
            if room < len(batch):
                # Perhaps it is only the old count that leaves no room.
                self._depths.pop(name, None)
                room = max(0, window - self.depth(name))
            refused += [message.id for message in batch[room:]]
            for message in batch[:room]:
                self._publish(name, message)
            depth, until = self._depths[name]
            self._depths[name] = depth + min(room, len(batch)), until
        self._wait(time.monotonic() + seconds)
        if self._gone:
            # Somebody deleted it since it was counted, and this channel speaks to the one that was.
            raise OSError(f"RabbitMQ has no queue {self._gone}")
        return refused, {name: self._depths[name][0] for name in batches if name in self._depths}

    def _publish(self, name: str, message: Message) -> None:
        self._open[self._next] = message.id
        self._next += 1
        self.channel.basic_publish(
            AmqpMessage(
                encode(message).encode(),
                content_type="application/json",
                delivery_mode=PERSISTENT,
                message_id=message.id,
            ),
            "",
            name,
            mandatory=True,
        )

    def _wait(self, deadline: float) -> None:
        while self._open:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{len(self._open)} messages are not confirmed in time")
            self.channel.connection.drain_events(timeout=left)

    def _acked(self, tag: int, multiple: bool) -> None:
        for number in self._upto(tag, multiple):
            self._open.pop(number, None)

    def _nacked(self, tag: int, multiple: bool) -> None:
        for number in self._upto(tag, multiple):
            job_id = self._open.pop(number, None)
            if job_id is not None:
                self._refused.append(job_id)

    def _returned(self, exc: Exception, exchange: str, name: str, message: Any) -> None:
        self._gone = name

    def _upto(self, tag: int, multiple: bool) -> list[int]:
        if not multiple:
            return [tag]
        numbers = []
        for number in self._open:
            if number > tag:
                break
            numbers.append(number)
        return numbers
