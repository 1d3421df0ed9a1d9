"""The worker's sign of life for probes: a file's time, refreshed by the event loop, or while there is none yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Heartbeat:
    """Touches `path` (None: nothing) every `seconds`."""

    def __init__(self, path: Path | None, seconds: float) -> None:
        self._path = path
        self.seconds = seconds

    def start(self) -> None:
        """Touch it for the first time. Raises OSError: a silent worker would be restarted and nobody knew why."""
        if self._path is not None:
            self._path.touch()

    def beat(self) -> None:
        """The event loop turns."""
        with suppress(OSError):
            self.start()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Go on in a thread: Celery connects to the broker with its loop at rest, for as long as that takes."""
        over = threading.Event()

        def beat() -> None:
            self.beat()
            while not over.wait(self.seconds):
                self.beat()

        thread = threading.Thread(target=beat, name="windrow-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(1.0)
