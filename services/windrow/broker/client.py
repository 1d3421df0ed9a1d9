"""Running calls on blocking connections."""

from __future__ import annotations

from typing import Any, TypeVar

from redis.exceptions import NoScriptError, RedisError, ResponseError

from windrow.broker.call import Call
from windrow.broker.connect import connect
from windrow.broker.rest import Rest

T = TypeVar("T")


class BrokerClient:
    """A pool of at most `size` connections, opened at first use; for several threads, and again after a fork.

    A call takes at most about `timeout` seconds; after a failure, calls fail at once for `rest` seconds.
    """

    def __init__(self, redis_url: str, *, timeout: float = 2.0, size: int = 8, rest: float = 0.5) -> None:
        # Connecting and answering may each use up one socket timeout.
        self._redis: Any = connect(redis_url, timeout / 2, size)
        self._rest = Rest(rest)

    def run(self, call: Call[T]) -> T:
        """Run one call; raises BrokerUnavailable when Redis does not answer or refuses."""
        self._rest.check()
        try:
            try:
                reply = self._redis.execute_command(*call.by_sha())
            except NoScriptError:
                reply = self._redis.execute_command(*call.by_text())
        except (RedisError, OSError) as exc:
            if isinstance(exc, ResponseError):
                # A demoted master keeps its connections: drop ours, to find the new one.
                self._redis.connection_pool.disconnect()
            raise self._rest.failed(exc) from exc
        self._rest.succeeded()
        return call.read(reply)

    def close(self) -> None:
        """Close every connection; the next call opens one again."""
        self._redis.connection_pool.disconnect()
