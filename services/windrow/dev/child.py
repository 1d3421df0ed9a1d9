"""A program of ours in a process group of its own, its output read line by line."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from windrow.dev.guard import Guard

TAIL_LINES = 20
POLL_SECONDS = 0.02

#: Receives the child's name and one line without its end; called from the child's reader thread.
Sink = Callable[[str, str], None]


class Child:
    """One run of a program; end it with `stop`, or `kill` its whole group as a crash would."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        env: Mapping[str, str],
        sink: Sink,
        *,
        guard: Guard | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start `argv` with exactly the environment `env`. Raises OSError when there is no such program."""
        self.name = name
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._sink = sink
        self._guard = guard
        self._process = subprocess.Popen(
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C in the terminal is for us alone: we end the parts in order.
            start_new_session=True,
        )
        self.pid = self._process.pid
        if guard is not None:
            guard.watch(self.pid)
        self._reader = threading.Thread(target=self._read, name=f"read-{name}", daemon=True)
        self._reader.start()

    @property
    def returncode(self) -> int | None:
        """None while it runs; the exit status, or minus the signal that ended it."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Signal the first process only: its children are its own business."""
        self._process.send_signal(number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Signal every process of the group, also when the first one has ended."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """SIGKILL the whole group."""
        self.send_to_group(signal.SIGKILL)
        self.reap(timeout=10)

    def stop(self, timeout: float = 10.0, number: signal.Signals = signal.SIGTERM) -> bool:
        """Signal the first process, wait at most `timeout` seconds, kill what is left. False: it had to be killed."""
        if self.returncode is None:
            self.send(number)
        ended = self.wait(timeout)
        self.kill()  # what the first process left behind goes too
        return ended

    def wait(self, timeout: float) -> bool:
        """True once the first process has ended, False after `timeout` seconds."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def reap(self, timeout: float = 2.0) -> None:
        """After its end: read its last words, at most `timeout` seconds, and let its number go."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        self._reader.join(timeout)
        if self._guard is not None and self.returncode is not None:
            self._guard.forget(self.pid)

    def wait_for(self, met: Callable[[], bool], timeout: float) -> bool:
        """True once `met()`, False when the program ended or `timeout` seconds went by first."""
        deadline = time.monotonic() + timeout
        while not met():
            if self.returncode is not None or time.monotonic() > deadline:
                return met()
            time.sleep(POLL_SECONDS)
        return True

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                text = line.rstrip("\n")
                self.tail.append(text)
                self._sink(self.name, text)
