"""All workers of a pool go without a farewell."""

from __future__ import annotations

import pytest

from tests.e2e.figures import Figures
from tests.e2e.platform import now
from tests.e2e.release import Release, new_tag
from tests.e2e.verdict import losses

#: The release's lease, the pool's cooldown, two periods of the HPA, and patience.
TO_ZERO_SECONDS = 15 + 10 + 30 + 60


@pytest.mark.timeout(420)
def test_jobs_end_and_the_pool_empties_although_all_its_pods_were_deleted_by_force(
    release: Release, figures: Figures
) -> None:
    platform, cluster = release.platform, release.cluster
    tag = new_tag("forced")
    ids = platform.sleeps([40.0] * 8, queue="burst", tag=tag)
    platform.running(ids, 90)
    victims = cluster.workers("burst")
    deleted = now()
    cluster.delete(victims)
    jobs = platform.ended(tag, len(ids), 180)
    ended = now()
    release.empty("burst", TO_ZERO_SECONDS)
    case = "force delete of a whole pool"
    figures.add(case, "pods deleted while their jobs ran", len(victims))
    figures.add(case, "jobs that were lost with them and ran again", sum(job["attempt"] > 1 for job in jobs))
    figures.add(case, "from the delete to the last end of jobs of 40 s", ended - deleted)
    figures.add(case, "from there to no pod", now() - ended)
    assert not losses(platform, jobs, ids)
    assert any(job["attempt"] > 1 for job in jobs), "no attempt was lost: this shows nothing"
