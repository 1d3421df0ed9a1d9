"""Promote, on a real PostgreSQL and a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.beat_world import World, wait_until
from windrow.beat.chores.promote import Promote


@pytest.fixture
def world(database_url: str, redis_url: str) -> Iterator[World]:
    world = World(database_url, redis_url)
    yield world
    world.close()


def due(world: World, *ids: str) -> None:
    world.accept(*ids, delay=3600.0)
    world.sql.execute(
        "UPDATE windrow.jobs SET run_at = clock_timestamp() - interval '1 s' WHERE id = ANY(%s)", [list(ids)]
    )


def test_what_is_due_is_queued_and_its_message_sent(world: World) -> None:
    due(world, "a", "b")
    world.accept("later", delay=3600.0)
    done = Promote(world.crew().tools).run()
    assert done.done == 2
    assert world.messages() == ["a", "b"]
    assert world.job("a", "state", "published_at IS NOT NULL") == ("queued", True)
    assert world.state("later") == "scheduled"


def test_a_retry_is_promoted_like_a_delayed_job(world: World) -> None:
    world.accept("a")
    world.sql.execute("UPDATE windrow.jobs SET state = 'retrying', run_at = clock_timestamp() WHERE id = 'a'")
    Promote(world.crew().tools).run()
    assert world.messages() == ["a"]


def test_an_earlier_job_wakes_a_sleeping_promote(world: World) -> None:
    world.accept("far", delay=3600.0)
    # So long a sleep that only the wake-up can end it in time.
    world.start(promote_seconds=600.0)
    wait_until(lambda: world.value("SELECT succeeded_at FROM windrow.chores WHERE name = 'promote'"))
    wait_until(lambda: world.redis.pubsub_numsub("windrow:beat")[0][1] == 1)
    world.accept("near", delay=0.3)
    world.signal("promote")
    wait_until(lambda: world.state("near") == "queued", 5.0)
    assert world.state("far") == "scheduled"


def test_without_redis_jobs_are_promoted_and_left_to_the_relay(world: World) -> None:
    due(world, "a")
    done = Promote(world.crew(redis_url="redis://127.0.0.1:1/0").tools).run()
    assert done.done == 1
    assert world.job("a", "state", "published_at") == ("queued", None)


def test_what_is_over_the_window_is_left_to_the_relay(world: World) -> None:
    due(world, "a", "b", "c")
    Promote(world.crew(window=2).tools).run()
    sent = world.messages()
    assert len(sent) == 2
    (left,) = {"a", "b", "c"} - set(sent)
    assert world.job(left, "state", "published_at") == ("queued", None)


def test_a_job_of_a_paused_queue_becomes_queued_without_a_message(world: World) -> None:
    world.sql.execute("INSERT INTO windrow.queues (name, paused_at) VALUES ('q', clock_timestamp())")
    due(world, "a")
    Promote(world.crew().tools).run()
    assert world.job("a", "state", "published_at") == ("queued", None)
    assert world.messages() == []


def test_an_expired_job_is_not_promoted(world: World) -> None:
    due(world, "a")
    world.sql.execute("UPDATE windrow.jobs SET expires_at = clock_timestamp() - interval '1 ms'")
    assert Promote(world.crew().tools).run().done == 0
    assert world.state("a") == "scheduled"


def test_a_job_lost_with_workers_before_is_sent_to_run_alone(world: World) -> None:
    due(world, "a")
    world.sql.execute("UPDATE windrow.jobs SET losses = 2")
    Promote(world.crew().tools).run()
    assert world.redis.lrange("q", 0, -1) == ['{"id":"a","task":"t","alone":1}']


def test_a_bad_row_holds_up_no_other(world: World) -> None:
    due(world, "a", "bad", "c")
    world.poison("bad")
    promote = Promote(world.crew().tools)
    first = promote.run()
    assert first.done == 2
    assert [error.split(":")[0] for error in first.errors] == ["bad"]
    due(world, "d")
    second = promote.run()
    assert (second.done, list(second.errors)) == (1, [])
    # It is left out, so the next pass is far away.
    assert second.wait > 0.5
    assert world.messages() == ["a", "c", "d"]


def test_two_promotes_at_once_send_each_job_once(world: World) -> None:
    world.accept(*(f"j{n:04}" for n in range(2000)), delay=0.2)
    world.start(promote_batch=50, window=10_000)
    world.start(promote_batch=50, window=10_000)
    wait_until(lambda: world.states() == {"queued": 2000})
    wait_until(lambda: len(world.messages()) == 2000)
    assert len(set(world.messages())) == 2000
