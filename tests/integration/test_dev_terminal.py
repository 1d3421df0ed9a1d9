"""`windrow up` on a real terminal: Ctrl-C typed into it, and the terminal closed under it."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from windrow.dev.guard import Guard
from windrow.dev.ports import free_port

#: Makes its standard input the controlling terminal, as a shell would, and becomes `windrow up`.
ON_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "tests.support.stand_in_up"])
"""
ENDS_SECONDS = 30.0


class Terminal:
    """A pseudo-terminal with `windrow up` on it."""

    def __init__(self, folder: Path, guard: Guard) -> None:
        self.seen = ""
        self._master, slave = os.openpty()
        ports = {
            f"WINDROW_{name}_PORT": str(free_port()) for name in ("API", "EXPORTER", "REDIS", "POSTGRES")
        }
        env = {**os.environ, **ports, "WINDROW_UP_FOLDER": str(folder), "TERM": "xterm-256color"}
        env.pop("NO_COLOR", None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_TERMINAL], stdin=slave, stdout=slave, stderr=slave, env=env
        )
        guard.watch(self.process.pid)
        os.close(slave)

    def read_until(self, pattern: str) -> None:
        deadline = time.monotonic() + ENDS_SECONDS
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, self.seen
            if select.select([self._master], [], [], 0.2)[0]:
                self.seen += os.read(self._master, 65536).decode(errors="replace")

    def type(self, text: bytes) -> None:
        os.write(self._master, text)

    def close(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            self._master = -1


@pytest.fixture
def terminal(tmp_path: Path, guard: Guard) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path / "windrow", guard)
    yield terminal
    terminal.close()
    if terminal.process.poll() is None:
        terminal.process.kill()
        terminal.process.wait(10)
    guard.forget(terminal.process.pid)


def test_a_typed_ctrl_c_drains_the_parts_in_colour(terminal: Terminal) -> None:
    terminal.read_until("Ctrl-C stops everything")
    assert "\x1b[36mworker   | worker is ready" in terminal.seen
    terminal.type(b"\x03")
    terminal.read_until("api drained")
    assert terminal.process.wait(ENDS_SECONDS) == 0
    # Ctrl-C reached `up` alone: the parts were asked in order.
    assert terminal.seen.index("worker drained") < terminal.seen.index("stopping api")


def test_a_closed_terminal_ends_everything(terminal: Terminal) -> None:
    terminal.read_until("Ctrl-C stops everything")
    processes = psutil.Process(terminal.process.pid).children(recursive=True)
    assert len(processes) > 5
    terminal.close()
    assert terminal.process.wait(ENDS_SECONDS) == 0
    _, left = psutil.wait_procs(processes, timeout=5)
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []
