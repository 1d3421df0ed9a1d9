"""Which pods to patch now, most urgent first: a decision without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from windrow.scaler.marks import Marks, is_long, is_protected, marks, missing


class Kind(StrEnum):
    """Why a pod is patched, in the order of urgency."""

    #: It began to work and looks idle: it could be the next to go.
    PROTECT = "protect"
    #: It is idle and looks busy: a busy one could go in its place.
    RELEASE = "release"
    #: It is busy, with more or fewer jobs than it says.
    RANK = "rank"


class Change(NamedTuple):
    """One patch: of the annotations named and nothing else."""

    pod: str
    kind: Kind
    marks: Marks


class Ranking:
    """Remembers since when pods are busy or idle; `now` is any clock that never goes back.

    A pod that was busy for `rank_seconds` is released as soon as it is idle. After a shorter time it lingers:
    short jobs in a row would cost two patches each. What lingers ranks below all that are busy for long.
    """

    def __init__(self, linger_seconds: float, rank_seconds: float) -> None:
        self._linger = linger_seconds
        self._rank = rank_seconds
        self._idle_since: dict[str, float] = {}
        self._busy_since: dict[str, float] = {}
        self._ranked_at: dict[str, float] = {}

    def changes(
        self, pods: Mapping[str, Mapping[str, str]], jobs: Mapping[str, int], now: float
    ) -> list[Change]:
        """What to patch, given the annotations that the pods carry and the jobs that their workers hold."""
        self._remember(pods, jobs, now)
        found = [
            change
            for pod in pods
            if (change := self._change(pod, pods[pod], jobs.get(pod, 0), now)) is not None
        ]
        order = list(Kind)
        return sorted(
            found, key=lambda change: (order.index(change.kind), -jobs.get(change.pod, 0), change.pod)
        )

    def patched(self, change: Change, now: float) -> None:
        """It is done."""
        self._ranked_at[change.pod] = now

    def _change(self, pod: str, carried: Mapping[str, str], jobs: int, now: float) -> Change | None:
        if jobs <= 0:
            wanted = missing(carried, marks(0))
            lingers = not is_long(carried) and now - self._idle_since[pod] < self._linger
            return Change(pod, Kind.RELEASE, wanted) if wanted and not lingers else None
        long = is_long(carried) or now - self._busy_since[pod] >= self._rank
        wanted = missing(carried, marks(jobs, long=long))
        if not wanted:
            return None
        if not is_protected(carried):
            return Change(pod, Kind.PROTECT, wanted)
        ranked = now - self._ranked_at.get(pod, -self._rank) < self._rank
        return None if ranked else Change(pod, Kind.RANK, wanted)

    def _remember(self, pods: Mapping[str, Mapping[str, str]], jobs: Mapping[str, int], now: float) -> None:
        busy = {pod for pod in pods if jobs.get(pod, 0) > 0}
        self._busy_since = {pod: self._busy_since.get(pod, now) for pod in busy}
        self._idle_since = {pod: self._idle_since.get(pod, now) for pod in pods if pod not in busy}
        self._ranked_at = {pod: at for pod, at in self._ranked_at.items() if pod in pods}


def apply(carried: Mapping[str, str], change: Marks) -> dict[str, str]:
    """What a pod carries after a patch."""
    after = {**carried, **change}
    return {name: value for name, value in after.items() if value is not None}
