"""A bounded number of something, shown as a gauge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge


class Slots:
    """At most `limit` at the same time."""

    def __init__(self, limit: int, gauge: Gauge) -> None:
        self.limit = limit
        self._gauge = gauge
        self._taken = 0

    @contextmanager
    def take(self) -> Iterator[bool]:
        """Hold a slot; False when none is free."""
        if self._taken >= self.limit:
            yield False
            return
        self._taken += 1
        self._gauge.set(self._taken)
        try:
            yield True
        finally:
            self._taken -= 1
            self._gauge.set(self._taken)
