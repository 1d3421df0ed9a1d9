"""Fold: keep the statistics up to date with what ended."""

from __future__ import annotations

from windrow.beat.chores.chore import Pass, Tools
from windrow.store.fold import fold


class Fold:
    """Ended attempts, and what else happened to jobs, into the counters that the exporter shows."""

    name = "fold"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def run(self) -> Pass:
        settings = self._tools.settings
        folded = self._tools.ledgers.run(fold, settings.fold_batch)
        return Pass(folded.done, settings.fold_pause_seconds if folded.more else settings.fold_seconds)
