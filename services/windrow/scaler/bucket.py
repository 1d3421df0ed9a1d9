"""A token bucket: so many at once, so many a second in the long run."""

from __future__ import annotations


class Bucket:
    """Full at first; `now` is any clock that never goes back."""

    def __init__(self, per_second: float, at_once: int) -> None:
        self._per_second = per_second
        self._size = float(at_once)
        self._tokens = self._size
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Whether there was a token."""
        if self._at is not None:
            self._tokens = min(self._size, self._tokens + max(now - self._at, 0.0) * self._per_second)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
