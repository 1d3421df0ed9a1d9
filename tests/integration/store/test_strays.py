"""What the ledger holds a worker for, and the worker does not have."""

from __future__ import annotations

import json

from tests.integration.store.conftest import Book
from windrow.core.job import NewChord
from windrow.core.states import State
from windrow.store.claim import Start, start
from windrow.store.control import cancel
from windrow.store.finish import finish, finish_plain, is_plain
from windrow.store.strays import free_strays
from windrow.store.submit import submit
from windrow.store.workers import WorkerRow, register, renew


def test_a_renewal_names_what_the_worker_did_not_and_its_release_blames_nobody(book: Book) -> None:
    book.ledger.run(register, WorkerRow("w1", "w1", "p", "prefork", ["q"], 4, "1", "h", 1), 15.0)
    known, claimed, begun = book.claimed(book.kept(3))
    book.ledger.run(start, [Start(begun.id, begun.token, 0.1)])
    renewal = book.ledger.run(renew, "w1", 15.0, 1, False, [(known.id, known.token), ("gone", 1)])
    assert renewal.alive
    assert sorted(renewal.strays) == sorted([(claimed.id, claimed.token), (begun.id, begun.token)])
    assert renewal.lost == ["gone"]
    freed = book.ledger.run(free_strays, [*renewal.strays, (known.id, known.token + 1)], "as ordered")
    assert sorted(freed.queued) == sorted([claimed.id, begun.id])
    for job_id in freed.queued:
        assert book.row(job_id, "state", "worker", "failures", "losses", "claims", "published_at") == (
            "queued", None, 0, 0, 0, None,
        )  # fmt: skip
    assert book.row(known.id, "state") == ("claimed",)
    outcomes = book.sql.execute("SELECT job_id, outcome FROM windrow.attempts").fetchall()
    assert outcomes == [(begun.id, "lost")]


def test_a_cancelled_chord_part_that_is_given_back_counts_its_chord_down(book: Book) -> None:
    body = json.dumps({"task": "body", "args": [], "kwargs": {}, "options": {"task_id": "body"}})
    part = book.job(options=json.dumps({"chord": json.loads(body), "group": "c", "group_index": 0}))
    chord = NewChord("c", 1, (book.job(id="body", options=None),))
    book.ledger.run(submit, [part], [chord])
    (held,) = book.claimed([part.id])
    book.ledger.run(cancel, [part.id])
    released = book.outcome(held, State.QUEUED, outcome="released")
    # As the ledger thread chooses it.
    done = book.ledger.run(finish_plain if is_plain(released) else finish, [released], "w1")
    assert book.row(part.id, "state") == ("cancelled",)
    assert done.ended == ["body"]
    assert book.row("body", "state") == ("failed",)
