"""A steady load: requests at a rate, of kinds that a seed chooses, while something is being broken."""

from __future__ import annotations

import random
import threading
import time

from tests.faults.load import ROUND, Load

#: Seconds between two canvases of the team.
CANVAS_SECONDS = 1.0
#: Requests that may wait for their answer; beyond it the load leaves some out, as callers with a bound would.
MAX_WAITING = 300


class Steady(threading.Thread):
    """Submits `rate` jobs a second until `stop`, and at least `least` of them."""

    def __init__(
        self, load: Load, rng: random.Random, rate: float, least: int, canvases: bool, kinds: dict[str, int]
    ) -> None:
        super().__init__(name="steady-load", daemon=True)
        self._load = load
        self._rng = rng
        self._rate = rate
        self._least = least
        self._canvases = canvases
        self._kinds = kinds or ROUND
        self._ending = threading.Event()
        self.submitted = 0

    def stop(self) -> None:
        """End once enough was submitted; waits for that."""
        self._ending.set()
        self.join(self._least / self._rate * 10 + 120)
        assert not self.is_alive(), "the load does not come to its end"

    def run(self) -> None:
        names, weights = list(self._kinds), list(self._kinds.values())
        next_at = canvas_at = time.monotonic()
        canvases = 0
        while not self._ending.is_set() or self.submitted < self._least:
            now = time.monotonic()
            if now < next_at:
                time.sleep(next_at - now)
            # A load that was held up does not make up for it in one burst.
            next_at = max(next_at, time.monotonic() - 0.5) + 1 / self._rate
            if self._load.waiting() < MAX_WAITING:
                self._load.submit(self._rng.choices(names, weights)[0])
                self.submitted += 1
            if self._canvases and now >= canvas_at:
                self._load.canvas(canvases)
                canvases, canvas_at = canvases + 1, now + CANVAS_SECONDS
