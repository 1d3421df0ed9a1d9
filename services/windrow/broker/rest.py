"""Leaving a broker alone for a moment after it failed, so that its outage does not slow every caller."""

from __future__ import annotations

import time

from windrow.broker.errors import BrokerUnavailable


class Rest:
    """Refuses calls for `seconds` after a failure; the first one after that tries again."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0
        self._reason = ""

    def check(self) -> None:
        """Raise BrokerUnavailable while resting."""
        if self._until and time.monotonic() < self._until:
            raise BrokerUnavailable(f"resting after: {self._reason}")

    def failed(self, exc: BaseException) -> BrokerUnavailable:
        """Begin to rest; returns what to raise."""
        self._until = time.monotonic() + self._seconds
        self._reason = f"{type(exc).__name__}: {exc}"
        return BrokerUnavailable(self._reason)

    def succeeded(self) -> None:
        """End it."""
        self._until = 0.0
