"""Numbers that JSON does not have: NaN, the infinities, and what a parser makes of `1e999`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def may_hold_infinite(text: str) -> bool:
    """Whether encoded JSON may hold one; an ordinary text with such a word in it may, too."""
    return "NaN" in text or "Infinity" in text


def infinite_places(value: Any) -> Iterator[tuple[Any, ...]]:
    """The path to each number in `value` that is not finite, in order of their appearance."""
    # No recursion: a caller chooses the depth.
    pending: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    while pending:
        path, item = pending.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                yield path
        elif isinstance(item, Mapping):
            pending += [((*path, key), inner) for key, inner in reversed(list(item.items()))]
        elif isinstance(item, Sequence) and not isinstance(item, (str, bytes)):
            pending += [((*path, index), item[index]) for index in range(len(item) - 1, -1, -1)]
