"""Time limits end a job in every pool, and only that job."""

from __future__ import annotations

import pytest

from tests.promises.world import World

#: Nobody is taken for dead here: a busy machine may hold a worker up for a second.
TIMES = {"WINDROW_LEASE_SECONDS": "15"}


def test_in_prefork_the_hard_limit_kills_the_child_and_the_soft_one_raises_in_the_task(world: World) -> None:
    world.beat()
    worker = world.worker(concurrency=3)
    (hard,) = world.submit("limited", 60)
    (own,) = world.submit("nap", 60, hard_limit=1)
    (soft,) = world.submit("soft_limited", 60)
    neighbours = world.submit("nap", 0.3, "fine", count=6)
    world.wait_final([hard, own, soft, *neighbours])
    assert world.states([hard, own, soft]) == {"failed": 3}
    assert world.error(hard) == "TimeLimitExceeded: 1 s"
    assert world.error(own) == "TimeLimitExceeded: 1 s"
    assert world.error(soft).startswith("SoftTimeLimitExceeded: ")
    assert [world.outcomes(job_id) for job_id in (hard, own, soft)] == [["timed_out"]] * 3
    assert world.states(neighbours) == {"succeeded": 6}
    assert worker.returncode is None


@pytest.mark.timeout(120)
@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_a_task_that_cannot_be_killed_fails_at_its_hard_limit_and_its_worker_drains_and_goes(
    world: World, pool: str
) -> None:
    world.beat()
    # The default drain is 330 s; the tasks' limits must fit into it.
    worker = world.worker(pool=pool, concurrency=2, drain_seconds="51", hard_limit_seconds="20")
    (overdue,) = world.submit("limited", 8)
    # Running for a second only: who looks late sees its end.
    world.until(lambda: world.states([overdue]).keys() <= {"running", "failed"})
    waiting = world.submit("echo", "later", count=3)
    world.wait_state([overdue], "failed")
    assert world.error(overdue) == "TimeLimitExceeded: 1 s"
    assert worker.wait(40)
    assert worker.returncode == 0
    world.worker(pool=pool)
    world.wait_state(waiting, "succeeded")
    assert world.outcomes(overdue) == ["timed_out"]
    assert world.lost()[0] == 0
