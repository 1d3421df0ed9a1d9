"""`windrow` as a container's first process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from windrow.cli import main as program
from windrow.cli.doors import Door


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`windrow told`, where a stray SIGTERM is harmless."""
    monkeypatch.setattr(program, "DOORS", (Door("told", "", "tests.support.told_door"),))
    monkeypatch.setattr(sys, "argv", ["windrow", "told"])
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


def test_the_first_process_hears_sigterm_before_its_door_does(
    told: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(SystemExit) as end:
        program.main()
    assert end.value.code == 128 + signal.SIGTERM


def test_any_other_process_keeps_what_its_parent_chose(told: None) -> None:
    with pytest.raises(SystemExit) as end:
        program.main()
    assert end.value.code == 0
