"""Stops one running job, however its pool can: a checked signal, then a checked kill; or a flag it looks at."""

from __future__ import annotations

from typing import Any

from windrow.worker import child
from windrow.worker.desk import Entry
from windrow.worker.hold import Hold
from windrow.worker.stopper import Stopper

#: Seconds between looks whether a child has begun the job that is to be stopped.
_LOOK_SECONDS = 0.05


class Stop:
    """Call it with the entry of a job that was cancelled, or given to somebody else. On the event loop."""

    def __init__(self, hold: Hold, hub: Any) -> None:
        self._hold = hold
        self._hub = hub
        self._stopper = Stopper(hold.slots)
        self._asked: set[int] = set()

    def __call__(self, entry: Entry) -> None:
        """Begin; again for the same entry does nothing."""
        if entry.ended:
            return
        if entry.request is None:
            self._hold.drop(entry)
        elif not self._hold.is_prefork:
            child.cancel(entry.job_id)
        elif entry.run not in self._asked:
            self._asked.add(entry.run)
            self._ask(entry)

    def _ask(self, entry: Entry) -> None:
        if entry.ended:
            self._asked.discard(entry.run)
        elif entry.pid is not None and self._stopper.ask(entry.pid, entry.run):
            self._hub.call_later(self._hold.settings.cancel_grace_seconds, self._kill, entry)
        else:
            self._hub.call_later(_LOOK_SECONDS, self._ask, entry)

    def _kill(self, entry: Entry) -> None:
        self._asked.discard(entry.run)
        if not entry.ended and entry.pid is not None:
            self._stopper.kill(entry.pid, entry.run)
