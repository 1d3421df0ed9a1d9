"""Wake-ups and signals over a real Redis."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable

import pytest
import redis

from windrow.broker.channels import Signals, WakeUps
from windrow.broker.publisher import Publisher
from windrow.core.answer import answers
from windrow.core.job import Outcome
from windrow.core.states import State
from windrow.dev.redis_server import RedisServer

TEXT = json.dumps(
    ["a", "t", "q", "succeeded", 0, 1, 0, 3, False, "2026-01-02T03:04:05+00:00"] + [None] * 13 + ["42", None]
)


async def listening(wakeups: WakeUps) -> None:
    """Wait until payloads arrive."""
    async with asyncio.timeout(10):
        while not wakeups.listening:  # noqa: ASYNC110 - it is a state, not an event
            await asyncio.sleep(0.01)


def with_wakeups(url: str, use: Callable[[WakeUps, Publisher], Awaitable[None]]) -> None:
    """Run `use` between start and close."""

    async def main() -> None:
        wakeups, publisher = WakeUps(url), Publisher(url)
        await wakeups.start()
        await listening(wakeups)
        try:
            await use(wakeups, publisher)
        finally:
            await wakeups.close()
            publisher.close()

    asyncio.run(main())


def test_only_those_who_wait_for_the_job_are_woken(redis_url: str) -> None:
    async def use(wakeups: WakeUps, publisher: Publisher) -> None:
        async with wakeups.watch("a") as one, wakeups.watch("a") as two, wakeups.watch("b") as other:
            publisher.publish(finished=["x", "a"])
            assert await one.wait(2)
            assert await two.wait(2)
            assert not await other.wait(0.1)
            # A wake-up counts once.
            assert not await one.wait(0.05)

    with_wakeups(redis_url, use)


def test_what_happens_between_entering_and_waiting_counts(redis_url: str) -> None:
    async def use(wakeups: WakeUps, publisher: Publisher) -> None:
        async with wakeups.watch("a") as watch:
            publisher.publish(finished=["a"])
            await asyncio.sleep(0.1)
            assert await watch.wait(0)

    with_wakeups(redis_url, use)


def test_events_arrive_in_order_and_a_slow_reader_misses_the_oldest(redis_url: str) -> None:
    async def use(wakeups: WakeUps, publisher: Publisher) -> None:
        async with wakeups.watch("a") as watch:
            publisher.publish(events=[{"id": "a", "progress": n} for n in range(3)] + [{"id": "b"}])
            assert await watch.wait(2)
            await asyncio.sleep(0.05)
            assert [event["progress"] for event in watch.events()] == [0, 1, 2]
            assert watch.events() == []
            publisher.publish(events=[{"id": "a", "progress": n} for n in range(150)])
            await asyncio.sleep(0.2)
            assert [event["progress"] for event in watch.events()] == list(range(50, 150))

    with_wakeups(redis_url, use)


def test_only_a_sealed_answer_is_believed(redis_url: str) -> None:
    async def use(wakeups: WakeUps, publisher: Publisher) -> None:
        async with wakeups.watch("a", "key") as watch, wakeups.watch("a") as reader:
            publisher.signal("windrow:answers", json.dumps(["a", "0" * 64, TEXT]))
            assert not await watch.wait(0.2)
            [answer] = answers([Outcome("a", 1, State.SUCCEEDED, "succeeded", answer_key="key")], {"a": TEXT})
            publisher.signal("windrow:answers", answer)
            assert await watch.wait(2)
            assert watch.answer is not None
            assert watch.answer.result == 42
            assert not await reader.wait(0)
            assert reader.answer is None

    with_wakeups(redis_url, use)


def test_rubbish_on_a_channel_is_passed_over(redis_url: str) -> None:
    async def use(wakeups: WakeUps, publisher: Publisher) -> None:
        async with wakeups.watch("a") as watch:
            for rubbish in ("{", "7", "null", '[["a"]]'):
                publisher.signal("windrow:done", rubbish)
                publisher.signal("windrow:answers", rubbish)
                publisher.signal("windrow:events", rubbish)
            publisher.publish(finished=["a"])
            assert await watch.wait(2)

    with_wakeups(redis_url, use)


def test_wake_ups_come_back_after_redis_was_killed(redis_url: str, redis_server: RedisServer) -> None:
    async def use(wakeups: WakeUps, publisher: Publisher) -> None:
        await asyncio.to_thread(redis_server.kill)
        async with wakeups.watch("a") as watch:
            assert not await watch.wait(0.3)
            assert not wakeups.listening
            await asyncio.to_thread(redis_server.start)
            await listening(wakeups)
            publisher.publish(finished=["a"])
            assert await watch.wait(2)

    with_wakeups(redis_url, use)


def test_without_redis_a_reader_only_waits_its_interval() -> None:
    async def main() -> None:
        wakeups = WakeUps("redis://127.0.0.1:1/0")
        await wakeups.start()
        async with wakeups.watch("a") as watch:
            assert not await watch.wait(0.2)
        await wakeups.close()

    asyncio.run(main())


def test_signals_come_back_after_redis_was_killed(redis_url: str, redis_server: RedisServer) -> None:
    signals, publisher = Signals(redis_url, "windrow:worker:w1"), Publisher(redis_url)
    assert signals.wait(0.1) is None
    publisher.signal("windrow:worker:w1", "renew")
    assert signals.wait(2) == "renew"
    redis_server.kill()
    assert signals.wait(0.3) is None
    redis_server.start()
    for _ in range(50):
        if signals.wait(0.2) is None and signals.connected:
            break
    publisher.signal("windrow:worker:w1", "renew")
    assert signals.wait(2) == "renew"
    signals.close()
    publisher.close()


def test_a_payload_that_is_no_text_ends_no_listener(redis_url: str) -> None:
    signals, publisher = Signals(redis_url, "windrow:beat"), Publisher(redis_url)
    assert signals.wait(0.1) is None
    with redis.Redis.from_url(redis_url) as anybody:
        anybody.publish("windrow:beat", b"\xff")
    publisher.signal("windrow:beat", "promote")
    assert [signals.wait(10), signals.wait(10)] == ["\ufffd", "promote"]
    signals.close()
    publisher.close()


def test_a_thread_that_waits_is_woken_at_once(redis_url: str) -> None:
    signals, publisher = Signals(redis_url, "windrow:beat"), Publisher(redis_url)
    heard: list[str | None] = []
    assert signals.wait(0.1) is None
    thread = threading.Thread(target=lambda: heard.append(signals.wait(20)))
    thread.start()
    publisher.signal("windrow:beat", "promote")
    thread.join(5)
    assert heard == ["promote"]
    signals.close()
    publisher.close()


@pytest.mark.parametrize("timeout", [0, 0.1])
def test_signals_without_redis_end_in_time(timeout: float) -> None:
    signals = Signals("redis://127.0.0.1:1/0", "windrow:beat")
    assert signals.wait(timeout) is None
    assert not signals.connected
    signals.close()
