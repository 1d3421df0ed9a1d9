"""Settle on a real RabbitMQ, which shows nobody its messages: by counting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tests.integration.beat_world import World, wait_until
from windrow.beat.chores.chore import Tools
from windrow.beat.chores.settle import Settle
from windrow.broker.message import Message
from windrow.store.held import in_flight

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def world(database_url: str, redis_url: str) -> Iterator[World]:
    world = World(database_url, redis_url)
    yield world
    world.close()


@pytest.fixture
def tools(world: World, amqp_url: str) -> Tools:
    return world.crew(broker_url=SecretStr(amqp_url)).tools


def sent(world: World, *ids: str, seconds: float, priority: int = 0) -> None:
    world.accept(*ids, published=True, priority=priority)
    world.sql.execute(
        "UPDATE windrow.jobs SET published_at = clock_timestamp() - %s * interval '1 s' WHERE id = ANY(%s)",
        [seconds, list(ids)],
    )


def waiting(tools: Tools) -> dict[int, int]:
    return tools.depth.depths(["q"])["q"]


def test_as_many_of_the_oldest_are_sent_again_as_a_step_lacks(world: World, tools: Tools) -> None:
    sent(world, "old1", "old2", seconds=120)
    sent(world, "new1", "new2", "new3", seconds=60)
    sent(world, "high", seconds=60, priority=9)
    tools.publisher.publish([Message(job_id, "t", "q") for job_id in ("new1", "new2", "new3")])
    wait_until(lambda: waiting(tools)[0] == 3)
    assert Settle(tools).run().done == 3
    assert waiting(tools) == {0: 5, 3: 0, 6: 0, 9: 1}
    assert set(tools.depth.withdraw("q")) == {"old1", "old2", "new1", "new2", "new3", "high"}


def test_nothing_is_sent_again_that_waits(world: World, tools: Tools) -> None:
    sent(world, "a", "b", seconds=60)
    tools.publisher.publish([Message(job_id, "t", "q") for job_id in ("a", "b")])
    wait_until(lambda: waiting(tools)[0] == 2)
    assert Settle(tools).run().done == 0
    assert waiting(tools)[0] == 2


def test_a_fresh_message_is_not_asked_for(world: World, amqp_url: str) -> None:
    sent(world, "fresh", seconds=0.0)
    tools = world.crew(broker_url=SecretStr(amqp_url), settle_after_seconds=30.0).tools
    assert Settle(tools).run().done == 0


def test_the_ledger_tells_what_a_pool_holds(world: World) -> None:
    world.worker("w1", pool="p1")
    world.worker("w2", pool="p2")
    world.accept("a", "b", "c")
    world.claim("w1", "a", "b", started=["a"])
    world.claim("w2", "c")
    assert world.ledger.run(in_flight, ["p1", "p2", "none"]) == {"p1": 2, "p2": 1, "none": 0}
