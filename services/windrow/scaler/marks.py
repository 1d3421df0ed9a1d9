"""What a pod's annotations say about the jobs of its worker."""

from __future__ import annotations

from collections.abc import Mapping

#: Read by ReplicaSets: of the pods that serve, those with the lower number go first.
COST = "controller.kubernetes.io/pod-deletion-cost"
#: Read by cluster-autoscaler before it empties a node, and by Karpenter.
EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
DISRUPT = "karpenter.sh/do-not-disrupt"
OURS = (COST, EVICT, DISRUPT)

COST_OF_A_JOB = 100
#: Of a worker that was busy for long: it goes after one that may have ended a short job a moment ago.
COST_OF_LENGTH = 50
#: The number is an int32; nobody holds so many.
MAX_JOBS = 10_000_000

#: Annotations as a patch has them: None removes.
Marks = Mapping[str, str | None]


def marks(jobs: int, *, long: bool = False) -> Marks:
    """What a pod should carry whose worker holds so many jobs, and has for long: its rank and its protection."""
    if jobs <= 0:
        return {COST: None, EVICT: None, DISRUPT: None}
    rank = COST_OF_A_JOB * min(jobs, MAX_JOBS) + (COST_OF_LENGTH if long else 0)
    return {COST: str(rank), EVICT: "false", DISRUPT: "true"}


def missing(carried: Mapping[str, str], wanted: Marks) -> Marks:
    """The part of `wanted` that differs from what is carried."""
    return {name: value for name, value in wanted.items() if carried.get(name) != value}


def is_protected(carried: Mapping[str, str]) -> bool:
    """Whether a pod carries all that a busy one needs, whatever its rank."""
    return cost(carried) > 0 and carried.get(EVICT) == "false" and carried.get(DISRUPT) == "true"


def is_long(carried: Mapping[str, str]) -> bool:
    """Whether a pod was marked as busy for long."""
    return cost(carried) % COST_OF_A_JOB == COST_OF_LENGTH


def cost(carried: Mapping[str, str]) -> int:
    """The rank as Kubernetes reads it: 0 when there is none, or none that is a number."""
    try:
        return int(carried.get(COST, "0"))
    except ValueError:
        return 0
