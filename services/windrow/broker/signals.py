"""Signals for a blocking thread: one pub/sub connection that mends itself."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from windrow.broker.connect import connect

#: Seconds of silence after which the connection is asked whether it lives.
SILENCE_SECONDS = 10.0
MAX_BACKOFF_SECONDS = 5.0


class Signals:
    """Payloads of `channels`, for one thread; connects at the first wait. Never raises over a lost Redis."""

    def __init__(self, redis_url: str, channels: str | Sequence[str], *, timeout: float = 2.0) -> None:
        self._url = redis_url
        self._channels = [channels] if isinstance(channels, str) else list(channels)
        self._timeout = timeout
        self._client: Any = None
        self._pubsub: Any = None
        self._failures = 0
        self._retry_at = 0.0
        self._heard_at = 0.0
        self._asked = False

    def wait(self, timeout: float) -> str | None:
        """The next payload, or None after `timeout` seconds (a little more when Redis hangs)."""
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                payload = self._wait(max(left, 0.0))
            except (RedisError, OSError):
                self.close()
                self._failures += 1
                ceiling = min(MAX_BACKOFF_SECONDS, 0.05 * 2 ** min(self._failures, 10))
                self._retry_at = time.monotonic() + random.uniform(ceiling / 2, ceiling)
                payload = None
            if payload is not None or time.monotonic() >= deadline:
                return payload

    @property
    def connected(self) -> bool:
        """Whether payloads arrive at present, as far as it is known."""
        return self._pubsub is not None

    def close(self) -> None:
        """Close the connection; the next wait opens one again."""
        client, pubsub = self._client, self._pubsub
        self._client = self._pubsub = None
        for closing in (pubsub, client):
            if closing is not None:
                with suppress(RedisError, OSError):
                    closing.close()

    def _wait(self, seconds: float) -> str | None:
        now = time.monotonic()
        if now < self._retry_at:
            time.sleep(min(seconds, self._retry_at - now))
            return None
        if self._pubsub is None:
            self._client = connect(self._url, self._timeout, size=1)
            self._pubsub = self._client.pubsub()
            self._pubsub.subscribe(*self._channels)
            self._heard_at, self._asked = now, False
        message = self._pubsub.get_message(timeout=min(seconds, SILENCE_SECONDS))
        now = time.monotonic()
        if message is not None:
            self._heard_at, self._asked, self._failures = now, False, 0
            # Whoever shares this Redis may publish here, whatever it is.
            return message["data"].decode("utf-8", "replace") if message["type"] == "message" else None
        if now - self._heard_at > SILENCE_SECONDS:
            # A half-open connection is silent for ever: ask, and give it as long again to answer.
            if self._asked:
                raise OSError("no answer to a ping")
            self._pubsub.ping()
            self._heard_at, self._asked = now, True
        return None
