"""Holds the Lease: one replica acts, the others wait.

The holder counts from the moment before it asked, and stops acting a third of the duration before anybody
may take its place. A process that was frozen at the wrong moment may still send one patch afterwards: marks
follow from the ledger whoever writes them, and a size carries the version that it was read with.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime

from windrow.scaler.cluster import Cluster
from windrow.scaler.election import Candidate, Record
from windrow.scaler.errors import Conflict, NotThere

logger = logging.getLogger(__name__)

#: Of the duration: how long a holder acts after a renewal.
ACTING = 2 / 3


class Lease:
    """`step` often; `leads` says whether to act. `step` and `release` are for one thread."""

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        identity: str,
        seconds: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._name = name
        self._candidate = Candidate(identity, seconds)
        self._acting = seconds * ACTING
        self._clock = clock
        self._until = -math.inf
        self._led = False

    def leads(self) -> bool:
        """Whether this replica may act now."""
        return self._clock() < self._until

    def step(self) -> None:
        """Renew, take over, or look; raises what the cluster raises, and the lease runs on meanwhile."""
        began = self._clock()
        try:
            taken = self._take(began)
        except Conflict:
            # Somebody was faster; what they wrote is seen next time.
            taken = False
        self._until = began + self._acting if taken else -math.inf
        if taken != self._led:
            self._led = taken
            logger.info("%s the lease %s", "holds" if taken else "lost", self._name)

    def release(self) -> None:
        """Let another replica in at once, if it is ours."""
        self._until = -math.inf
        found = self._cluster.lease(self._name)
        if found.record.holder == self._candidate.identity:
            self._cluster.write_lease(
                self._name, self._candidate.release(found.record, _moment()), found.version
            )
            logger.info("gave back the lease %s", self._name)

    def _take(self, now: float) -> bool:
        try:
            found = self._cluster.lease(self._name)
        except NotThere:
            return self._write(None, None)
        return self._candidate.may_take(found.record, now) and self._write(found.record, found.version)

    def _write(self, record: Record | None, version: str | None) -> bool:
        self._cluster.write_lease(self._name, self._candidate.claim(record, _moment()), version)
        return True


def _moment() -> str:
    """Kubernetes' MicroTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
