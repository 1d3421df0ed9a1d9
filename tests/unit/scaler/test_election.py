"""Who may act: candidates whose clocks agree in nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windrow.scaler.election import Candidate, Record

HELD = Record("other", 15, "1970", "1970", 3)


def test_a_holder_is_believed_for_its_duration_from_when_it_was_seen_whatever_its_clock_says() -> None:
    candidate = Candidate("me", 15)
    assert not candidate.may_take(HELD, now=1_000)
    assert not candidate.may_take(HELD, now=1_014.9)
    assert candidate.may_take(HELD, now=1_015)


def test_a_renewal_begins_the_wait_anew() -> None:
    candidate = Candidate("me", 15)
    candidate.may_take(HELD, now=0)
    assert not candidate.may_take(HELD._replace(renewed="a little later"), now=14)
    assert not candidate.may_take(HELD._replace(renewed="a little later"), now=28)
    assert candidate.may_take(HELD._replace(renewed="a little later"), now=29)


def test_the_holders_own_duration_counts() -> None:
    candidate = Candidate("me", 15)
    patient = HELD._replace(duration_seconds=60)
    assert not candidate.may_take(patient, now=0)
    assert not candidate.may_take(patient, now=59)


def test_a_lease_that_was_given_back_or_is_ours_is_taken_at_once() -> None:
    candidate = Candidate("me", 15)
    assert candidate.may_take(HELD._replace(holder=""), now=0)
    assert candidate.may_take(HELD._replace(holder="me"), now=0)


def test_a_takeover_is_counted_and_a_renewal_is_not() -> None:
    candidate = Candidate("me", 15)
    assert candidate.claim(None, "noon") == Record("me", 15, "noon", "noon", 0)
    taken = candidate.claim(HELD, "noon")
    assert taken == Record("me", 15, "noon", "noon", 4)
    assert candidate.claim(taken, "one") == Record("me", 15, "noon", "one", 4)
    assert candidate.release(taken, "two") == Record("", 1, "noon", "two", 4)


#: Which of three candidates steps next, and after what time; a long time is a process that was frozen.
steps = st.lists(st.tuples(st.integers(0, 2), st.floats(0.01, 20)), max_size=60)
skews = st.tuples(*[st.floats(-1e6, 1e6)] * 3)


@given(steps, skews)
def test_two_candidates_never_act_at_the_same_time(
    order: list[tuple[int, float]], skew: tuple[float, ...]
) -> None:
    candidates = [Candidate(name, 15) for name in "abc"]
    lease: Record | None = None
    acts_until = [0.0, 0.0, 0.0]
    now = 0.0
    for step, (who, pause) in enumerate(order):
        now += pause
        candidate, local = candidates[who], now + skew[who]
        if lease is None or candidate.may_take(lease, local):
            lease = candidate.claim(lease, str(step))
            acts_until[who] = now + 10
        else:
            acts_until[who] = 0.0
        assert sum(1 for until in acts_until if until > now) <= 1
