"""Notes how many pods a pool has, several times a second, while a test does something else."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from tests.e2e.cluster import Cluster

PAUSE_SECONDS = 0.2


class Sample(NamedTuple):
    """Names at one moment."""

    at: float
    present: frozenset[str]
    ready: frozenset[str]
    leaving: frozenset[str]


class PoolWatch(threading.Thread):
    """A context manager; times are time.monotonic()'s."""

    def __init__(self, cluster: Cluster, pool: str) -> None:
        super().__init__(name=f"watch-{pool}", daemon=True)
        self._cluster = cluster
        self._pool = pool
        self._stopping = threading.Event()
        self.samples: list[Sample] = []
        #: What a look met instead of an answer.
        self.errors: list[str] = []

    def __enter__(self) -> PoolWatch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.join(30)

    def run(self) -> None:
        while not self._stopping.wait(PAUSE_SECONDS):
            try:
                pods = self._cluster.pods("worker", self._pool)
            except Exception as exc:
                self.errors.append(repr(exc))
                continue
            here = [pod for pod in pods if not pod.terminating]
            self.samples.append(
                Sample(
                    time.monotonic(),
                    frozenset(pod.name for pod in here),
                    frozenset(pod.name for pod in here if pod.ready),
                    frozenset(pod.name for pod in pods if pod.terminating),
                )
            )

    def first(self, count: int, *, ready: bool = False) -> float | None:
        """When there were so many pods first."""
        for sample in self.samples:
            if len(sample.ready if ready else sample.present) >= count:
                return sample.at
        return None

    @property
    def most(self) -> int:
        return max((len(sample.present) for sample in self.samples), default=0)

    def left_before(self, moment: float) -> set[str]:
        """Pods that were told to go, or were gone, before `moment`."""
        seen: set[str] = set()
        for sample in self.samples:
            if sample.at < moment:
                seen |= sample.present
        last = max((s for s in self.samples if s.at < moment), key=lambda s: s.at, default=None)
        return seen - last.present if last else set()
