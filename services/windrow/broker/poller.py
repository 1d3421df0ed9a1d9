"""The poller: kombu's, which also turns feeds and never leaves a wake token lying in a socket."""

from __future__ import annotations

from typing import Any

from kombu.transport import redis as stock

from windrow.broker.outage import LOST

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
        self._update_brpop_polling()
        for channel in tuple(self._channels):
            if channel.feed is None:
                self._begin(channel)
            elif channel.outage.may_try():
                try:
                    self._begin(channel)
                except LOST as exc:
                    channel.lost(exc)
                else:
                    channel.feed.tick()

    def _begin(self, channel: Any) -> None:
        # As kombu does for all channels in one go.
        if channel.active_queues and channel.qos.can_consume():
            self._register_BRPOP(channel)
        if channel.active_fanout_queues:
            self._register_LISTEN(channel)

    def on_readable(self, fileno: int) -> Any:
        channel, kind = self._fd_to_chan.get(fileno, (None, ""))
        if kind == "BRPOP" and channel.waits_for_tokens():
            return channel.handlers[kind]()
        return super().on_readable(fileno)

    def _pause_brpop(self, channel: Any, fileno: int) -> None:
        # A worker without room must pass a token on, not sit on it.
        if not channel.waits_for_tokens():
            super()._pause_brpop(channel, fileno)
