"""Something to be asked whose answer may take for ever: asked once at a time, waited for only so long."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from windrow.core.errors import WindrowError

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Source(Generic[T]):
    """Scrapes that come together share one answer; one that comes while an old question is stuck waits for that."""

    def __init__(self, name: str, ask: Callable[[], T], seconds: float) -> None:
        """`ask` runs in a thread of its own and raises when there is no answer; it must end some time."""
        self._name = name
        self._ask = ask
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"windrow-{name}")
        self._lock = threading.Lock()
        self._asked: Future[T] | None = None
        self._failing = False

    def begin(self) -> Future[T]:
        """Ask, unless a question is under way."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = self._thread.submit(self._ask)
            return self._asked

    def answer(self) -> T | None:
        """The answer, or None when there is none in time."""
        try:
            found = self.begin().result(self._seconds)
        except Exception as exc:
            if not self._failing:
                trace = None if isinstance(exc, (WindrowError, TimeoutError)) else exc
                logger.warning("%s does not answer: %s", self._name, exc or "too late", exc_info=trace)
            self._failing = True
            return None
        if self._failing:
            logger.warning("%s answers again", self._name)
        self._failing = False
        return found

    def close(self) -> None:
        """Ask no more; does not wait for a question under way."""
        self._thread.shutdown(wait=False, cancel_futures=True)
