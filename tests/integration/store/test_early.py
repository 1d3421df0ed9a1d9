"""A job that was committed without the disk, and the record of one that somebody waits for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.store.conftest import Book
from windrow.core.answer import answers, opened
from windrow.core.job import Failure
from windrow.core.states import State
from windrow.store import jobs
from windrow.store.accept import accept, on_disk
from windrow.store.finish import finish, finish_plain

KEY = "0123456789abcdef"


def test_a_lazily_accepted_job_is_there_and_on_disk_once_asked(book: Book) -> None:
    job = book.job()
    [done] = book.ledger.run(accept, [job], True, True)
    assert (done.state, done.inserted) == (State.QUEUED, True)
    assert book.row(job.id, "state", "published_at IS NOT NULL") == ("queued", True)
    before = _flushed(book)
    assert book.ledger.run(on_disk, [job.id, "unknown"]) == {job.id}
    assert _flushed(book) > before


def test_a_job_that_the_ledger_has_forgotten_is_not_on_disk(book: Book) -> None:
    assert book.ledger.run(on_disk, ["unknown"]) == set()


def test_a_commit_without_the_disk_binds_no_later_one(book: Book) -> None:
    book.ledger.run(accept, [book.job()], True, True)
    shown: list[Any] = book.ledger._connection().execute("SHOW synchronous_commit").fetchall()
    assert shown == [("on",)]


@pytest.mark.parametrize(
    "changes", [{}, {"tags": ("a", "b")}, {"priority": 9, "hard_limit": 2.5}, {"delay": -1.0}]
)
def test_one_job_is_kept_like_many(book: Book, changes: dict[str, Any]) -> None:
    one, *others = (book.job(options='{"x": 1}', **changes) for _ in range(3))
    book.ledger.run(accept, [one])
    book.ledger.run(accept, others)
    columns = (
        "task, queue, priority, state, max_attempts, retry_errors, retries, has_tags, hard_limit, parent_id"
    )
    rows = {book.row(job.id, *columns.split(", ")) for job in (one, *others)}
    assert len(rows) == 1
    counted = book.sql.execute("SELECT sum(n) FROM windrow.stats_deltas WHERE name = 'submitted'").fetchone()
    assert counted == (3,)


@pytest.mark.parametrize("op", [finish, finish_plain])
@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED])
def test_an_answer_says_what_a_reader_reads(book: Book, op: Any, state: State) -> None:
    [told, untold] = book.claimed(book.kept(2, tags=("a", "b"), hard_limit=2.5, expires_in=60))
    ending: dict[str, Any] = {"result": '{"ä": [1.5, null, "\\u0000"]}'}
    if state is State.FAILED:
        ending = {"failure": Failure("ValueError", "no", traceback="…"), "counts": True}
    outcomes = [book.outcome(told, state, answer_key=KEY, **ending), book.outcome(untold, state, **ending)]
    finished = book.ledger.run(op, outcomes, "w1")
    assert set(finished.records) == {told.id}
    [answer] = answers(outcomes, finished.records)
    assert opened(KEY, *json.loads(answer)[1:]) == book.ledger.run(jobs.get, told.id)


def test_no_answer_is_made_of_what_is_not_the_end(book: Book) -> None:
    [held] = book.claimed(book.kept())
    outcome = book.outcome(held, State.RETRYING, outcome="retried", answer_key=KEY, delay=1.0)
    assert book.ledger.run(finish, [outcome], "w1").records == {}


def _flushed(book: Book) -> int:
    row = book.sql.execute("SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])
