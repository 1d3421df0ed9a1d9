"""Hears what workers and the API have to say to beat, and wakes the chore that is meant."""

from __future__ import annotations

import threading
from collections.abc import Callable

from windrow.broker.signals import Signals

#: Longest wait in one call: bounds the time to stop.
_WAIT_SECONDS = 0.5


class Listener(threading.Thread):
    """Passes each payload of beat's channel on. A payload that is lost costs a chore its longest sleep, no more."""

    def __init__(self, signals: Signals, wake: Callable[[str], None]) -> None:
        super().__init__(name="windrow-listen", daemon=False)
        self._signals = signals
        self._wake = wake
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End soon; does not wait."""
        self._stopping.set()

    def run(self) -> None:
        main = threading.main_thread()
        while not self._stopping.is_set() and main.is_alive():
            payload = self._signals.wait(_WAIT_SECONDS)
            if payload is not None:
                self._wake(payload)
        self._signals.close()
