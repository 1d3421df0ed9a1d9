"""A list that runs low wakes the relay, once."""

from __future__ import annotations

import pytest

from windrow.broker import choice
from windrow.broker.client import BrokerClient
from windrow.broker.intake import Budget
from windrow.broker.keys import BEAT_CHANNEL
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher
from windrow.broker.signals import Signals
from windrow.broker.take import take


@pytest.mark.parametrize(("window", "waiting"), [(2000, 1000), (100, 100), (3, 3), (1, 1)])
def test_the_relay_is_woken_when_a_list_falls_below_low_water(
    redis_url: str, window: int, waiting: int
) -> None:
    publisher, client = Publisher(redis_url), BrokerClient(redis_url)
    publisher.publish([Message(f"j{n}", "t", "q") for n in range(waiting)])
    signals = Signals(redis_url, [BEAT_CHANNEL])
    assert signals.wait(0.2) is None
    intake = choice.intake("w", "p", ["q"], lambda: Budget(0), "", window)
    woken = 0
    for _ in range(10):
        client.run(take(intake, ["q"], Budget(max(1, waiting // 10)), [], False))
        woken += signals.wait(0.2) == "relay"
    assert woken == 1
    signals.close()
    client.close()
    publisher.close()
