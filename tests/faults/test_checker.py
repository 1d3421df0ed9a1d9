"""The checker sees what it is there for: each bad history has its finding, and a good one has none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults.checker import (
    DISORDER,
    DOUBLED,
    ENDLESS,
    HELD,
    LOST,
    RESURRECTED,
    STUCK,
    WRONG,
    check,
    ended_by_losses,
)
from tests.faults.history import History, JobRow, Promise

GOOD = JobRow(
    "a",
    "faults.add",
    "succeeded",
    attempt=1,
    tags=["n1"],
    attempts=[(1, "succeeded", "2")],
    moves=["queued", "claimed", "running", "succeeded"],
)
PROMISE = Promise("a", "succeeded", "2", 1, "n1")


def kinds(*rows: JobRow, promise: Promise = PROMISE, **more: list[str]) -> list[str]:
    return [finding.kind for finding in check(History([promise], {row.id: row for row in rows}, **more))]


def test_a_good_history_has_no_finding() -> None:
    assert kinds(GOOD) == []


def test_losses_and_retries_before_the_success_are_no_finding() -> None:
    attempts = [(1, "lost", None), (2, "retried", None), (3, "succeeded", "2")]
    assert kinds(replace(GOOD, attempt=3, attempts=attempts)) == []


def test_an_accepted_job_that_is_not_in_the_ledger_is_lost() -> None:
    assert kinds() == [LOST]


def test_a_tick_without_its_job_is_lost() -> None:
    assert kinds(GOOD, empty_ticks=["tick 12:00"]) == [LOST]


@pytest.mark.parametrize("state", ["scheduled", "blocked", "queued", "claimed", "running", "retrying"])
def test_a_job_that_never_ends_is_stuck(state: str) -> None:
    assert kinds(replace(GOOD, state=state, moves=[state])) == [STUCK]


def test_a_continuation_that_never_ends_is_stuck_though_nobody_was_promised_it() -> None:
    assert kinds(GOOD, JobRow("b", "faults.total", "queued")) == [STUCK]


def test_two_recorded_successes_are_doubled() -> None:
    attempts = [(1, "succeeded", "2"), (2, "succeeded", "2")]
    assert DOUBLED in kinds(replace(GOOD, attempt=2, attempts=attempts))


def test_a_final_state_that_was_left_and_reached_again_is_doubled() -> None:
    moves = ["queued", "claimed", "succeeded", "queued", "claimed", "succeeded"]
    assert kinds(replace(GOOD, moves=moves)) == [RESURRECTED, DOUBLED]


def test_a_job_that_left_its_final_state_is_resurrected_though_it_has_not_ended_again() -> None:
    row = replace(GOOD, state="queued", moves=[*GOOD.moves, "queued"])
    assert kinds(row) == [RESURRECTED, STUCK]


@pytest.mark.parametrize(
    "moves",
    [
        ["queued", "running", "succeeded"],
        ["scheduled", "claimed", "succeeded"],
        ["queued", "claimed", "running", "claimed", "succeeded"],
        ["queued", "succeeded"],
    ],
)
def test_states_out_of_order_are_disorder(moves: list[str]) -> None:
    assert kinds(replace(GOOD, moves=moves)) == [DISORDER]


def test_a_job_that_runs_far_more_often_than_it_may_is_endless() -> None:
    attempts: list[tuple[int, str, str | None]] = [(n, "lost", None) for n in range(1, 14)]
    attempts.append((14, "succeeded", "2"))
    assert kinds(replace(GOOD, attempt=14, attempts=attempts)) == [ENDLESS]
    wished: list[tuple[int, str, str | None]] = [(n, "retried", None) for n in range(1, 14)]
    assert kinds(replace(GOOD, attempt=14, attempts=[*wished, (14, "succeeded", "2")])) == []


def test_a_failure_after_a_success_is_doubled() -> None:
    attempts = [(1, "succeeded", "2"), (2, "failed", None)]
    assert DOUBLED in kinds(replace(GOOD, state="failed", attempt=2, attempts=attempts))


def test_an_attempt_after_the_success_is_doubled() -> None:
    attempts = [(1, "succeeded", "2"), (2, "lost", None)]
    assert DOUBLED in kinds(replace(GOOD, attempt=2, attempts=attempts))


def test_two_jobs_of_one_idempotent_request_are_doubled() -> None:
    assert DOUBLED in kinds(GOOD, replace(GOOD, id="b"))


def test_a_step_that_was_inserted_twice_is_doubled() -> None:
    step = replace(GOOD, id="b", root_id="a", tags=[])
    promise = PROMISE._replace(family=2)
    assert kinds(GOOD, step, promise=promise) == []
    assert kinds(GOOD, step, replace(step, id="c"), promise=promise) == [DOUBLED]


def test_a_wrong_result_or_state_is_wrong() -> None:
    assert kinds(replace(GOOD, attempts=[(1, "succeeded", "3")])) == [WRONG]
    assert kinds(GOOD, promise=PROMISE._replace(state="expired")) == [WRONG]


def test_a_start_without_a_recorded_end_is_wrong() -> None:
    assert kinds(replace(GOOD, attempt=2)) == [WRONG]


def test_a_success_that_no_attempt_explains_is_wrong() -> None:
    assert WRONG in kinds(replace(GOOD, attempt=0, attempts=[]))


def test_a_failure_by_what_ends_nothing_is_wrong() -> None:
    row = replace(GOOD, state="failed", attempts=[(1, "released", None)])
    assert kinds(row, promise=PROMISE._replace(state="failed", result=None)) == [WRONG]


def test_a_failure_by_as_many_losses_as_the_rules_allow_is_no_finding() -> None:
    row = replace(
        GOOD, state="failed", attempt=3, attempts=[(n, "lost", None) for n in (1, 2, 3)], moves=["failed"]
    )
    assert ended_by_losses(row)
    assert kinds(row) == []
    assert kinds(replace(row, max_attempts=4)) == [WRONG]


def test_an_ended_job_that_a_worker_still_holds_is_held() -> None:
    assert kinds(replace(GOOD, worker="w1")) == [HELD]
    assert kinds(replace(GOOD, token=7)) == [HELD]


def test_a_tag_left_in_the_unacked_hash_is_held() -> None:
    assert kinds(GOOD, unacked=["w1:5"]) == [HELD]
