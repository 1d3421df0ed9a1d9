"""Hands calls from other threads to Celery's event loop, and wakes it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Any

from celery.utils.log import get_logger

logger = get_logger(__name__)


class Mailbox:
    """Thread-safe in, event loop out. A pipe wakes the loop; its bytes mean nothing but "look"."""

    def __init__(self) -> None:
        self._calls: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._woken = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def attach(self, hub: Any) -> None:
        """Let `hub` (kombu's) run what arrives; again after the hub was reset."""
        hub.add_reader(self._read, self.deliver)

    def detach(self, hub: Any) -> None:
        """Stop listening."""
        hub.remove_reader(self._read)

    def post(self, call: Callable[..., None], *args: Any) -> None:
        """Run `call(*args)` on the loop, soon."""
        self._calls.append((call, args))
        # Set only before a drain begins: whoever sees it True appended early enough to be drained.
        if not self._woken:
            self._woken = True
            self.wake()

    def wake(self) -> None:
        """Make the loop look; safe inside a signal handler."""
        try:
            os.write(self._write, b"!")
        except BlockingIOError:
            pass  # Full of wake-ups already.

    def deliver(self, *_: Any) -> None:
        """Run everything that waits; one call's error does not stop the others."""
        try:
            os.read(self._read, 4096)
        except BlockingIOError:
            pass
        self._woken = False
        while self._calls:
            call, args = self._calls.popleft()
            try:
                call(*args)
            except Exception:
                logger.exception("A call to the worker's loop failed: %r", call)

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._read)
        os.close(self._write)
