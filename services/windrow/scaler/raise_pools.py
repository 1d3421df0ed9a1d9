"""Raises each pool's Deployment to what its backlog asks for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from windrow.broker.choice import Gauge
from windrow.scaler.cluster import Cluster
from windrow.scaler.errors import ClusterRefused, Conflict
from windrow.scaler.metrics import Metrics
from windrow.scaler.ramp import Ramp, wanted
from windrow.scaler.settings import Pool, ScalerSettings
from windrow.store.held import in_flight
from windrow.store.ledger import Ledger

logger = logging.getLogger(__name__)


class RaisePools:
    """One look at the broker, and the jumps that follow from it, at each call; by one thread.

    From 0 as well: KEDA, at its next poll, finds the pool active and counts from what it finds.
    """

    def __init__(
        self,
        broker: Gauge,
        cluster: Cluster,
        metrics: Metrics,
        settings: ScalerSettings,
        leads: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        ledger: Ledger | None = None,
    ) -> None:
        """`ledger`, this one's own, is asked for what the pools hold where the broker cannot tell."""
        self._broker = broker
        self._ledger = ledger
        self._cluster = cluster
        self._metrics = metrics
        self._pools: Mapping[str, Pool] = settings.scaler_pools
        self._queues = sorted({queue for pool in self._pools.values() for queue in pool.queues})
        self._known_for = settings.scaler_size_seconds
        self._leads = leads
        self._clock = clock
        self._ramps = {name: Ramp(settings.scaler_yield_seconds) for name in self._pools}
        #: Replicas as last seen, and when.
        self._sizes: dict[str, tuple[int, float]] = {}
        #: Pools of which was said that they are refused, paused or left alone.
        self._said: dict[str, str] = {}

    def __call__(self) -> None:
        """Look, and raise what is too small."""
        if not self._leads():
            self._sizes.clear()
            return
        waiting = self._broker.depths(self._queues)
        held = self._in_flight()
        for name, pool in self._pools.items():
            queued = sum(sum(waiting[queue].values()) for queue in pool.queues)
            want = wanted(queued, held[name], pool.concurrency, pool.max)
            self._metrics.backlog.labels(name).set(queued + held[name])
            self._metrics.desired.labels(name).set(want)
            self._ramps[name].saw(want)
            self._metrics.yielding.labels(name).set(self._ramps[name].yields(self._clock()))
            if want > self._size_known(name) and self._leads():
                self._consider(name, pool, want, queued, held[name])

    def close(self) -> None:
        """The thread that called has ended."""
        self._broker.close()
        if self._ledger is not None:
            self._ledger.close()

    def _in_flight(self) -> Mapping[str, int]:
        held = self._broker.in_flight(list(self._pools))
        if held is not None:
            return held
        assert self._ledger is not None
        found: Mapping[str, int] = self._ledger.run(in_flight, list(self._pools))
        return found

    def _size_known(self, name: str) -> int:
        replicas, at = self._sizes.get(name, (0, 0.0))
        return replicas if self._clock() - at < self._known_for else 0

    def _consider(self, name: str, pool: Pool, want: int, queued: int, held: int) -> None:
        ramp = self._ramps[name]
        try:
            size = self._cluster.size(pool.deployment)
            self._saw(name, size.replicas)
            target = ramp.target(want, size.replicas, self._clock())
            if target is None:
                if ramp.yields(self._clock()):
                    self._say(name, "somebody lowers what the backlog asks for; it is left alone for a while")
                return
            if pool.scaled_object and self._cluster.is_paused(pool.scaled_object):
                self._say(name, "its ScaledObject is paused")
                return
            self._cluster.resize(pool.deployment, target, size.version)
        except Conflict:
            # Somebody else set it at the same time: the next look sees to what.
            self._sizes.pop(name, None)
            return
        except ClusterRefused as exc:
            # One pool that may not be touched takes no other's turn.
            self._metrics.failed(exc)
            self._say(name, str(exc))
            return
        ramp.raised(target)
        self._saw(name, target)
        self._said.pop(name, None)
        self._metrics.ramps.labels(name).inc()
        logger.info(
            "pool %s: %d -> %d replicas, for %d waiting and %d in flight",
            name,
            size.replicas,
            target,
            queued,
            held,
        )

    def _saw(self, name: str, replicas: int) -> None:
        self._sizes[name] = (replicas, self._clock())
        self._metrics.replicas.labels(name).set(replicas)

    def _say(self, name: str, what: str) -> None:
        if self._said.get(name) != what:
            self._said[name] = what
            logger.warning("pool %s is not raised: %s", name, what)
