"""What an app may use of the platform besides `windrow.apps`: who sent a request, and bounded ways to the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request

from windrow.store.bounded import AsyncBoundedConnection, BoundedConnection

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["AsyncBoundedConnection", "BoundedConnection", "caller_id", "redis_client"]


def caller_id(request: Request) -> str | None:
    """The id of the API key, or the ServiceAccount's subject, that sent the request; None where routes are open."""
    found: str | None = getattr(request.state, "windrow_caller", None)
    return found


def redis_client(url: str, timeout: float, size: int) -> Redis:
    """An asyncio client of at most `size` connections for any URL that WINDROW_REDIS_URL may be, Sentinels included.

    Connects at first use; `aclose` closes it. Every wait takes at most `timeout` seconds.
    """
    from windrow.broker.connect import connect_async

    client: Redis = connect_async(url, timeout, size)
    # The pool was made for it alone.
    client.auto_close_connection_pool = True
    return client
