"""Wake-ups over Redis pub/sub: `WakeUps` for an asyncio process with many waiters, `Signals` for a thread.

A lost payload costs a waiter its re-read interval, nothing more.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.exceptions import RedisError

from windrow.broker.connect import connect_async
from windrow.broker.keys import ANSWERS_CHANNEL, DONE_CHANNEL, EVENTS_CHANNEL
from windrow.broker.signals import Signals
from windrow.core.answer import opened
from windrow.core.record import JobRecord

__all__ = ["Signals", "WakeUps", "Watch"]

logger = logging.getLogger(__name__)

#: Events that a slow reader may leave unread; the oldest go first.
MAX_EVENTS = 100
#: Seconds of silence after which the connection is asked whether it lives.
SILENCE_SECONDS = 10.0
MAX_BACKOFF_SECONDS = 5.0


class Watch:
    """One reader's eye on one job."""

    def __init__(self, answer_key: str | None = None) -> None:
        self._key = answer_key
        #: The job's final record, if it came with a wake-up.
        self.answer: JobRecord | None = None
        self._changed = asyncio.Event()
        self._events: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)

    async def wait(self, timeout: float) -> bool:  # noqa: ASYNC109 - a bounded wait is its whole purpose
        """Whether something happened within `timeout` seconds: read the job again either way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        happened = self._changed.is_set()
        self._changed.clear()
        return happened

    def events(self) -> list[dict[str, Any]]:
        """The events since the last call, oldest first: {"id", "state" or "progress", ...}."""
        events = list(self._events)
        self._events.clear()
        return events

    def hear(self, seal: object, text: object) -> None:
        """An answer came; one that is not sealed with the key is nobody's."""
        if self._key is not None and (record := opened(self._key, seal, text)) is not None:
            self.answer = record
            self.wake()

    def wake(self, event: dict[str, Any] | None = None) -> None:
        """Something happened to the job."""
        if event is not None:
            self._events.append(event)
        self._changed.set()


class WakeUps:
    """Who waits for which job, on one pub/sub connection for the whole process.

    `start` it in the event loop, `close` it at the end. It connects by itself, again and again with back-off.
    """

    def __init__(self, redis_url: str, *, timeout: float = 5.0) -> None:
        self._url = redis_url
        self._timeout = timeout
        self._watches: dict[str, set[Watch]] = {}
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._listening = False

    async def start(self) -> None:
        """Begin to listen; does not wait for Redis."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="windrow-wake-ups")

    async def close(self) -> None:
        """Stop listening; waiters go on by their timeouts."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @property
    def listening(self) -> bool:
        """Whether payloads arrive at present."""
        return self._listening

    @asynccontextmanager
    async def watch(self, job_id: str, answer_key: str | None = None) -> AsyncIterator[Watch]:
        """`async with wakeups.watch(job_id) as watch: await watch.wait(5)`.

        Read the job after entering: what happens from then on wakes the watch. With the key of the job's answer, see
        `core.answer`, it may find the record in `watch.answer`.
        """
        watch = Watch(answer_key)
        self._watches.setdefault(job_id, set()).add(watch)
        try:
            yield watch
        finally:
            watches = self._watches[job_id]
            watches.discard(watch)
            if not watches:
                del self._watches[job_id]

    async def _run(self) -> None:
        while True:
            client = connect_async(self._url, self._timeout, size=2)
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.subscribe(ANSWERS_CHANNEL, DONE_CHANNEL, EVENTS_CHANNEL)
                    await self._listen(pubsub)
            except (RedisError, OSError, TimeoutError) as exc:
                self._failures += 1
                if self._failures == 1:
                    logger.warning("wake-ups: %s; readers fall back to re-reading", exc)
            finally:
                self._listening = False
                with suppress(RedisError, OSError):
                    await client.aclose()
            ceiling = min(MAX_BACKOFF_SECONDS, 0.05 * 2 ** min(self._failures, 10))
            await asyncio.sleep(random.uniform(ceiling / 2, ceiling))

    async def _listen(self, pubsub: Any) -> None:
        silent = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE_SECONDS)
            if message is None:
                if silent:
                    raise TimeoutError("no answer to a ping")
                silent = True
                await pubsub.ping()
                continue
            silent = False
            if message["type"] == "subscribe":
                self._failures = 0
                self._listening = True
            elif message["type"] == "message":
                self._dispatch(message["channel"].decode(), message["data"])

    def _dispatch(self, channel: str, data: bytes) -> None:
        try:
            payload = json.loads(data)
            if channel == DONE_CHANNEL:
                for job_id in payload:
                    for watch in self._watches.get(job_id, ()):
                        watch.wake()
            elif channel == ANSWERS_CHANNEL:
                job_id, seal, text = payload
                for watch in self._watches.get(job_id, ()):
                    watch.hear(seal, text)
            else:
                for watch in self._watches.get(payload["id"], ()):
                    watch.wake(payload)
        except (ValueError, KeyError, TypeError):
            logger.warning("wake-ups: not understood on %s: %.200r", channel, data)
