"""A body's time: bounded where it has to be waited for, free where it need not be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message

from windrow.api.body import read_body
from windrow.api.patience import Patience
from windrow.api.problems import Problem


def part(body: bytes, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_that_is_there_needs_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_timer(*_: Any) -> Any:
        raise AssertionError("a timer was made")

    monkeypatch.setattr(asyncio, "timeout_at", no_timer)
    parts = [part(b"a", more=True), part(b"b")]

    async def receive() -> Message:
        return parts.pop(0)

    assert asyncio.run(read_body(receive, None, 10, 5.0)) == b"ab"


def test_what_comes_later_is_waited_for() -> None:
    async def receive() -> Message:
        await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        return part(b"late")

    assert asyncio.run(read_body(receive, None, 10, 5.0)) == b"late"


def test_all_parts_share_one_deadline_and_receive_is_ended() -> None:
    ended = []

    async def receive() -> Message:
        try:
            await asyncio.sleep(0.04)
        except asyncio.CancelledError:
            ended.append(True)
            raise
        return part(b".", more=True)

    with pytest.raises(Problem, match=r"0\.1 seconds"):
        asyncio.run(read_body(receive, None, 1_000, 0.1))
    assert ended == [True]


def test_a_cancel_from_outside_is_no_slow_body() -> None:
    async def receive() -> Message:
        await asyncio.sleep(30)
        raise AssertionError

    async def run() -> None:
        reading = asyncio.create_task(Patience(receive, 30.0)())
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(run())


def test_a_receive_that_gives_in_on_the_cancel_is_heard() -> None:
    async def receive() -> Message:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return part(b"last word")
        raise AssertionError

    async def run() -> None:
        assert await Patience(receive, 0.01)() == part(b"last word")

    asyncio.run(run())
