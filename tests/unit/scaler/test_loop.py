"""A duty that fails and works again."""

from __future__ import annotations

import logging
import threading

import pytest

from windrow.core.errors import LedgerUnavailable
from windrow.scaler.loop import Loop

TIMEOUT = 10.0


class Duty:
    """Fails as often as told, then works; `worked` is set after some turns that went well."""

    def __init__(self, failures: int, error: Exception) -> None:
        self._failures = failures
        self._error = error
        self._good = 0
        self.worked = threading.Event()

    def __call__(self) -> None:
        if self._failures:
            self._failures -= 1
            raise self._error
        self._good += 1
        if self._good == 3:
            self.worked.set()


def turn(duty: Duty) -> list[Exception]:
    failures: list[Exception] = []
    loop = Loop("duty", duty, 0.001, 0.002, lambda exc: failures.append(exc))
    loop.start()
    assert duty.worked.wait(TIMEOUT)
    loop.stop()
    loop.join(TIMEOUT)
    assert not loop.is_alive()
    return failures


def test_what_fails_is_tried_again_and_each_failure_is_counted() -> None:
    assert len(turn(Duty(5, LedgerUnavailable("away")))) == 5


def test_somebody_who_is_away_is_named_once_without_a_traceback_and_welcomed_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    turn(Duty(5, LedgerUnavailable("away")))
    assert [record.getMessage() for record in caplog.records] == [
        "duty failed, it is tried again: away",
        "duty works again after 5 failures",
    ]
    assert caplog.records[0].exc_info is None


def test_a_fault_of_our_own_is_shown_with_its_traceback_and_ends_no_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turn(Duty(1, KeyError("oops")))
    assert caplog.records[0].exc_info is not None
