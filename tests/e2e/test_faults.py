"""Parts that go without a farewell, under load; run by `make e2e-full`."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.e2e.figures import Figures
from tests.e2e.load import Load
from tests.e2e.platform import now
from tests.e2e.pool_watch import PoolWatch
from tests.e2e.release import Release, new_tag
from tests.e2e.verdict import flaws, losses
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.full


@pytest.mark.timeout(600)
@pytest.mark.parametrize("component", ["worker", "beat", "api", "scaler", "redis", "postgresql"])
def test_every_accepted_job_ends_although_a_part_is_deleted_by_force(
    release: Release, figures: Figures, component: str
) -> None:
    platform, cluster, chance = release.platform, release.cluster, random.Random(component)
    case = f"force delete of {component} under load"
    pool = "burst" if component == "worker" else ""
    with Load(platform, queue="burst", patient=True) as load:
        load.goes_on()
        for _ in range(2 if component == "worker" else 1):
            pods = eventually("a pod to delete", 60, lambda: cluster.pods(component, pool))
            cluster.delete([chance.choice(pods)])
            deleted = now()
            release.ready()
            figures.add(case, "until all was ready again", now() - deleted)
            load.goes_on()
    jobs = platform.ended(load.tag, len(load.accepted), 180)
    figures.add(case, "jobs accepted, all ended", len(load.accepted))
    figures.add(case, "answers other than 202", dict(Counter(load.refused)) or "none")
    figures.add(case, "jobs that ran again", sum(job["attempt"] > 1 for job in jobs))
    # Said again with the same key: more jobs than promises would be doubles.
    assert not losses(platform, jobs, load.accepted)
    if component == "postgresql":
        assert set(load.refused) <= {"503"}
    elif component != "api":
        assert load.refused == []


@pytest.mark.timeout(300)
def test_a_flood_in_one_pool_starts_nobody_in_the_other(release: Release, figures: Figures) -> None:
    platform, tag = release.platform, new_tag("apart")
    release.empty("single")
    with PoolWatch(release.cluster, "single") as other, PoolWatch(release.cluster, "burst") as flooded:
        ids = platform.sleeps([3.0] * 60, queue="burst", tag=tag)
        jobs = platform.ended(tag, len(ids), 180)
    figures.add("two pools", "pods of the flooded one, and of the other", f"{flooded.most} and {other.most}")
    assert not flaws(platform, jobs, ids)
    assert flooded.most > 1
    assert other.most == 0
