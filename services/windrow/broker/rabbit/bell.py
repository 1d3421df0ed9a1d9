"""Sleep that any thread can end, and that what arrives on a socket ends too."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from typing import Any


class Bell:
    """One sleeper, any number who ring; a ring before the sleep ends it at once."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def ring(self) -> None:
        """End the sleep; from any thread."""
        with suppress(BlockingIOError):  # Full of rings already.
            os.write(self._write, b"!")

    def sleep(self, seconds: float, sock: Any = None) -> None:
        """Until somebody rings, `sock` can be read, or `seconds` are over."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        if sock is not None:
            poll.register(sock, select.POLLIN)
        poll.poll(seconds * 1000)
        with suppress(BlockingIOError):
            os.read(self._read, 4096)
