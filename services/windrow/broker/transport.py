"""The transports that Celery's `broker_transport` names, and their aliases."""

from __future__ import annotations

from typing import Any

import kombu.transport
from kombu.transport import redis as stock

from windrow.broker.channel import Channel, SentinelChannel
from windrow.broker.poller import Poller

_Transport: Any = stock.Transport
_SentinelTransport: Any = stock.SentinelTransport


class WindrowTransport:
    """Mixed into kombu's Redis transports: our poller, and the intake's line to the event loop."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cycle = Poller()

    def register_with_event_loop(self: Any, connection: Any, loop: Any) -> None:
        super().register_with_event_loop(connection, loop)  # type: ignore[misc]
        self.cycle.loop = loop
        intake = self.client.transport_options.get("windrow_intake")
        if intake is not None:
            intake.on_wake(self.cycle.turn_now)


class Transport(WindrowTransport, _Transport):
    """redis:// and rediss://."""

    Channel = Channel


class SentinelTransport(WindrowTransport, _SentinelTransport):
    """sentinel://."""

    Channel = SentinelChannel


def register() -> None:
    """Make redis://, rediss:// and sentinel:// mean our transports in this process.

    Better than `broker_transport`: kombu reads TLS defaults from the scheme, and forgets a transport class
    when it fails over to another URL.
    """
    here = "windrow.broker.transport"
    for scheme, name in {
        "redis": "Transport",
        "rediss": "Transport",
        "sentinel": "SentinelTransport",
    }.items():
        kombu.transport.TRANSPORT_ALIASES[scheme] = f"{here}:{name}"
        kombu.transport._transport_cache.pop(scheme, None)
