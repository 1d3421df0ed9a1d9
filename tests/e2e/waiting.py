"""Wait for a thing of the cluster, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from urllib3.exceptions import HTTPError

T = TypeVar("T")

PAUSE_SECONDS = 0.25


def eventually(what: str, seconds: float, look: Callable[[], T | None]) -> T:
    """The first truthy answer of `look`; AssertionError with its last one after `seconds`.

    An API server that does not answer a look in time has said nothing: it is asked again.
    """
    deadline = time.monotonic() + seconds
    while True:
        last: object
        try:
            found = look()
            if found:
                return found
            last = found
        except HTTPError as exc:
            last = exc
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s; last seen: {last!r}")
        time.sleep(PAUSE_SECONDS)


def settled(what: str, seconds: float, look: Callable[[], list[str]]) -> None:
    """Wait until `look` finds nothing to complain of; AssertionError with its last complaints."""
    complaints: list[str] = []

    def quiet() -> bool:
        complaints[:] = look()
        return not complaints

    try:
        eventually(what, seconds, quiet)
    except AssertionError:
        raise AssertionError(f"{what}: not within {seconds:g} s: " + "; ".join(complaints)) from None
