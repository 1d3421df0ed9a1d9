"""What is said at every attempt is logged now and then."""

from __future__ import annotations

import logging

import pytest

from windrow.telemetry.quiet import MAX_KEPT, Quiet


def record(text: str, *args: object, name: str = "a", level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord(name, level, "file.py", 1, text, args, None)


def test_the_same_line_is_said_once_whatever_its_numbers() -> None:
    quiet = Quiet(60.0)
    assert [quiet.filter(record("no answer after %d s", n)) for n in range(3)] == [True, False, False]
    assert quiet.filter(record("no answer from %s", "Redis"))
    assert quiet.filter(record("no answer after %d s", 1, name="b"))


def test_what_is_no_warning_passes() -> None:
    quiet = Quiet(60.0)
    assert all(quiet.filter(record("started", level=logging.INFO)) for _ in range(3))


def test_a_later_line_tells_how_many_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("windrow.telemetry.quiet.time.monotonic", lambda: now)
    quiet = Quiet(30.0)
    for _ in range(4):
        quiet.filter(record("no answer"))
    now += 31.0
    late = record("no answer")
    assert quiet.filter(late)
    assert late.getMessage() == "no answer (3 more like it in 31 s)"


def test_what_is_remembered_is_bounded() -> None:
    quiet = Quiet(60.0)
    for n in range(3 * MAX_KEPT):
        quiet.filter(record("no answer", name=f"logger{'x' * n}"))
    assert len(quiet._kept) <= MAX_KEPT
