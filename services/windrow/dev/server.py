"""A server of our own on loopback: started, stopped, killed, frozen; the base of Redis and PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from windrow.dev.errors import ServerFailed
from windrow.dev.guard import SERVERS, Guard
from windrow.dev.ports import free_port

POLL_SECONDS = 0.01
#: Another program may take a free port between our look and the server's bind.
PORT_TRIES = 5
#: Between two looks at whether the rest of a killed server has ended.
LEAVING_SECONDS = 0.2
TAIL_LINES = 15


class Server(ABC):
    """One server process that keeps its data and its log in `folder` and its port from the first start on."""

    name = "server"
    usual_port = 0
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, *, usual_port: int | None = None, guard: Guard | None = None) -> None:
        """`usual_port` is tried first (0: any); `guard` ends the server should this process be killed."""
        self.folder = folder.absolute()
        self.log = self.folder / f"{self.name}.log"
        self.port = 0
        self._guard = guard
        self._process: subprocess.Popen[bytes] | None = None
        if usual_port is not None:
            self.usual_port = usual_port

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it answers, with its password. Valid after the first start."""

    @property
    def pid(self) -> int:
        """Its process id, 0 when it does not run."""
        return self._process.pid if self._process is not None and self.alive() else 0

    def alive(self) -> bool:
        """Does the process exist? A frozen one does."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = 30.0) -> None:
        """Start and wait until it answers, at most `timeout` seconds. Raises ServerFailed, NotInstalled."""
        if self.alive():
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._prepare()
        moved: set[int] = set()
        for _ in range(PORT_TRIES):
            port = self.port or free_port(self.usual_port, moved)
            if self._run(port, timeout):
                self.port = port
                return
            if self.port:
                break  # clients hold the old address: a restart must not move
            moved.add(port)
        raise ServerFailed(f"{self.name}: no port to listen on.\n{self.tail()}")

    def stop(self, timeout: float = 20.0) -> None:
        """Ask it to end with its data saved, wait at most `timeout` seconds, then kill it."""
        if self._process is None:
            return
        if self.alive():
            self.thaw()
            self._process.send_signal(self.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        if self.alive():
            self.kill()
        self._gone()

    def kill(self) -> None:
        """SIGKILL all of its processes, as a crash would."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait(10)
        self._gone()

    def freeze(self) -> None:
        """SIGSTOP all of its processes: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT after `freeze`."""
        self._signal(signal.SIGCONT)

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of its log."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    @abstractmethod
    def _prepare(self) -> None:
        """Before a start: data folder, configuration, leftovers of a killed one."""

    @abstractmethod
    def _command(self, port: int) -> Sequence[str | Path]:
        """The server's command line; no secret is on it."""

    @abstractmethod
    def _answers(self, port: int) -> bool:
        """Does it answer a client now?"""

    def _popen_options(self) -> dict[str, Any]:
        return {"cwd": self.folder}

    def _pids(self) -> list[int]:
        """All of its processes, the first one first."""
        return [self._process.pid] if self._process is not None and self.alive() else []

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or not self.alive():
            return
        # The first process stands still first, or it could start another one while the others are counted.
        self._process.send_signal(signal.SIGSTOP)
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _run(self, port: int, timeout: float) -> bool:
        """One try: True once it answers, False when the port was taken meanwhile."""
        started_at = self.log.stat().st_size if self.log.exists() else 0
        command = self._command(port)
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._popen_options(),
            )
        if self._guard is not None:
            self._guard.watch(self._process.pid, self.stop_signal, SERVERS)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.alive():
                self._gone()
                with self.log.open(encoding="utf-8", errors="replace") as text:
                    text.seek(started_at)
                    said = text.read()
                if "already in use" in said or "Address in use" in said:
                    return False
                left = deadline - time.monotonic()
                if "still in use" in said and left > LEAVING_SECONDS:
                    # The children of one that was killed are on their way out.
                    time.sleep(LEAVING_SECONDS)
                    return self._run(port, left - LEAVING_SECONDS)
                raise ServerFailed(f"{self.name} ended at its start.\n{self.tail()}")
            if self._answers(port):
                return True
            time.sleep(POLL_SECONDS)
        self.kill()
        raise ServerFailed(f"{self.name} did not answer within {timeout:g} s.\n{self.tail()}")

    def _gone(self) -> None:
        if self._process is not None and self._guard is not None:
            self._guard.forget(self._process.pid)
