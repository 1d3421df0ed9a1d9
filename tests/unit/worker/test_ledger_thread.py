"""The worker's one writer: what waits, what is saved together, and what an outage does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from windrow.core.errors import LedgerUnavailable
from windrow.core.job import Outcome
from windrow.core.states import State
from windrow.store.claim import claim, start
from windrow.store.finish import Finished, finish_plain
from windrow.worker import pending
from windrow.worker.ledger_thread import LedgerThread


class FakeLedger:
    """Remembers the operations; refuses while `away`."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any]] = []
        self.away = False
        #: The threads that wrote by themselves.
        self.ran_on: list[threading.Thread] = []

    def run(self, op: Callable[..., Any], items: Any, *args: Any) -> Any:
        if self.away:
            raise LedgerUnavailable("gone")
        if op is start and any(s.job_id == "refused" for s in items):
            raise psycopg.DataError("out of range")
        self.calls.append((op, list(items)))
        if op is finish_plain:
            return Finished({o.job_id for o in items}, [], False, [], {})
        return [s.job_id for s in items] if op is start else []

    def run_within(self, seconds: float, op: Callable[..., Any], items: Any, *args: Any) -> Any:
        self.ran_on.append(threading.current_thread())
        return self.run(op, items, *args)

    def close(self) -> None:
        """Nothing to close."""

    def saved(self, op: Any) -> list[Any]:
        return [item for called, items in self.calls if called is op for item in items]


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


@pytest.fixture
def thread(ledger: FakeLedger) -> Iterator[LedgerThread]:
    made = LedgerThread(ledger, "w", *([lambda *_: None] * 4))  # type: ignore[arg-type]
    made.start()
    yield made
    ledger.away = False
    assert made.stop(10)


def _end(job_id: str, token: int) -> Outcome:
    return Outcome(job_id, token, State.SUCCEEDED, "succeeded", started_at=1.0, finished_at=2.0)


def _until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline, "nothing happened in 10 s"
        time.sleep(0.005)


def test_a_finish_takes_its_start_along(ledger: FakeLedger, thread: LedgerThread) -> None:
    thread.started("a", 1, time.monotonic())
    thread.finished(_end("a", 1))
    thread.started("b", 2, time.monotonic())
    _until(lambda: ledger.saved(start))
    assert [s.job_id for s in ledger.saved(start)] == ["b"]


def test_a_start_that_is_refused_keeps_no_other_from_being_saved(
    ledger: FakeLedger, thread: LedgerThread
) -> None:
    for token, job_id in enumerate(("a", "refused", "b", "c")):
        thread.started(job_id, token, time.monotonic())
    _until(lambda: len(ledger.saved(start)) == 3)
    assert {s.job_id for s in ledger.saved(start)} == {"a", "b", "c"}


def test_a_jobs_second_run_here_has_a_start_of_its_own(ledger: FakeLedger, thread: LedgerThread) -> None:
    thread.started("a", 1, time.monotonic())
    thread.finished(_end("a", 1))
    thread.started("a", 2, time.monotonic())
    _until(lambda: ledger.saved(start))
    assert [(s.job_id, s.token) for s in ledger.saved(start)] == [("a", 2)]


def test_an_outage_loses_nothing(ledger: FakeLedger, thread: LedgerThread) -> None:
    ledger.away = True
    thread.claim("c")
    thread.finished(_end("a", 1))
    time.sleep(0.3)
    assert not ledger.calls
    ledger.away = False
    _until(lambda: ledger.saved(claim) and ledger.saved(finish_plain))
    assert ledger.saved(claim) == ["c"]
    assert [o.job_id for o in ledger.saved(finish_plain)] == ["a"]


def test_stopping_saves_what_waits(ledger: FakeLedger, thread: LedgerThread) -> None:
    thread.started("a", 1, time.monotonic())
    for n in range(1200):
        thread.finished(_end(f"j{n}", n))
    assert thread.stop(10)
    assert len(ledger.saved(finish_plain)) == 1200
    assert [s.job_id for s in ledger.saved(start)] == ["a"]


def test_outcomes_that_need_not_go_soon_share_a_commit(
    ledger: FakeLedger, thread: LedgerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "GATHER_SECONDS", 1.0)
    for n in range(5):
        thread.finished(_end(f"j{n}", n), soon=False)
    _until(lambda: ledger.saved(finish_plain))
    assert [len(items) for op, items in ledger.calls] == [5]


def test_an_outcome_that_should_go_soon_takes_the_others_along(
    ledger: FakeLedger, thread: LedgerThread
) -> None:
    thread.finished(_end("a", 1), soon=False)
    thread.finished(_end("b", 2))
    _until(lambda: len(ledger.saved(finish_plain)) == 2)


def test_a_caller_with_nothing_else_to_do_writes_by_itself(ledger: FakeLedger, thread: LedgerThread) -> None:
    with thread.promptly(lambda: True):
        thread.claim("c")
        thread.finished(_end("a", 1))
    assert ledger.saved(claim) == ["c"]
    assert [o.job_id for o in ledger.saved(finish_plain)] == ["a"]
    assert set(ledger.ran_on) == {threading.current_thread()}


def test_a_busy_caller_leaves_the_writing_to_the_thread(ledger: FakeLedger, thread: LedgerThread) -> None:
    with thread.promptly(lambda: False):
        thread.claim("c")
    _until(lambda: ledger.saved(claim))
    assert not ledger.ran_on


def test_what_a_caller_could_not_write_the_thread_repeats(ledger: FakeLedger, thread: LedgerThread) -> None:
    ledger.away = True
    with thread.promptly(lambda: True):
        thread.claim("c")
        thread.finished(_end("a", 1))
    assert not ledger.calls
    ledger.away = False
    _until(lambda: ledger.saved(claim) and ledger.saved(finish_plain))
    with thread.promptly(lambda: True):
        thread.claim("d")
    _until(lambda: ledger.saved(claim) == ["c", "d"])
    # One failure is enough: for a while nobody but the thread waits for the ledger.
    assert len(ledger.ran_on) == 1
