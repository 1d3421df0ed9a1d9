"""What a stream's reader is told: each thing once, also after it came back."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from windrow.api.telling import Teller, has_seen_all
from windrow.core.record import JobRecord
from windrow.core.states import State

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = JobRecord(
    id="j", task="t", queue="q", state=State.RUNNING, priority=0, attempt=1, failures=0, max_attempts=3,
    cancel_requested=False, created_at=NOW, run_at=None, expires_at=None, started_at=NOW, finished_at=None,
    hard_limit=None, worker="w", parent_id=None, root_id=None, replay_of=None, tags=(), progress_state="PROGRESS",
    progress_text='{"n": 1}', progress_at=NOW, result_text=None, error_text=None,
)  # fmt: skip


def kinds(told: list[str]) -> list[str]:
    return [text.split("\n")[0].removeprefix("event: ") for text in told]


def last_id(told: list[str]) -> str:
    return told[-1].split("\n")[1].removeprefix("id: ")


def test_nothing_is_told_twice() -> None:
    teller = Teller(None)
    assert kinds(teller.look(JOB, with_progress=True)) == ["state", "progress"]
    assert teller.look(JOB, with_progress=True) == []
    assert teller.progress({"state": "PROGRESS", "progress": {"n": 1}}) == []
    assert kinds(teller.progress({"state": "PROGRESS", "progress": {"n": 2}})) == ["progress"]


def test_a_reader_goes_on_where_it_stopped() -> None:
    told = Teller(None).look(JOB, with_progress=True)
    assert Teller(last_id(told)).look(JOB, with_progress=True) == []
    assert kinds(Teller(last_id(told[:1])).look(JOB, with_progress=True)) == ["progress"]
    second = dataclasses.replace(JOB, attempt=2)
    assert kinds(Teller(last_id(told)).look(second, with_progress=True)) == ["state", "progress"]


def test_a_claim_is_told_as_queued() -> None:
    teller = Teller(None)
    queued = dataclasses.replace(JOB, state=State.QUEUED, attempt=0, progress_state=None)
    assert kinds(teller.look(queued, with_progress=True)) == ["state"]
    assert teller.look(dataclasses.replace(queued, state=State.CLAIMED), with_progress=True) == []


def test_only_a_final_state_that_was_seen_is_the_end() -> None:
    done = dataclasses.replace(JOB, state=State.SUCCEEDED)
    seen = last_id(Teller(None).look(done, with_progress=False))
    assert has_seen_all(done, seen)
    assert not has_seen_all(done, None)
    assert not has_seen_all(done, "rubbish")
    assert not has_seen_all(JOB, last_id(Teller(None).look(JOB, with_progress=True)))
