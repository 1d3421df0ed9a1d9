"""Settle, on a real PostgreSQL and a real Redis: what the broker lost is sent again, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.beat_world import World, wait_until
from windrow.beat.chores.settle import Settle
from windrow.broker.errors import BrokerUnavailable
from windrow.store.control import cancel
from windrow.store.lost_messages import begin_settle, resend


@pytest.fixture
def world(database_url: str, redis_url: str) -> Iterator[World]:
    world = World(database_url, redis_url)
    yield world
    world.close()


def sent(world: World, *ids: str, seconds: float = 60.0) -> None:
    """Published so long ago, and still queued."""
    world.accept(*ids, published=True)
    world.sql.execute(
        "UPDATE windrow.jobs SET published_at = clock_timestamp() - %s * interval '1 s' WHERE id = ANY(%s)",
        [seconds, list(ids)],
    )


def push(world: World, *ids: str, queue: str = "q") -> None:
    for job_id in ids:
        world.redis.lpush(queue, f'{{"id":"{job_id}","task":"t"}}')


def test_one_lost_message_is_found_behind_a_thousand_of_cancelled_jobs(world: World) -> None:
    cancelled = [f"c{n}" for n in range(1000)]
    sent(world, *cancelled, "waiting", "lost")
    push(world, *cancelled, "waiting")
    world.ledger.run(cancel, cancelled)
    # Depth says 1,001 messages for 2 queued jobs: no reason to look, if depth were asked.
    assert Settle(world.crew().tools).run().done == 1
    assert world.messages()[-1] == "lost"
    assert world.messages().count("waiting") == 1


def test_a_message_in_a_workers_hands_is_not_lost(world: World) -> None:
    world.worker("w1", pool="p1")
    sent(world, "held", "lost")
    world.hold("w1", "held", pool="p1")
    assert Settle(world.crew().tools).run().done == 1
    assert world.messages() == ["lost"]


def test_a_message_of_another_queue_explains_nothing(world: World) -> None:
    sent(world, "a")
    push(world, "a", queue="other")
    assert Settle(world.crew().tools).run().done == 1
    assert world.messages() == ["a"]


def test_a_fresh_message_is_not_asked_for(world: World) -> None:
    sent(world, "fresh", seconds=0.0)
    assert Settle(world.crew(settle_after_seconds=30.0).tools).run().done == 0
    assert world.messages() == []


def test_a_queue_is_settled_once_in_its_time_over_all_beats(world: World) -> None:
    sent(world, "a")
    assert world.ledger.run(begin_settle, 30.0, 30.0) == ["q"]
    assert world.ledger.run(begin_settle, 30.0, 30.0) == []
    assert world.ledger.run(begin_settle, 30.0, 0.0) == ["q"]


def test_a_lost_message_is_sent_once_by_two_beats(world: World) -> None:
    sent(world, *(f"j{n:03}" for n in range(300)))
    first, second = (Settle(world.crew(settle_every_seconds=1e-6).tools) for _ in range(2))
    assert first.run().done + second.run().done == 300
    assert len(world.messages()) == 300


def test_a_job_that_another_beat_just_sent_again_is_left_alone(world: World) -> None:
    sent(world, "a")
    assert [one.id for one in world.ledger.run(resend, ["a"], 30.0)] == ["a"]
    assert world.ledger.run(resend, ["a"], 30.0) == []


def test_a_job_that_was_taken_meanwhile_is_left_alone(world: World) -> None:
    world.worker("w1")
    sent(world, "a")
    world.claim("w1", "a", started=["a"])
    assert Settle(world.crew().tools).run().done == 0
    assert world.messages() == []


def test_a_queue_with_a_broken_row_does_not_stop_the_others(world: World) -> None:
    sent(world, "bad")
    sent(world, "good")
    world.sql.execute("UPDATE windrow.jobs SET queue = 'z' WHERE id = 'good'")
    world.poison("bad")
    result = Settle(world.crew().tools).run()
    assert result.done == 1
    assert "queue q" in result.errors[0]
    assert world.messages("z") == ["good"]


def test_without_redis_no_queue_counts_as_settled(world: World) -> None:
    sent(world, "a")
    with pytest.raises(BrokerUnavailable):
        Settle(world.crew(redis_url="redis://127.0.0.1:1/0").tools).run()
    assert Settle(world.crew().tools).run().done == 1


def test_a_wiped_redis_gets_everything_back(world: World) -> None:
    world.start()
    world.accept(*(f"j{n:03}" for n in range(500)))
    wait_until(lambda: len(world.messages()) == 500)
    world.redis.flushall()
    wait_until(lambda: len(set(world.messages())) == 500)
    assert len(world.messages()) == 500
