"""The way of a job through the ledger: accept, claim, start, finish."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.store.conftest import Book
from tests.support.databases import Databases
from windrow.core.job import ChordPart, Failure, NewChord
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.claim import Start, claim, give_back, start
from windrow.store.control import cancel
from windrow.store.finish import finish, finish_plain
from windrow.store.ledger import Ledger
from windrow.store.migrate import migrate
from windrow.store.op import Query
from windrow.store.queues import pause, resume
from windrow.store.schema import head
from windrow.store.workers import WorkerRow, end, register, renew
from windrow.worker.batch import run_split

W1 = WorkerRow("w1", "n", "default", "prefork", ["q"], 2, "r1", "h", 1)


def test_an_id_is_kept_once(book: Book) -> None:
    job = book.job()
    first, second = (book.ledger.run(accept, [job])[0] for _ in range(2))
    assert (first.inserted, second.inserted) == (True, False)
    assert second.state is State.QUEUED


def test_a_job_for_later_is_scheduled_and_one_for_the_past_is_queued(book: Book) -> None:
    now = datetime.now(UTC)
    jobs = [
        book.job(run_at=now + timedelta(hours=1)),
        book.job(run_at=now - timedelta(hours=1)),
        book.job(delay=9),
    ]
    states = [done.state for done in book.ledger.run(accept, jobs)]
    assert states == [State.SCHEDULED, State.QUEUED, State.SCHEDULED]


def test_only_one_of_two_workers_gets_a_job(book: Book) -> None:
    ids = book.kept(50)
    got: list[str] = []

    def take(worker: str) -> None:
        ledger = Ledger(book.url)
        got.extend(held.id for held in ledger.run(claim, ids, worker, int(worker[1:])))
        ledger.close()

    threads = [threading.Thread(target=take, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(ids)


def test_a_claim_whose_answer_was_lost_finds_its_jobs_again(book: Book) -> None:
    ids = book.kept(3)
    first, again = (book.ledger.run(claim, ids, "w1", 99) for _ in range(2))
    assert [held.id for held in first] == [held.id for held in again]
    assert book.row(ids[0], "claims") == (1,)
    assert book.ledger.run(claim, ids, "w2", 100) == []


@pytest.mark.parametrize(
    "state", ["blocked", "scheduled", "succeeded", "failed", "cancelled", "expired", "running"]
)
def test_what_is_not_queued_cannot_be_claimed(book: Book, state: str) -> None:
    [job_id] = book.kept()
    book.sql.execute("UPDATE windrow.jobs SET state = %s::windrow.job_state WHERE id = %s", (state, job_id))
    assert book.claimed([job_id]) == []


def test_an_expired_or_cancelled_job_cannot_be_claimed(book: Book) -> None:
    [late] = book.kept(expires_in=-1)
    [unwanted] = book.kept()
    book.ledger.run(cancel, [unwanted])
    assert book.claimed([late, unwanted]) == []


def test_a_job_of_a_paused_queue_cannot_be_claimed_until_it_is_resumed(book: Book) -> None:
    [waiting] = book.kept()
    [held] = book.claimed(book.kept())
    book.ledger.run(pause, "q")
    assert book.claimed([waiting]) == []
    # What was claimed before goes on.
    assert [one.id for one in book.ledger.run(claim, [held.id], "w1", held.token)] == [held.id]
    book.ledger.run(resume, "q")
    assert [one.id for one in book.claimed([waiting])] == [waiting]


def test_a_job_can_start_and_retry_more_often_than_a_smallint_counts(book: Book) -> None:
    [job_id] = book.kept()
    book.sql.execute("UPDATE windrow.jobs SET attempt = 32767, retries = 32767 WHERE id = %s", (job_id,))
    [held] = book.claimed([job_id])
    assert book.ledger.run(start, [Start(held.id, held.token, 0.1)]) == [job_id]
    again = book.outcome(held, State.RETRYING, outcome="retried", delay=0.0, retries=32768)
    book.ledger.run(finish, [again], "w1")
    assert book.row(job_id, "state", "attempt", "retries") == ("retrying", 32768, 32768)
    assert book.sql.execute("SELECT attempt FROM windrow.attempts").fetchone() == (32768,)


def test_a_start_is_saved_by_the_finish_when_that_comes_first(book: Book) -> None:
    [held] = book.claimed(book.kept())
    book.ledger.run(finish_plain, [book.outcome(held, result="5")], "w1")
    assert book.row(held.id, "state", "attempt", "claims", "token") == ("succeeded", 1, 0, None)
    assert book.ledger.run(start, [Start(held.id, held.token, 0.1)]) == []


def test_an_outcome_without_the_claims_token_is_dropped_with_what_it_frees(book: Book) -> None:
    [held] = book.claimed(book.kept())
    freed = book.job()
    stale = replace(book.outcome(held), token=held.token + 1, jobs=(freed,))
    assert book.ledger.run(finish, [stale], "w1").ids == set()
    assert book.row(held.id, "state") == ("claimed",)
    assert book.sql.execute("SELECT 1 FROM windrow.jobs WHERE id = %s", (freed.id,)).fetchone() is None


def test_a_finish_counts_once(book: Book) -> None:
    [held] = book.claimed(book.kept())
    outcomes = [book.outcome(held, result="1")]
    assert book.ledger.run(finish_plain, outcomes, "w1").ids == {held.id}
    assert book.ledger.run(finish_plain, outcomes, "w1").ids == set()
    assert book.sql.execute("SELECT count(*) FROM windrow.attempts").fetchone() == (1,)


def test_continuations_are_saved_with_the_finish(book: Book) -> None:
    first, second = book.claimed(book.kept(2))
    body = book.job(input='[["\\u0002windrow:chord-results\\u0003"], {}]')
    step = book.job()
    book.ledger.run(
        finish,
        [book.outcome(first, result="1", jobs=(step,), chords=(NewChord("c", 2, (body,)),),
                      parts=(ChordPart("c", 0, "1"),))],
        "w1",
    )  # fmt: skip
    assert book.row(step.id, "state") == ("queued",)
    done = book.ledger.run(finish, [book.outcome(second, result="2", parts=(ChordPart("c", 1, "2"),))], "w1")
    assert [job.id for job in done.queued] == [body.id]
    found = book.sql.execute("SELECT input FROM windrow.payloads WHERE job_id = %s", (body.id,)).fetchone()
    assert found == ("[[[1, 2]], {}]",)


def test_a_cancel_that_meets_a_retry_wins(book: Book) -> None:
    [held] = book.claimed(book.kept())
    book.ledger.run(cancel, [held.id])
    failed = book.outcome(
        held, State.RETRYING, outcome="failed", failure=Failure("E", "m"), delay=0.0, counts=True
    )
    book.ledger.run(finish, [failed], "w1")
    assert book.row(held.id, "state") == ("cancelled",)


def test_a_success_that_meets_a_cancel_stays_a_success(book: Book) -> None:
    [held] = book.claimed(book.kept())
    book.ledger.run(cancel, [held.id])
    book.ledger.run(finish_plain, [book.outcome(held, result="1")], "w1")
    assert book.row(held.id, "state") == ("succeeded",)


def test_a_job_given_back_has_cost_nothing(book: Book) -> None:
    [held] = book.claimed(book.kept())
    assert book.ledger.run(give_back, [held.id], "w1").queued == [held.id]
    assert book.row(held.id, "state", "attempt", "failures", "claims") == ("queued", 0, 0, 0)


def test_thirty_one_of_thirty_two_finishes_survive_one_that_postgres_refuses(book: Book) -> None:
    held = book.claimed(book.kept(32))
    outcomes = [book.outcome(one, result="1") for one in held]
    outcomes[9] = replace(outcomes[9], result="\x00")
    refused: list[str] = []
    run_split(
        lambda part: book.ledger.run(finish_plain, part, "w1"),
        outcomes,
        lambda outcome, exc: refused.append(outcome.job_id),
    )
    assert refused == [held[9].id]
    done = book.sql.execute("SELECT count(*) FROM windrow.jobs WHERE state = 'succeeded'").fetchone()
    assert done == (31,)


def test_a_renewal_says_what_must_stop(book: Book) -> None:
    book.ledger.run(register, W1, 15.0)
    kept, unwanted, stolen = book.claimed(book.kept(3))
    book.ledger.run(cancel, [unwanted.id])
    pairs = [(kept.id, kept.token), (unwanted.id, unwanted.token), (stolen.id, stolen.token + 1)]
    answer = book.ledger.run(renew, "w1", 15.0, 1, False, pairs)
    assert (answer.alive, answer.cancelled, answer.lost) == (True, [unwanted.id], [stolen.id])


def test_a_worker_that_was_given_up_hears_it(book: Book) -> None:
    assert not book.ledger.run(renew, "unknown", 15.0, 0, False, []).alive
    book.ledger.run(register, W1, 15.0)
    book.ledger.run(end, "w1")
    assert not book.ledger.run(renew, "w1", 15.0, 0, False, []).alive


def test_large_batches_are_not_planned_pair_by_pair(book: Book) -> None:
    """On tables without statistics, where the bad plan compares a million pairs."""
    ids = book.kept(1000)
    assert _compared(book, next(claim(ids, "w1", 1))) < 20_000
    outcomes = [book.outcome(one) for one in book.claimed(book.kept(1000))]
    assert _compared(book, next(finish_plain(outcomes, "w1"))) < 20_000


def _compared(book: Book, query: Query) -> int:
    """Rows that join filters threw away, and rows read, in all nodes of the plan that ran."""
    plan = book.sql.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query.sql, query.params).fetchone()
    assert plan is not None

    def total(node: dict[str, Any]) -> int:
        own = node.get("Rows Removed by Join Filter", 0) + node["Actual Rows"]
        return int(own * node["Actual Loops"]) + sum(total(child) for child in node.get("Plans", ()))

    return total(plan[0][0]["Plan"])


def test_many_may_migrate_at_once(databases: Databases) -> None:
    url = databases.create(migrated=False)
    reached: list[str] = []
    threads = [threading.Thread(target=lambda: reached.append(migrate(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    databases.drop(url)
    assert reached == [head()] * 4
