"""The scaler as a whole: its loops, its Lease and its HTTP server, from start to a clean end."""

from __future__ import annotations

import logging
import time

from kubernetes.client.api_client import ApiClient

from windrow.broker import choice
from windrow.core.errors import WindrowError
from windrow.scaler.cluster import Cluster
from windrow.scaler.lease import Lease
from windrow.scaler.loop import Loop
from windrow.scaler.metrics import Metrics
from windrow.scaler.protect import Protect
from windrow.scaler.raise_pools import RaisePools
from windrow.scaler.server import Server
from windrow.scaler.settings import ScalerSettings
from windrow.store.ledger import Ledger

logger = logging.getLogger(__name__)


class Scaler:
    """`start`, and some time later `stop`."""

    def __init__(self, settings: ScalerSettings, api: ApiClient, identity: str) -> None:
        self._settings = settings
        cluster = Cluster(api, settings.scaler_namespace, settings.scaler_cluster_seconds)
        self.metrics = Metrics(sorted(settings.scaler_pools))
        self.lease = Lease(cluster, settings.scaler_lease, identity, settings.scaler_lease_seconds)
        self.metrics.leads.set_function(self.lease.leads)
        broker = choice.gauge(settings.redis_url, settings.amqp_url, settings.scaler_broker_seconds)
        self._protect = Protect(_ledger(settings), cluster, self.metrics, settings, self.lease.leads)
        self._raise = RaisePools(
            broker,
            cluster,
            self.metrics,
            settings,
            self.lease.leads,
            ledger=_ledger(settings) if settings.amqp_url else None,
        )
        renew, longest = settings.scaler_renew_seconds, settings.scaler_failure_seconds
        failed = self.metrics.failed
        self._election = Loop("lease", self.lease.step, renew, renew, failed)
        self._loops = (
            self._election,
            Loop("protect", self._protect, settings.scaler_protect_seconds, longest, failed),
            Loop("ramp", self._raise, settings.scaler_ramp_seconds, longest, failed),
        )
        self.server = Server(settings.scaler_host, settings.scaler_port, self.metrics.registry, self.stuck)

    def stuck(self) -> list[str]:
        """The loops that did not turn for too long."""
        return [loop.name for loop in self._loops if loop.age() > self._settings.scaler_stuck_seconds]

    def start(self) -> None:
        """Begin to stand for the Lease; returns at once."""
        self.server.start()
        for loop in self._loops:
            loop.start()

    def stop(self) -> bool:
        """End the loops, then give back the Lease; whether all ended in time."""
        for loop in self._loops:
            loop.stop()
        deadline = time.monotonic() + self._settings.scaler_stop_seconds
        for loop in self._loops:
            loop.join(max(deadline - time.monotonic(), 0.0))
        late = [loop.name for loop in self._loops if loop.is_alive()]
        if late:
            # Whoever still acts must not act beside another: the Lease runs out by itself.
            logger.warning(
                "still at work after %g s: %s", self._settings.scaler_stop_seconds, ", ".join(late)
            )
        else:
            self._leave()
        self.server.stop()
        return not late

    def _leave(self) -> None:
        try:
            self.lease.release()
        except WindrowError as exc:
            logger.warning("the lease could not be given back, it runs out: %s", exc)
        self._protect.close()
        self._raise.close()


def _ledger(settings: ScalerSettings) -> Ledger:
    """A connection for one loop, opened at first use."""
    return Ledger(
        settings.database_url,
        application_name="windrow-scaler",
        prepare=settings.prepared_statements,
        statement_timeout=settings.scaler_statement_seconds,
    )
