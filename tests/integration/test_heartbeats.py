"""Worker and beat show life while what they need is away, and end when told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import Doors

pytestmark = pytest.mark.timeout(120)

#: Nobody listens there.
AWAY = {"WINDROW_DATABASE_URL": "postgresql://127.0.0.1:1/none", "WINDROW_REDIS_URL": "redis://127.0.0.1:1/0"}


def until(met: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.02)


def beats(path: Path, times: int) -> None:
    """Wait for `times` beats, each after the file was made old."""
    until(path.exists)
    for _ in range(times):
        os.utime(path, (0, 0))
        until(lambda: path.stat().st_mtime > 0)


def alive(path: Path) -> int:
    env = {**os.environ, "WINDROW_HEARTBEAT_FILE": str(path)}
    command = [sys.executable, "-m", "windrow.cli", "alive"]
    return subprocess.run(command, env=env, timeout=30, capture_output=True).returncode


@pytest.mark.parametrize("away", [(), ("WINDROW_REDIS_URL",), ("WINDROW_DATABASE_URL",), tuple(AWAY)])
def test_a_worker_shows_life_whatever_is_away(doors: Doors, tmp_path: Path, away: tuple[str, ...]) -> None:
    path = tmp_path / "heartbeat"
    times = {"WINDROW_HEARTBEAT_FILE": str(path), "WINDROW_HEARTBEAT_SECONDS": "0.2"}
    worker = doors.start(
        "worker", env={**times, "WINDROW_CONCURRENCY": "1", **{name: AWAY[name] for name in away}}, ready=""
    )
    beats(path, 5)
    assert alive(path) == 0
    assert worker.returncode is None
    worker.kill()


def test_a_worker_that_looks_for_its_broker_ends_when_told_to(doors: Doors, tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    env = {
        "WINDROW_HEARTBEAT_FILE": str(path),
        "WINDROW_HEARTBEAT_SECONDS": "0.2",
        "WINDROW_CONCURRENCY": "1",
    }
    worker = doors.start(
        "worker",
        env={**env, "WINDROW_REDIS_URL": AWAY["WINDROW_REDIS_URL"], "WINDROW_DRAIN_SECONDS": "330"},
        ready="",
    )
    beats(path, 2)
    os.kill(worker.pid, signal.SIGTERM)
    # Far below its drain, which is for jobs that run.
    assert worker.wait(60)
    assert worker.returncode == 0


def test_beat_shows_life_without_ledger_and_broker_and_dead_once_it_is_frozen(
    doors: Doors, tmp_path: Path
) -> None:
    path = tmp_path / "heartbeat"
    env = {**AWAY, "WINDROW_HEARTBEAT_FILE": str(path), "WINDROW_TICK_SECONDS": "0.1"}
    beat = doors.start("beat", env=env)
    beats(path, 5)
    assert alive(path) == 0
    os.kill(beat.pid, signal.SIGSTOP)
    os.utime(path, (0, 0))
    assert alive(path) == 1
    beat.kill()


def test_a_heartbeat_that_cannot_be_written_is_told_at_the_start(doors: Doors, tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "heartbeat")
    for name in ("worker", "beat"):
        door = doors.start(name, env={"WINDROW_HEARTBEAT_FILE": path}, ready="")
        until(lambda door=door: door.returncode is not None)  # type: ignore[misc]
        assert door.returncode != 0
        assert path in door.log()
