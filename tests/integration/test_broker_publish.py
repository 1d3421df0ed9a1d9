"""Publishing on a real Redis: windows, wake tokens, signals, outages, forks and threads."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.support.broker_consumer import BrokerConsumer, ids
from windrow.broker.async_depth import AsyncDepth
from windrow.broker.async_publisher import AsyncPublisher
from windrow.broker.channels import Signals
from windrow.broker.depth import Depth
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.keys import DONE_CHANNEL, EVENTS_CHANNEL, wake_key
from windrow.broker.message import Message
from windrow.broker.publish import WAKE_TOKENS
from windrow.broker.publisher import Publisher
from windrow.dev.redis_server import RedisServer


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    publisher = Publisher(redis_url, window=10)
    yield publisher
    publisher.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def jobs(count: int, queue: str = "q", priority: int = 0, prefix: str = "j") -> list[Message]:
    return [Message(f"{prefix}{n}", "t", queue, priority) for n in range(count)]


def test_a_list_takes_its_window_and_refuses_the_rest_by_name(publisher: Publisher, client: Any) -> None:
    first = publisher.publish(jobs(12))
    assert first.refused_ids == ("j10", "j11")
    assert first.depth == {"q": 10}
    # Another step of the same queue, and another queue, have windows of their own.
    second = publisher.publish([*jobs(3, priority=9, prefix="p"), *jobs(11, queue="r"), *jobs(1, prefix="x")])
    assert set(second.refused_ids) == {"j10", "x0"}
    assert second.depth == {"q": 13, "r": 10}
    assert client.llen("q") == client.llen("r") == 10
    assert client.llen("q:9") == 3


def test_wake_tokens_are_bounded_and_gone_when_nothing_waits(redis_url: str, client: Any) -> None:
    publisher = Publisher(redis_url)
    publisher.publish(jobs(3))
    assert client.llen(wake_key("q")) == 3
    publisher.publish(jobs(1000))
    assert client.llen(wake_key("q")) == WAKE_TOKENS
    consumer = BrokerConsumer(redis_url)
    assert len(consumer.drain()) == 1003
    assert not client.exists(wake_key("q"))
    consumer.close()
    publisher.close()


def test_more_than_a_call_holds_arrives_in_order(redis_url: str) -> None:
    publisher = Publisher(redis_url, window=5000)
    published = publisher.publish(jobs(2500))
    assert published.refused_ids == ()
    assert published.depth == {"q": 2500}
    consumer = BrokerConsumer(redis_url)
    assert ids(consumer.drain()) == [f"j{n}" for n in range(2500)]
    consumer.close()
    publisher.close()


def test_signals_go_with_the_messages(publisher: Publisher, redis_url: str) -> None:
    signals = Signals(redis_url, [DONE_CHANNEL, EVENTS_CHANNEL, "windrow:beat"])
    assert signals.wait(0.2) is None
    publisher.publish(
        jobs(1), finished=["a", "b"], events=[{"id": "c", "progress": 1}], signals=[("windrow:beat", "relay")]
    )
    assert [signals.wait(2) for _ in range(3)] == ["relay", '["a", "b"]', '{"id": "c", "progress": 1}']
    publisher.publish(finished=["d"])
    assert signals.wait(2) == '["d"]'
    publisher.signal("windrow:beat", "promote")
    assert signals.wait(2) == "promote"
    signals.close()


def test_nothing_to_publish_asks_nothing_of_redis() -> None:
    assert Publisher("redis://127.0.0.1:1/0").publish().refused_ids == ()


def test_scripts_that_redis_lost_are_loaded_again(publisher: Publisher, client: Any, redis_url: str) -> None:
    consumer = BrokerConsumer(redis_url)
    publisher.publish(jobs(1, prefix="a"))
    (message,) = consumer.turn()
    client.script_flush()
    publisher.publish(jobs(1, prefix="b"))
    assert ids(consumer.turn()) == ["b0"]
    client.script_flush()
    message.ack()
    consumer.drain()
    assert client.hlen("unacked:pool") == 1
    consumer.close()


def test_a_restart_of_redis_needs_no_new_publisher(publisher: Publisher, redis_server: RedisServer) -> None:
    publisher.publish(jobs(1))
    redis_server.kill()
    with pytest.raises(BrokerUnavailable):
        publisher.publish(jobs(1))
    redis_server.start()
    # It rests for a moment after a failure.
    threading.Event().wait(0.6)
    publisher.publish(jobs(1, prefix="after"))


def test_a_frozen_redis_costs_a_bounded_wait_once_and_then_none(
    redis_url: str, redis_server: RedisServer
) -> None:
    publisher = Publisher(redis_url, timeout=0.4)
    publisher.publish(jobs(1))
    redis_server.freeze()
    try:
        with pytest.raises(BrokerUnavailable):
            publisher.publish(jobs(1))
        with pytest.raises(BrokerUnavailable, match="resting"):
            publisher.publish(jobs(1))
    finally:
        redis_server.thaw()
    publisher.close()


def test_a_full_or_read_only_redis_is_unavailable_and_consuming_goes_on(
    publisher: Publisher, client: Any, redis_url: str
) -> None:
    consumer = BrokerConsumer(redis_url)
    publisher.publish(jobs(3))
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(BrokerUnavailable):
            publisher.publish(jobs(1, prefix="x"))
        messages = consumer.drain()
        assert len(messages) == 3
        messages[0].ack()
        messages[1].requeue()
        consumer.drain()
    finally:
        client.config_set("maxmemory", "0")
    assert client.hlen("unacked:pool") == 2
    client.replicaof("127.0.0.1", "1")
    try:
        threading.Event().wait(0.6)
        with pytest.raises(BrokerUnavailable):
            publisher.publish(jobs(1, prefix="y"))
    finally:
        client.replicaof("NO", "ONE")
    threading.Event().wait(0.6)
    publisher.publish(jobs(1, prefix="z"))
    consumer.close()


def test_threads_share_a_publisher(redis_url: str) -> None:
    publisher = Publisher(redis_url, window=10_000)

    def publish(number: int) -> None:
        for turn in range(50):
            publisher.publish(jobs(1, prefix=f"{number}-{turn}-"))

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    depth = Depth(redis_url)
    assert len(depth.ids("q", [])) == 600
    depth.close()
    publisher.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_does_not_speak_on_its_parents_connection(redis_url: str) -> None:
    publisher = Publisher(redis_url, window=10_000)
    publisher.publish(jobs(1))
    pids = []
    for child in range(4):
        pid = os.fork()
        if not pid:
            try:
                for turn in range(50):
                    publisher.publish(jobs(1, prefix=f"{child}-{turn}-"))
                os._exit(0)
            finally:
                os._exit(1)
        pids.append(pid)
    for turn in range(50):
        assert publisher.publish(jobs(1, prefix=f"p-{turn}-")).refused_ids == ()
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0, 0, 0]
    depth = Depth(redis_url)
    assert len(depth.ids("q", [])) == 251
    depth.close()
    publisher.close()


def test_the_asyncio_twins_do_the_same(redis_url: str) -> None:
    async def main() -> None:
        publisher, depth = AsyncPublisher(redis_url, window=10), AsyncDepth(redis_url)
        results = await asyncio.gather(*(publisher.publish(jobs(1, prefix=f"{n}-")) for n in range(12)))
        assert sum(len(result.refused_ids) for result in results) == 2
        assert await depth.depths(["q"]) == {"q": {0: 10, 3: 0, 6: 0, 9: 0}}
        assert await depth.in_flight(["pool"]) == {"pool": 0}
        assert len(await depth.withdraw("q")) == 10
        await publisher.signal("windrow:beat", "relay")
        await publisher.close()
        await depth.close()

    asyncio.run(main())


def test_an_asyncio_publisher_without_redis_says_so_in_time() -> None:
    async def main() -> None:
        publisher = AsyncPublisher("redis://127.0.0.1:1/0", timeout=0.5)
        with pytest.raises(BrokerUnavailable):
            await publisher.publish(jobs(1))
        await publisher.close()

    asyncio.run(main())
