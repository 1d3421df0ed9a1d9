"""The buckets of the histograms."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windrow.core.buckets import BOUNDS, INF, LABELS, cumulative


def test_bounds_rise_from_milliseconds_to_hours() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))
    assert BOUNDS[0] <= 0.01
    assert BOUNDS[-1] >= 3600
    assert [float(label) for label in LABELS] == [*BOUNDS, float("inf")]


def test_nothing_is_zero_in_every_bucket() -> None:
    assert cumulative({}) == [(label, 0.0) for label in LABELS]


def test_each_bucket_holds_those_below_it_too() -> None:
    found = dict(cumulative({"0.5": 2, "60.0": 1, INF: 4}))
    assert (found["0.25"], found["0.5"], found["30.0"], found["60.0"]) == (0, 2, 2, 3)
    assert (found["86400.0"], found[INF]) == (3, 7)


def test_a_bound_of_another_release_counts_into_the_next_one_of_ours() -> None:
    found = dict(cumulative({"0.3": 5}))
    assert (found["0.25"], found["0.5"]) == (0, 5)


@given(st.dictionaries(st.sampled_from(LABELS), st.integers(0, 10**9)))
def test_what_is_under_infinity_is_everything(counts: dict[str, int]) -> None:
    found = [value for _, value in cumulative(counts)]
    assert found == sorted(found)
    assert found[-1] == sum(counts.values())
