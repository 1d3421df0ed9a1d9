"""What the project's tasks did, kept in a Redis list per key: its stand-in for e-mails sent and rows written."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

from redis import Redis


@cache
def _client(_pid: int) -> Redis:
    return Redis.from_url(
        os.environ.get("SHOP_EFFECTS_URL", "redis://localhost:6379/2"), decode_responses=True
    )


def redis() -> Redis:
    """A client of this process's own."""
    return _client(os.getpid())


def note(key: str, text: object) -> int:
    """Record one effect; returns how many there are under `key`."""
    return int(redis().rpush(f"effects:{key}", str(text)))


def effects(key: str) -> list[str]:
    """What was noted under `key`, in order."""
    found: Any = redis().lrange(f"effects:{key}", 0, -1)
    return list(found)


def wait_effects(key: str, count: int, timeout: float = 20.0) -> list[str]:
    """Wait until at least `count` were noted."""
    end = time.monotonic() + timeout
    while len(found := effects(key)) < count and time.monotonic() < end:
        time.sleep(0.05)
    return found


def open_gate(key: str) -> None:
    """Let those go on that wait at the gate."""
    redis().set(f"gate:{key}", "open")


def wait_gate(key: str, timeout: float = 20.0) -> bool:
    """Wait until somebody opens the gate."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if redis().get(f"gate:{key}"):
            return True
        time.sleep(0.02)
    return False
