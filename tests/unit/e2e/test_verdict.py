"""The judge of the cluster's tests: what it must not let pass."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.e2e.platform import Job, Platform
from tests.e2e.verdict import flaws, losses


class _Ledger:
    """Answers with the outcomes of attempts that a test states."""

    def __init__(self, outcomes: dict[str, list[str]]) -> None:
        self._outcomes = outcomes

    def attempts(self, job_id: str) -> list[Job]:
        return [{"outcome": outcome} for outcome in self._outcomes[job_id]]


def judged(judge: Any, outcomes: list[str], state: str = "succeeded") -> bool:
    """Whether the one job passes."""
    job = {"id": "a", "task": "t", "state": state, "attempt": len(outcomes)}
    return not judge(cast(Platform, _Ledger({"a": outcomes})), [job], ["a"])


@pytest.mark.parametrize(
    ("outcomes", "state", "strict", "lenient"),
    [
        (["succeeded"], "succeeded", True, True),
        (["lost", "succeeded"], "succeeded", False, True),
        (["released", "succeeded"], "succeeded", False, True),
        (["succeeded", "succeeded"], "succeeded", False, False),
        (["succeeded", "lost"], "succeeded", False, False),
        (["lost", "lost", "lost"], "failed", False, False),
        ([], "cancelled", False, False),
        ([], "succeeded", False, False),
    ],
)
def test_a_job_passes_that_succeeded_once_and_under_kills_at_last(
    outcomes: list[str], state: str, strict: bool, lenient: bool
) -> None:
    assert judged(flaws, outcomes, state) is strict
    assert judged(losses, outcomes, state) is lenient


def test_a_promise_without_a_job_and_a_job_without_a_promise_are_both_found() -> None:
    job = {"id": "b", "task": "t", "state": "succeeded", "attempt": 1}
    found = flaws(cast(Platform, _Ledger({"b": ["succeeded"]})), [job], ["a"])
    assert [line.split(",")[0] for line in found] == ["a was accepted", "b is there"]
