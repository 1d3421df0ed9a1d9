"""Keeps what the pods say in line with what their workers do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence

from windrow.scaler.bucket import Bucket
from windrow.scaler.cluster import Cluster
from windrow.scaler.errors import ClusterRefused, NotThere
from windrow.scaler.metrics import Metrics
from windrow.scaler.ranking import Change, Ranking, apply
from windrow.scaler.settings import ScalerSettings
from windrow.store.held import busy_hosts
from windrow.store.ledger import Ledger

logger = logging.getLogger(__name__)

#: Patches that a look asked for are not made later than so many seconds after it: it is time for another.
STALE_SECONDS = 2.0


class Protect:
    """One look at the ledger, and the patches that follow from it, at each call; by one thread.

    While the ledger is away the pods keep what they carry: an old word is better than none.
    """

    def __init__(
        self,
        ledger: Ledger,
        cluster: Cluster,
        metrics: Metrics,
        settings: ScalerSettings,
        leads: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._cluster = cluster
        self._metrics = metrics
        self._pools: Sequence[str] = sorted(settings.scaler_pools)
        self._selector = settings.scaler_selector
        self._list_seconds = settings.scaler_list_seconds
        self._leads = leads
        self._clock = clock
        self._bucket = Bucket(settings.scaler_patches_per_second, settings.scaler_patches_at_once)
        self._ranking = Ranking(settings.scaler_linger_seconds, settings.scaler_rank_seconds)
        #: Name -> our annotations on it, as of the last list and our patches since.
        self._pods: dict[str, dict[str, str]] = {}
        #: Hosts of workers that the last list had no pod for, and pods that may not be patched.
        self._strangers: set[str] = set()
        self._listed_at: float | None = None

    def __call__(self) -> None:
        """Look, and patch; without the lease, forget what was known of the pods."""
        if not self._leads():
            self._pods, self._listed_at = {}, None
            self._ledger.close()
            return
        began = self._clock()
        jobs = self._ledger.run(busy_hosts, self._pools)
        if self._is_outdated(jobs):
            self._list(jobs)
        self._metrics.pods.set(len(self._pods))
        self._metrics.strangers.set(sum(1 for host in jobs if host not in self._pods))
        self._metrics.busy.set(sum(1 for pod in self._pods if jobs.get(pod)))
        self._patch_all(self._ranking.changes(self._pods, jobs, self._clock()), began + STALE_SECONDS)

    def close(self) -> None:
        """The thread that called has ended."""
        self._ledger.close()

    def _is_outdated(self, hosts: Iterable[str]) -> bool:
        if self._listed_at is None or self._clock() - self._listed_at >= self._list_seconds:
            return True
        return any(host not in self._pods and host not in self._strangers for host in hosts)

    def _list(self, hosts: Iterable[str]) -> None:
        self._pods = self._cluster.pods(self._selector)
        self._strangers = {host for host in hosts if host not in self._pods}
        self._listed_at = self._clock()

    def _patch_all(self, changes: Sequence[Change], until: float) -> None:
        done: list[Change] = []
        self._metrics.late.set(len(changes))
        try:
            for change in changes:
                now = self._clock()
                # What is left out here is still due at the next look.
                if now > until or not self._leads() or not self._bucket.take(now):
                    break
                if self._patch(change):
                    done.append(change)
        finally:
            self._metrics.late.set(len(changes) - len(done))
            if done:
                logger.info("pods: %s", ", ".join(f"{change.kind} {change.pod}" for change in done))

    def _patch(self, change: Change) -> bool:
        try:
            self._cluster.annotate(change.pod, change.marks)
        except NotThere:
            self._drop(change.pod)
            return False
        except ClusterRefused as exc:
            # One pod that may not be touched takes no other's turn; the next list tries it again.
            logger.warning("%s", exc)
            self._metrics.failed(exc)
            self._drop(change.pod)
            return False
        self._pods[change.pod] = apply(self._pods[change.pod], change.marks)
        self._ranking.patched(change, self._clock())
        self._metrics.patches.labels(change.kind.value).inc()
        return True

    def _drop(self, pod: str) -> None:
        del self._pods[pod]
        self._strangers.add(pod)
