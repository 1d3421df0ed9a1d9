"""The worker's heartbeat file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from windrow.worker.heartbeat import Heartbeat


def until(met: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def make_old(path: Path) -> None:
    os.utime(path, (0, 0))


def test_a_beat_makes_the_file_young(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    heartbeat = Heartbeat(path, 5.0)
    heartbeat.start()
    make_old(path)
    heartbeat.beat()
    assert age(path) < 60


def test_while_celery_waits_for_its_broker_the_heart_beats_on(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    with Heartbeat(path, 0.01).waiting():
        assert until(path.exists)
        for _ in range(3):
            make_old(path)
            assert until(lambda: age(path) < 60)
    make_old(path)
    # Its thread has ended: a loop that hangs later is seen.
    assert not until(lambda: age(path) < 60, 0.1)


def test_a_file_that_cannot_be_written_ends_the_start_and_no_later_beat(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path / "nowhere" / "heartbeat", 5.0)
    with pytest.raises(FileNotFoundError):
        heartbeat.start()
    heartbeat.beat()


def test_without_a_file_nothing_is_touched(tmp_path: Path) -> None:
    heartbeat = Heartbeat(None, 0.01)
    heartbeat.start()
    with heartbeat.waiting():
        heartbeat.beat()
    assert not list(tmp_path.iterdir())
