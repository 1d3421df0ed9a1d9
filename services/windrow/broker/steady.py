"""A channel that lives through the loss of its connections by itself.

Celery's own way is to restart its consumer: that stops the event loop for as long as Redis is away, and
forgets the jobs that its pool has not begun. Here what waits is connected again after a pause, and what
nobody may miss when it is lost, events and remote control's answers, is not sent meanwhile.
"""

from __future__ import annotations

import logging
from queue import Empty
from typing import Any

from kombu.transport import virtual

from windrow.broker.feed import Feed
from windrow.broker.outage import LOST, Outage

logger = logging.getLogger(__name__)


class SteadyChannel:
    """Mixed into kombu's Redis channels; changes only those that have a feed."""

    # Stock kombu waits for ever on a Redis that hangs.
    socket_timeout = 3.0
    socket_connect_timeout = 2.0
    socket_keepalive = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.feed: Feed | None = None
        self.outage = Outage()
        self._sending = Outage()
        self._heard: list[tuple[Any, str]] = []
        #: Keys on which the pending BRPOP waits for tokens.
        self._waits_on: frozenset[str] = frozenset()
        super().__init__(*args, **kwargs)

    def lost(self: Any, exc: BaseException) -> None:
        """Start anew on other connections, later; what is held stays held."""
        self.outage.failed(exc)
        self.feed.lost()
        for name in ("client", "subclient"):
            # Only those that were made: both are properties.
            connection = getattr(self.__dict__.get(name), "connection", None)
            if connection is not None:
                connection.disconnect()
        self._in_poll, self._in_listen, self._waits_on = None, None, frozenset()

    def basic_publish(self: Any, message: Any, exchange: str, routing_key: str, **kwargs: Any) -> Any:
        if self.feed is None or not self._is_lossy(exchange):
            return super().basic_publish(message, exchange, routing_key, **kwargs)  # type: ignore[misc]
        if not self._sending.may_try():
            return None
        try:
            sent = super().basic_publish(message, exchange, routing_key, **kwargs)  # type: ignore[misc]
        except LOST as exc:
            # Celery restarts its consumer over an event that it could not send.
            self._sending.failed(exc)
            return None
        self._sending.over()
        return sent

    def close(self: Any) -> None:
        """Close, whatever state the connections are in."""
        try:
            super().close()  # type: ignore[misc]
        except Exception:
            # Stock kombu leaves the channel half closed here, and the worker dies of what follows.
            logger.warning("closing a channel whose connection is gone", exc_info=True)
            if not self.closed:
                virtual.Channel.close(self)

    def _receive(self: Any) -> bool:
        if self.feed is None:
            return bool(super()._receive())  # type: ignore[misc]
        try:
            super()._receive()  # type: ignore[misc]
        except LOST as exc:
            self.lost(exc)
            raise Empty() from exc
        self.outage.over()
        # Delivered here, so that what a consumer raises is not taken for a lost connection.
        heard, self._heard = self._heard, []
        for message, exchange in heard:
            super()._deliver_fanout_message(message, exchange)  # type: ignore[misc]
        return bool(heard)

    def _deliver_fanout_message(self: Any, message: Any, exchange: str) -> bool:
        if self.feed is None:
            return bool(super()._deliver_fanout_message(message, exchange))  # type: ignore[misc]
        self._heard.append((message, exchange))
        return True

    def _poll_error(self: Any, kind: str, **options: Any) -> None:
        try:
            super()._poll_error(kind, **options)  # type: ignore[misc]
        except LOST as exc:
            if self.feed is None:
                raise
            self.lost(exc)

    def _is_lossy(self: Any, exchange: str) -> bool:
        # Events, broadcasts, and replies to remote control: gone when nobody listens, too.
        return bool(exchange) and (self.typeof(exchange).type == "fanout" or exchange.endswith(".pidbox"))
