"""What exporter and scaler count where the queues are on a real RabbitMQ."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from tests.integration.beat_world import wait_until
from tests.integration.scaler.conftest import World
from windrow.broker import choice
from windrow.broker.message import Message
from windrow.exporter.settings import ExporterSettings
from windrow.exporter.world import World as Exporter
from windrow.scaler.raise_pools import RaisePools
from windrow.store.ledger import Ledger

pytestmark = pytest.mark.timeout(300)


def test_the_broker_tells_what_waits_and_the_ledger_what_is_held(world: World, amqp_url: str) -> None:
    publisher = choice.publisher(world.redis_url, amqp_url)
    publisher.publish([Message(f"m{n}", "t", "a", 9) for n in range(5)])
    publisher.close()
    world.begin(world.worker("host"), 2)
    settings = world.settings()
    gauge = choice.gauge(world.redis_url, amqp_url, 5.0)
    wait_until(lambda: gauge.depths(["a"])["a"][9] == 5)
    ledger = Ledger(world.database_url)
    pools = RaisePools(gauge, world.api(), world.metrics, settings, lambda: True, world.clock, ledger)
    pools()
    assert world.value("backlog", pool="default") == 7
    pools.close()


def test_the_exporter_shows_both(world: World, amqp_url: str) -> None:
    publisher = choice.publisher(world.redis_url, amqp_url)
    publisher.publish([Message("m", "t", "a", 9)])
    publisher.close()
    world.begin(world.worker("host"), 2)
    exporter = Exporter(
        ExporterSettings(
            database_url=world.database_url, redis_url=world.redis_url, broker_url=SecretStr(amqp_url)
        )
    )
    # The broker is asked for what the ledger knew last.
    exporter.look()
    wait_until(lambda: (view := exporter.look().broker) is not None and view.depths["a"][9] == 1)
    view = exporter.look().broker
    assert view is not None
    assert view.in_flight == {"default": 2}
    assert view.memory.used > 0
    exporter.close()
