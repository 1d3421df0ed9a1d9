"""Leaves a part alone for a while once it did not answer, so that not each request pays for finding out."""

from __future__ import annotations

import time
from collections.abc import Callable


class Breaker:
    """Open for `pause` seconds after each failure; then one caller at a time may try."""

    def __init__(self, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._until: float | None = None

    @property
    def failed(self) -> bool:
        """The last call failed."""
        return self._until is not None

    @property
    def resting(self) -> bool:
        """Nobody may try now."""
        return self._until is not None and self._clock() < self._until

    def may_try(self) -> bool:
        """Is it worth a call? After a pause the first who asks tries, and the others wait for what becomes of it."""
        if self._until is None:
            return True
        if self.resting:
            return False
        self._until = self._clock() + self._pause
        return True

    def note(self, *, answered: bool) -> None:
        """A call came back, or did not."""
        self._until = None if answered else self._clock() + self._pause
