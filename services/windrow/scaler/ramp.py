"""How many pods a backlog asks for, and when to say so: a decision without I/O."""

from __future__ import annotations

import math

#: The longest pause, in units of the shortest.
MAX_YIELDS = 20


def wanted(waiting: int, in_flight: int, concurrency: int, most: int) -> int:
    """Pods for so many messages: KEDA's formula, so that the autoscaler agrees with what it finds."""
    return min(-(-(waiting + in_flight) // concurrency), most)


class Ramp:
    """One pool's jumps. Raises only, and gives in to whoever lowers against the backlog.

    Somebody who lowers again and again what we raise has another formula or a lower maximum than we were
    told: repeating the jump would start and end pods for nothing. After each such answer the pool is left
    alone for longer. `now` is any clock that never goes back.
    """

    def __init__(self, yield_seconds: float) -> None:
        self._yield = yield_seconds
        self._pause = yield_seconds
        self._until = -math.inf
        #: The last jump, and the least that was wanted since.
        self._raised: int | None = None
        self._least = 0

    def saw(self, want: int) -> None:
        """This much is wanted now; call it at every look, also when nothing follows."""
        self._least = min(self._least, want)
        if self._raised is not None and self._least < self._raised:
            # Whoever lowers from here on has a reason that we see, too.
            self._raised = None
            self._pause = self._yield

    def target(self, want: int, replicas: int, now: float) -> int | None:
        """What to raise the Deployment to, or None."""
        if self._raised is not None and replicas < self._raised:
            self._raised = None
            self._until = now + self._pause
            self._pause = min(2 * self._pause, MAX_YIELDS * self._yield)
        if want <= replicas or now < self._until:
            return None
        return want

    def yields(self, now: float) -> bool:
        """Whether the pool is left alone for a while."""
        return now < self._until

    def raised(self, to: int) -> None:
        """It is done."""
        self._raised = self._least = to
