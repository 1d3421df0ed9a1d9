"""Answers in Redis under their owner's generation: one that a change has made void has a name that nobody asks for.

The generation is a random UUID in the owner's row, and each change writes another one in its own transaction. A
reader takes the generation from PostgreSQL, and what it puts into the cache was read in the same snapshot as the
generation that it is put under. So nothing in Redis decides whether an answer is current: not the order of fills and
invalidations, nor a writer that dies after its commit, nor a Redis that was away, was restored or lost a second.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError

from windrow_apps.todos.breaker import Breaker
from windrow_apps.todos.replies import CacheStatus
from windrow_apps.todos.settings import TodoSettings

logger = logging.getLogger(__name__)

PREFIX = "windrow:todos:cache"
COUNTS = f"{PREFIX}:counts"
#: Names of what is cached, by the second in which it expires: to count it, and to bound it.
INDEX = f"{PREFIX}:index"
#: Seconds beyond the longest entry that the list of an owner's names is kept.
MARGIN_SECONDS = 60

_GET = """
local found = redis.call('GET', KEYS[1])
redis.call('HINCRBY', KEYS[2], found and 'hits' or 'misses', 1)
return found
"""
_PUT = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[2]), KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
redis.call('ZADD', KEYS[3], now + tonumber(ARGV[2]), KEYS[1])
redis.call('EXPIRE', KEYS[3], ARGV[4])
return 1
"""
_FORGET = """
redis.call('HINCRBY', KEYS[1], 'invalidations', ARGV[1])
for i = 3, #KEYS do
    for _, name in ipairs(redis.call('ZRANGE', KEYS[i], 0, -1)) do
        redis.call('UNLINK', name)
        redis.call('ZREM', KEYS[2], name)
    end
    redis.call('DEL', KEYS[i])
end
"""
_STATUS = """
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', redis.call('TIME')[1])
local counts = redis.call('HMGET', KEYS[1], 'hits', 'misses', 'invalidations')
return {counts[1] or '0', counts[2] or '0', counts[3] or '0', redis.call('ZCARD', KEYS[2])}
"""


class Cache:
    """Texts by owner, generation and name. No call raises for a Redis that is away: then nothing is cached."""

    def __init__(self, client: Any, settings: TodoSettings, breaker: Breaker | None = None) -> None:
        """`client`: a redis.asyncio.Redis whose waits are short; None: there is no cache."""
        self._client = client
        self._settings = settings
        self._breaker = breaker or Breaker(settings.cache_pause_seconds)
        if client is not None:
            self._get, self._put, self._forget, self._status = map(
                client.register_script, (_GET, _PUT, _FORGET, _STATUS)
            )

    async def get(self, owner: str, generation: UUID | None, name: str) -> str | None:
        """The text that was put under these; counted as a hit or a miss."""
        found = await self._ask(lambda: self._get(keys=[_entry(owner, generation, name), COUNTS]))
        return None if found is None else found.decode()

    async def put(self, owner: str, generation: UUID | None, name: str, text: str, ttl: int) -> None:
        """Keep a text for `ttl` seconds; one that is too long, or one too many, is not kept."""
        if len(text.encode()) > self._settings.cache_value_bytes:
            return
        keys = [_entry(owner, generation, name), INDEX, _owned(owner)]
        longest = max(self._settings.cache_ttl, self._settings.statistics_ttl) + MARGIN_SECONDS
        args = [text, ttl, self._settings.cache_keys, longest]
        await self._ask(lambda: self._put(keys=keys, args=args))

    async def forget(self, owners: Sequence[str]) -> None:
        """Count the changes of these owners, and free what they made void: nobody would read it any more."""
        if owners:
            keys = [COUNTS, INDEX, *map(_owned, owners)]
            await self._ask(lambda: self._forget(keys=keys, args=[len(owners)]))

    async def status(self) -> CacheStatus:
        """Whether Redis answers, and what it has counted."""
        found = await self._ask(lambda: self._status(keys=[COUNTS, INDEX]))
        counted: dict[str, int] = {}
        if found is not None:
            counted = dict(zip(("hits", "misses", "invalidations", "keys"), map(int, found), strict=True))
        return CacheStatus(
            connected=found is not None,
            cache_ttl=self._settings.cache_ttl,
            statistics_ttl=self._settings.statistics_ttl,
            **counted,
        )

    @property
    def resting(self) -> bool:
        """There is none, or Redis is left alone for now."""
        return self._client is None or self._breaker.resting

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        if self._client is None or not self._breaker.may_try():
            return None
        try:
            answer = await call()
        except (RedisError, OSError) as error:
            if not self._breaker.failed:
                logger.warning("the cache of to-dos is off while Redis does not answer: %s", error)
            self._breaker.note(answered=False)
            return None
        self._breaker.note(answered=True)
        return answer


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _entry(owner: str, generation: UUID | None, name: str) -> str:
    return f"{PREFIX}:entry:{_hashed(owner)}:{generation}:{_hashed(name)}"


def _owned(owner: str) -> str:
    # As INDEX, for who only reads with ever new queries has no change that would empty it.
    return f"{PREFIX}:owned:{_hashed(owner)}"
