"""What publisher, depth and taking promise, on a real Redis and on a real RabbitMQ."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.broker_consumer import BrokerConsumer, ids
from tests.support.rabbit import RabbitConsumer
from windrow.broker import choice
from windrow.broker.channels import Signals
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.intake import Budget
from windrow.broker.message import Message

pytestmark = pytest.mark.timeout(300)
Open = Callable[..., Any]
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest, redis_url: str) -> tuple[str, str]:
    """(Redis, RabbitMQ), the second empty where the queues are on Redis."""
    return redis_url, request.getfixturevalue("amqp_url") if request.param == "rabbitmq" else ""


class RedisConsumer(BrokerConsumer):
    """What was taken and not ended takes room, as in a worker."""

    @property
    def budget(self) -> Budget:
        held = len(self.intake.tags()) if hasattr(self, "intake") else 0
        used = min(held, self._given.free)
        return self._given._replace(
            free=self._given.free - used, ahead=max(self._given.ahead - (held - used), 0)
        )

    @budget.setter
    def budget(self, given: Budget) -> None:
        self._given = given


@pytest.fixture
def publisher(broker: tuple[str, str]) -> Iterator[Any]:
    publisher = choice.publisher(*broker, window=10)
    yield publisher
    publisher.close()


@pytest.fixture
def depth(broker: tuple[str, str]) -> Iterator[Any]:
    depth = choice.depth(*broker)
    yield depth
    depth.close()


@pytest.fixture
def consume(broker: tuple[str, str]) -> Iterator[Open]:
    opened: list[Any] = []

    def open_one(**kwargs: Any) -> Any:
        redis_url, amqp_url = broker
        kind: Any = RabbitConsumer if amqp_url else RedisConsumer
        opened.append(kind(amqp_url or redis_url, **kwargs))
        return opened[-1]

    yield open_one
    for consumer in opened:
        consumer.close()


def jobs(count: int, queue: str = "q", priority: int = 0, prefix: str = "j") -> list[Message]:
    return [Message(f"{prefix}{n}", "t", queue, priority) for n in range(count)]


def test_a_step_takes_its_window_and_refuses_the_rest_by_name(publisher: Any, depth: Any) -> None:
    assert publisher.publish(jobs(12)).refused_ids == ("j10", "j11")
    # Another step of the same queue, and another queue, have windows of their own.
    second = publisher.publish([*jobs(3, priority=9, prefix="p"), *jobs(11, queue="r"), *jobs(1, prefix="x")])
    assert set(second.refused_ids) == {"j10", "x0"}
    assert depth.depths(["q", "r"]) == {"q": {0: 10, 3: 0, 6: 0, 9: 3}, "r": {0: 10, 3: 0, 6: 0, 9: 0}}


def test_the_higher_step_goes_first_and_within_it_the_older(publisher: Any, consume: Open) -> None:
    for priority in (0, 9, 5, 3, 8):
        publisher.publish(jobs(2, priority=priority, prefix=f"p{priority}-"))
    consumer = consume(budget=Budget(1))
    taken: list[str] = []
    while found := consumer.drain(1.5):
        taken += ids(found)
        assert len(found) == 1
        found[0].ack()
    # 5 and 3 are of one step.
    assert taken == ["p9-0", "p9-1", "p8-0", "p8-1", "p5-0", "p5-1", "p3-0", "p3-1", "p0-0", "p0-1"]


def test_no_more_is_taken_than_there_is_room_for(publisher: Any, depth: Any, consume: Open) -> None:
    publisher.publish([*jobs(5), *jobs(5, queue="r")])
    consumer = consume(queues=("q", "r"), budget=Budget(3))
    assert len(consumer.drain()) == 3
    assert sum(sum(steps.values()) for steps in depth.depths(["q", "r"]).values()) == 7


def test_only_tasks_that_are_known_to_be_short_are_taken_ahead(publisher: Any, consume: Open) -> None:
    fast = [Message(f"f{n}", "fast", "q") for n in range(4)]
    publisher.publish([*fast, Message("s", "slow", "q"), Message("f9", "fast", "q")])
    consumer = consume(budget=Budget(1, ahead=5, fast_tasks=("fast",)))
    assert ids(consumer.drain()) == ["f0", "f1", "f2", "f3"]


def test_what_is_acked_is_gone_and_what_is_given_back_comes_first(
    publisher: Any, depth: Any, consume: Open
) -> None:
    publisher.publish(jobs(3))
    first = consume(budget=Budget(2))
    acked, back = first.drain()
    acked.ack()
    first.budget = Budget(0, paused=True)
    first.intake.give_back([back.delivery_tag])
    first.drain()
    first.close()
    assert ids(consume(worker="w2").drain()) == ["j1", "j2"]
    assert depth.depths(["q"])["q"][0] == 0


def test_a_worker_that_waits_is_handed_what_comes(publisher: Any, consume: Open) -> None:
    consumer = consume()
    assert consumer.drain() == []
    publisher.publish(jobs(1, priority=6))
    assert ids(consumer.drain(5.0)) == ["j0"]


def test_withdrawing_removes_all_that_waits_and_names_it(publisher: Any, depth: Any) -> None:
    publisher.publish([*jobs(3), *jobs(2, priority=9, prefix="p")])
    assert set(depth.withdraw("q")) == {"j0", "j1", "j2", "p0", "p1"}
    assert depth.withdraw("q") == []
    assert sum(depth.depths(["q"])["q"].values()) == 0


def test_signals_arrive_after_the_messages_that_they_tell_of(
    publisher: Any, depth: Any, broker: tuple[str, str]
) -> None:
    signals = Signals(broker[0], ["windrow:done"])
    signals.wait(0.1)
    publisher.publish(jobs(2), finished=["a"])
    assert signals.wait(5.0) == '["a"]'
    assert depth.depths(["q"])["q"][0] == 2
    signals.close()


def test_several_threads_share_a_publisher(broker: tuple[str, str], depth: Any) -> None:
    publisher = choice.publisher(*broker)
    threads = [
        threading.Thread(target=publisher.publish, args=(jobs(20, prefix=f"t{n}-"),)) for n in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    publisher.close()
    assert depth.depths(["q"])["q"][0] == 100


def test_publishing_and_counting_from_asyncio(broker: tuple[str, str]) -> None:
    async def run() -> tuple[Any, Any, list[str]]:
        publisher, depth = choice.async_publisher(*broker, window=3), choice.async_depth(*broker)
        sent = await publisher.publish(jobs(4), finished=["a"])
        found = await depth.depths(["q"])
        gone = await depth.withdraw("q")
        await publisher.close()
        await depth.close()
        return sent, found, gone

    sent, found, gone = asyncio.run(run())
    assert sent.refused_ids == ("j3",)
    assert found == {"q": {0: 3, 3: 0, 6: 0, 9: 0}}
    assert set(gone) == {"j0", "j1", "j2"}


def test_a_broker_that_is_not_there_is_said_to_be_unavailable(
    broker: tuple[str, str], redis_url: str
) -> None:
    amqp_url = "amqp://a:b@127.0.0.1:1/" if broker[1] else ""
    publisher = choice.publisher(redis_url if amqp_url else NOBODY, amqp_url)
    with pytest.raises(BrokerUnavailable):
        publisher.publish(jobs(1))
    publisher.close()
    depth = choice.depth(redis_url if amqp_url else NOBODY, amqp_url)
    for call in (depth.ping, lambda: depth.depths(["q"]), lambda: depth.withdraw("q")):
        with pytest.raises(BrokerUnavailable):
            call()
    depth.close()
