"""A source that is slow, stuck or broken."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from windrow.core.errors import LedgerUnavailable
from windrow.exporter.source import Source


class Asked:
    """Answers once it may."""

    def __init__(self) -> None:
        self.times = 0
        self.begun = threading.Event()
        self.may = threading.Event()

    def __call__(self) -> int:
        self.times += 1
        self.begun.set()
        assert self.may.wait(10)
        return self.times


def test_scrapes_that_come_together_share_one_answer() -> None:
    asked = Asked()
    source = Source("it", asked, 10)
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(source.answer)
        assert asked.begun.wait(10)
        others = [threads.submit(source.answer) for _ in range(2)]
        while any(not other.running() for other in others):
            pass
        under_way = source.begin()
        asked.may.set()
        assert {first.result(10), under_way.result(10)} == {1}
        assert all(other.result(10) in (1, 2) for other in others)
    source.close()


def test_a_question_that_is_stuck_is_not_asked_again_and_not_waited_for() -> None:
    asked = Asked()
    source = Source("it", asked, 0.01)
    assert [source.answer() for _ in range(5)] == [None] * 5
    assert asked.times == 1
    asked.may.set()
    assert source.begin().result(10) >= 1
    source.close()


def test_a_failure_is_no_answer_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    given: list[int | Exception] = [LedgerUnavailable("gone"), LedgerUnavailable("gone"), 5, 6]
    answers = iter(given)

    def ask() -> int:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    source = Source("it", ask, 10)
    assert [source.answer() for _ in range(4)] == [None, None, 5, 6]
    assert [record.message for record in caplog.records] == ["it does not answer: gone", "it answers again"]
    source.close()
