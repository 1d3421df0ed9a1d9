"""Ctrl-C and SIGTERM as a count that is looked at where it is safe to stop."""

from __future__ import annotations

import signal
from types import FrameType

#: Hang-up too: a closed terminal must not leave servers behind.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopFlag:
    """Counts the requests to stop: one drains, two do not wait."""

    def __init__(self) -> None:
        # A plain number: a lock taken in a signal handler may be held by what it interrupted.
        self._count = 0

    def install(self) -> None:
        """Catch the signals from now on. Main thread only."""
        for number in SIGNALS:
            signal.signal(number, self._ask)

    def asked(self) -> bool:
        """Was a stop asked for?"""
        return self._count > 0

    def hurry(self) -> bool:
        """Was it asked for more than once?"""
        return self._count > 1

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
