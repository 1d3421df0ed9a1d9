"""Which tasks are short enough to be claimed ahead of a free child."""

from __future__ import annotations

from collections import deque

_SAMPLES = 64
_ENOUGH = 8


class ShortTasks:
    """Measured run times: a task is short when the p95 of its last 64 runs is under `limit` seconds."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._runs: dict[str, deque[float]] = {}
        self._short: set[str] = set()

    def add(self, task: str, seconds: float) -> None:
        """One run took `seconds`."""
        runs = self._runs.get(task)
        if runs is None:
            runs = self._runs[task] = deque(maxlen=_SAMPLES)
        runs.append(seconds)
        if len(runs) < _ENOUGH:
            return
        # A long run is believed at once, short ones again when p95 says so.
        if seconds > self._limit or task not in self._short:
            ranked = sorted(runs)
            if ranked[int(len(ranked) * 0.95)] < self._limit:
                self._short.add(task)
            else:
                self._short.discard(task)

    def __contains__(self, task: str) -> bool:
        return task in self._short

    def names(self) -> tuple[str, ...]:
        """All short tasks."""
        return tuple(self._short)
