"""A channel's broker is away: when to try again, and saying so without filling the log."""

from __future__ import annotations

import logging
import random
from time import monotonic

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

logger = logging.getLogger(__name__)

#: What a Redis that is away, restarting, demoted or full answers with.
LOST = (RedisConnectionError, RedisTimeoutError, ResponseError, OSError)
FIRST_BACKOFF_SECONDS = 0.05
MAX_BACKOFF_SECONDS = 5.0


class Outage:
    """Tries again after exponentially growing, jittered pauses."""

    def __init__(self, name: str = "Redis") -> None:
        self._name = name
        self._failures = 0
        self._since = 0.0
        self._retry_at = 0.0

    def may_try(self) -> bool:
        """Whether there is no outage, or its pause is over."""
        return not self._failures or monotonic() >= self._retry_at

    def failed(self, exc: BaseException) -> None:
        """It did not work."""
        now = monotonic()
        self._failures += 1
        if self._failures == 1:
            self._since = now
            logger.warning("%s is away, going on without it: %s: %s", self._name, type(exc).__name__, exc)
        else:
            logger.debug("%s is still away: %s: %s", self._name, type(exc).__name__, exc)
        ceiling = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(self._failures, 10))
        self._retry_at = now + random.uniform(ceiling / 2, ceiling)

    def over(self) -> None:
        """It worked."""
        if self._failures:
            logger.info("%s is back after %.1f s.", self._name, monotonic() - self._since)
            self._failures = 0
