"""What jobs report lives no longer than they do."""

from __future__ import annotations

from tests.integration.store.conftest import Book
from windrow.store.finish import finish_plain
from windrow.store.metas import forget
from windrow.store.progress import Report, save_progress


def _reported(book: Book) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in book.sql.execute("SELECT job_id, meta FROM windrow.progress")]


def test_a_forgotten_job_leaves_no_report_behind(book: Book) -> None:
    [held] = book.claimed(book.kept())
    for meta in ("1", "2"):
        book.ledger.run(
            save_progress, [Report(held.id, "PROGRESS", meta), Report("nobody", "PROGRESS", meta)]
        )
    assert _reported(book) == [(held.id, "2")]
    book.ledger.run(finish_plain, [book.outcome(held)], "w1")
    book.ledger.run(forget, held.id)
    assert _reported(book) == []
