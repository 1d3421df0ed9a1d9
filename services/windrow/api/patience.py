"""A bound for how long a request's body may take, which costs nothing when the body is there already."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from starlette.types import Message, Receive


class TooSlow(Exception):
    """The body did not arrive in time."""


class Patience:
    """A `receive` that raises TooSlow `seconds` after it first had to wait.

    A timer costs more than all else that is done to read a small body: none is made before the server's own
    `receive` has been tried and had nothing to give.
    """

    __slots__ = ("_deadline", "_receive", "_seconds")

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive = receive
        self._seconds = seconds
        self._deadline: float | None = None

    async def __call__(self) -> Message:
        steps = self._receive().__await__()
        try:
            waits_for = next(steps)
        except StopIteration as done:
            message: Message = done.value
            return message
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                return await _Rest(steps, waits_for)
        except TimeoutError:
            raise TooSlow from None


class _Rest:
    """What is left of a coroutine whose first step was taken by hand, and what it waits for."""

    __slots__ = ("_steps", "_waits_for")

    def __init__(self, steps: Generator[Any, Any, Message], waits_for: Any) -> None:
        self._steps = steps
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, Message]:
        try:
            yield self._waits_for
        except BaseException as exc:
            try:
                self._steps.throw(exc)
            except StopIteration as done:
                message: Message = done.value
                return message
            self._steps.close()
            raise
        return (yield from self._steps)
