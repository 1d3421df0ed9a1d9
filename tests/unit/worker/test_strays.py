"""Strays: what the ledger holds a worker for, and the worker knows nothing of."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from windrow.store.claim import GivenBack
from windrow.worker.strays import Strays


class Ledger:
    def __init__(self) -> None:
        self.freed: list[list[tuple[str, int]]] = []

    def call(self, op: Any, *args: Any) -> Future[Any]:
        self.freed.append(list(args[0]))
        future: Future[Any] = Future()
        future.set_result(GivenBack([], ["ended"], []))
        return future


class Outbox:
    def __init__(self) -> None:
        self.finished: list[str] = []

    def send(self, *, jobs: Any = (), finished: Any = ()) -> None:
        self.finished += finished


def strays(*here: str) -> tuple[Strays, Ledger, Outbox]:
    ledger, outbox = Ledger(), Outbox()
    return Strays("w", set(here), ledger, outbox), ledger, outbox


def test_a_job_that_two_answers_name_and_nobody_here_knows_goes_back() -> None:
    it, ledger, outbox = strays()
    it.heard([("a", 7)])
    assert ledger.freed == []
    it.heard([("a", 7), ("b", 8)])
    assert ledger.freed == [[("a", 7)]]
    assert outbox.finished == ["ended"]


def test_a_job_that_is_here_or_was_claimed_anew_between_two_answers_stays() -> None:
    it, ledger, _ = strays("here")
    for token in (1, 2):
        it.heard([("here", 1), ("again", token)])
    assert ledger.freed == []
