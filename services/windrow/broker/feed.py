"""Feeding a channel: takes messages for it, delivers them, and sends the holds that have ended."""

from __future__ import annotations

import logging
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

from redis.exceptions import NoScriptError, RedisError

from windrow.broker import unacked
from windrow.broker.call import Call
from windrow.broker.delivery import deliverable
from windrow.broker.intake import Holding, Intake, age, as_settlement
from windrow.broker.take import Taken, take

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: Between two attempts to send ended holds while Redis refuses.
REFUSED_SECONDS = 1.0
#: How often to tell that the holder of held messages lives.
TOUCH_SECONDS = 5.0
#: How often to look into the lists of stock producers, who push no wake tokens.
LOOK_SECONDS = 1.0


class Feed:
    """One channel's takes and settlements; only its event loop's thread calls it."""

    def __init__(self, channel: Any, intake: Intake) -> None:
        self.channel = channel
        self.intake = intake
        #: Whether messages may wait that no token announces: take before waiting.
        self.more = True
        self.takes = 0
        self._agrees = False
        self._looked_at = 0.0
        self._flush_at = 0.0
        self._touch_at = 0.0
        self._side: Any = None
        self._asked: tuple[Call[Taken], list[tuple[str, str, str]]] | None = None

    def look(self) -> None:
        """Take once before waiting."""
        self.more = True

    def lost(self) -> None:
        """The connection is gone: ask again on the next one, and compare notes first."""
        self.more = True
        self._failed(self._asked[1] if self._asked is not None else [])

    def ask(self) -> bool:
        """Send a take on the connection that otherwise waits; False when there is nothing to ask for."""
        if self._asked is not None:
            # Its connection was dropped before the reply came.
            self.lost()
        budget = self.channel.qos.budget()
        if budget.paused:
            return False
        if not self._agrees:
            self._agree()
        now = monotonic()
        foreign = now - self._looked_at >= LOOK_SECONDS
        self._looked_at = now if foreign else self._looked_at
        pending = self.intake.take_pending()
        settlement = as_settlement(pending)
        try:
            if settlement.refused or settlement.returned:
                self._run(unacked.settle(self.intake.pool, settlement))
                pending, settlement = [], unacked.Settlement()
            call = take(self.intake, self._queues(), budget, settlement.done, foreign)
            self._asked = (call, pending)
            self.channel.client.connection.send_command(*call.by_sha())
        except BaseException:
            self._failed(pending)
            raise
        self.takes += 1
        return True

    @property
    def asked(self) -> bool:
        """Whether the reply to a take is under way."""
        return self._asked is not None

    def receive(self) -> list[tuple[str, Holding]]:
        """Read the reply to `ask`: the messages, held, to `deliver` or to give back."""
        assert self._asked is not None
        (call, pending), self._asked = self._asked, None
        connection = self.channel.client.connection
        try:
            try:
                taken = call.read(connection.read_response())
            except NoScriptError:
                connection.send_command(*call.by_text())
                taken = call.read(connection.read_response())
        except BaseException:
            self._failed(pending)
            raise
        self.more = taken.more or taken.more_foreign
        if taken.more_foreign:
            self._looked_at = 0.0
        if taken.slow:
            self.channel.qos.saw_slow()
        for tag, holding in taken.messages:
            self.intake.hold(tag, holding)
        return taken.messages

    def deliver(self, messages: list[tuple[str, Holding]]) -> None:
        """Hand them to the consumers; what comes after one that raises goes back."""
        delivered = 0
        with self.intake.delivering():
            try:
                for tag, holding in messages:
                    self._deliver(tag, holding)
                    delivered += 1
            finally:
                if delivered < len(messages):
                    self.intake.give_back(tag for tag, _ in messages[delivered:])

    def _deliver(self, tag: str, holding: Holding) -> None:
        callback = self.channel.connection._callbacks.get(holding.queue)
        if callback is None:
            self.intake.give_back([tag])
            return
        try:
            message = deliverable(self.channel, tag, holding)
        except ValueError as exc:
            logger.warning("dropped a message: %s", exc)
            self.intake.refuse(tag)
            return
        callback(message)

    def pass_on(self, wake_key: str) -> None:
        """There is no room: let another worker have the token, and look as soon as there is room again."""
        self.more = True
        if wake_key:
            # Without it they look by themselves within a second.
            with suppress(RedisError, OSError), self.channel.conn_or_acquire() as client:
                client.lpush(wake_key, "1")

    def tick(self) -> None:
        """Send ended holds that went with no take; called every turn of the event loop, after the takes."""
        if not self.takes:
            return
        if not self.asked and not self.channel._in_poll:
            # Without room nobody waits for tokens: look first when there is room again.
            self.more = True
        now = monotonic()
        touches = now >= self._touch_at
        if (self.intake.pending or touches) and now >= self._flush_at:
            try:
                self.intake.flush(self._run_aside)
                if touches:
                    self._touch_at = now + TOUCH_SECONDS
                    self._run_aside(unacked.touch(self.intake.pool, self.intake.tags()))
            except (RedisError, OSError) as exc:
                # Whether the connection is lost shows on the one that waits; these can be sent later.
                logger.debug("could not settle %d messages yet: %s", self.intake.pending, exc)
                self._flush_at = now + REFUSED_SECONDS

    def close(self) -> None:
        """Send ended holds if that is likely to work; they keep until the next channel."""
        client = self.channel.__dict__.get("client")
        connected = getattr(getattr(client, "connection", None), "_sock", None) is not None
        if self.takes and connected:
            try:
                if self.asked:
                    self.intake.give_back([tag for tag, _ in self.receive()])
                self.intake.flush(self._run_aside)
            except (RedisError, OSError) as exc:
                logger.debug("could not settle while closing: %s", exc)

    def _queues(self) -> tuple[str, ...]:
        # Within a step each queue comes first in turn.
        queues: tuple[str, ...] = self.channel.our_queues
        turn = self.takes % len(queues)
        return queues[turn:] + queues[:turn]

    def _agree(self) -> None:
        """Make the unacked hash and the intake tell the same after a connection or Redis itself was lost."""
        intake = self.intake
        registered = self._run(unacked.held(intake.pool, intake.worker))
        holds, ending = intake.snapshot()
        orphans = sorted(registered.keys() - holds.keys() - ending, key=age)
        if orphans:
            back = [(tag, registered[tag][0]) for tag in orphans]
            self._run(unacked.settle(intake.pool, unacked.Settlement(returned=back)))
        lost = {tag: holds[tag] for tag in holds.keys() - registered.keys()}
        if lost:
            values = {tag: (holding.list_name, holding.payload) for tag, holding in lost.items()}
            self._run(unacked.register(intake.pool, values))
        self._agrees = True

    def _failed(self, pending: list[tuple[str, str, str]]) -> None:
        self._asked = None
        self.intake.put_pending(pending)
        # Messages may have been taken whose names never arrived.
        self._agrees = False

    def _run(self, call: Call[T]) -> T:
        """Run `call` on the connection that otherwise waits."""
        return _run_on(self.channel.client.connection, call)

    def _run_aside(self, call: Call[T]) -> T:
        """Run `call` while that one waits, on a connection of our own."""
        if self._side is None:
            self._side = self.channel.pool.get_connection()
        return _run_on(self._side, call)


def _run_on(connection: Any, call: Call[T]) -> T:
    try:
        try:
            connection.send_command(*call.by_sha())
            reply = connection.read_response()
        except NoScriptError:
            connection.send_command(*call.by_text())
            reply = connection.read_response()
    except (RedisError, OSError):
        # Whatever it was, the next call starts on a clean connection, perhaps to another master.
        connection.disconnect()
        raise
    return call.read(reply)
