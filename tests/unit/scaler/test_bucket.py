"""How many patches the API server is asked to bear."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windrow.scaler.bucket import Bucket


def test_a_full_bucket_gives_its_size_at_once_and_then_one_for_each_part_of_a_second() -> None:
    bucket = Bucket(per_second=4, at_once=3)
    assert [bucket.take(10) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(10.25), bucket.take(10.25)] == [True, False]


def test_a_long_rest_fills_it_to_its_size_and_no_further() -> None:
    bucket = Bucket(per_second=100, at_once=2)
    assert bucket.take(0)
    assert [bucket.take(1000) for _ in range(3)] == [True, True, False]


@given(st.floats(0.5, 50), st.integers(1, 20), st.lists(st.floats(0, 1), min_size=1, max_size=200), st.data())
def test_no_span_of_time_sees_more_than_the_burst_and_the_rate(
    per_second: float, at_once: int, pauses: list[float], data: st.DataObject
) -> None:
    bucket, now, taken = Bucket(per_second, at_once), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if bucket.take(now):
            taken.append(now)
    if taken:
        first = data.draw(st.integers(0, len(taken) - 1))
        span = taken[-1] - taken[first]
        assert len(taken) - first <= at_once + span * per_second + 1e-6
