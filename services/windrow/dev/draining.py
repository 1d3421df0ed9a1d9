"""What an end waits for, in words: which parts, how many jobs still run, and for how long at most."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import psycopg

from windrow.core.errors import LedgerUnavailable
from windrow.store.ledger import Ledger
from windrow.store.live import running

#: Seconds between two lines that say the same, and between two looks at the ledger.
REPEAT_SECONDS = 5.0
LOOK_SECONDS = 1.0
ANSWER_SECONDS = 2


class RunningJobs:
    """Counts the jobs that run; connects at the first call, and asks no more once the ledger did not answer."""

    def __init__(self, database_url: str) -> None:
        self._ledger = Ledger(
            database_url,
            application_name="windrow-up",
            connect_timeout=ANSWER_SECONDS,
            statement_timeout=ANSWER_SECONDS,
        )
        self._answers = True

    def __call__(self) -> int | None:
        """How many; None when nobody knows."""
        if not self._answers:
            return None
        try:
            return self._ledger.run(running)
        except (LedgerUnavailable, psycopg.Error):
            # It may be ending, too: an end must not wait for its own report.
            self._answers = False
            return None

    def close(self) -> None:
        """Close the connection."""
        self._ledger.close()


class Draining:
    """Says it at once, when it changes, and every few seconds; call `look` as often as you like."""

    def __init__(self, say: Callable[[str], None], jobs: Callable[[], int | None]) -> None:
        self._say = say
        self._jobs = jobs
        self._count: int | None = None
        self._looked_at = -LOOK_SECONDS
        self._said: tuple[tuple[str, ...], int | None] | None = None
        self._said_at = 0.0

    def look(self, parts: Sequence[str], left: float) -> None:
        """`parts` are still there, and have `left` seconds at most."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._count, self._looked_at = self._jobs(), now
        state = (tuple(parts), self._count)
        if state == self._said and now - self._said_at < REPEAT_SECONDS:
            return
        self._said, self._said_at = state, now
        self._say(f"waiting for {', '.join(parts)}{_jobs(self._count)}; at most {max(left, 0):.0f} s")


def _jobs(count: int | None) -> str:
    if count is None:
        return ""
    return ": 1 job still runs" if count == 1 else f": {count or 'no'} jobs still run"
