"""What is RabbitMQ's own: quorum queues, lost connections, foreign messages, a server that is killed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from amqp.basic_message import Message as AmqpMessage

from tests.support.broker_consumer import ids
from tests.support.rabbit import Management, RabbitConsumer
from windrow.broker import choice
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.intake import LOW_WATER
from windrow.broker.message import Message
from windrow.broker.rabbit.depth import RabbitDepth
from windrow.broker.rabbit.feed import REJECTED
from windrow.broker.rabbit.link import Link
from windrow.broker.rabbit.publisher import RabbitPublisher
from windrow.dev.rabbit_server import RabbitServer

pytestmark = pytest.mark.timeout(300)
FOREIGN: dict[str, Any] = {
    "body": b'[[1], {}, {"callbacks": null}]',
    "content_type": "application/json",
    "content_encoding": "utf-8",
    "application_headers": {"id": "f1", "task": "t"},
    "priority": 7,
}


@pytest.fixture
def publisher(redis_url: str, amqp_url: str) -> Iterator[RabbitPublisher]:
    publisher = RabbitPublisher(redis_url, amqp_url)
    yield publisher
    publisher.close()


@pytest.fixture
def consumer(amqp_url: str) -> Iterator[RabbitConsumer]:
    consumer = RabbitConsumer(amqp_url)
    yield consumer
    consumer.close()


@pytest.fixture
def channel(amqp_url: str) -> Iterator[Any]:
    link = Link(amqp_url, 5.0)
    link.open()
    yield link.channel
    link.close()


def jobs(count: int, prefix: str = "j") -> list[Message]:
    return [Message(f"{prefix}{n}", "t", "q") for n in range(count)]


def until(met: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def test_each_step_is_a_durable_quorum_queue_that_the_management_pages_show(
    publisher: RabbitPublisher, consumer: RabbitConsumer, rabbit: Management
) -> None:
    publisher.publish(jobs(2))
    consumer.drain()
    pages = rabbit
    shown = pages.queues()
    assert {"q", "q:3", "q:6", "q:9"} <= shown.keys()
    assert {(shown[name]["type"], shown[name]["durable"]) for name in ("q", "q:3", "q:6", "q:9")} == {
        ("quorum", True)
    }
    # What KEDA adds up: a job in flight keeps its pool. The pages are some seconds behind.
    until(lambda: pages.queue("q").get("messages_unacknowledged") == 2)
    assert pages.queue("q")["messages"] == 2


def test_a_connection_that_ends_returns_what_it_held(
    publisher: RabbitPublisher, consumer: RabbitConsumer, amqp_url: str
) -> None:
    publisher.publish(jobs(3))
    first, *_ = consumer.drain()
    consumer.intake.feed._link.connection.transport.sock.shutdown(2)
    again = consumer.drain(4.0)
    assert sorted(ids(again)) == ["j0", "j1", "j2"]
    # Its tag was of the connection that is gone: this must not end somebody else's message.
    first.ack()
    consumer.drain()
    other = RabbitConsumer(amqp_url, worker="w2")
    assert other.drain() == []
    consumer.close()
    assert sorted(ids(other.drain(3.0))) == ["j0", "j1", "j2"]
    other.close()


def test_a_full_celery_message_is_known_for_one_and_a_rejected_one_is_kept_aside(
    consumer: RabbitConsumer, channel: Any, rabbit: Management
) -> None:
    consumer.drain()
    channel.basic_publish(AmqpMessage(**FOREIGN), "", "q")
    (message,) = consumer.drain(3.0)
    assert message.headers["windrow_foreign"]
    assert message.headers["id"] == "f1"
    assert message.properties["priority"] == 7
    assert message.delivery_info["routing_key"] == "q"
    assert message.payload[0] == [1]
    message.reject()
    consumer.drain()
    until(lambda: REJECTED in rabbit.queues() and rabbit.queue(REJECTED).get("messages") == 1)
    kept = channel.basic_get(REJECTED)
    assert json.loads(kept.body) == json.loads(FOREIGN["body"])
    assert kept.properties["application_headers"]["id"] == "f1"


def test_queues_can_be_made_before_anybody_uses_them(amqp_url: str, rabbit: Management) -> None:
    # As `windrow catalog sync` does: KEDA asks for the queues of a pool that never had a worker.
    choice.declare(amqp_url, ["a", "b"])
    assert rabbit.queues().keys() == {f"{queue}{step}" for queue in "ab" for step in ("", ":3", ":6", ":9")}


def test_what_is_neither_ours_nor_celerys_is_dropped_and_stops_nobody(
    consumer: RabbitConsumer, channel: Any, publisher: RabbitPublisher
) -> None:
    consumer.drain()
    for body in (b"rubbish", b'{"id":1}', b""):
        channel.basic_publish(AmqpMessage(body), "", "q")
    publisher.publish(jobs(1))
    assert ids(consumer.drain(3.0)) == ["j0"]


def test_withdrawing_leaves_full_celery_messages(channel: Any, redis_url: str, amqp_url: str) -> None:
    depth = RabbitDepth(redis_url, amqp_url)
    depth.depths(["q"])
    publisher = RabbitPublisher(redis_url, amqp_url)
    publisher.publish(jobs(6))
    channel.basic_publish(AmqpMessage(**FOREIGN), "", "q")
    until(lambda: depth.depths(["q"])["q"][0] == 7)
    assert depth.withdraw("q") == [f"j{n}" for n in range(6)]
    until(lambda: depth.depths(["q"])["q"][0] == 1)
    publisher.close()
    depth.close()


def test_a_queue_that_falls_below_low_water_calls_for_more_once(
    publisher: RabbitPublisher, consumer: RabbitConsumer
) -> None:
    consumer.budget = consumer.budget._replace(paused=True)
    publisher.publish(jobs(LOW_WATER + 20))
    consumer.budget = consumer.budget._replace(paused=False)
    for message in consumer.drain(3.0):
        message.ack()
    assert consumer.low_waters == 1


def test_a_server_that_is_killed_keeps_what_it_confirmed(
    publisher: RabbitPublisher, consumer: RabbitConsumer, rabbit_server: RabbitServer
) -> None:
    consumer.budget = consumer.budget._replace(paused=True)
    publisher.publish(jobs(20))
    rabbit_server.kill()
    try:
        with pytest.raises(BrokerUnavailable):
            publisher.publish(jobs(1, "k"))
    finally:
        rabbit_server.start()
    consumer.budget = consumer.budget._replace(paused=False)
    assert ids(consumer.drain(15.0)) == [f"j{n}" for n in range(20)]


def test_a_fork_opens_a_connection_of_its_own(publisher: RabbitPublisher, consumer: RabbitConsumer) -> None:
    publisher.publish(jobs(1, "before"))
    pid = os.fork()
    if not pid:
        # A busy server may keep a new connection waiting for longer than one try.
        for _ in range(10):
            try:
                publisher.publish(jobs(1, "child"))
                break
            except BrokerUnavailable:
                time.sleep(1)
        os._exit(0)
    os.waitpid(pid, 0)
    publisher.publish(jobs(1, "after"))
    found: list[str] = []
    deadline = time.monotonic() + 30
    while len(found) < 3 and time.monotonic() < deadline:
        found += ids(consumer.drain(1.0))
    assert sorted(found) == ["after0", "before0", "child0"]


def test_no_password_is_in_what_is_shown(amqp_url: str, consumer: RabbitConsumer) -> None:
    password = urlsplit(amqp_url).password or ""
    shown = repr(consumer.intake) + repr(consumer.intake.feed) + repr(consumer.intake.feed._link)
    assert password
    assert password not in shown
