"""Retain: delete what ended long ago, slowly."""

from __future__ import annotations

from windrow.beat.chores.chore import Pass, Tools
from windrow.beat.chores.quarantine import Quarantine
from windrow.store.retain import OTHERS, delete_jobs, old_jobs


class Retain:
    """succeeded, failed, cancelled, expired -> nothing, and what else only history needs."""

    name = "retain"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._bad = Quarantine(tools.settings.quarantine_seconds)

    def run(self) -> Pass:
        settings, run = self._tools.settings, self._tools.ledgers.run
        limit, keep = settings.retain_batch, settings.retention_seconds
        jobs = sum(
            self._bad.run(
                lambda skip: run(delete_jobs, limit, keep, list(skip)),
                lambda skip: run(old_jobs, limit, keep, list(skip)),
                lambda row: run(delete_jobs, 1, keep, [], row),
            )
        )
        counts = [jobs]
        errors = self._bad.errors()
        if jobs < limit:
            counts += self._delete_others()
        more = any(count >= limit for count in counts)
        return Pass(sum(counts), settings.retain_pause_seconds if more else settings.retain_seconds, errors)

    def _delete_others(self) -> list[int]:
        """Every table has its turn, whatever becomes of those before it; raises what the first one failed with."""
        settings, run = self._tools.settings, self._tools.ledgers.run
        counts: list[int] = []
        failed: list[Exception] = []
        for delete in OTHERS.values():
            try:
                counts.append(run(delete, settings.retain_batch, settings.retention_seconds))
            except Exception as exc:
                failed.append(exc)
        if failed:
            raise failed[0]
        return counts
