"""Relay, on a real PostgreSQL and a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.beat_world import World, wait_until
from windrow.beat.chores.relay import Relay
from windrow.broker.errors import BrokerUnavailable
from windrow.store.lost_messages import resend
from windrow.store.promote import promote
from windrow.store.queues import pause, resume, unpublish
from windrow.store.relay import send, unsend, unsent_queues


@pytest.fixture
def world(database_url: str, redis_url: str) -> Iterator[World]:
    world = World(database_url, redis_url)
    yield world
    world.close()


def test_jobs_that_were_never_published_are_sent(world: World) -> None:
    world.accept("a", "b")
    world.accept("c", queue="other")
    world.accept("later", delay=60.0)
    assert Relay(world.crew().tools).run().done == 3
    assert world.messages() == ["a", "b"]
    assert world.messages("other") == ["c"]
    assert Relay(world.crew().tools).run().done == 0


def test_the_window_is_filled_highest_priority_first(world: World) -> None:
    world.accept(*(f"low{n}" for n in range(5)))
    world.accept("mid", priority=4)
    world.accept("better", priority=2)
    world.accept("best", priority=9)
    relay = Relay(world.crew(window=2, relay_batch=1).tools)
    relay.run()
    assert world.messages() == ["best", "mid", "better", "low0"]
    assert world.value("SELECT count(*) FROM windrow.jobs WHERE published_at IS NULL") == 4
    assert relay.run().done == 0
    world.redis.rpop("q")
    assert relay.run().done == 1
    assert world.messages()[-1] == "low1"


def test_jobs_of_one_priority_are_sent_in_the_order_of_their_acceptance_whatever_their_ids(
    world: World,
) -> None:
    world.accept("z-first")
    world.accept("a-second")
    world.accept("m-third")
    relay = Relay(world.crew(window=2).tools)
    relay.run()
    assert world.messages() == ["z-first", "a-second"]


def test_a_worker_at_low_water_wakes_the_relay(world: World) -> None:
    # So long a sleep that only the wake-up can end it in time.
    world.start(relay_seconds=600.0)
    wait_until(lambda: world.value("SELECT succeeded_at FROM windrow.chores WHERE name = 'relay'"))
    wait_until(lambda: world.redis.pubsub_numsub("windrow:beat")[0][1] == 1)
    world.accept("a")
    world.signal("relay")
    wait_until(lambda: world.messages() == ["a"], 5.0)


def test_without_redis_nothing_counts_as_sent(world: World) -> None:
    world.accept("a")
    with pytest.raises(BrokerUnavailable):
        Relay(world.crew(redis_url="redis://127.0.0.1:1/0").tools).run()
    assert world.job("a", "published_at") is None
    Relay(world.crew().tools).run()
    assert world.messages() == ["a"]


def test_what_redis_refuses_after_the_commit_is_sent_again(world: World) -> None:
    world.accept("a", "b", "c")
    # Between the look at the depth and the publish somebody else fills the list.
    crew = world.crew(window=3)
    crew.tools.publisher._window = 1
    Relay(crew.tools).run()
    assert world.messages() == ["a"]
    assert world.value("SELECT array_agg(id ORDER BY id) FROM windrow.jobs WHERE published_at IS NULL") == [
        "b",
        "c",
    ]


def test_a_paused_queue_has_no_messages_and_gets_them_back(world: World) -> None:
    world.accept("a", "b", published=True)
    world.accept("other", queue="open")
    for job_id in ("a", "b"):
        world.redis.lpush("q", f'{{"id":"{job_id}","task":"t"}}')
    world.redis.lpush("q", '{"body": "a stock message", "headers": {}, "properties": {}}')
    world.ledger.run(pause, "q")
    world.accept("c")
    relay = Relay(world.crew(relay_seconds=0.001).tools)
    relay.run()
    assert world.redis.llen("q") == 1
    assert world.messages("open") == ["other"]
    assert world.value("SELECT count(*) FROM windrow.jobs WHERE queue = 'q' AND published_at IS NULL") == 3
    world.redis.delete("q")
    world.ledger.run(resume, "q")
    relay.run()
    assert world.messages() == ["a", "b", "c"]


@pytest.mark.parametrize("looked", [True, False], ids=["the relay looked", "resumed at once"])
def test_what_a_worker_dropped_of_a_paused_queue_is_sent_after_the_pause(world: World, looked: bool) -> None:
    world.ledger.run(pause, "q")
    # A caller who knows of no pause has sent the message; the worker that took it could not claim the job.
    world.accept("a", published=True)
    relay = Relay(world.crew(relay_seconds=0.001).tools)
    if looked:
        relay.run()
        assert world.messages() == []
    world.ledger.run(resume, "q")
    relay.run()
    assert world.messages() == ["a"]


def test_two_relays_at_once_send_each_job_once(world: World) -> None:
    world.accept(*(f"j{n:04}" for n in range(3000)))
    world.start(relay_batch=50, window=10_000)
    world.start(relay_batch=50, window=10_000)
    wait_until(lambda: not world.ledger.run(unsent_queues))
    wait_until(lambda: len(world.messages()) == 3000)
    assert len(set(world.messages())) == 3000


def test_a_bad_row_holds_up_no_other(world: World) -> None:
    world.accept("a", "bad", "c")
    world.poison("bad")
    relay = Relay(world.crew().tools)
    first = relay.run()
    assert first.done == 2
    assert [error.split(":")[0] for error in first.errors] == ["bad"]
    world.accept("d")
    assert relay.run().done == 1
    assert world.messages() == ["a", "c", "d"]


def test_a_long_backlog_is_looked_at_through_the_index(world: World) -> None:
    world.sql.execute(
        "INSERT INTO windrow.jobs (id, task, queue, state, priority, max_attempts, published_at) "
        "SELECT 'j' || lpad(n::text, 6, '0'), 't', 'q', 'queued', n % 10, 3, "
        "       CASE WHEN n < 100 THEN clock_timestamp() END FROM generate_series(1, 30000) n"
    )
    world.sql.execute("ANALYZE windrow.jobs")
    # A table so small is read as a whole otherwise.
    world.sql.execute("SET enable_seqscan = off")
    for statement in (
        "SELECT id FROM windrow.jobs j WHERE queue = 'q' AND state = 'queued' AND published_at IS NULL "
        "AND priority BETWEEN 6 AND 8 ORDER BY priority DESC, created_at LIMIT 10",
        "SELECT id FROM windrow.jobs j WHERE queue = 'q' AND state = 'queued' AND (published_at IS NULL) IS FALSE",
    ):
        lines = world.sql.execute("EXPLAIN " + statement).fetchall()
        plan = "\n".join(line[0] for line in lines)
        assert "jobs_queued" in plan
        assert "published_at IS NULL) =" in plan
        assert "Sort" not in plan


@pytest.mark.parametrize(
    ("op", "args"),
    [
        (send, ("q", 0, 2, 500)),
        (unsend, ("q",)),
        (resend, ([f"j{n:05}" for n in range(500)], 30.0)),
        (unpublish, ([f"j{n:05}" for n in range(500)],)),
        (promote, (500,)),
    ],
)
def test_without_statistics_no_statement_loops_over_all_pairs(world: World, op: Any, args: Any) -> None:
    world.sql.execute("ALTER TABLE windrow.jobs SET (autovacuum_enabled = false)")
    world.accept(*(f"j{n:05}" for n in range(3000)))
    query = next(op(*args))
    plan = "\n".join(line[0] for line in world.sql.execute("EXPLAIN " + query.sql, query.params).fetchall())
    assert "Nested Loop" not in plan
    assert "jobs_pkey" in plan
