"""When a failed attempt runs again: exponential back-off with full jitter.

Source: M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), "full jitter".
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays between attempts, in seconds."""

    base: float = 1.0
    factor: float = 2.0
    cap: float = 600.0

    def delay(self, failures: int, rng: random.Random | None = None) -> float:
        """Seconds to wait after the `failures`-th failure: uniform in [0, min(cap, base·factor^(n-1))]."""
        ceiling = min(self.cap, self.base * self.factor ** min(max(failures - 1, 0), 62))
        return (rng or random).uniform(0, ceiling)
