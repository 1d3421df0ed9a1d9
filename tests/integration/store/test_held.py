"""Who is busy, asked twice a second."""

from __future__ import annotations

from tests.integration.store.conftest import Book
from windrow.store.held import _BUSY_HOSTS, busy_hosts
from windrow.store.workers import WorkerRow, end, register


def worker(book: Book, name: str, host: str, pool: str = "p") -> None:
    book.ledger.run(register, WorkerRow(name, name, pool, "prefork", ["q"], 4, "1", host, 1), 15.0)


def test_a_host_counts_the_claimed_and_running_jobs_of_all_its_living_workers(book: Book) -> None:
    for name, host in (("w1", "a"), ("w2", "a"), ("w3", "b"), ("idle", "c"), ("ended", "d")):
        worker(book, name, host)
    worker(book, "other", "e", pool="other")
    for name, count in (("w1", 2), ("w2", 1), ("w3", 1), ("ended", 1), ("other", 1)):
        assert len(book.claimed(book.kept(count), name)) == count
    book.ledger.run(end, "ended")
    assert book.ledger.run(busy_hosts, ["p"]) == {"a": 3, "b": 1}


def test_history_is_not_read_even_where_no_statistics_were_ever_made(book: Book) -> None:
    book.sql.execute("ALTER TABLE windrow.jobs SET (autovacuum_enabled = off)")
    book.sql.execute(
        "INSERT INTO windrow.jobs (id, task, queue, state, max_attempts, finished_at) "
        "SELECT 'j' || n, 't', 'q', 'succeeded', 3, clock_timestamp() FROM generate_series(1, 20000) n"
    )
    plan = "\n".join(row[0] for row in book.sql.execute("EXPLAIN " + _BUSY_HOSTS, {"pools": ["p"]}))
    assert "jobs_held" in plan
    assert "Seq Scan on jobs" not in plan
