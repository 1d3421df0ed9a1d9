"""What a pod says about the jobs of its worker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windrow.scaler.marks import COST, DISRUPT, EVICT, OURS, cost, is_protected, marks, missing

MAX_INT32 = 2**31 - 1


def test_an_idle_pod_carries_none_of_our_annotations() -> None:
    assert marks(0) == {COST: None, EVICT: None, DISRUPT: None}
    assert marks(-1) == marks(0)


def test_a_busy_pod_is_kept_by_replica_sets_cluster_autoscaler_and_karpenter() -> None:
    assert marks(3) == {
        "controller.kubernetes.io/pod-deletion-cost": "300",
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
    }


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_more_jobs_never_cost_less_and_every_cost_is_an_int32(one: int, other: int) -> None:
    for long in (False, True):
        costs = [int(marks(jobs, long=long)[COST] or 0) for jobs in sorted((one, other))]
        assert 0 <= costs[0] <= costs[1] <= MAX_INT32


@given(st.dictionaries(st.sampled_from([*OURS, "other"]), st.text(max_size=5)), st.integers(0, 5))
def test_a_patch_names_only_ours_and_only_what_differs(carried: dict[str, str], jobs: int) -> None:
    wanted = marks(jobs)
    patch = missing(carried, wanted)
    assert set(patch) <= set(OURS)
    assert all(carried.get(name) != value for name, value in patch.items())
    assert all(carried.get(name) == wanted[name] for name in OURS if name not in patch)


@pytest.mark.parametrize(
    ("carried", "protected"),
    [
        ({COST: "100", EVICT: "false", DISRUPT: "true"}, True),
        ({COST: "1", EVICT: "false", DISRUPT: "true"}, True),
        ({COST: "0", EVICT: "false", DISRUPT: "true"}, False),
        ({COST: "100", EVICT: "true", DISRUPT: "true"}, False),
        ({COST: "100", EVICT: "false"}, False),
        ({}, False),
    ],
)
def test_a_pod_is_protected_by_all_three_annotations(carried: dict[str, str], protected: bool) -> None:
    assert is_protected(carried) is protected


def test_a_cost_that_is_no_number_counts_as_none_as_it_does_for_kubernetes() -> None:
    assert cost({COST: "much"}) == 0
