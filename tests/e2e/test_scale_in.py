"""When a pool shrinks, the idle go first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Pod
from tests.e2e.figures import Figures
from tests.e2e.platform import Job, now
from tests.e2e.pool_watch import PoolWatch
from tests.e2e.release import Release, new_tag
from tests.e2e.verdict import flaws
from tests.e2e.waiting import eventually

POOL = "single"
WORKERS = 4
LONG_SECONDS = 100.0


@pytest.fixture
def by_hand(release: Release) -> Iterator[Release]:
    """The pool's size is ours alone."""
    release.empty(POOL)
    release.cluster.pause(release.deployment(POOL), True)
    yield release
    release.platform.cancel(job["id"] for job in _live(release))
    release.cluster.scale(release.deployment(POOL), 0)
    release.cluster.pause(release.deployment(POOL), False)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=pytest.mark.full)])
def test_the_busy_pod_is_never_the_one_that_goes(by_hand: Release, figures: Figures, rounds: int) -> None:
    waits: list[float] = []
    for number in range(rounds):
        busy, seconds = _one_busy(by_hand)
        waits.append(seconds)
        by_hand.cluster.scale(by_hand.deployment(POOL), 1)
        left = eventually("three pods go", 30, lambda: _alone(by_hand))
        assert left.name == busy, f"round {number + 1}: {busy} was busy, and {left.name} stayed"
    case = f"scale-in, {rounds} rounds of kubectl scale {WORKERS} to 1"
    figures.add(case, "busy pods that went", 0)
    figures.add(case, "longest wait until the pods said who is idle", max(waits))


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [1, 2])
def test_the_busy_pod_stays_when_keda_shrinks_the_pool(
    release: Release, figures: Figures, number: int
) -> None:
    platform, tag = release.platform, new_tag("keda-in")
    release.empty(POOL)
    with PoolWatch(release.cluster, POOL) as watch:
        ids = platform.sleeps([LONG_SECONDS] + [5.0] * (WORKERS - 1), queue=POOL, tag=tag)
        host = platform.running(ids[:1], 90)[ids[0]]
        eventually("KEDA shrinks the pool", 90, lambda: watch.most > 1 and _alone(release))
        jobs = platform.ended(tag, len(ids), LONG_SECONDS + 60)
        ended = now()
    figures.add(
        f"scale-in by KEDA, round {number}",
        f"pods, of {watch.most}, that went before the long job ended",
        len(watch.left_before(ended - 1)),
    )
    assert watch.most > 1
    assert host not in watch.left_before(ended - 1)
    assert not flaws(platform, jobs, ids)


def _one_busy(release: Release) -> tuple[str, float]:
    """Fill four workers, then end the jobs of all but the youngest pod, which Kubernetes would take first.

    The busy pod's name, and the seconds until the pods' annotations told.
    """
    platform, cluster = release.platform, release.cluster
    cluster.scale(release.deployment(POOL), WORKERS)
    pods = eventually("all workers are ready", 120, lambda: _all_ready(release))
    # What the round before left running has a pod already.
    free = WORKERS - sum(pod.cost > 0 for pod in pods)
    tag = new_tag("scale-in")
    ids = platform.sleeps([LONG_SECONDS] * free, queue=POOL, tag=tag)
    hosts = platform.running(ids, 90)
    youngest = max(
        (pod for pod in pods if pod.name in hosts.values()), key=lambda pod: (pod.created, pod.name)
    )
    began = now()
    platform.cancel(job["id"] for job in _live(release) if hosts.get(job["id"]) != youngest.name)

    def told() -> bool:
        costs = {pod.name: pod.cost for pod in cluster.workers(POOL)}
        return costs.get(youngest.name, 0) > 0 and sum(cost > 0 for cost in costs.values()) == 1

    eventually("the pods say who is busy", 30, told)
    return youngest.name, now() - began


def _live(release: Release) -> list[Job]:
    """The jobs that the pool runs."""
    query: dict[str, str | int] = {"state": "running", "queue": POOL, "limit": 50}
    return list(release.platform.client.get("/v1/jobs", params=query).json()["jobs"])


def _all_ready(release: Release) -> list[Pod] | None:
    """The pods, once each has a worker that serves."""
    pods = release.cluster.workers(POOL)
    serving = {worker["host"] for worker in release.platform.workers() if not worker["ended_at"]}
    ready = [pod for pod in pods if pod.ready and pod.name in serving]
    return ready if len(ready) == len(pods) == WORKERS else None


def _alone(release: Release) -> Pod | None:
    pods = release.cluster.workers(POOL)
    return pods[0] if len(pods) == 1 else None
