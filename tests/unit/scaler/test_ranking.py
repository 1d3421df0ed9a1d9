"""Which pods are patched, and in what order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windrow.scaler.marks import COST, OURS, marks
from windrow.scaler.ranking import Change, Kind, Ranking, apply

BUSY = apply({}, marks(1))
Pods = dict[str, dict[str, str]]

names = st.sampled_from(["a", "b", "c", "d"])
carried = st.dictionaries(st.sampled_from(OURS), st.sampled_from(["100", "300", "true", "false", "?"]))


def kinds(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.kind.value, change.pod) for change in changes]


def test_a_pod_that_begins_to_work_is_protected_at_once() -> None:
    assert kinds(Ranking(2, 5).changes({"a": {}, "b": {}}, {"b": 1}, now=0)) == [("protect", "b")]


def test_a_pod_that_carries_what_it_should_is_left_alone() -> None:
    assert Ranking(2, 5).changes({"a": {}, "b": BUSY}, {"b": 1}, now=0) == []


def test_after_a_short_job_a_pod_is_released_only_when_it_was_idle_for_a_while() -> None:
    ranking = Ranking(2, 5)
    pods = {"a": BUSY}
    assert ranking.changes(pods, {}, now=10) == []
    assert ranking.changes(pods, {}, now=11.9) == []
    assert kinds(ranking.changes(pods, {}, now=12)) == [("release", "a")]


def test_after_a_long_job_a_pod_is_released_at_once() -> None:
    ranking = Ranking(2, 5)
    pods = {"a": dict(BUSY)}
    ranking.changes(pods, {"a": 1}, now=10)
    (change,) = ranking.changes(pods, {"a": 1}, now=15)
    assert (change.kind, change.marks) == (Kind.RANK, {COST: "150"})
    pods["a"] = apply(pods["a"], change.marks)
    assert ranking.changes(pods, {"a": 1}, now=16) == []
    assert kinds(ranking.changes(pods, {}, now=16.5)) == [("release", "a")]


def test_a_new_scaler_believes_the_mark_of_a_long_job() -> None:
    pods = {"a": apply({}, marks(1, long=True))}
    assert Ranking(2, 5).changes(pods, {"a": 1}, now=0) == []
    assert kinds(Ranking(2, 5).changes(pods, {}, now=0)) == [("release", "a")]


def test_what_lingers_goes_before_whoever_is_busy_for_long() -> None:
    assert int(marks(1)[COST] or 0) < int(marks(1, long=True)[COST] or 0) < int(marks(2)[COST] or 0)


def test_a_short_job_starts_the_wait_for_the_release_anew() -> None:
    ranking = Ranking(2, 5)
    pods = {"a": BUSY}
    ranking.changes(pods, {}, now=10)
    ranking.changes(pods, {"a": 1}, now=11)
    assert ranking.changes(pods, {}, now=12) == []
    assert kinds(ranking.changes(pods, {}, now=14)) == [("release", "a")]


def test_a_release_takes_away_only_what_is_there() -> None:
    (change,) = Ranking(0, 5).changes({"a": {COST: "100"}}, {}, now=0)
    assert change.marks == {COST: None}


def test_a_busy_pod_is_ranked_again_but_not_at_every_look() -> None:
    ranking = Ranking(2, 5)
    pods = {"a": dict(BUSY)}
    (change,) = ranking.changes(pods, {"a": 2}, now=0)
    assert (change.kind, change.marks) == (Kind.RANK, {COST: "200"})
    ranking.patched(change, now=0)
    pods["a"] = apply(pods["a"], change.marks)
    assert ranking.changes(pods, {"a": 3}, now=4.9) == []
    (change,) = ranking.changes(pods, {"a": 3}, now=5)
    assert (change.kind, change.marks) == (Kind.RANK, {COST: "350"})


def test_protection_comes_first_then_release_then_rank_and_more_jobs_before_fewer() -> None:
    pods: Pods = {"ranked": BUSY, "idle": BUSY, "few": {}, "many": {}}
    jobs = {"ranked": 4, "few": 1, "many": 8}
    assert kinds(Ranking(0, 5).changes(pods, jobs, now=0)) == [
        ("protect", "many"),
        ("protect", "few"),
        ("release", "idle"),
        ("rank", "ranked"),
    ]


def test_a_worker_that_is_no_pod_of_ours_is_nobody_to_patch() -> None:
    assert Ranking(2, 5).changes({}, {"elsewhere": 1}, now=0) == []


def test_what_a_person_took_away_is_put_back() -> None:
    half = {name: value for name, value in BUSY.items() if name != COST}
    assert kinds(Ranking(2, 5).changes({"a": half}, {"a": 1}, now=0)) == [("protect", "a")]


@given(st.dictionaries(names, carried), st.dictionaries(names, st.integers(0, 9)))
def test_after_all_patches_every_pod_says_what_its_worker_does(pods: Pods, jobs: dict[str, int]) -> None:
    ranking = Ranking(0, 1)
    for change in ranking.changes(pods, jobs, now=1):
        pods[change.pod] = apply(pods[change.pod], change.marks)
        ranking.patched(change, now=1)
    for pod, after in pods.items():
        assert after in [apply({}, marks(jobs.get(pod, 0), long=long)) for long in (False, True)]
    assert ranking.changes(pods, jobs, now=1) == []


looks = st.lists(st.tuples(st.dictionaries(names, st.integers(0, 3)), st.floats(0.1, 3)), max_size=20)


@given(looks)
def test_no_pod_with_jobs_ever_costs_less_than_an_idle_one_that_lingers_not(
    seen: list[tuple[dict[str, int], float]],
) -> None:
    ranking, now = Ranking(2, 5), 0.0
    pods: Pods = {name: {} for name in "abcd"}
    idle_since: dict[str, float] = {}
    for jobs, pause in seen:
        now += pause
        for change in ranking.changes(pods, jobs, now):
            pods[change.pod] = apply(pods[change.pod], change.marks)
            ranking.patched(change, now)
        for pod in pods:
            if jobs.get(pod, 0):
                idle_since.pop(pod, None)
            else:
                idle_since.setdefault(pod, now)
        busy = [int(pods[pod].get(COST, "0")) for pod in pods if jobs.get(pod, 0)]
        idle = [int(pods[pod].get(COST, "0")) for pod, since in idle_since.items() if now - since >= 2]
        assert not busy or not idle or min(busy) > max(idle)
