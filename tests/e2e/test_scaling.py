"""From no worker to all of them and back, by KEDA and the scaler, while jobs run."""

from __future__ import annotations

import random

import pytest

from tests.e2e.figures import Figures
from tests.e2e.platform import now
from tests.e2e.pool_watch import PoolWatch
from tests.e2e.release import Release, new_tag
from tests.e2e.verdict import flaws
from tests.e2e.waiting import eventually

MAX = 4
#: Longer than the 30 s after which a message without a living holder would be taken for lost.
LONG_SECONDS = 45


@pytest.mark.timeout(330)
@pytest.mark.parametrize(
    ("count", "longest", "patience"),
    [(38, 10, 150), pytest.param(198, 20, 300, marks=pytest.mark.full)],
    ids=["dozens", "200"],
)
def test_a_flood_takes_a_pool_from_none_to_all_and_back_and_every_job_runs_once(
    release: Release, figures: Figures, count: int, longest: int, patience: float
) -> None:
    platform, cluster = release.platform, release.cluster
    seconds = random.Random(count)
    tag = new_tag("flood")
    release.empty("burst")
    with PoolWatch(cluster, "burst") as watch:
        began = now()
        # Priority 9 only: the queue's own list stays empty. They outlast the flood, with nothing left to wait.
        ids = platform.sleeps([LONG_SECONDS] * 2, queue="burst", tag=tag, priority=9)
        eventually("the first pod", 60, lambda: watch.first(1))
        for priority in (3, 6, 9):
            share = [
                seconds.uniform(longest / 5, longest)
                for _ in range(count // 3 + (priority == 9) * (count % 3))
            ]
            ids += platform.sleeps(share, queue="burst", tag=tag, priority=priority)
        jobs = platform.ended(tag, len(ids), patience)
        ended = now()
        release.empty("burst")
        gone = now()
    first, every = watch.first(1), watch.first(MAX)
    assert first is not None
    assert every is not None, f"never more than {watch.most} of {MAX} pods"
    case = f"0 to {MAX} to 0 with {len(ids)} jobs of up to {longest} s, two of {LONG_SECONDS} s"
    ready = watch.first(1, ready=True)
    figures.add(case, "from the first submit, priority 9, to the first pod", first - began)
    figures.add(case, "from there to the first ready worker", (ready or gone) - first)
    figures.add(case, f"from the first pod to {MAX} pods", every - first)
    left = watch.left_before(ended)
    figures.add(case, "pods that were told to go while jobs ran", len(left))
    figures.add(case, "all jobs ended after", ended - began)
    figures.add(case, "from the last end to no pod", gone - ended)
    assert not flaws(platform, jobs, ids)
    assert left, "no pod went while jobs ran: this shows nothing"
    kept = [sample for sample in watch.samples if first <= sample.at <= ended - 1]
    assert all(sample.present for sample in kept), "the pool had no pod while jobs were in flight"
    assert first - began < 30
    assert every - first < 60
