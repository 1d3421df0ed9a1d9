"""Taking messages, ending holds, and what a taken message looks like, on a real Redis."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from tests.support.broker_consumer import BrokerConsumer, ids
from windrow.broker.depth import Depth
from windrow.broker.intake import Budget
from windrow.broker.keys import REJECTED_KEY
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher

FOREIGN: dict[str, Any] = {
    "body": "W1tdLCB7fSwgbnVsbF0=",
    "content-type": "application/json",
    "content-encoding": "utf-8",
    "headers": {"id": "f1", "task": "t"},
    "properties": {"body_encoding": "base64", "delivery_tag": "theirs", "delivery_info": {"exchange": ""}},
}

Open = Callable[..., BrokerConsumer]


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    publisher = Publisher(redis_url)
    yield publisher
    publisher.close()


@pytest.fixture
def depth(redis_url: str) -> Iterator[Depth]:
    depth = Depth(redis_url)
    yield depth
    depth.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def consume(redis_url: str) -> Iterator[Open]:
    opened = []

    def open_one(**kwargs: Any) -> BrokerConsumer:
        opened.append(BrokerConsumer(redis_url, **kwargs))
        return opened[-1]

    yield open_one
    for consumer in opened:
        consumer.close()


def jobs(*names: str, queue: str = "q", priority: int = 0, task: str = "t") -> list[Message]:
    return [Message(name, task, queue, priority) for name in names]


def test_higher_steps_come_first_and_each_step_in_its_order(publisher: Publisher, consume: Open) -> None:
    publisher.publish([*jobs("a0", "b0"), *jobs("a9", "b9", priority=9), *jobs("a6", priority=6)])
    publisher.publish(jobs("c9", priority=9) + jobs("a3", priority=3))
    assert ids(consume().drain()) == ["a9", "b9", "c9", "a6", "a3", "a0", "b0"]


def test_a_priority_9_job_behind_a_full_window_is_taken_next(publisher: Publisher, consume: Open) -> None:
    publisher.publish([Message(f"j{n}", "t", "q") for n in range(2000)])
    publisher.publish(jobs("urgent", priority=9))
    assert ids(consume(budget=Budget(1)).turn()) == ["urgent"]


def test_a_message_has_what_celerys_consumer_wants(publisher: Publisher, consume: Open) -> None:
    publisher.publish(jobs("a", priority=7, task="reports.render"))
    (message,) = consume().drain()
    assert message.headers["id"] == "a"
    assert message.headers["task"] == "reports.render"
    assert message.delivery_info["routing_key"] == "q"
    assert message.properties["priority"] == 6
    assert message.properties["correlation_id"] == "a"
    assert message.delivery_tag.startswith("w1:")
    assert not message.acknowledged


def test_no_more_is_taken_than_there_is_room_for(publisher: Publisher, consume: Open, depth: Depth) -> None:
    publisher.publish(jobs(*"abcde"))
    consumer = consume(budget=Budget(3))
    assert ids(consumer.turn()) == ["a", "b", "c"]
    consumer.budget = Budget(0)
    assert consumer.drain() == []
    assert depth.in_flight("pool") == 3
    assert depth.depths(["q"])["q"][0] == 2


def test_a_paused_worker_takes_nothing(publisher: Publisher, consume: Open) -> None:
    publisher.publish(jobs("a"))
    consumer = consume(budget=Budget(5, paused=True))
    assert consumer.drain() == []
    consumer.budget = Budget(5)
    assert ids(consumer.drain()) == ["a"]


def test_only_short_tasks_are_claimed_ahead(publisher: Publisher, consume: Open) -> None:
    publisher.publish([*jobs("s1"), *jobs("f1", "f2", task="fast"), *jobs("s2"), *jobs("f3", task="fast")])
    consumer = consume(budget=Budget(1, ahead=10, fast_tasks=("fast",)))
    assert ids(consumer.turn()) == ["s1", "f1", "f2"]
    # The next one is slow: it waits for a free child, and what is behind it does not overtake.
    consumer.budget = Budget(0, ahead=10, fast_tasks=("fast",))
    assert consumer.drain() == []
    consumer.budget = Budget(1, ahead=10, fast_tasks=("fast",))
    assert ids(consumer.drain())[:2] == ["s2", "f3"]


def test_an_alone_message_is_the_first_and_only_one_of_its_take(publisher: Publisher, consume: Open) -> None:
    publisher.publish([*jobs("a"), Message("poison", "t", "q", alone=True), *jobs("b", "c")])
    consumer = consume(budget=Budget(10, ahead=5, fast_tasks=("t",)))
    assert ids(consumer.turn()) == ["a"]
    (alone,) = consumer.turn()
    assert alone.headers["id"] == "poison"
    assert alone.headers["windrow_alone"]
    assert ids(consumer.turn()) == ["b", "c"]


def test_queues_of_the_same_step_take_turns(publisher: Publisher, consume: Open) -> None:
    publisher.publish(jobs(*(f"a{n}" for n in range(10))) + jobs(*(f"b{n}" for n in range(10)), queue="r"))
    consumer = consume(queues=("q", "r"), budget=Budget(1))
    first = [ids(consumer.turn())[0][0] for _ in range(8)]
    assert first.count("a") == first.count("b") == 4


def test_acknowledged_messages_are_forgotten_and_given_back_ones_are_next_in_order(
    publisher: Publisher, consume: Open, depth: Depth, client: Any
) -> None:
    publisher.publish(jobs(*"abcdef"))
    consumer = consume(budget=Budget(4))
    a, b, c, d = consumer.turn()
    a.ack()
    d.requeue()
    consumer.intake.give_back([c.delivery_tag, b.delivery_tag])
    consumer.budget = Budget(0)
    consumer.drain()
    assert depth.in_flight("pool") == 0
    assert client.zcard("unacked_index:pool") == 0
    consumer.budget = Budget(10)
    assert ids(consumer.turn()) == ["b", "c", "d", "e", "f"]


def test_settling_twice_or_after_giving_back_does_nothing(
    publisher: Publisher, consume: Open, depth: Depth
) -> None:
    publisher.publish(jobs("a"))
    consumer = consume(budget=Budget(1))
    (message,) = consumer.turn()
    consumer.intake.give_back([message.delivery_tag, message.delivery_tag, "w1:1", "other:2"])
    consumer.intake.done(message.delivery_tag)
    consumer.budget = Budget(0)
    consumer.drain()
    assert depth.ids("q", ["pool"]) == {"a"}
    assert depth.in_flight("pool") == 0


def test_a_foreign_message_passes_through_marked_also_from_a_producer_with_priorities(
    client: Any, consume: Open
) -> None:
    client.lpush("q", json.dumps(FOREIGN))
    client.lpush("q\x06\x166", json.dumps(FOREIGN | {"headers": {"id": "f2", "task": "t"}}))
    consumer = consume()
    first, second = consumer.drain(1.5)
    assert first.headers == {"id": "f1", "task": "t", "windrow_foreign": True}
    assert first.body == b"[[], {}, null]"
    assert first.delivery_tag.startswith("w1:")
    assert second.headers["id"] == "f2"
    assert second.delivery_info["routing_key"] == "q"
    first.ack()
    second.ack()
    consumer.drain()
    assert client.hlen("unacked:pool") == 0


def test_a_refused_foreign_message_and_rubbish_are_kept_in_a_bounded_list(client: Any, consume: Open) -> None:
    client.lpush("q", json.dumps(FOREIGN), "rubbish", '{"id":', "[1]")
    consumer = consume()
    (message,) = consumer.drain()
    message.reject()
    consumer.drain()
    kept = client.lrange(REJECTED_KEY, 0, -1)
    assert len(kept) == 3
    assert json.dumps(FOREIGN).encode() in kept
    assert client.hlen("unacked:pool") == 0


def test_a_consumer_that_raises_loses_nothing(publisher: Publisher, consume: Open, depth: Depth) -> None:
    publisher.publish(jobs(*"abc"))
    consumer = consume()

    def fail_at_b(message: Any) -> None:
        if message.headers["id"] == "b":
            raise RuntimeError("a bug")
        consumer.got.append(message)

    consumer.consumer.on_message = fail_at_b
    with pytest.raises(RuntimeError):
        consumer.drain()
    consumer.consumer.on_message = consumer.got.append
    assert ids(consumer.drain()) == ["b", "c"]
    assert ids(consumer.got) == ["a", "b", "c"]


def test_a_worker_without_room_hands_its_token_to_another(publisher: Publisher, consume: Open) -> None:
    busy = consume(worker="w1")
    # It waits with BRPOP, and then its room is gone before a token comes.
    assert busy.drain(0.05) == []
    busy.budget = Budget(0)
    idle = consume(worker="w2")
    assert idle.drain(0.05) == []
    publisher.publish(jobs("a"))
    assert busy.drain(0.05) == []
    assert ids(idle.turn(0.5)) == ["a"]


def test_depth_ids_and_withdrawal_tell_of_every_step_and_holder(
    publisher: Publisher, consume: Open, depth: Depth, client: Any
) -> None:
    publisher.publish(jobs("a", "b") + jobs("c", priority=3) + jobs("x", queue="r"))
    consumer = consume(budget=Budget(1))
    assert ids(consumer.turn()) == ["c"]
    client.lpush("q", json.dumps(FOREIGN))
    assert depth.depths(["q", "r", "none"]) == {
        "q": {0: 3, 3: 0, 6: 0, 9: 0},
        "r": {0: 1, 3: 0, 6: 0, 9: 0},
        "none": {0: 0, 3: 0, 6: 0, 9: 0},
    }
    assert depth.ids("q", ["pool", "other"]) == {"a", "b", "c"}
    assert sorted(depth.withdraw("q")) == ["a", "b"]
    assert depth.ids("q", ["pool"]) == {"c"}
    # What nobody else knows of stays.
    assert client.llen("q") == 1


def test_forgetting_a_worker_ends_its_holds_and_saves_foreign_messages(
    publisher: Publisher, consume: Open, depth: Depth, client: Any
) -> None:
    publisher.publish(jobs("a", "b"))
    client.lpush("q", json.dumps(FOREIGN))
    assert len(consume(worker="w1").drain()) == 3
    publisher.publish(jobs("c"))
    assert len(consume(worker="w11").drain()) == 1
    assert depth.forget_worker("pool", "w1") == 3
    assert depth.in_flight("pool") == 1
    assert client.lrange("q", 0, -1) == [json.dumps(FOREIGN).encode()]
    assert depth.forget_worker("pool", "w1") == 0


def test_holds_of_a_worker_that_is_not_seen_any_more_can_be_forgotten(
    publisher: Publisher, consume: Open, depth: Depth, client: Any
) -> None:
    publisher.publish(jobs("a", "b"))
    consumer = consume(budget=Budget(2))
    old, _ = consumer.turn()
    client.zadd("unacked_index:pool", {old.delivery_tag: 1})
    assert depth.forget_stale("pool", 60) == 1
    assert depth.in_flight("pool") == 1
    # A living one tells so.
    client.zadd("unacked_index:pool", {consumer.got[1].delivery_tag: 1})
    channel: Any = consumer.connection.default_channel
    channel.feed._touch_at = 0.0
    consumer.drain(0.05)
    assert depth.forget_stale("pool", 60) == 0
