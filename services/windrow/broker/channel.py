"""The channel: consumes the intake's queues by atomic takes, every other queue as stock kombu does."""

from __future__ import annotations

from queue import Empty
from time import monotonic
from typing import Any

from kombu.transport import redis as stock
from kombu.utils.json import loads
from redis.exceptions import ConnectionError as RedisConnectionError

from windrow.broker.feed import Feed
from windrow.broker.intake import Holding, Intake
from windrow.broker.keys import list_name, wake_key
from windrow.broker.outage import LOST
from windrow.broker.publish import WAKE_TOKENS
from windrow.broker.qos import QoS
from windrow.broker.steady import SteadyChannel

_Channel: Any = stock.Channel
_SentinelChannel: Any = stock.SentinelChannel


class WindrowChannel(SteadyChannel):
    """Mixed into kombu's Redis channels; without the option `windrow_intake` it consumes as they do.

    It waits with BRPOP on wake keys, so that what a killed process had popped was only a token. Messages are
    popped and registered by one script. What is held belongs to the intake and outlives the channel.
    """

    QoS = QoS
    windrow_intake: Intake | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        #: What is consumed from, by who takes it.
        self.our_queues: tuple[str, ...] = ()
        self.stock_queues: tuple[str, ...] = ()
        super().__init__(*args, **kwargs)
        if self.windrow_intake is not None:
            if self.global_keyprefix:  # type: ignore[attr-defined]
                raise ValueError("global_keyprefix: Windrow's keys have no prefix; use a Redis database")
            self.feed = Feed(self, self.windrow_intake)

    def basic_consume(self: Any, queue: str, *args: Any, **kwargs: Any) -> Any:
        tag = super().basic_consume(queue, *args, **kwargs)  # type: ignore[misc]
        if queue in self.our_queues:
            # Straight to the consumer: the take has registered the message already.
            self.connection._callbacks[queue] = kwargs["callback"]
            self.feed.look()
        return tag

    def basic_ack(self: Any, delivery_tag: str, multiple: bool = False) -> None:
        # A job outlives its connection: the intake takes the ack even when the channel is closed.
        if self.feed is not None and self.feed.intake.owns(delivery_tag):
            self.feed.intake.done(delivery_tag)
        elif self.connection is None:
            raise RedisConnectionError("the channel of this message is closed")
        else:
            super().basic_ack(delivery_tag, multiple)  # type: ignore[misc]

    def basic_reject(self: Any, delivery_tag: str, requeue: bool = False) -> None:
        ours = self.feed is not None and self.feed.intake.owns(delivery_tag)
        if ours and requeue:
            self.feed.intake.give_back([delivery_tag])
        elif ours:
            self.feed.intake.refuse(delivery_tag)
        elif self.connection is None:
            raise RedisConnectionError("the channel of this message is closed")
        else:
            super().basic_reject(delivery_tag, requeue)  # type: ignore[misc]

    def waits_for_tokens(self) -> bool:
        """Whether what the pending BRPOP may bring must be read at once, room or not."""
        return bool(self._waits_on)

    def _is_ours(self, queue: str) -> bool:
        return self.windrow_intake is not None and queue in self.windrow_intake.queues

    def _update_queue_cycle(self: Any) -> None:
        active = self.active_queues
        self.our_queues = tuple(queue for queue in active if self._is_ours(queue))
        self.stock_queues = tuple(queue for queue in active if queue not in self.our_queues)
        self._queue_cycle.update(self.stock_queues)

    def _q_for_pri(self: Any, queue: str, pri: int) -> str:
        if self._is_ours(queue):
            return list_name(queue, pri)
        return str(super()._q_for_pri(queue, pri))  # type: ignore[misc]

    def _put(self: Any, queue: str, message: Any, **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)  # type: ignore[misc]
        if self._is_ours(queue):
            with self.conn_or_acquire() as client:
                client.lpush(wake_key(queue), "1")
                client.ltrim(wake_key(queue), 0, WAKE_TOKENS - 1)

    def _brpop_start(self: Any, timeout: float | None = None) -> None:
        if not self.our_queues:
            super()._brpop_start(timeout)  # type: ignore[misc]
            return
        wake = [wake_key(queue) for queue in self.our_queues]
        self._brpop_sent_at, self._waits_on = monotonic(), frozenset(wake)
        if self.feed.more and self.feed.ask():
            self._in_poll = self.client.connection
            return
        queues = self._queue_cycle.consume(len(self.stock_queues))
        lists = [self._q_for_pri(queue, pri) for pri in self.priority_steps for queue in queues]
        # BRPOP serves its first key that has something: let neither kind starve the other.
        keys = lists + wake if self.feed.takes % 2 else wake + lists
        self._in_poll = self.client.connection
        self._in_poll.send_command("BRPOP", *keys, timeout or self.brpop_timeout or 0)

    def _brpop_read(self: Any, **options: Any) -> bool:
        tokens = self._waits_on
        if not tokens:
            return bool(super()._brpop_read(**options))  # type: ignore[misc]
        taken, reply = [], None
        try:
            if self.feed.asked:
                taken = self.feed.receive()
            else:
                reply = self.client.parse_response(self.client.connection, "BRPOP", **options)
                taken = self._after_wait(reply, tokens)
            self.outage.over()
        except LOST as exc:
            self.lost(exc)
            raise Empty() from exc
        finally:
            self._in_poll, self._waits_on = None, frozenset()
            self._flush_brpop_reauth()
        if taken:
            self.feed.deliver(taken)
        elif reply and reply[0].decode() not in tokens:
            queue = reply[0].decode().rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            self.connection._deliver(loads(reply[1].decode()), queue)
        else:
            raise Empty()
        return True

    def _after_wait(self: Any, reply: Any, tokens: frozenset[str]) -> list[tuple[str, Holding]]:
        """What a token, or a second without one, leads to."""
        key = reply[0].decode() if reply else ""
        if key and key not in tokens:
            return []
        if self._closing or not self.our_queues or not self.qos.can_consume():
            self.feed.pass_on(key)
            return []
        return self.feed.receive() if self.feed.ask() else []

    def close(self: Any) -> None:
        if self.closed:
            return
        if self.feed is not None:
            asked = self.feed.asked
            self.feed.close()
            if self._in_poll and self._waits_on and not self.stock_queues:
                # Only a token can be lost with it; do not wait for the reply.
                self._in_poll, connection = None, self._in_poll
                if not asked:
                    connection.disconnect()
        super().close()


class Channel(WindrowChannel, _Channel):
    """For redis:// and rediss://."""

    from_transport_options = (*_Channel.from_transport_options, "windrow_intake")


class SentinelChannel(WindrowChannel, _SentinelChannel):
    """For sentinel://."""

    from_transport_options = (*_SentinelChannel.from_transport_options, "windrow_intake")
