"""Sends what a commit set free: messages, wake-ups, events; off the ledger's thread, so that a slow Redis stops nobody.

Best effort: what is dropped here is found by the relay, and every reader of wake-ups reads again by itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from celery.utils.log import get_logger

from windrow.broker.errors import BrokerUnavailable
from windrow.broker.keys import BEAT_CHANNEL, worker_channel
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher
from windrow.core.job import NewJob

logger = get_logger(__name__)

MAX_WAITING = 20_000
MAX_BATCH = 1_000


class Outbox(threading.Thread):
    """One thread, one connection; whatever came in while a call was under way goes with the next."""

    def __init__(self, publisher: Publisher) -> None:
        super().__init__(name="windrow-outbox", daemon=True)
        self._publisher = publisher
        self._change = threading.Condition()
        self._messages: deque[Message] = deque(maxlen=MAX_WAITING)
        self._finished: deque[str] = deque(maxlen=MAX_WAITING)
        self._events: deque[Mapping[str, Any]] = deque(maxlen=MAX_WAITING)
        self._signals: dict[tuple[str, str], None] = {}
        self._stopping = False
        self._busy = False
        #: Calls that Redis did not take.
        self.failures = 0

    def send(
        self,
        jobs: Iterable[NewJob] = (),
        finished: Iterable[str] = (),
        events: Iterable[Mapping[str, Any]] = (),
        beat: str | None = None,
        renew: Iterable[str] = (),
    ) -> None:
        """Queue it; returns at once."""
        with self._change:
            self._messages.extend(Message(job.id, job.task, job.queue, job.priority) for job in jobs)
            self._finished.extend(finished)
            self._events.extend(events)
            if beat:
                self._signals[BEAT_CHANNEL, beat] = None
            self._signals.update(((worker_channel(worker), "renew"), None) for worker in renew)
            if not self._busy:
                self._change.notify()

    def stop(self, timeout: float) -> None:
        """Send what waits, then end."""
        with self._change:
            self._stopping = True
            self._change.notify()
        self.join(timeout)

    def run(self) -> None:
        """Call after call until stopped and empty."""
        while self._wait():
            with self._change:
                messages, finished = _take(self._messages), _take(self._finished)
                events = _take(self._events)
                signals, self._signals = list(self._signals), {}
            try:
                sent = self._publisher.publish(messages, finished, events, signals)
                if sent.refused_ids:
                    self._publisher.signal(BEAT_CHANNEL, "relay")
            except BrokerUnavailable as exc:
                self.failures += 1
                logger.warning(
                    "The broker did not take %d messages; the relay will send them: %s", len(messages), exc
                )
            except Exception:
                # What is lost here, the relay finds; without this thread nothing would ever be sent again.
                self.failures += 1
                logger.exception("%d messages were not sent", len(messages))
        self._publisher.close()

    def _wait(self) -> bool:
        with self._change:
            self._busy = False
            while not (self._messages or self._finished or self._events or self._signals):
                if self._stopping:
                    return False
                self._change.wait(timeout=1.0)
            self._busy = True
            return True


def _take(queue: deque[Any]) -> list[Any]:
    return [queue.popleft() for _ in range(min(len(queue), MAX_BATCH))]
