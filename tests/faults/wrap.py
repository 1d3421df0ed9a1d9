"""Puts points before and after functions of the doors, from outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import iscoroutinefunction, isgeneratorfunction
from typing import Any

from tests.faults.passing import passing

#: Whether a call counts, by its arguments and its result (None before it).
Counts = Callable[[Sequence[Any], Any], bool]


def wrap(owner: Any, name: str, point: str, after: bool, counts: Counts) -> None:
    """Pass `point` before or after `owner.name`.

    In an operation: before its first statement, or after its last one, which with several is before the commit.
    """
    original = getattr(owner, name)

    def first(args: Sequence[Any]) -> None:
        if not after and counts(args, None):
            passing(point)

    def last(args: Sequence[Any], result: Any) -> None:
        if after and counts(args, result):
            passing(point)

    if isgeneratorfunction(original):

        @wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            first(args)
            result = yield from original(*args, **kwargs)
            last(args, result)
            return result

    elif iscoroutinefunction(original):

        @wraps(original)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            first(args)
            result = await original(*args, **kwargs)
            last(args, result)
            return result

    else:

        @wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            first(args)
            result = original(*args, **kwargs)
            last(args, result)
            return result

    setattr(owner, name, wrapped)
