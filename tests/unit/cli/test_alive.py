"""What `windrow alive` answers a probe."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from windrow.cli.alive import MAX_AGE_SECONDS, main


@pytest.fixture
def beating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "heartbeat"
    path.touch()
    monkeypatch.setenv("WINDROW_HEARTBEAT_FILE", str(path))
    return path


def last_beat(path: Path, seconds_ago: float) -> None:
    moment = time.time() - seconds_ago
    os.utime(path, (moment, moment))


def test_a_fresh_heartbeat_is_life(beating: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr() == ("", "")


def test_an_old_heartbeat_is_none_and_its_age_is_told(
    beating: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last_beat(beating, MAX_AGE_SECONDS + 10)
    assert main([]) == 1
    assert "70 s ago, 60 s are allowed" in capsys.readouterr().err


def test_the_age_allowed_may_be_given(beating: Path) -> None:
    last_beat(beating, 90)
    assert (main(["30"]), main(["120"])) == (1, 0)


def test_before_the_first_beat_there_is_no_life(beating: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beating.unlink()
    assert main([]) == 1
    assert "no heartbeat yet" in capsys.readouterr().err


def test_a_time_in_the_future_is_life(beating: Path) -> None:
    last_beat(beating, -3600)
    assert main([]) == 0


def test_what_cannot_be_told_is_neither_life_nor_death(
    beating: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["a minute"]) == 2
    monkeypatch.delenv("WINDROW_HEARTBEAT_FILE")
    assert main([]) == 2
    assert "WINDROW_HEARTBEAT_FILE is not set" in capsys.readouterr().err
