"""Pools grow to what their backlog asks for in one jump."""

from __future__ import annotations

import pytest

from tests.integration.scaler.conftest import World
from tests.support.fake_cluster import FakeCluster
from windrow.broker.errors import BrokerUnavailable
from windrow.scaler.errors import ClusterUnavailable


@pytest.fixture
def cluster(cluster: FakeCluster) -> FakeCluster:
    cluster.add_deployment("w-default", 0)
    cluster.add_deployment("w-slow", 0)
    cluster.add_scaled_object("w-slow")
    return cluster


def test_a_burst_raises_a_pool_from_nothing_to_all_that_it_asks_for(world: World) -> None:
    world.enqueue("a", 7)
    world.raise_pools()()
    assert world.cluster.replicas("w-default") == 4
    assert world.cluster.replicas("w-slow") == 0
    assert world.value("ramps_total", pool="default") == 1


def test_all_queues_all_priorities_and_what_is_held_count_together(world: World) -> None:
    for priority in (0, 3, 6, 9):
        world.enqueue("a", 2, priority)
    world.enqueue("b", 3)
    world.take("default", 4)
    world.raise_pools()()
    assert world.value("backlog", pool="default") == 15
    assert world.cluster.replicas("w-default") == 8


def test_a_pool_never_exceeds_its_maximum(world: World) -> None:
    world.enqueue("c", 500)
    world.raise_pools()()
    assert world.cluster.replicas("w-slow") == 3


def test_a_pool_that_is_large_enough_is_never_lowered(world: World) -> None:
    world.cluster.set_replicas("w-default", 9)
    world.enqueue("a", 2)
    look = world.raise_pools()
    for _ in range(5):
        world.clock.now += 3
        look()
    assert world.cluster.replicas("w-default") == 9
    assert world.cluster.count("PATCH") == 0


def test_an_idle_pool_costs_the_api_server_nothing_and_a_steady_one_a_look_in_two_seconds(
    world: World,
) -> None:
    look = world.raise_pools()
    for _ in range(10):
        world.clock.now += 1
        look()
    assert world.cluster.calls == []
    world.enqueue("a", 2)
    for _ in range(10):
        world.clock.now += 1
        look()
    assert world.cluster.count("PATCH") == 1
    assert world.cluster.count("GET") == 5


def test_a_paused_scaled_object_is_a_persons_to_scale(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.cluster.add_scaled_object("w-slow", **{"autoscaling.keda.sh/paused-replicas": "0"})
    world.enqueue("c", 2)
    look = world.raise_pools()
    look()
    look()
    assert world.cluster.replicas("w-slow") == 0
    assert [record.getMessage() for record in caplog.records if "paused" in record.getMessage()] == [
        "pool slow is not raised: its ScaledObject is paused"
    ]
    world.cluster.add_scaled_object("w-slow", **{"autoscaling.keda.sh/paused": "false"})
    look()
    assert world.cluster.replicas("w-slow") == 2


def test_a_size_that_changes_between_our_look_and_our_jump_wins_and_is_looked_at_again(world: World) -> None:
    world.enqueue("a", 20)
    changed: list[str] = []

    def meddle(call: str) -> None:
        if call.startswith("PATCH") and not changed:
            changed.append(call)
            world.cluster.set_replicas("w-default", 12)

    world.cluster.trouble = meddle
    look = world.raise_pools()
    look()
    assert world.cluster.replicas("w-default") == 12
    look()
    assert world.cluster.replicas("w-default") == 12


def test_whoever_lowers_what_the_backlog_asks_for_is_given_in_to(world: World) -> None:
    world.enqueue("a", 20)
    look = world.raise_pools()
    look()
    world.cluster.set_replicas("w-default", 1)
    world.clock.now += 3
    look()
    world.clock.now += 10
    look()
    assert world.cluster.replicas("w-default") == 1
    assert world.value("yielding", pool="default") == 1
    world.clock.now += 6
    look()
    assert world.cluster.replicas("w-default") == 10
    assert world.value("yielding", pool="default") == 0


def test_a_second_burst_after_the_pool_went_to_nothing_jumps_again(world: World) -> None:
    world.enqueue("a", 20)
    look = world.raise_pools()
    look()
    world.redis.flushall()
    world.clock.now += 1
    look()
    world.cluster.set_replicas("w-default", 0)
    world.enqueue("a", 20)
    world.clock.now += 2
    look()
    assert world.cluster.replicas("w-default") == 10


def test_a_pool_without_its_deployment_takes_no_others_turn(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    del world.cluster.deployments["w-default"]
    world.enqueue("a", 2)
    world.enqueue("c", 2)
    look = world.raise_pools()
    look()
    look()
    assert world.cluster.replicas("w-slow") == 2
    assert sum("pool default is not raised" in record.getMessage() for record in caplog.records) == 1
    assert world.value("errors_total", source="refused") == 2


def test_a_replica_without_the_lease_raises_nothing(world: World) -> None:
    world.leads = False
    world.enqueue("a", 2)
    world.raise_pools()()
    assert world.cluster.calls == []


def test_without_redis_nothing_is_decided(world: World) -> None:
    with pytest.raises(BrokerUnavailable):
        world.raise_pools(redis_url="redis://127.0.0.1:1/0")()
    assert world.cluster.calls == []


def test_an_api_server_that_does_not_answer_is_tried_again(world: World) -> None:
    world.enqueue("a", 2)
    world.cluster.trouble = lambda call: (500, {"message": "trouble"})
    look = world.raise_pools()
    with pytest.raises(ClusterUnavailable):
        look()
    world.cluster.trouble = lambda call: None
    look()
    assert world.cluster.replicas("w-default") == 1
