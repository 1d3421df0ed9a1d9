"""The catalog: whose word counts when two releases speak."""

from __future__ import annotations

from tests.integration.store.conftest import Book
from windrow.core.task import Task
from windrow.store.catalog import declare, read

KEPT, DROPPED = Task("kept", "q"), Task("dropped", "q")


def _known(book: Book) -> dict[str, tuple[str, bool]]:
    """Each task's release, and whether it is retired."""
    return {row.task.name: (row.release, row.retired_at is not None) for row in book.ledger.run(read)}


def test_an_old_worker_that_boots_late_does_not_bring_a_retired_task_back(book: Book) -> None:
    old = [KEPT, DROPPED]
    book.ledger.run(declare, old, "main", "1", True)
    book.ledger.run(declare, [KEPT], "main", "2", True)
    upgraded = {"kept": ("2", False), "dropped": ("1", True)}
    assert _known(book) == upgraded
    book.ledger.run(declare, old, "main", "1", False)
    assert _known(book) == upgraded
    # A rollback does.
    book.ledger.run(declare, old, "main", "1", True)
    assert _known(book) == {"kept": ("1", False), "dropped": ("1", False)}


def test_a_workers_boot_declares_what_nobody_did_and_renews_its_own_releases_words(book: Book) -> None:
    book.ledger.run(declare, [KEPT], "main", "1", False)
    book.ledger.run(declare, [Task("kept", "other")], "main", "1", False)
    assert [row.task.queue for row in book.ledger.run(read)] == ["other"]
