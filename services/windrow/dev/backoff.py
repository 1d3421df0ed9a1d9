"""How long to wait before something that died is started again."""

from __future__ import annotations

import random

FIRST_SECONDS = 0.5
CAP_SECONDS = 30.0
#: Whoever lived this long starts again as if it had never died.
HEALTHY_SECONDS = 30.0


class Backoff:
    """Doubles from half a second to half a minute, with jitter; a healthy life resets it."""

    def __init__(self) -> None:
        self._deaths = 0

    def after(self, lived_seconds: float) -> float:
        """Seconds to wait after a life of `lived_seconds`."""
        if lived_seconds >= HEALTHY_SECONDS:
            self._deaths = 0
        delay = min(CAP_SECONDS, FIRST_SECONDS * float(2 ** min(self._deaths, 16)))
        self._deaths += 1
        return delay * random.uniform(0.5, 1.0)
