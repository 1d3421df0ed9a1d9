"""What the scaler counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from windrow.broker.errors import BrokerUnavailable
from windrow.core.errors import LedgerUnavailable
from windrow.scaler.errors import ClusterRefused, ClusterUnavailable
from windrow.scaler.ranking import Kind

#: Whose fault an error was.
SOURCES = ("ledger", "broker", "cluster", "refused", "other")


class Metrics:
    """Every metric of this process; pools and kinds are known beforehand, so each series begins at 0."""

    def __init__(self, pools: list[str]) -> None:
        self.registry = CollectorRegistry()
        self.leads = Gauge("windrow_scaler_leader", "1: this replica acts.", registry=self.registry)
        self.backlog = self._pools("backlog", "Messages that wait or are held.", pools)
        self.desired = self._pools("desired_replicas", "Pods that the backlog asks for.", pools)
        self.replicas = self._pools("replicas", "Pods that the Deployment was last seen to ask for.", pools)
        self.yielding = self._pools("yielding", "1: somebody lowers what we raise; we leave it alone.", pools)
        self.busy = Gauge("windrow_scaler_busy_pods", "Pods whose worker holds jobs.", registry=self.registry)
        self.pods = Gauge("windrow_scaler_pods", "Pods of all pools that serve.", registry=self.registry)
        self.strangers = Gauge(
            "windrow_scaler_unknown_workers",
            "Busy workers without a serving pod under the selector: on their way out, or none of ours.",
            registry=self.registry,
        )
        self.late = Gauge(
            "windrow_scaler_waiting_patches", "Patches that wait for the rate limit.", registry=self.registry
        )
        self.ramps = Counter(
            "windrow_scaler_ramps", "Jumps of a Deployment's size.", ("pool",), registry=self.registry
        )
        self.patches = Counter(
            "windrow_scaler_pod_patches", "Patches of pods, by reason.", ("kind",), registry=self.registry
        )
        self.errors = Counter(
            "windrow_scaler_errors", "Failures, by whose they were.", ("source",), registry=self.registry
        )
        for pool in pools:
            self.ramps.labels(pool)
        for kind in Kind:
            self.patches.labels(kind.value)
        for source in SOURCES:
            self.errors.labels(source)

    def failed(self, exc: Exception) -> None:
        """Count a failure."""
        self.errors.labels(_source(exc)).inc()

    def _pools(self, name: str, text: str, pools: list[str]) -> Gauge:
        gauge = Gauge(f"windrow_scaler_{name}", text, ("pool",), registry=self.registry)
        for pool in pools:
            gauge.labels(pool)
        return gauge


def _source(exc: Exception) -> str:
    match exc:
        case LedgerUnavailable():
            return "ledger"
        case BrokerUnavailable():
            return "broker"
        case ClusterUnavailable():
            return "cluster"
        case ClusterRefused():
            return "refused"
    return "other"
