"""Promote: start what waited for its time; sleeps until the earliest run_at."""

from __future__ import annotations

from windrow.beat.chores.chore import Pass, Tools
from windrow.beat.chores.post import post
from windrow.beat.chores.quarantine import Quarantine
from windrow.store.promote import due, next_due, promote

#: When something is due that another beat is about to promote.
_BUSY_SECONDS = 0.02


class Promote:
    """scheduled, retrying -> queued."""

    name = "promote"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._bad = Quarantine(tools.settings.quarantine_seconds)

    def run(self) -> Pass:
        settings, run = self._tools.settings, self._tools.ledgers.run
        limit = settings.promote_batch
        results = self._bad.run(
            lambda skip: run(promote, limit, skip),
            lambda skip: run(due, limit, skip),
            lambda row: run(promote, 1, (), row),
        )
        done = sum(count for count, _ in results)
        post(self._tools, [one for _, sent in results for one in sent])
        if done >= limit:
            return Pass(done, 0.0, self._bad.errors())
        seconds = run(next_due, self._bad.skip)
        if seconds is None:
            wait = settings.promote_seconds
        else:
            wait = min(max(seconds, _BUSY_SECONDS if seconds <= 0 else 0.0), settings.promote_seconds)
        return Pass(done, wait, self._bad.errors())
