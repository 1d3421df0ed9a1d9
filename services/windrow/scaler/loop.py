"""A duty in a thread of its own: done again and again, with a longer pause when it fails."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable

from windrow.core.errors import WindrowError

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.2


class Loop(threading.Thread):
    """Calls `duty` every `seconds` until stopped; what it raises is said once, until it succeeds again."""

    def __init__(
        self,
        name: str,
        duty: Callable[[], None],
        seconds: float,
        longest_pause: float,
        failed: Callable[[Exception], None],
    ) -> None:
        super().__init__(name=f"windrow-{name}", daemon=True)
        self.duty_name = name
        self._duty = duty
        self._seconds = seconds
        self._longest = longest_pause
        self._failed = failed
        self._failures = 0
        self._stopping = threading.Event()
        self._turned_at = time.monotonic()

    def age(self) -> float:
        """Seconds since the duty last came to an end, good or bad."""
        return time.monotonic() - self._turned_at

    def stop(self) -> None:
        """End after the turn under way; does not wait."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            wait = self._turn()
            self._turned_at = time.monotonic()
            self._stopping.wait(wait)

    def _turn(self) -> float:
        try:
            self._duty()
        except Exception as exc:
            self._failures += 1
            self._failed(exc)
            if self._failures == 1:
                # Somebody who is away needs no traceback.
                trace = None if isinstance(exc, WindrowError) else exc
                logger.warning("%s failed, it is tried again: %s", self.duty_name, exc, exc_info=trace)
            ceiling = min(self._longest, FIRST_PAUSE_SECONDS * 2 ** min(self._failures, 16))
            return random.uniform(ceiling / 2, ceiling)
        if self._failures:
            logger.warning("%s works again after %d failures", self.duty_name, self._failures)
            self._failures = 0
        return self._seconds * random.uniform(0.95, 1.0)
