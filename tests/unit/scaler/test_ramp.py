"""How far and when a pool is raised."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windrow.scaler.ramp import Ramp, wanted

counts = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("waiting", "in_flight", "concurrency", "most", "pods"),
    [
        (0, 0, 4, 10, 0),
        (1, 0, 4, 10, 1),
        (0, 1, 4, 10, 1),
        (4, 0, 4, 10, 1),
        (4, 1, 4, 10, 2),
        (200, 0, 1, 10, 10),
    ],
)
def test_pods_for_a_backlog(waiting: int, in_flight: int, concurrency: int, most: int, pods: int) -> None:
    assert wanted(waiting, in_flight, concurrency, most) == pods


@given(counts, counts, st.integers(1, 64), st.integers(1, 500))
def test_the_formula_is_kedas(waiting: int, in_flight: int, concurrency: int, most: int) -> None:
    assert wanted(waiting, in_flight, concurrency, most) == min(
        math.ceil((waiting + in_flight) / concurrency), most
    )


def test_a_pool_is_raised_from_nothing_in_one_jump() -> None:
    assert Ramp(15).target(10, 0, now=1) == 10


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(0, 40)), max_size=50))
def test_whatever_happens_a_pool_is_never_lowered(steps: list[tuple[int, int, float]]) -> None:
    ramp, now = Ramp(15), 0.0
    for want, replicas, pause in steps:
        now += pause
        ramp.saw(want)
        target = ramp.target(want, replicas, now)
        assert target is None or replicas < target == want
        if target is not None:
            ramp.raised(target)


def test_who_lowers_against_the_backlog_is_given_in_to_for_longer_each_time() -> None:
    ramp, now = Ramp(15), 100.0
    for pause in (15, 30, 60, 120, 240, 300, 300):
        ramp.saw(10)
        assert ramp.target(10, 1, now) == 10
        ramp.raised(10)
        ramp.saw(10)
        assert ramp.target(10, 1, now) is None
        assert ramp.yields(now + pause - 0.001)
        now += pause
        assert not ramp.yields(now)


def test_who_lowers_because_the_backlog_fell_is_no_adversary() -> None:
    ramp = Ramp(15)
    ramp.raised(10)
    ramp.saw(0)
    ramp.saw(10)
    assert ramp.target(10, 0, now=1) == 10


def test_a_jump_that_was_left_standing_makes_the_next_pause_short_again() -> None:
    ramp = Ramp(15)
    for now in (100, 200):
        ramp.raised(10)
        ramp.saw(10)
        assert ramp.target(10, 1, now) is None
    ramp.raised(10)
    ramp.saw(3)
    ramp.raised(10)
    ramp.saw(10)
    assert ramp.target(10, 1, now=1000) is None
    assert ramp.yields(1014)
    assert not ramp.yields(1015)


def test_a_growing_backlog_is_followed_while_the_pool_stands() -> None:
    ramp = Ramp(15)
    ramp.raised(4)
    ramp.saw(9)
    assert ramp.target(9, 4, now=1) == 9
