"""Pods say what their workers do, and the busy ones stay."""

from __future__ import annotations

import pytest

from tests.integration.scaler.conftest import World
from windrow.core.errors import LedgerUnavailable
from windrow.scaler.errors import ClusterUnavailable
from windrow.scaler.marks import COST, DISRUPT, EVICT
from windrow.store.workers import end

BUSY = {COST: "100", EVICT: "false", DISRUPT: "true"}


def test_a_pod_whose_worker_starts_a_job_is_protected_at_the_next_look(world: World) -> None:
    world.cluster.add_pods("p1", "p2")
    look = world.protect()
    look()
    assert world.cluster.annotations("p1") == {}
    world.begin(world.worker("p1"))
    look()
    assert world.cluster.annotations("p1") == BUSY
    assert world.cluster.annotations("p2") == {}


def test_a_claimed_job_counts_before_it_has_started(world: World) -> None:
    world.cluster.add_pods("p1")
    world.begin(world.worker("p1"), started=False)
    world.protect()()
    assert world.cluster.annotations("p1") == BUSY


def test_after_a_short_job_a_pod_is_released_when_it_has_been_idle_for_a_while(world: World) -> None:
    world.cluster.add_pods("p1", **BUSY, other="kept")
    worker = world.worker("p1")
    jobs = world.begin(worker)
    look = world.protect()
    look()
    world.end(worker, jobs)
    look()
    assert COST in world.cluster.annotations("p1")
    world.clock.now += 2
    look()
    assert world.cluster.annotations("p1") == {"other": "kept"}


def test_an_unchanged_world_costs_a_second_patch_and_one_list_in_ten_seconds(world: World) -> None:
    world.cluster.add_pods("p1", "p2")
    world.begin(world.worker("p1"))
    world.begin(world.worker("gone"))
    look = world.protect()
    look()
    for _ in range(19):
        world.clock.now += 0.5
        look()
    # Protected, and ranked higher after five seconds of work.
    assert world.cluster.count("PATCH") == 2
    assert world.cluster.count("GET /api/v1/namespaces/here/pods$") == 2
    world.clock.now += 0.5
    look()
    assert world.cluster.count("GET /api/v1/namespaces/here/pods$") == 4


def test_a_worker_in_a_pod_that_the_last_list_lacked_is_protected_at_once(world: World) -> None:
    world.cluster.add_pods("p1")
    look = world.protect()
    look()
    world.cluster.add_pods("p2")
    world.begin(world.worker("p2"))
    look()
    assert world.cluster.annotations("p2") == BUSY


def test_the_pod_with_more_jobs_costs_more(world: World) -> None:
    world.cluster.add_pods("p1", "p2")
    world.begin(world.worker("p1"), 2)
    world.begin(world.worker("p2"), 1)
    world.protect()()
    assert int(world.cluster.annotations("p1")[COST]) > int(world.cluster.annotations("p2")[COST])


def test_twenty_times_the_busy_one_of_four_pods_is_never_the_one_that_goes(world: World) -> None:
    look = world.protect()
    before: str | None = None
    for number in range(20):
        # The ReplicaSet of this test takes the first name where costs are equal: the busy one's.
        busy, *idle = [f"{letter}{number}" for letter in "abcd"]
        world.cluster.add_pods(busy, *idle)
        worker = world.worker(busy)
        jobs = world.begin(worker)
        look()
        if before is not None:
            # It had worked for long, until a moment ago.
            idle.append(before)
        assert {world.cluster.remove_one() for _ in idle} == set(idle)
        world.clock.now += 6
        look()
        world.end(worker, jobs)
        before = busy


def test_only_workers_of_our_pools_that_still_live_count(world: World) -> None:
    world.cluster.add_pods("p1", "p2")
    world.begin(world.worker("p1", pool="somebody-elses"))
    lost = world.worker("p2")
    world.begin(lost)
    world.ledger.run(end, lost)
    world.protect()()
    assert world.cluster.count("PATCH") == 0


def test_patches_are_limited_and_what_is_left_follows_at_the_next_looks(world: World) -> None:
    names = [f"p{n}" for n in range(6)]
    world.cluster.add_pods(*names)
    for name in names:
        world.begin(world.worker(name))
    look = world.protect(scaler_patches_at_once=2, scaler_patches_per_second=4)
    look()
    assert world.cluster.count("PATCH") == 2
    assert world.value("waiting_patches") == 4
    world.clock.now += 0.5
    look()
    assert world.cluster.count("PATCH") == 4
    world.clock.now += 0.5
    look()
    assert world.cluster.count("PATCH") == 6
    assert world.value("pod_patches_total", kind="protect") == 6


def test_a_replica_without_the_lease_touches_nothing(world: World) -> None:
    world.cluster.add_pods("p1")
    world.begin(world.worker("p1"))
    world.leads = False
    look = world.protect()
    look()
    assert world.cluster.calls == []
    world.leads = True
    look()
    assert world.cluster.annotations("p1") == BUSY


def test_a_pod_that_may_not_be_touched_takes_no_others_turn(world: World) -> None:
    world.cluster.add_pods("p1", "p2")
    world.begin(world.worker("p1"), 2)
    world.begin(world.worker("p2"))
    world.cluster.trouble = lambda call: (422, {"message": "denied"}) if call.endswith("pods/p1") else None
    look = world.protect()
    look()
    assert world.cluster.annotations("p2") == BUSY
    assert world.value("errors_total", source="refused") == 1
    look()
    assert world.value("errors_total", source="refused") == 1
    world.cluster.trouble = lambda call: None
    world.clock.now += 10
    look()
    assert COST in world.cluster.annotations("p1")


def test_a_pod_that_went_meanwhile_is_no_failure(world: World) -> None:
    world.cluster.add_pods("p1", "p2")
    look = world.protect()
    look()
    del world.cluster.pods["p1"]
    world.begin(world.worker("p1"))
    world.begin(world.worker("p2"))
    look()
    look()
    assert world.cluster.annotations("p2") == BUSY


def test_a_pod_on_its_way_out_is_left_alone(world: World) -> None:
    world.cluster.add_pods("p1")
    world.cluster.pods["p1"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.begin(world.worker("p1"))
    world.protect()()
    assert world.cluster.count("PATCH") == 0
    assert world.value("unknown_workers") == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_api_server_in_trouble_is_told_apart_and_asked_again_later(world: World, status: int) -> None:
    world.cluster.add_pods("p1")
    world.begin(world.worker("p1"))
    world.cluster.trouble = lambda call: (status, {"message": "trouble"})
    look = world.protect()
    with pytest.raises(ClusterUnavailable):
        look()
    world.cluster.trouble = lambda call: None
    look()
    assert world.cluster.annotations("p1") == BUSY


def test_without_a_ledger_the_pods_keep_what_they_carry(world: World) -> None:
    world.cluster.add_pods("p1", **BUSY)
    world.database_url = "postgresql://127.0.0.1:1/none"
    with pytest.raises(LedgerUnavailable):
        world.protect(scaler_linger_seconds=0)()
    assert world.cluster.annotations("p1") == BUSY
