"""One replica acts: a Lease on an API server that knows versions."""

from __future__ import annotations

import pytest

from tests.integration.scaler.conftest import Clock, World
from windrow.scaler.errors import ClusterUnavailable
from windrow.scaler.lease import Lease


def replica(world: World, name: str, clock: Clock) -> Lease:
    return Lease(world.api(), "scaler", name, 15, clock)


def test_the_first_makes_the_lease_and_the_second_waits(world: World) -> None:
    one, other = replica(world, "one", world.clock), replica(world, "other", world.clock)
    one.step()
    other.step()
    assert (one.leads(), other.leads()) == (True, False)
    spec = world.cluster.leases["scaler"]["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("one", 15, 0)


def test_a_lease_that_a_chart_made_without_a_holder_is_taken(world: World) -> None:
    world.cluster.answer(
        "POST", "/apis/coordination.k8s.io/v1/namespaces/here/leases", {"metadata": {"name": "scaler"}}
    )
    one = replica(world, "one", world.clock)
    one.step()
    assert one.leads()


def test_a_clean_end_lets_the_other_in_at_once(world: World) -> None:
    one, other = replica(world, "one", world.clock), replica(world, "other", world.clock)
    one.step()
    other.step()
    one.release()
    other.step()
    assert (one.leads(), other.leads()) == (False, True)
    assert world.cluster.leases["scaler"]["spec"]["leaseTransitions"] == 1


def test_who_does_not_hold_it_gives_nothing_back(world: World) -> None:
    one, other = replica(world, "one", world.clock), replica(world, "other", world.clock)
    one.step()
    other.step()
    other.release()
    assert world.cluster.leases["scaler"]["spec"]["holderIdentity"] == "one"


def test_a_holder_that_falls_silent_acts_no_more_before_another_does(world: World) -> None:
    ours, theirs = Clock(), Clock()
    theirs.now = -5_000.0
    one, other = replica(world, "one", ours), replica(world, "other", theirs)
    one.step()
    other.step()
    for seconds in range(1, 16):
        ours.now += 1
        theirs.now += 1
        other.step()
        assert one.leads() is (seconds < 10)
        assert other.leads() is (seconds >= 15)
    one.step()
    assert not one.leads()


@pytest.mark.parametrize("verb", ["POST", "PUT"], ids=["make it", "take it over"])
def test_of_two_that_do_it_at_once_one_wins(world: World, verb: str) -> None:
    one, other = replica(world, "one", world.clock), replica(world, "other", world.clock)
    if verb == "PUT":
        one.step()
        one.release()
    met: list[str] = []

    def meddle(call: str) -> None:
        if call.startswith(verb) and not met:
            met.append(call)
            other.step()

    world.cluster.trouble = meddle
    one.step()
    assert (one.leads(), other.leads()) == (False, True)


def test_a_renewal_that_fails_costs_nothing_until_the_lease_runs_out(world: World) -> None:
    one = replica(world, "one", world.clock)
    one.step()
    world.cluster.trouble = lambda call: (503, {"message": "away"})
    for _ in range(3):
        world.clock.now += 3
        with pytest.raises(ClusterUnavailable):
            one.step()
    assert one.leads()
    world.clock.now += 1
    assert not one.leads()
    world.cluster.trouble = lambda call: None
    one.step()
    assert one.leads()
