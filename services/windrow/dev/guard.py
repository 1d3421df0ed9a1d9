"""The owner's end of the guard: names processes that must not outlive it, even when it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from windrow.dev import guard_process

#: Stages of an end: the parts go before the servers that they use.
SERVERS, PARTS = 0, 1


class Guard:
    """One guard process; `watch` what was started as the leader of its own process group."""

    def __init__(self, keep_open: tuple[int, ...] = (), remove: Path | None = None) -> None:
        """Start it. `keep_open`: descriptors it holds until it has finished (a lock). `remove`: a file it deletes."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard_process.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            pass_fds=keep_open,
        )
        if remove is not None:
            self._say(f"!{remove.absolute()}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def watch(self, pid: int, stop_signal: signal.Signals = signal.SIGTERM, stage: int = PARTS) -> None:
        """End `pid` with `stop_signal`, and its group by force, once this process is gone."""
        self._say(f"+{pid} {int(stop_signal)} {stage}")

    def forget(self, pid: int) -> None:
        """`pid` has ended and its number may soon be another's."""
        self._say(f"-{pid}")

    def close(self, timeout: float = 30.0) -> None:
        """Let the guard end what is still watched, and wait for it, at most `timeout` seconds."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        # One short write a line: several threads may speak.
        with suppress(
            OSError, ValueError
        ):  # a guard that is gone guards nothing; what it watched still works
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
