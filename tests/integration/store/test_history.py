"""Much history beside few live jobs: nobody who asks for live ones, or deletes old ones, reads all of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.store.conftest import Book
from windrow.core.states import State
from windrow.store import jobs, queues
from windrow.store.op import Op
from windrow.store.retain import OTHERS
from windrow.store.revoke import cancel_queued

FINISHED = 50_000


@pytest.fixture(scope="module")
def history(module_database_url: str) -> Iterator[Book]:
    book = Book(module_database_url)
    book.sql.execute(
        "INSERT INTO windrow.jobs (id, task, queue, state, max_attempts, finished_at) "
        "SELECT 'h' || n, 't', 'q', (CASE WHEN n % 1000 = 0 THEN 'cancelled' ELSE 'succeeded' END)::windrow.job_state, "
        f"3, clock_timestamp() FROM generate_series(1, {FINISHED}) n"
    )
    for state in ("queued", "claimed", "running", "scheduled", "retrying", "blocked"):
        book.sql.execute(
            "INSERT INTO windrow.jobs (id, task, queue, state, max_attempts) "
            "SELECT %(state)s || n, 't', 'q', %(state)s::text::windrow.job_state, 3 FROM generate_series(1, 5) n",
            {"state": state},
        )
    book.sql.execute(
        "INSERT INTO windrow.chords (id, size, remaining, body, freed_at) "
        f"SELECT 'c' || n, 1, 0, '{{}}', clock_timestamp() FROM generate_series(1, {FINISHED}) n"
    )
    book.sql.execute(
        f"INSERT INTO windrow.groups (id, result) SELECT 'g' || n, '[]' FROM generate_series(1, {FINISHED}) n"
    )
    book.sql.execute(
        "INSERT INTO windrow.ticks (schedule_id, fire_at) "
        f"SELECT 's', now() + n * interval '1 s' FROM generate_series(1, {FINISHED}) n"
    )
    book.sql.execute("ANALYZE")
    yield book
    book.close()


def plan_of(book: Book, op: Op[Any]) -> str:
    query = next(op)
    return "\n".join(row[0] for row in book.sql.execute("EXPLAIN " + query.sql, query.params))


@pytest.mark.parametrize("name", [None, "q"])
def test_queues_are_counted_by_the_indexes_of_live_states(history: Book, name: str | None) -> None:
    plan = plan_of(history, queues.read(name))
    assert "Seq Scan on jobs" not in plan, plan
    rows = history.ledger.run(queues.read, name)
    assert [row[2:7] for row in rows] == [(10, 5, 5, 5, 5)]


@pytest.mark.parametrize(
    "states",
    [
        [State.QUEUED, State.CLAIMED],
        [State.RUNNING],
        [State.SCHEDULED],
        [State.RETRYING],
        [State.BLOCKED],
        [State.FAILED],
        [State.CANCELLED],
        [State.EXPIRED],
        [State.RUNNING, State.QUEUED, State.CLAIMED, State.BLOCKED],
    ],
    ids="+".join,
)
def test_a_page_of_a_rare_state_is_read_from_its_index(history: Book, states: list[State]) -> None:
    plan = plan_of(history, jobs.page(jobs.Filter(states), 51))
    assert "Seq Scan on jobs" not in plan, plan
    assert "jobs_pkey" not in plan, plan
    shown = history.ledger.run(jobs.page, jobs.Filter(states), 51)
    assert {job.state for job in shown} == set(states) - {State.FAILED, State.EXPIRED}


def test_a_purge_sorts_no_backlog(history: Book) -> None:
    plan = plan_of(history, cancel_queued(["q"]))
    assert "jobs_queued" in plan, plan
    assert "Sort" not in plan, plan


def test_a_page_of_no_state_is_empty(history: Book) -> None:
    assert history.ledger.run(jobs.page, jobs.Filter([]), 51) == []


@pytest.mark.parametrize("table", ["chords", "groups", "ticks"])
def test_what_is_too_young_to_be_deleted_is_not_read(history: Book, table: str) -> None:
    plan = plan_of(history, OTHERS[table](1000, 7 * 86400.0))
    assert f"Seq Scan on {table}" not in plan, plan
