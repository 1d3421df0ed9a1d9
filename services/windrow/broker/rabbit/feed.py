"""The thread that takes a worker's messages from RabbitMQ, and tells it which holds have ended.

While there is room it first asks each queue, highest step first: so a higher step wins whatever else waits, and
a worker takes no more than it can use. When all are empty it subscribes, and is pushed what comes. When the room is
used up it unsubscribes; what was pushed beyond it goes back. A lost connection costs the worker nothing but its
deliveries: they return to their queues, and whoever gets them learns from the ledger that they are taken.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from amqp.basic_message import Message as AmqpMessage

from windrow.broker.intake import MAX_TAKE, Budget
from windrow.broker.keys import STEPS, list_name
from windrow.broker.outage import Outage
from windrow.broker.rabbit.bell import Bell
from windrow.broker.rabbit.delivery import RabbitMessage, Tag
from windrow.broker.rabbit.link import FAILED, Link
from windrow.broker.rabbit.queues import declare, steps, take

logger = logging.getLogger(__name__)

#: Bounds of one answer, one sleep, and the silence after which either side takes the other for gone.
ANSWER_SECONDS = 5.0
SLEEP_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0
#: Seconds without taking ahead after a task was met that is not short: what was met went back, and counts as delivered.
SLOW_PAUSE_SECONDS = 10.0
#: Seconds until all queues were empty is asked again for what may be taken ahead.
EMPTY_PAUSE_SECONDS = 0.05
#: Between two looks whether messages wait in spite of a subscription: a queue that was made anew knows nothing of it.
LOOK_SECONDS = 5.0
#: Full messages that nobody may run, the newest; as on Redis.
REJECTED, MAX_REJECTED = "windrow.rejected", 1000


class Holder(Protocol):
    """The part of the intake that the feed uses."""

    def room(self) -> Budget: ...
    def arrived(self, messages: Sequence[RabbitMessage]) -> None: ...
    def take_ended(self) -> list[tuple[RabbitMessage, str]]: ...
    def end(self, tag: Tag, how: str) -> None: ...


class RabbitFeed(threading.Thread):
    """One worker's; `begin` starts it, `stop` ends it. Never gives up."""

    def __init__(self, amqp_url: str, queues: Sequence[str], holder: Holder, low_water: int) -> None:
        super().__init__(name="windrow-rabbit", daemon=True)
        self._link = Link(amqp_url, ANSWER_SECONDS, heartbeat=HEARTBEAT_SECONDS)
        self._queues = list(queues)
        self._holder = holder
        #: A queue that falls below it wakes the relay, once; as on Redis.
        self._low_water = low_water
        self._low: Callable[[], None] = lambda: None
        self._prefetch = 1
        self._outage = Outage("RabbitMQ")
        self._epoch = 0
        self._turn = 0
        #: Consumer tag -> (queue, step), while subscribed.
        self._consumers: dict[str, tuple[str, int]] = {}
        self._pushed: list[tuple[Any, str, int]] = []
        self._ahead_at = 0.0
        self._look_at = 0.0
        self._overlooked = False
        self._stopping = False
        self._bell = Bell()

    def begin(self, low: Callable[[], None], prefetch: int) -> None:
        """See RabbitIntake.attach."""
        self._low, self._prefetch = low, max(1, prefetch)
        self.start()

    def wake(self) -> None:
        """There is something to do; from any thread."""
        self._bell.ring()

    def stop(self, timeout: float = 3.0) -> None:
        """Settle what has ended, and leave."""
        self._stopping = True
        self.wake()
        if self.ident is not None:
            self.join(timeout)

    def run(self) -> None:
        """Connection after connection until stopped."""
        failures = 0
        while not self._stopping:
            began = time.monotonic()
            try:
                self._serve()
            except FAILED as exc:
                self._outage.failed(exc)
            except Exception:
                # Without this thread the worker would stand still for ever.
                logger.exception("taking messages failed, it will be tried again")
            self._lose()
            if not self._stopping:
                failures = 0 if time.monotonic() - began > 30.0 else failures + 1
                ceiling = min(5.0, 0.05 * 2 ** min(failures, 10))
                self._bell.sleep(random.uniform(ceiling / 2, ceiling))
        self._link.close()

    def _serve(self) -> None:
        self._link.open()
        self._epoch += 1
        with self._link.bounded():
            for queue in self._queues:
                for step in STEPS:
                    declare(self._link.channel, list_name(queue, step))
        self._outage.over()
        while not self._stopping:
            with self._link.bounded():
                self._settle()
                self._work()
                # What unsubscribing or a reply brought along is offered before anybody sleeps.
                self._hand_over()
            self._wait()
        with self._link.bounded():
            self._unsubscribe()
            self._settle()
        self._link.close()

    def _lose(self) -> None:
        self._link.drop()
        self._consumers.clear()
        self._pushed.clear()
        # Tags of a connection that is gone: their messages went back.
        self._holder.take_ended()

    # Taking.

    def _work(self) -> None:
        room = self._holder.room()
        now = time.monotonic()
        if room.free:
            if self._consumers and now >= self._look_at:
                self._look()
            if not self._consumers and not self._fill(room):
                self._subscribe()
        else:
            self._unsubscribe()
            if room.ahead and now >= self._ahead_at and not self._fill(room):
                self._ahead_at = max(self._ahead_at, now + EMPTY_PAUSE_SECONDS)

    def _fill(self, room: Budget) -> bool:
        """Take what there is room for; False when the queues have no more of it."""
        free, ahead = room.free, room.ahead if time.monotonic() >= self._ahead_at else 0
        self._turn += 1
        for queue, step in steps(self._queues, self._turn):
            name = list_name(queue, step)
            want = free + ahead
            if want <= 0:
                break
            # A count costs a tenth of asking for a message that is not there.
            waiting = declare(self._link.channel, name)
            found = take(self._link.channel, name, min(waiting, want, MAX_TAKE)) if waiting else []
            if not found:
                continue
            messages = self._messages(found, queue, step)
            keep = self._keep(messages, free, room.fast_tasks)
            self._holder.arrived(messages[:keep])
            if waiting - len(found) < self._low_water <= waiting:
                self._low()
            if keep < len(messages):
                # Something slow, with no child free for it: it waits for one, with all behind it.
                for message in reversed(messages[keep:]):
                    self._link.channel.basic_reject(message.delivery_tag[1], requeue=True)
                self._ahead_at = time.monotonic() + SLOW_PAUSE_SECONDS
                return True
            used = len(messages)
            free, ahead = max(free - used, 0), ahead - max(used - free, 0)
        return free + ahead <= 0

    def _keep(self, messages: Sequence[RabbitMessage], free: int, fast_tasks: Sequence[str]) -> int:
        """How many of them may be kept: `free` whatever they are, then those of short tasks."""
        for n, message in enumerate(messages[free:], free):
            if message.foreign or message.headers["task"] not in fast_tasks:
                return n
        return len(messages)

    def _messages(self, found: Sequence[Any], queue: str, step: int) -> list[RabbitMessage]:
        messages = []
        for raw in found:
            try:
                tag = (self._epoch, raw.delivery_info["delivery_tag"])
                messages.append(RabbitMessage(raw, tag, queue, step, self._holder.end))
            except ValueError as exc:
                logger.warning("dropped a message: %s", exc)
                self._link.channel.basic_ack(raw.delivery_info["delivery_tag"])
        return messages

    # Waiting to be pushed something.

    def _subscribe(self) -> None:
        channel = self._link.channel
        self._look_at, self._overlooked = time.monotonic() + LOOK_SECONDS, False
        channel.basic_qos(0, self._prefetch, False)
        for queue, step in steps(self._queues, 0):
            tag = f"windrow-{self._epoch}-{queue}-{step}"
            self._consumers[tag] = (queue, step)
            channel.basic_consume(
                list_name(queue, step),
                consumer_tag=tag,
                callback=lambda raw, queue=queue, step=step: self._pushed.append((raw, queue, step)),
                on_cancel=self._cancelled,
            )

    def _unsubscribe(self) -> None:
        if not self._consumers:
            return
        consumers, self._consumers = self._consumers, {}
        for tag in consumers:
            self._link.channel.basic_cancel(tag)
        self._hand_over()

    def _look(self) -> None:
        """Raises OSError when something has been waiting where we are subscribed, for longer than a look."""
        self._look_at = time.monotonic() + LOOK_SECONDS
        # All of them: what is missing is made.
        waiting = [
            declare(self._link.channel, list_name(queue, step)) for queue, step in steps(self._queues, 0)
        ]
        if any(waiting) and self._overlooked:
            # The channel still speaks to a queue of that name that is gone.
            raise OSError("a subscription that brings nothing")
        self._overlooked = any(waiting)

    def _cancelled(self, tag: str) -> None:
        # Somebody deleted the queue.
        raise OSError(f"RabbitMQ ended the subscription {tag}")

    def _hand_over(self) -> None:
        """Offer what was pushed as far as there is room, highest step first; the rest goes back."""
        if not self._pushed:
            return
        pushed, self._pushed = self._pushed, []
        self._overlooked = False
        pushed.sort(key=lambda one: -one[2])
        messages = [message for raw, queue, step in pushed for message in self._messages([raw], queue, step)]
        free = self._holder.room().free
        self._holder.arrived(messages[:free])
        if free <= len(messages):
            # Before anything goes back, or it would come again.
            self._unsubscribe()
        for message in reversed(messages[free:]):
            self._link.channel.basic_reject(message.delivery_tag[1], requeue=True)

    # Holds that ended, and sleep.

    def _settle(self) -> None:
        channel = self._link.channel
        for message, how in self._holder.take_ended():
            epoch, tag = message.delivery_tag
            if epoch != self._epoch:
                continue
            if how == "refused":
                self._reject(message)
            if how == "returned":
                channel.basic_reject(tag, requeue=True)
            else:
                channel.basic_ack(tag)

    def _reject(self, message: RabbitMessage) -> None:
        channel = self._link.channel
        bounds = {"x-max-length": MAX_REJECTED, "x-overflow": "drop-head"}
        channel.queue_declare(REJECTED, durable=True, auto_delete=False, arguments=bounds)
        channel.basic_publish(AmqpMessage(message.raw_body, **message.properties), "", REJECTED)

    def _wait(self) -> None:
        connection = self._link.connection
        connection.heartbeat_tick()
        sock = connection.transport.sock
        if not getattr(sock, "pending", lambda: 0)():
            self._bell.sleep(SLEEP_SECONDS, sock)
        for _ in range(MAX_TAKE):
            try:
                connection.drain_events(timeout=0)
            except (TimeoutError, BlockingIOError):
                return
