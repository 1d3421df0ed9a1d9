"""Sends what a commit set free: messages, wake-ups, events; off the ledger's thread, so that a slow Redis stops nobody.

Best effort: what is dropped here is found by the relay, and every reader of wake-ups reads again by itself.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from celery.utils.log import get_logger

from windrow.broker.errors import BrokerUnavailable
from windrow.broker.keys import ANSWERS_CHANNEL, BEAT_CHANNEL, worker_channel
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher
from windrow.core.job import NewJob

logger = get_logger(__name__)

MAX_WAITING = 20_000
MAX_BATCH = 1_000
#: Answers that an event loop sends by itself, and for how long it leaves them to the thread after a failure.
MAX_AT_ONCE = 4
NOT_NOW_SECONDS = 5.0


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
        self._answers: deque[str] = deque(maxlen=MAX_WAITING)
        self._not_now_until = 0.0
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
        answers: Iterable[str] = (),
    ) -> None:
        """Queue it; returns at once. `answers` are those of `core.answer`."""
        with self._change:
            self._answers.extend(answers)
            self._messages.extend(Message(job.id, job.task, job.queue, job.priority) for job in jobs)
            self._finished.extend(finished)
            self._events.extend(events)
            if beat:
                self._signals[BEAT_CHANNEL, beat] = None
            self._signals.update(((worker_channel(worker), "renew"), None) for worker in renew)
            if not self._busy:
                self._change.notify()

    def answer(self, answers: list[str]) -> list[str]:
        """Send answers in the caller's thread, an event loop with nothing else to do; returns those left to `send`.

        Somebody waits for each, and a change of thread takes as long as the call.
        """
        if len(answers) > MAX_AT_ONCE or time.monotonic() < self._not_now_until:
            return answers
        try:
            for answer in answers:
                self._publisher.signal(ANSWERS_CHANNEL, answer)
        except BrokerUnavailable as exc:
            self._not_now_until = time.monotonic() + NOT_NOW_SECONDS
            logger.debug("Left to the outbox's thread: %s", exc)
            return answers
        return []

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
                events, answers = _take(self._events), _take(self._answers)
                signals, self._signals = list(self._signals), {}
            signals += ((ANSWERS_CHANNEL, answer) for answer in answers)
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
            while not (self._messages or self._finished or self._events or self._answers or self._signals):
                if self._stopping:
                    return False
                self._change.wait(timeout=1.0)
            self._busy = True
            return True


def _take(queue: deque[Any]) -> list[Any]:
    return [queue.popleft() for _ in range(min(len(queue), MAX_BATCH))]
