"""A ledger of its own for each test."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from windrow.core.ids import new_id
from windrow.core.job import Held, NewJob, Outcome
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.claim import claim
from windrow.store.ledger import Ledger


class Book:
    """A ledger with short words for what the tests do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ledger = Ledger(url, prepare=True)
        self.sql = psycopg.connect(url, autocommit=True)

    def job(self, **changes: Any) -> NewJob:
        return NewJob(**{"id": new_id(), "task": "t", "queue": "q", **changes})

    def kept(self, count: int = 1, **changes: Any) -> list[str]:
        jobs = [self.job(**changes) for _ in range(count)]
        return [done.id for done in self.ledger.run(accept, jobs)]

    def claimed(self, ids: list[str], worker: str = "w1") -> list[Held]:
        return self.ledger.run(claim, ids, worker, secrets.randbits(62))

    def outcome(self, held: Held, state: State = State.SUCCEEDED, **changes: Any) -> Outcome:
        now = time.monotonic()
        word = changes.pop("outcome", state.value)
        return Outcome(held.id, held.token, state, word, started_at=now - 1, finished_at=now, **changes)

    def row(self, job_id: str, *columns: str) -> tuple[Any, ...]:
        found = self.sql.execute(
            f"SELECT {', '.join(columns)} FROM windrow.jobs WHERE id = %s",
            (job_id,),
        ).fetchone()
        assert found is not None
        return found

    def close(self) -> None:
        self.ledger.close()
        self.sql.close()


@pytest.fixture
def book(database_url: str) -> Iterator[Book]:
    made = Book(database_url)
    yield made
    made.close()
