"""Fold: every end is counted once, however late its transaction commits and however many beats fold."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.integration.beat_world import World
from windrow.beat.chores.expire import Expire
from windrow.beat.chores.fold import Fold
from windrow.beat.chores.rescue import Rescue
from windrow.beat.chores.retain import Retain
from windrow.core.ids import new_id
from windrow.core.job import Failure, NewChord, NewJob, Outcome
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.chords import open_chords
from windrow.store.claim import give_back
from windrow.store.control import cancel, replay, retry
from windrow.store.finish import finish, finish_plain
from windrow.store.fold import fold
from windrow.store.free import free
from windrow.store.ledger import Ledger
from windrow.store.metas import forget
from windrow.store.stats import Series, read

#: What Postgres refuses to read as JSON, and Celery tasks may raise.
ODD = Failure("Odd", 'half a pair \ud800, a NUL \x00 and "cls": "Wrong"')


class Told(World):
    """A world whose statistics are read."""

    def fold(self, limit: int = 5000) -> int:
        done = 0
        while (step := self.ledger.run(fold, limit)).done or step.more:
            done += step.done
        return done

    def series(self, name: str, task: str = "t", queue: str = "q") -> Series | None:
        found = [s for s in self.ledger.run(read).series if (s.task, s.queue, s.name) == (task, queue, name)]
        return found[0] if found else None

    def counts(self, name: str, task: str = "t", queue: str = "q") -> dict[str, int]:
        series = self.series(name, task, queue)
        return dict(series.counts) if series else {}

    def outcome(self, job_id: str, token: int, state: State = State.SUCCEEDED, **fields: Any) -> Outcome:
        now = time.monotonic()
        given = {"outcome": state.value, "started_at": now, "finished_at": now, **fields}
        return Outcome(job_id, token, state, **given)

    def end(self, *ids: str, state: State = State.SUCCEEDED, **fields: Any) -> None:
        """Claim them and finish them."""
        token = self.claim("w", *ids)
        self.ledger.run(finish, [self.outcome(job_id, token, state, **fields) for job_id in ids], "w")


@pytest.fixture
def told(database_url: str, redis_url: str) -> Iterator[Told]:
    told = Told(database_url, redis_url)
    yield told
    told.close()


def test_jobs_are_counted_by_task_queue_and_end(told: Told) -> None:
    told.accept("a", "b", "c", "d")
    told.accept("e", task="other", queue="q2")
    told.end("a", "b")
    told.end("c", state=State.FAILED, failure=Failure("ValueError", "no"), counts=True)
    told.end("e")
    # Five deltas would be one for each accept.
    assert told.fold() == 4 + 2
    assert told.counts("submitted") == {"": 4}
    assert told.counts("finished") == {"succeeded": 2, "failed": 1}
    assert told.counts("attempts") == {"succeeded": 2, "failed": 1}
    assert told.counts("failures") == {"ValueError": 1}
    assert told.counts("finished", "other", "q2") == {"succeeded": 1}
    assert told.fold() == 0
    assert told.counts("finished") == {"succeeded": 2, "failed": 1}


def test_an_open_transaction_with_an_older_xid_is_not_skipped(told: Told) -> None:
    told.accept("late", "early")
    told.fold()
    with psycopg.connect(told.database_url) as slow:
        slow.execute(
            "INSERT INTO windrow.attempts (job_id, attempt, outcome, task, queue, job_state) "
            "VALUES ('late', 1, 'succeeded', 't', 'q', 'succeeded')"
        )
        told.end("early")
        # The early one has the higher xid: nothing from the late one's on may be passed over.
        assert told.fold() == 0
        slow.commit()
    assert told.fold() == 2
    assert told.counts("attempts") == {"succeeded": 2}


def test_two_that_fold_at_once_count_everything_once(told: Told) -> None:
    ids = [f"j{number}" for number in range(300)]
    told.accept(*ids)
    ledgers = [Ledger(told.database_url) for _ in range(4)]

    def go(ledger: Ledger) -> int:
        return sum(ledger.run(fold, 7).done for _ in range(40))

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(go, ledger) for ledger in ledgers]
        for at in range(0, 300, 5):
            told.end(*ids[at : at + 5])
        counted = sum(future.result(30) for future in running)
    for ledger in ledgers:
        ledger.close()
    assert counted + told.fold(7) == 301
    assert told.counts("attempts") == {"succeeded": 300}
    assert told.counts("finished") == {"succeeded": 300}


def test_a_second_fold_does_nothing_while_the_first_is_under_way(told: Told) -> None:
    told.accept("a")
    told.end("a")
    with psycopg.connect(told.database_url) as first:
        first.execute("SELECT * FROM windrow.stats_cursor FOR UPDATE")
        assert told.ledger.run(fold, 5000) == (0, False)
    assert told.fold() == 2


def test_a_fold_that_is_undone_counts_nothing(told: Told) -> None:
    told.accept("a")
    told.end("a")
    with psycopg.connect(told.database_url) as broken:
        operation = fold(5000)
        query = next(operation)
        try:
            while True:
                cursor = broken.execute(query.sql, query.params or None)
                query = operation.send(cursor.fetchall() if cursor.description else [])
        except StopIteration:
            broken.rollback()
    assert told.counts("attempts") == {}
    assert told.fold() == 2
    assert told.counts("attempts") == {"succeeded": 1}


def test_a_step_takes_whole_transactions_and_tells_that_more_wait(told: Told) -> None:
    ids = [f"j{number}" for number in range(12)]
    told.accept(*ids)
    told.fold()
    token = told.claim("w", *ids)
    for at in range(0, 12, 4):
        told.ledger.run(finish_plain, [told.outcome(job_id, token) for job_id in ids[at : at + 4]], "w")
    steps = [told.ledger.run(fold, 3) for _ in range(3)]
    assert [step.done for step in steps] == [4, 4, 4]
    assert [step.more for step in steps] == [True, True, True]
    assert told.ledger.run(fold, 3) == (0, False)


def test_history_that_is_not_counted_yet_is_not_deleted(told: Told) -> None:
    told.accept("a", "b")
    told.end("a", "b")
    told.sql.execute("UPDATE windrow.jobs SET finished_at = finished_at - interval '8 days'")
    retain = Retain(told.crew().tools)
    assert retain.run().done == 0
    assert told.value("SELECT count(*) FROM windrow.attempts") == 2
    told.fold()
    assert retain.run().done == 2
    assert told.value("SELECT count(*) FROM windrow.attempts") == 0
    assert told.counts("attempts") == {"succeeded": 2}


def test_a_job_that_is_forgotten_before_it_is_counted_is_counted(told: Told) -> None:
    told.accept("a", "b")
    told.end("a", result='"secret"')
    told.ledger.run(forget, "a")
    assert told.value("SELECT count(*) FROM windrow.attempts WHERE job_id = 'a' AND attempt > 0") == 0
    assert told.value("SELECT count(*) FROM windrow.attempts WHERE result IS NOT NULL") == 0
    # The id may be used again meanwhile.
    told.accept("a")
    told.end("a")
    told.fold()
    told.end("b")
    told.fold()
    told.ledger.run(forget, "b")
    assert told.counts("attempts") == {"succeeded": 3}
    assert told.series("total") is not None
    assert sum(told.counts("total").values()) == 3
    assert told.value("SELECT array_agg(job_id) FROM windrow.attempts") == ["a"]


def test_waiting_jobs_that_end_without_an_attempt_are_counted(told: Told) -> None:
    told.accept("cancelled", "held")
    told.accept("expired", expires_in=-1.0)
    told.claim("w", "held")
    told.ledger.run(cancel, ["cancelled", "held", "unknown"])
    told.ledger.run(cancel, ["cancelled"])
    told.ledger.run(give_back, ["held"], "w")
    Expire(told.crew().tools).run()
    told.fold()
    assert told.counts("submitted") == {"": 3}
    assert told.counts("finished") == {"cancelled": 2, "expired": 1}
    assert told.counts("attempts") == {}


def test_a_chords_body_that_can_never_run_is_submitted_and_failed(told: Told) -> None:
    told.ledger.run(open_chords, [NewChord("g", 1, (NewJob("body", "body", "q"),))])
    told.accept("a", expires_in=-1.0, options='{"chord": {"task": "body"}, "group": "g", "group_index": 0}')
    Expire(told.crew().tools).run()
    told.fold()
    assert told.state("body") == "failed"
    assert told.counts("submitted", "body") == {"": 1}
    assert told.counts("finished", "body") == {"failed": 1}
    # The part succeeds after all, as a retry by hand lets it: the body runs.
    told.ledger.run(free, [NewJob("body", "body", "q")])
    told.fold()
    assert told.counts("reopened", "body") == {"": 1}
    assert told.counts("submitted", "body") == {"": 1}


def test_an_end_before_the_start_is_an_end_and_no_attempt(told: Told) -> None:
    told.accept("a")
    token = told.claim("w", "a")
    told.ledger.run(finish, [told.outcome("a", token, State.CANCELLED, started=False)], "w")
    told.fold()
    assert told.counts("finished") == {"cancelled": 1}
    assert told.counts("attempts") == {}


def test_a_retried_attempt_is_no_end_of_its_job(told: Told) -> None:
    told.accept("a")
    told.end(
        "a", state=State.RETRYING, outcome="failed", failure=Failure("KeyError", "x"), counts=True, delay=0.0
    )
    told.end("a")
    told.fold()
    assert told.counts("retries") == {"": 1}
    assert told.counts("attempts") == {"failed": 1, "succeeded": 1}
    assert told.counts("failures") == {"KeyError": 1}
    assert told.counts("finished") == {"succeeded": 1}
    assert sum(told.counts("total").values()) == 1
    assert sum(told.counts("run").values()) == 2


def test_a_cancel_that_meets_a_retry_ends_the_job_once(told: Told) -> None:
    told.accept("a")
    token = told.claim("w", "a", started=["a"])
    told.ledger.run(cancel, ["a"])
    told.ledger.run(finish, [told.outcome("a", token, State.RETRYING, outcome="failed", delay=0.0)], "w")
    told.fold()
    assert told.state("a") == "cancelled"
    assert told.counts("finished") == {"cancelled": 1}
    assert told.counts("retries") == {}


def test_a_retry_by_hand_opens_the_job_again_and_a_replay_is_a_new_one(told: Told) -> None:
    told.accept("a")
    told.end("a", state=State.FAILED, failure=Failure("E", ""), counts=True)
    told.ledger.run(retry, "a")
    told.ledger.run(retry, "a")
    told.end("a")
    told.ledger.run(replay, "a", "copy")
    told.fold()
    assert told.counts("submitted") == {"": 2}
    assert told.counts("reopened") == {"": 1}
    assert told.counts("finished") == {"failed": 1, "succeeded": 1}


def test_the_same_job_accepted_twice_is_one(told: Told) -> None:
    told.accept("a", "a")
    told.accept("a", "b")
    told.fold()
    assert told.counts("submitted") == {"": 2}


def test_what_a_dead_worker_held_is_counted_by_what_became_of_it(told: Told) -> None:
    told.accept("last", max_attempts=1)
    told.accept("again", "claimed")
    for worker in ("alone", "busy"):
        told.worker(worker)
    told.claim("alone", "last", started=["last"])
    told.claim("busy", "again", "claimed", started=["again"])
    told.lapse("alone")
    told.lapse("busy")
    rescue = Rescue(told.crew().tools)
    deadline = time.monotonic() + 15
    while told.value("SELECT count(*) FROM windrow.workers WHERE lost") < 2 or told.state("last") != "failed":
        assert time.monotonic() < deadline
        rescue.run()
    told.fold()
    ends: dict[str, int] = dict(
        told.sql.execute("SELECT state, count(*) FROM windrow.jobs WHERE finished_at IS NOT NULL GROUP BY 1")
    )
    lost = told.value("SELECT count(*) FROM windrow.attempts WHERE outcome = 'lost'")
    assert told.counts("finished") == ends == {"failed": 1}
    assert told.counts("attempts") == {"lost": lost}
    assert told.counts("failures") == {"WorkerLost": lost}
    assert told.ledger.run(read).pools["default"]["lost"] == 2


def test_an_error_that_is_no_json_to_postgres_is_counted_by_its_class(told: Told) -> None:
    told.accept("a", "b")
    told.end("a", state=State.FAILED, failure=ODD, counts=True)
    told.end("b", state=State.FAILED, failure=Failure('a "quoted" class', ""), counts=True)
    told.fold()
    assert told.counts("failures")["Odd"] == 1
    assert sum(told.counts("failures").values()) == 2


def test_classes_beyond_some_share_a_row(told: Told) -> None:
    ids = [f"j{number}" for number in range(60)]
    told.accept(*ids)
    token = told.claim("w", *ids)
    for number, job_id in enumerate(ids):
        failure = Failure(f"Error{number}", "")
        told.ledger.run(
            finish, [told.outcome(job_id, token, State.FAILED, failure=failure, counts=True)], "w"
        )
        told.fold()
    assert len(told.counts("failures")) == 51
    assert told.counts("failures")[""] == 10


def test_times_go_into_the_bucket_whose_bound_they_reach(told: Told) -> None:
    told.sql.execute(
        """
        INSERT INTO windrow.attempts (job_id, attempt, outcome, task, queue, due_at, started_at, finished_at,
                                      job_state, job_seconds)
        SELECT 'j' || n, 1, 'succeeded', 't', 'q', moment, moment + wait * interval '1 s',
               moment + (wait + run) * interval '1 s', 'succeeded', 100000
        FROM (VALUES (1, 0.0, 0.01), (2, 0.5, 0.011), (3, -1.0, 4000.0)) AS v(n, wait, run),
             (SELECT '2026-01-01T00:00:00Z'::timestamptz AS moment) AS m
        """
    )
    told.fold()
    assert told.counts("wait") == {"0.01": 2, "0.5": 1}
    assert told.counts("run") == {"0.01": 1, "0.025": 1, "7200.0": 1}
    assert told.counts("total") == {"+Inf": 3}
    total = told.series("total")
    assert total is not None
    assert total.seconds == 300_000


def test_a_ledger_that_was_restored_into_another_cluster_counts_on(told: Told) -> None:
    told.accept("counted", "left", "new")
    told.end("counted")
    told.fold()
    told.end("left")
    # As in a cluster whose transactions have lower numbers than the rows that came with the dump.
    told.sql.execute("UPDATE windrow.attempts SET xid = '4000000000' WHERE job_id = 'counted'")
    told.sql.execute("UPDATE windrow.attempts SET xid = '5000000001' WHERE job_id = 'left'")
    told.sql.execute("UPDATE windrow.stats_cursor SET next_xid = '5000000000'")
    told.end("new")
    told.fold()
    assert told.counts("attempts") == {"succeeded": 3}
    assert told.counts("finished") == {"succeeded": 3}
    told.sql.execute("UPDATE windrow.jobs SET finished_at = finished_at - interval '8 days'")
    assert Retain(told.crew().tools).run().done == 3


def test_the_chore_hurries_while_more_waits(told: Told) -> None:
    told.accept("a", "b", "c")
    told.end("a")
    told.end("b")
    chore = Fold(told.crew(fold_batch=1, fold_seconds=60.0, fold_pause_seconds=0.01).tools)
    first = chore.run()
    assert (first.done, first.wait) == (2, 0.01)
    while chore.run().wait < 60:
        pass
    assert told.counts("attempts") == {"succeeded": 2}


def test_the_books_balance(told: Told) -> None:
    """submitted + reopened - finished is what lives."""
    jobs = [NewJob(new_id(), "t", "q") for _ in range(20)]
    told.ledger.run(accept, jobs)
    ids = [job.id for job in jobs]
    told.end(*ids[:5])
    told.end(*ids[5:8], state=State.FAILED, failure=Failure("E", ""), counts=True)
    told.ledger.run(cancel, ids[8:10])
    told.ledger.run(retry, ids[5])
    told.ledger.run(retry, ids[8])
    told.fold()
    ends = Counter(told.counts("finished"))
    live = told.value("SELECT count(*) FROM windrow.jobs WHERE finished_at IS NULL")
    assert told.counts("submitted")[""] + told.counts("reopened")[""] - ends.total() == live == 12
