"""Publishing from blocking code: workers, beat, callers of `delay`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from windrow.broker.client import BrokerClient
from windrow.broker.message import Message
from windrow.broker.publish import WINDOW, Published, merge, publishes, signal


class Publisher:
    """Sends messages and signals; for several threads, and again after a fork."""

    def __init__(self, redis_url: str, window: int = WINDOW, *, timeout: float = 2.0) -> None:
        self._window = window
        self._client = BrokerClient(redis_url, timeout=timeout)

    def publish(
        self,
        messages: Sequence[Message] = (),
        finished: Sequence[str] = (),
        events: Sequence[Mapping[str, Any]] = (),
        signals: Sequence[tuple[str, str]] = (),
    ) -> Published:
        """Send all in one call a thousand messages; `finished` are job ids, `signals` (channel, payload).

        Raises BrokerUnavailable: then some may have been sent, which does no harm.
        """
        calls = publishes(messages, finished, events, signals, self._window)
        return merge([self._client.run(call) for call in calls] or [Published()])

    def signal(self, channel: str, payload: str) -> None:
        """Send one pub/sub payload; raises BrokerUnavailable."""
        self._client.run(signal(channel, payload))

    def close(self) -> None:
        """Close every connection; the next publish opens one again."""
        self._client.close()
