"""Which tasks count as short."""

from __future__ import annotations

from windrow.worker.short_tasks import ShortTasks


def test_a_task_is_not_short_before_it_was_measured() -> None:
    short = ShortTasks(0.1)
    for _ in range(7):
        short.add("t", 0.001)
    assert "t" not in short
    short.add("t", 0.001)
    assert "t" in short
    assert short.names() == ("t",)


def test_a_task_that_becomes_slow_is_short_no_more() -> None:
    short = ShortTasks(0.1)
    for _ in range(64):
        short.add("t", 0.001)
    for _ in range(5):
        short.add("t", 1.0)
    assert "t" not in short


def test_one_slow_run_in_a_hundred_changes_nothing() -> None:
    short = ShortTasks(0.1)
    for _ in range(63):
        short.add("t", 0.001)
    short.add("t", 1.0)
    assert "t" in short
