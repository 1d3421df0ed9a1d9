"""The poller: kombu's, which also turns feeds and never leaves a wake token lying in a socket."""

from __future__ import annotations

from typing import Any

from kombu.transport import redis as stock

_Poller: Any = stock.MultiChannelPoller


def _nothing() -> None:
    """Turn the loop, no more."""


class Poller(_Poller):
    """Polls the channels of one transport."""

    #: The hub, once there is one.
    loop: Any = None

    def turn_now(self) -> None:
        """Have the event loop turn; from any thread."""
        if self.loop is not None:
            self.loop.call_soon(_nothing)

    def on_poll_start(self) -> None:
        super().on_poll_start()
        for channel in self._channels:
            if channel.feed is not None and channel.feed.takes:
                channel.feed.tick()

    def on_readable(self, fileno: int) -> Any:
        channel, kind = self._fd_to_chan.get(fileno, (None, ""))
        if kind == "BRPOP" and channel.waits_for_tokens():
            return channel.handlers[kind]()
        return super().on_readable(fileno)

    def _pause_brpop(self, channel: Any, fileno: int) -> None:
        # A worker without room must pass a token on, not sit on it.
        if not channel.waits_for_tokens():
            super()._pause_brpop(channel, fileno)
