"""The release that the cases share: what it runs on, how it is driven, how it is called."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from tests.e2e.cluster import Cluster
from tests.e2e.helm import Helm
from tests.e2e.images import Images
from tests.e2e.platform import Job, Platform
from tests.e2e.waiting import eventually, settled

#: Seconds that the whole release may take to become ready: a small machine does much else.
READY_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Release:
    """One release in one namespace."""

    cluster: Cluster
    helm: Helm
    images: Images
    platform: Platform
    #: Namespace of the consumers, and who of them may call.
    consumers: str
    #: Seconds from `helm install` until the API answered, and until the first job had ended.
    first_answer: float
    first_finished: float
    #: That job.
    first_job: Job

    @property
    def subjects(self) -> dict[str, list[str]]:
        """The consumers that the release is told of."""
        return {f"system:serviceaccount:{self.consumers}:web": ["jobs:write", "jobs:read"]}

    def deployment(self, pool: str) -> str:
        return f"{self.helm.release}-worker-{pool}"

    def ready(self) -> None:
        """Wait until nothing is left to become ready."""
        settled("everything is ready", READY_SECONDS, self.cluster.unready)

    def empty(self, pool: str, seconds: float = 120.0) -> None:
        """Wait until a pool has no worker."""

        def nobody() -> bool:
            return self.cluster.replicas(self.deployment(pool)) == 0 and not self.cluster.workers(pool)

        eventually(f"the pool {pool} has no worker", seconds, nobody)


def new_tag(name: str) -> str:
    """A tag that no other run used."""
    return f"{name}-{uuid4().hex[:8]}"
