"""Two releases at once: a job waits for a worker that knows its task; a retired task is refused with that reason."""

from __future__ import annotations

import pytest

from tests.promises.world import World
from windrow.core.task import Task
from windrow.store.catalog import declare

pytestmark = pytest.mark.timeout(120)
#: Nobody is taken for dead here: a busy machine may hold a worker up for a second.
TIMES = {"WINDROW_LEASE_SECONDS": "15"}


def test_a_task_of_the_next_release_is_run_by_its_workers_and_discarded_by_nobody(world: World) -> None:
    # A fifteenth of the defaults.
    world.beat(settle_after_seconds="2", settle_every_seconds="2", settle_seconds="0.3")
    old = world.worker(release="1")
    ids = world.submit("fresh", count=20)
    world.until(lambda: old.says("fresh"))
    assert world.states(ids) == {"queued": 20}
    new = world.worker(apps="tests.promises.specs:NEWER", release="2")
    world.wait_final(ids, 60)
    assert {(row["state"], row["failures"], row["attempt"]) for row in world.jobs(ids)} == {
        ("succeeded", 0, 1)
    }
    # Both go on with what they know.
    world.wait_state(world.submit("echo", 1, count=50), "succeeded")
    assert (old.returncode, new.returncode) == (None, None)
    assert world.lost() == (0, 0)


def test_a_worker_that_meets_many_jobs_it_does_not_know_keeps_its_room_for_those_it_knows(
    world: World,
) -> None:
    world.beat(settle_after_seconds="2", settle_every_seconds="2", settle_seconds="0.3")
    old = world.worker(release="1")
    unknown = world.submit("fresh", count=300)
    world.until(lambda: old.says("fresh"))
    world.wait_state(world.submit("nap", 0.02, count=50), "succeeded")
    assert world.states(unknown) == {"queued": 300}


def test_a_retired_task_is_refused_with_that_reason_and_an_unknown_one_with_near_names(world: World) -> None:
    worker = world.worker(release="2")
    world.api()
    with world.client() as client:
        world.until_known("echo")
        kept = client.post("/v1/jobs", json={"task": "echo", "input": [1]})
        assert kept.status_code == 202
        near = client.post("/v1/jobs", json={"task": "ecko", "input": [1]})
        assert near.status_code == 404
        assert "'echo'" in near.text
        # What `windrow catalog sync` says of a release without it.
        world.ledger.run(declare, [Task("nap", "default")], "default", "3", True)

        def refused() -> bool:
            answer = client.post("/v1/jobs", json={"task": "echo", "input": [1]})
            return answer.status_code == 422 and answer.json()["type"].endswith("retired-task")

        world.until(refused)
    # Who was accepted before is run by a worker that still knows it.
    world.wait_state([kept.json()["id"]], "succeeded")
    assert worker.returncode is None
